// The card fields talk with the shop's page around them. Each side names the other's origin in what it
// sends, and hears nothing from anybody else.
//
// From the page:  {"type": "attend"}   its own button takes the card: ours is not needed; `scheme` is light
//                                      or dark where it is shown so whatever the system says
//                 {"type": "submit"}   take what was entered now
// To the page:    {"type": "ready"}    the fields are shown, and nothing is taken yet
//                 {"type": "entered"}  a card was taken
//                 {"type": "failed"}   something is wrong with it; the fields say what
//                 {"type": "size"}     only how high we are now
// Each of ours has `height` in pixels as well. Nothing of the card is ever said.
const parent = document.body.dataset.parent ?? "";
const main = () => document.querySelector("main");

function tell(type) {
  if (parent && window.parent !== window) {
    window.parent.postMessage({ type, height: Math.ceil(main().getBoundingClientRect().height) }, parent);
  }
}

// The next state of the page, without one more step in the browser's history. What was typed stays
// where the answer is none of ours: a busy server's has no fields.
async function show(request) {
  const next = new DOMParser().parseFromString(await (await request).text(), "text/html").querySelector("main");
  if (!next) throw new Error("no fields came back");
  main().replaceWith(next);
  sizes.observe(main());
  main().querySelector("[aria-invalid]")?.focus();
  tell(main().dataset.state);
}

let taking = null;
function take(form) {
  taking ??= show(fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) }))
    .catch(() => tell("failed"))
    .finally(() => { taking = null; });
}

document.addEventListener("submit", (event) => {
  event.preventDefault();
  take(event.target);
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("main a");
  if (link) {
    event.preventDefault();
    show(fetch(link.href)).catch(() => { location.assign(link.href); });
  }
});
window.addEventListener("message", (event) => {
  if (!parent || event.origin !== parent || event.source !== window.parent) return;
  if (event.data?.type === "attend") {
    document.body.classList.add("attended");
    if (event.data.scheme) document.documentElement.dataset.scheme = event.data.scheme;
  } else if (event.data?.type === "submit") {
    const form = main().querySelector("form");
    if (form) take(form);
    else tell(main().dataset.state);
  }
});
const sizes = new ResizeObserver(() => tell("size"));
sizes.observe(main());
tell(main().dataset.state);
