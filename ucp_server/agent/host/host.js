// The agent's page: frames the shop's checkout, answers what that hands over, writes down what is said.
// Everything that depends on the release is in `stage`.

const stage = await (await fetch("stage.json")).json();
const now = document.getElementById("now");
const sheet = document.getElementById("sheet");
const holder = document.getElementById("frame");

const frame = document.createElement("iframe");
// Scripts, forms and windows of its own; it cannot lead this page away.
frame.sandbox = "allow-scripts allow-forms allow-same-origin allow-popups allow-popups-to-escape-sandbox";
frame.title = "Checkout";
const scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
frame.src = stage.schemes.includes(scheme) ? `${stage.url}&ec_color_scheme=${scheme}` : stage.url;
holder.append(frame);

// --- the channel ---

let port = null;
let card = stage.cards[0];

addEventListener("message", ({ source, origin, data }) => {
  if (source !== frame.contentWindow || origin !== stage.origin || data?.method !== "ec.ready") return;
  write("shop", data);
  const { port1, port2 } = new MessageChannel();
  port?.close();
  port = port1;
  port.onmessage = (event) => hear(event.data);
  const answer = { jsonrpc: "2.0", id: data.id, result: { ...success(), upgrade: { port: port2 } } };
  frame.contentWindow.postMessage(answer, stage.origin, [port2]);
  write("agent", { ...answer, result: { ...success(), upgrade: { port: "a MessagePort" } }, method: "a channel" });
});

const success = () => (stage.tells_status ? { ucp: { version: stage.version, status: "success" } } : {});

function reply(id, result) {
  const message = { jsonrpc: "2.0", id, result: { ...success(), ...result } };
  port.postMessage(message);
  write("agent", { method: "an answer", ...message });
}

function turnDown(id, code, content, severity = "recoverable") {
  const messages = [{ type: "error", code, content, severity }];
  const message = stage.tells_status
    ? { jsonrpc: "2.0", id, result: { ucp: { version: stage.version, status: "error" }, messages } }
    : { jsonrpc: "2.0", id, error: { code, message: content } };
  port.postMessage(message);
  write("agent", { method: `no: ${code}`, ...message });
}

// --- what the shop's page says ---

const TOLD = {
  "ec.start": () => (now.textContent = "Please check your order."),
  "ec.complete": ({ checkout }) => finish("Your order is placed.", checkout.order?.permalink_url),
  "ec.error": (params) => finish("The shop cannot go on here.", (params.error ?? params).continue_url),
};

const ASKED = {
  "ec.ready": ready,
  "ec.payment.instruments_change_request": chooseCard,
  "ec.payment.credential_request": pay,
  "ec.fulfillment.address_change_request": choosePlace,
  "ec.window.open_request": openLink,
};

function hear(message) {
  write("shop", message);
  if (message.id === undefined) return TOLD[message.method]?.(message.params);
  const answer = ASKED[message.method];
  if (answer) return answer(message);
  port.postMessage({ jsonrpc: "2.0", id: message.id, error: { code: -32601, message: "Method not found." } });
}

function ready({ id, params }) {
  reply(id, params.delegate.includes("payment.instruments_change") ? { checkout: card.chosen } : {});
}

async function chooseCard({ id }) {
  const chosen = await choose("Pay with", stage.cards, "Choose");
  if (!chosen) return turnDown(id, "abort_error", "The buyer kept the card.");
  card = chosen;
  reply(id, { checkout: card.chosen });
}

/** Nothing is paid unless the buyer says so here, whatever was pressed in the frame. */
async function pay({ id, params }) {
  const total = params.checkout.totals.find(({ type }) => type === "total");
  const amount = new Intl.NumberFormat(navigator.language, { style: "currency", currency: params.checkout.currency });
  const minor = 10 ** amount.resolvedOptions().maximumFractionDigits;
  const isAgreed = await ask("Pay this order?", `${amount.format(total.amount / minor)} with ${card.label}`, "Pay");
  if (!isAgreed) return turnDown(id, "abort_error", "The buyer did not pay.");
  reply(id, { checkout: card.paying });
}

async function choosePlace({ id, params }) {
  const place = await choose("Send it to", stage.places, "Choose");
  if (!place) return turnDown(id, "abort_error", "The buyer kept the address.");
  const methods = (params.checkout.fulfillment?.methods ?? [{ type: "shipping" }]).map((method) =>
    method.type !== "shipping"
      ? method
      : { ...method, selected_destination_id: place.destination.id, destinations: [place.destination] },
  );
  reply(id, { checkout: { fulfillment: { methods } } });
}

async function openLink({ id, params }) {
  const url = URL.parse?.(params.url) ?? new URL(params.url);
  const isOwn = ["127.0.0.1", "localhost"].includes(url.hostname);
  if (url.protocol !== "https:" && !(isOwn && url.protocol === "http:")) {
    return turnDown(id, "window_open_rejected_error", "Only pages of https are opened.", "unrecoverable");
  }
  if (await ask("Open this page?", url.href, "Open")) window.open(url, "_blank", "noopener");
  reply(id, {});
}

// --- for the buyer ---

const choices = document.getElementById("choices");

async function ask(title, text, yes, list = []) {
  document.getElementById("sheet-title").textContent = title;
  document.getElementById("sheet-text").textContent = text;
  document.getElementById("yes").textContent = yes;
  choices.replaceChildren(...list.map(option));
  sheet.returnValue = "";
  sheet.showModal();
  await new Promise((resolve) => sheet.addEventListener("close", resolve, { once: true }));
  return sheet.returnValue === "yes";
}

async function choose(title, list, yes) {
  const isChosen = await ask(title, "", yes, list);
  return isChosen ? list[Number(choices.querySelector("input:checked").value)] : null;
}

function option({ label }, place) {
  const line = document.createElement("label");
  const input = document.createElement("input");
  Object.assign(input, { type: "radio", name: "choice", value: String(place), checked: place === 0 });
  line.append(input, label);
  return line;
}

function finish(text, url) {
  now.textContent = text;
  const told = document.createElement("p");
  told.className = "done";
  if (url) {
    const link = document.createElement("a");
    Object.assign(link, { href: url, target: "_blank", rel: "noopener", textContent: "See it at the shop" });
    told.append(link);
  }
  frame.remove();
  port?.close();
  holder.replaceChildren(told);
}

/** Kept in the page, and its name told to whoever reads along at the agent. */
function write(sender, message) {
  const entry = document.createElement("li");
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  const whole = document.createElement("pre");
  summary.textContent = `${sender}: ${message.method}`;
  whole.textContent = JSON.stringify(message, null, 2);
  entry.className = sender === "agent" ? "ours" : "theirs";
  details.append(summary, whole);
  entry.append(details);
  document.getElementById("said").append(entry);
  const body = JSON.stringify({ sender, method: message.method });
  fetch("said", { method: "POST", body, keepalive: true }).catch(() => {});
}
