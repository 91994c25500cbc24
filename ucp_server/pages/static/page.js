// What the pages do beyond what their forms and links do by themselves: a choice is priced at once,
// an order is sent once. Every press works without this file too, so whatever fails in here ends in
// the plain press of a button, and every sentence comes from the server, in the page's language.

// A buyer gives up sooner; the plain press then shows what the matter is.
const REPLY_MS = 15_000;
// A provider that has not taken the card by then may still have it: the server knows, and says.
const CARD_MS = 20_000;
// What a choice costs is asked for when it is made. An address is sent as a whole, when it is left.
const AT_ONCE = '[type="radio"]:not([value="written"]), [name^="quantity."], [aria-invalid="true"]';
const ADDRESS = '.fields:has([name$=".street_address"])';

const main = document.querySelector("main");
const voice = document.body.appendChild(document.createElement("p"));
voice.className = "unseen";
voice.ariaLive = "polite";

// --- from an answer to the page ---

/**
 * Shows the answer `html`, which came from `url`, in the place of this page: focus, caret, what is
 * being typed and what is folded stay. `sent` holds the values that the answer is to; a control that
 * has another one by now keeps it. False where the answer is no page to be shown within this one.
 */
export function swap(html, url = location.href, sent = new Map()) {
  const answer = new DOMParser().parseFromString(html, "text/html");
  const fresh = answer.querySelector("main");
  if (!fresh || answer.querySelector("[data-refresh-s]") || isOfAnotherBuild(answer)) return false;
  const told = new Set(sentences());
  const focused = document.activeElement;
  morph(main, fresh, sent);
  if (!focused.isConnected) byKey(focused)?.focus({ preventScroll: true });
  main.querySelector("details:has(.wrong)")?.setAttribute("open", "");
  document.title = answer.title;
  history.replaceState(history.state, "", url);
  voice.textContent = sentences().filter((text) => !told.has(text)).join(" ");
  document.dispatchEvent(new CustomEvent("swapped", { detail: { url } }));
  return true;
}

/** What is worth telling to those who do not see it: what is wrong, and what it all comes to. */
function sentences() {
  return [...main.querySelectorAll(".notice, .wrong, p.warning, p.info, .glance")].map((part) => part.textContent.trim());
}

function isOfAnotherBuild(answer) {
  const script = (page) => page.querySelector("script[src]")?.getAttribute("src");
  return script(answer) !== script(document);
}

// What only the buyer or this script sets.
const OURS = ["open", "aria-busy", "style"];

/** Makes `old` what `fresh` is, by as few changes as possible: what stays keeps its state. */
function morph(old, fresh, sent) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !OURS.includes(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && name !== "open") old.setAttribute(name, value);
  }
  let next = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const match = matching(next, child);
    if (!match) {
      old.insertBefore(document.importNode(child, true), next);
      continue;
    }
    while (next !== match) next = removed(next);
    next = match.nextSibling;
    if (match.nodeType === Node.ELEMENT_NODE) morph(match, child, sent);
    else if (match.data !== child.data) match.data = child.data;
  }
  while (next) next = removed(next);
  settle(old, fresh, sent);
}

function removed(node) {
  const { nextSibling } = node;
  node.remove();
  return nextSibling;
}

/** The first of `node` and what follows that may become `child`; a text only where it is next. */
function matching(node, child) {
  if (child.nodeType !== Node.ELEMENT_NODE) return node?.nodeType === child.nodeType ? node : null;
  while (node && !isAlike(node, child)) node = node.nextSibling;
  return node;
}

function isAlike(node, child) {
  return (
    node.nodeName === child.nodeName &&
    node.id === child.id &&
    node.classList[0] === child.classList[0] &&
    key(node) === key(child)
  );
}

const isTicked = (control) => control.type === "radio" || control.type === "checkbox";
const key = (control) => `${control.getAttribute("name")} ${isTicked(control) || control.localName === "button" ? control.value : ""}`;
const held = (control) => (isTicked(control) ? control.checked : control.value);
const valuesOf = (form) => new Map([...form.elements].map((control) => [key(control), held(control)]));
const byKey = (control) => [...main.querySelectorAll("input, select, button")].find((other) => key(other) === key(control));

