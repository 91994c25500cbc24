// Speaks with the page of the buyer's platform that frames this one: what was changed here, and what
// that page takes over (Embedded Checkout Protocol of UCP). What depends on the release comes with the
// page, in `data-speech`: its `version`, what that page may do in our place (`delegate`), whether `totals`
// have a message of their own, whether an answer tells its outcome as a `status`, and where a message of
// `errors` has the error. `data-ancestors` are the origins that may frame us.

const root = document.documentElement;
const speech = JSON.parse(root.dataset.speech);
const ancestors = root.dataset.ancestors.split(" ");
const page = await import(document.querySelector("script[src]").src);
const main = document.querySelector("main");

// Whoever frames us listens before we load; one that starts later has half a minute.
const READY_MS = [0, 500, 1_000, 2_000, 4_000, 8_000, 15_000];
// As long as a buyer may look for the right card in a wallet.
const ANSWER_MS = 600_000;
const LOOK_MS = 3_000;
// While the buyer is at the bank: half an hour.
const LOOKS_MAX = 600;
const STATE_TRIES = 3;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const accepts = (delegation) => speech.delegate.includes(delegation);

// --- the channel ---

let port = null;
let isGreeted = false;
let isOver = false;
let ids = 0;
const waiting = new Map();
const native =
  window.EmbeddedCheckoutProtocolConsumer ?? window.webkit?.messageHandlers?.EmbeddedCheckoutProtocolConsumer;
const isFramed = window.parent !== window;

// How an app that shows this page in a view of its own reaches us.
window.EmbeddedCheckoutProtocol = {
  postMessage: (message) => hear(typeof message === "string" ? parsed(message) : message),
};

addEventListener("message", ({ source, origin, data }) => {
  if (source !== window.parent || !isFramed || !ancestors.includes(origin)) return;
  // A greeting that was sent twice may bring two ports: until one of them answers, the last one holds.
  if (!port || (!isGreeted && portIn(data))) hear(data);
});

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function post(message) {
  if (isOver) return;
  const whole = { jsonrpc: "2.0", ...message };
  if (port) port.postMessage(whole);
  else if (native) native.postMessage(JSON.stringify(whole));
  else if (isFramed) for (const origin of origins()) window.parent.postMessage(whole, origin);
}

/** Where the framing page is known the message is addressed to it alone; the browser holds back others. */
function origins() {
  const known = location.ancestorOrigins?.[0];
  return known ? ancestors.filter((origin) => origin === known) : ancestors;
}

function hear(message) {
  if (message?.jsonrpc !== "2.0") return;
  if (typeof message.method === "string") return refuse(message);
  const upgrade = portIn(message);
  if (upgrade && greetings.has(message.id)) return isGreeted || adopt(upgrade);
  const resolve = waiting.get(message.id);
  waiting.delete(message.id);
  resolve?.(outcomeOf(message));
}

function portIn(message) {
  const upgrade = message?.result?.upgrade?.port;
  return upgrade instanceof MessagePort ? upgrade : null;
}

/** Nobody asks us for anything: a request is answered so that it is not waited for. */
function refuse({ id }) {
  if (id !== undefined) post({ id, error: { code: -32601, message: "Method not found." } });
}

/** `result` where it went well, `code` where it did not. */
function outcomeOf({ result, error }) {
  if (error) return { code: String(error.code) };
  if (speech.status && result?.ucp?.status === "error") return { code: result.messages?.[0]?.code ?? "error" };
  return { result: result ?? {} };
}

/** Sends a request and waits for what comes of it. */
function request(method, params) {
  const id = `${method}-${(ids += 1)}`;
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    setTimeout(() => waiting.delete(id) && resolve({ code: "timeout_error" }), ANSWER_MS);
    post({ id, method, params });
  });
}

// --- the handshake ---

const greetings = new Set();
let greeted;

/** From the window to a port: from now on everything goes there, beginning with a new greeting. */
function adopt(upgrade) {
  port?.close();
  port = upgrade;
  port.onmessage = ({ data }) => hear(data);
  greet();
}

/** An id of its own for each channel: a late answer from the old one is none. */
function greet() {
  waiting.clear();
  const id = `ec.ready-${(ids += 1)}`;
  greetings.add(id);
  waiting.set(id, greeted);
  const message = { id, method: "ec.ready", params: { delegate: speech.delegate } };
  post(message);
  return message;
}

async function handshake() {
  const answer = new Promise((resolve) => (greeted = resolve));
  const message = greet();
  for (const wait of READY_MS) {
    const outcome = await Promise.race([answer, pause(wait)]);
    if (outcome) return outcome;
    if (!port && wait) post(message);
  }
  return Promise.race([answer, pause(READY_MS.at(-1))]);
}

// --- what is told ---

let told = null;
let isComplete = false;

async function state() {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const reply = await fetch(speech.state, { headers: { accept: "application/json" } });
      if (reply.ok) return await reply.json();
    } catch {
      // Tried again below: the network of a phone comes and goes.
    }
    if (attempt === STATE_TRIES) return null;
    await pause(attempt * 1_000);
  }
}

const notify = (method, checkout) => post({ method, params: { checkout } });

// A part of a checkout, and the message that says that it changed; what it costs comes after the reason.
const PARTS = [
  ["line_items", "ec.line_items.change"],
  ["buyer", "ec.buyer.change"],
  ["fulfillment", "ec.fulfillment.change"],
  ["payment", "ec.payment.change"],
  ["messages", "ec.messages.change"],
  ...(speech.totals ? [["totals", "ec.totals.change"]] : []),
];