/** The value of a control, unless the buyer changed it meanwhile. What is ticked as agreed stays so. */
function settle(old, fresh, sent) {
  if (!old.matches("input, select") || old.type === "checkbox") return;
  if (sent.has(key(old)) && sent.get(key(old)) !== held(old)) return;
  if (isTicked(old)) old.checked = fresh.checked;
  else if (old.value !== fresh.value) old.value = fresh.value;
}

// --- from the page to an answer ---

let wanted = 0;
let flight = null;
let isPressed = false;
// What has begun to be typed and is not entered yet: a code of three letters out of seven is none.
let typing = null;
addEventListener("input", ({ target }) => {
  if (!isTicked(target)) typing = target;
});
addEventListener("change", ({ target }) => {
  if (target === typing) typing = null;
});

/** Sends what `form` says, as its button of that `action` would, and shows the answer, also one that says no. */
export async function send(form, action) {
  typing = null;
  const answer = await ask(form, action);
  return show(answer) || swap(answer.html);
}

async function ask(form, action) {
  const sent = valuesOf(form);
  const body = new URLSearchParams(new FormData(form));
  body.set("action", action);
  if (typing?.form === form) {
    body.set(typing.name, typing.defaultValue);
    sent.set(key(typing), typing.defaultValue);
  }
  const reply = await fetch(location.href, { method: "POST", body, signal: AbortSignal.timeout(REPLY_MS) });
  return { reply, html: await reply.text(), sent };
}

/** An answer from elsewhere, such as the order's page, is gone to, unless a listener of "leaving" keeps us here. */
function show({ reply, html, sent }) {
  if (!reply.ok) return false;
  if (new URL(reply.url).pathname === location.pathname && swap(html, reply.url, sent)) return true;
  const leaving = new CustomEvent("leaving", { cancelable: true, detail: { url: reply.url, html } });
  if (document.dispatchEvent(leaving)) location.assign(reply.url);
  return true;
}

/**
 * Prices what `form` says now. One request at a time, so that none overtakes another; what changed
 * meanwhile goes with one more, and only the last answer is shown.
 */
export function update(form) {
  wanted += 1;
  flight ??= rounds(form).finally(() => (flight = null));
  return flight;
}

async function rounds(form) {
  main.ariaBusy = "true";
  try {
    for (;;) {
      const asked = wanted;
      const answer = await ask(form, "update");
      await released();
      if (asked === wanted) return show(answer);
    }
  } catch {
    return false;
  } finally {
    main.ariaBusy = null;
  }
}

/** Not while a button is held down: if it went away under the finger its press would be lost. */
async function released() {
  while (isPressed) await new Promise((resolve) => setTimeout(resolve, 50));
}

// A finger that is lifted outside of the window is never heard of.
const HOLD_MS = 2_000;
let hold;
addEventListener("pointerdown", () => {
  isPressed = true;
  clearTimeout(hold);
  hold = setTimeout(() => (isPressed = false), HOLD_MS);
});
for (const end of ["pointerup", "pointercancel"]) {
  addEventListener(end, () => setTimeout(() => (isPressed = false)));
}

const isSendable = (form) => ![...form.elements].some((control) => control.validity?.patternMismatch);

async function reprice(form) {
  if (isSendable(form)) main.toggleAttribute("data-stale", !(await update(form)));
  else form.reportValidity();
}

addEventListener("change", ({ target }) => {
  if (target.form?.matches("[data-live]") && target.matches(AT_ONCE) && !target.closest(ADDRESS)) reprice(target.form);
});

addEventListener("focusout", ({ target, relatedTarget }) => {
  const fields = target.form?.matches("[data-live]") && target.closest(ADDRESS);
  if (!fields || fields.contains(relatedTarget) || relatedTarget?.type === "submit") return;
  const controls = [...fields.querySelectorAll("input, select")];
  const isChanged = controls.some((control) => (control.localName === "select" ? !control.selectedOptions[0]?.defaultSelected : control.value !== control.defaultValue));
  const isWhole = controls.every((control) => control.value || !/\.(street_address|locality|country)$/.test(control.name));
  if (isChanged && isWhole) reprice(target.form);
});

// --- presses ---

let isPlain = false;

function pressPlainly(form, button) {
  isPlain = true;
  form.requestSubmit(button);
  isPlain = false;
}

addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (isPlain || event.defaultPrevented || !form.matches("[data-live]")) return;
  if (submitter?.value === "pay") return pay(event, form);
  if (submitter?.value === "back") return;
  event.preventDefault();
  press(form, submitter);
});

async function press(form, button) {
  typing = null;
  if (!(await update(form))) return pressPlainly(form, button);
  if (!button?.matches(".main")) return;
  const news = main.querySelector(".notice, .needs, h1");
  news.tabIndex = -1;
  news.focus();
}

/**
 * A second press while the first is on its way is none. What is still being priced is waited for,
 * and the total that the buyer pressed on goes along: the server takes no other.
 */
async function pay(event, form) {
  if (form.ariaBusy) return event.preventDefault();
  form.ariaBusy = "true";
  const frame = form.querySelector("details[open] iframe[data-card], :not(details) > iframe[data-card]");
  if (!flight && !frame) return;
  event.preventDefault();
  const seen = form.elements.total.value;
  await flight;
  const hasCard = !frame?.isConnected || (await cardOf(frame));
  const button = form.querySelector('[value="pay"]');
  if (!hasCard || !button) {
    form.ariaBusy = null;
    return frame?.focus();
  }
  form.elements.total.value = seen;
  pressPlainly(form, button);
  // The browser's own check may have stopped it.
  if (!form.checkValidity()) form.ariaBusy = null;
}

/**
 * Asks the provider's frame to take the card that was typed there: `{type: "submit"}` to it,
 * `{type: "entered"}` or `{type: "failed"}` back. The card itself never comes here.
 */
function cardOf(frame) {
  const over = AbortSignal.timeout(CARD_MS);
  return new Promise((resolve) => {
    over.onabort = () => resolve(true);
    const hear = (message) => {
      const type = isFrom(message, frame) && message.data?.type;
      if (type === "entered" || type === "failed") resolve(type === "entered");
    };
    addEventListener("message", hear, { signal: over });
    tell(frame, { type: "submit" });
  });
}

const originOf = (frame) => new URL(frame.src).origin;
const isFrom = ({ source, origin }, frame) => source === frame.contentWindow && origin === originOf(frame);
const tell = (frame, message) => frame.contentWindow.postMessage(message, originOf(frame));
// Told that we attend to it, the frame leaves out the button of its own.
const attend = (frame) => tell(frame, { type: "attend", scheme: document.documentElement.dataset.scheme });

// The frame says when it is there and how high its fields are: `{height: 212}`, in CSS pixels.
addEventListener("message", (message) => {
  const frame = main.querySelector("iframe[data-card]");
  if (!frame || !isFrom(message, frame)) return;
  const { type, height } = message.data ?? {};
  if (type === "ready") attend(frame);
  if (Number.isFinite(height)) frame.style.blockSize = `${Math.min(Math.max(height, 40), 900)}px`;
});
// One that was there before us has said so to nobody.
addEventListener("load", () => {
  const frame = main.querySelector('iframe[data-card]:not([loading="lazy"])');
  if (frame) attend(frame);
});

// Back from the history the press is over.
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) for (const form of document.forms) form.ariaBusy = null;
});

// What only works from here is hidden until here.
for (const button of main.querySelectorAll("[data-print], [data-copy]")) button.hidden = false;
addEventListener("click", async ({ target }) => {
  const button = target.closest?.("[data-print], [data-copy]");
  if (button?.matches("[data-print]")) print();
  if (button?.matches("[data-copy]")) {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.classList.add("done");
  }
});

// Where there is room for it the order stands open, whatever was folded when it was sent.
if (matchMedia("(min-width: 60rem)").matches) main.querySelector(".bill details")?.setAttribute("open", "");

// A payment that only waited for the buyer to come back goes on by itself, once: a reload shows the page.
const due = main.querySelector("button[data-press]");
if (due) {
  const here = new URL(location.href);
  here.searchParams.delete("back");
  history.replaceState(history.state, "", here);
  due.form.requestSubmit(due);
}

// A page that waits for news asks for them quietly: one that loads itself again and again is read out
// from its beginning each time. An answer that waits no more is worth it.
const waits = main.querySelector("[data-refresh-s]");
if (waits) {
  setInterval(async () => {
    const reply = await fetch(location.href).catch(() => null);
    if (reply?.ok && !(await reply.text()).includes("data-refresh-s")) location.reload();
  }, waits.dataset.refreshS * 1000);
}