let telling = Promise.resolve();
/** One after the other, so that no older state is told after a newer one. */
const tell = () => (telling = telling.then(tellChanges));

async function tellChanges() {
  const checkout = told && !isComplete ? await state() : null;
  if (!checkout) return;
  const before = told;
  told = checkout;
  for (const [part, method] of PARTS) {
    if (JSON.stringify(before[part]) !== JSON.stringify(checkout[part])) notify(method, checkout);
  }
  complete(checkout);
  look();
}

function complete(checkout) {
  if (checkout.status !== "completed" || isComplete) return;
  isComplete = true;
  notify("ec.complete", checkout);
}

/** Says that this session cannot go on, where the release has words for it. */
function fail(code, content) {
  const messages = [{ type: "error", code, content, severity: "unrecoverable" }];
  const error = { ucp: { version: speech.version, status: "error" }, messages, continue_url: speech.alone };
  const params = {};
  for (const member of speech.errors) Object.assign(params, member ? { [member]: error } : error);
  if (speech.errors.length) post({ method: "ec.error", params });
  isOver = true;
}

// --- what happens elsewhere: at the bank, or with a provider that takes its time ---

let looks = 0;
let isLooking = false;

async function look() {
  if (isLooking) return;
  isLooking = true;
  while (isWaiting() && looks < LOOKS_MAX) {
    looks += 1;
    await pause(LOOK_MS);
    const now = await state();
    if (now && now.status !== told.status) await reload();
  }
  isLooking = false;
}

const isWaiting = () => told?.status === "complete_in_progress" || (!isComplete && main.querySelector("[data-waits]") !== null);

async function reload() {
  const reply = await fetch(location.href).catch(() => null);
  if (reply) page.swap(await reply.text(), location.href);
  await telling;
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && isWaiting()) state().then((now) => now && now.status !== told.status && reload());
});

// --- what the other page does in our place ---

const ASKED = {
  address: "ec.fulfillment.address_change_request",
  instruments: "ec.payment.instruments_change_request",
  pay: "ec.payment.credential_request",
};

/** Posts the form as its button of `action` would, with the other page's `answer`. */
async function send(form, action, answer) {
  const field = document.createElement("input");
  field.type = "hidden";
  field.name = "answer";
  field.value = answer ? JSON.stringify(answer) : "";
  form.append(field);
  try {
    main.toggleAttribute("data-stale", !(await page.send(form, action)));
  } catch {
    main.toggleAttribute("data-stale", true);
  } finally {
    field.remove();
    form.ariaBusy = null;
  }
}

let isAsking = false;

/** Asks the other page, then posts what it answers; nothing happens where the buyer turned back there. */
async function delegate(form, action) {
  if (isAsking || !told) return;
  isAsking = true;
  const { value: seen } = form.elements.total;
  await page.update(form);
  await tell();
  main.ariaBusy = "true";
  if (action === "pay" && form.elements.total?.value !== seen) {
    // The server says what it costs now.
    form.elements.total.value = seen;
    await send(form, action);
  } else if (form.isConnected) {
    const { revision, total } = form.elements;
    const asked = [revision.value, total.value];
    const { result } = await request(ASKED[action], { checkout: told });
    if (result?.checkout) {
      // What was agreed to there is the order as it was then: of another one the server says that it changed.
      if (action === "pay") [revision.value, total.value] = asked;
      await send(form, action, result.checkout);
    }
  }
  main.ariaBusy = null;
  form.ariaBusy = null;
  isAsking = false;
}

addEventListener(
  "submit",
  (event) => {
    const action = event.submitter?.value;
    if (action !== "address" && action !== "instruments") return;
    event.preventDefault();
    delegate(event.target, action);
  },
  { capture: true },
);

// After the page's own listener, which keeps back what has to wait: what is left would load another page.
addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method !== "post") return;
  event.preventDefault();
  const action = event.submitter?.value ?? "update";
  if (action !== "pay" || !accepts("payment.credential")) send(event.target, action);
  else delegate(event.target, action);
});

// Links lead out of the frame, but for those back to this page: to where the other page shows them, or to
// a window of their own.
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || link.getAttribute("href").startsWith("#")) return;
  event.preventDefault();
  if (link.origin === location.origin && link.pathname === location.pathname) reload();
  else if (accepts("window.open") && told) request("ec.window.open_request", { url: link.href });
  else window.open(link.href, "_blank", "noopener");
});

// Only our own pages are shown within the frame.
document.addEventListener("leaving", (event) => {
  event.preventDefault();
  reload();
});
document.addEventListener("swapped", tell);

// --- from beginning to end ---

async function start() {
  const outcome = await handshake();
  if (!outcome) return takeBack();
  isGreeted = true;
  if (outcome.code) {
    isOver = true;
    return;
  }
  told = await state();
  if (!told) return fail("timeout_error", "The checkout cannot be reached.");
  notify("ec.start", told);
  complete(told);
  look();
  const form = main.querySelector("form[data-live]");
  const offered = outcome.result.checkout?.payment?.instruments;
  if (offered && form && accepts("payment.instruments_change")) await send(form, "instruments", outcome.result.checkout);
}

/** Nobody answers: what was to be done elsewhere is done here, by the page without its delegations. */
function takeBack() {
  const here = new URL(location.href);
  if (!here.searchParams.has("ec_delegate")) return;
  here.searchParams.delete("ec_delegate");
  location.replace(here);
}

if (isFramed || native) start();
