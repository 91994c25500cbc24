// The journey of an agent, from a question to the link that it gives to the buyer.
//
// Nothing here is real: the server answers this key with made-up offers, and the link leads nowhere.
// Start a server with `make serve`, then: node hello.mjs

const url = (process.env.AAP_API_URL ?? "http://localhost:8080") + "/v1/mcp";
const key = process.env.AAP_API_KEY ?? "aap_mock_conversion";
const version = "2025-11-25";

/** Post one message; a notification has no answer. */
async function send(message) {
  const reply = await fetch(url, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${key}`,
      "Content-Type": "application/json",
      Accept: "application/json, text/event-stream",
      "MCP-Protocol-Version": version,
    },
    body: JSON.stringify({ jsonrpc: "2.0", ...message }),
  });
  const text = await reply.text();
  if (!reply.ok) throw new Error(`${reply.status} ${text}`);
  return text ? JSON.parse(text) : {};
}

async function ask(method, params) {
  const answer = await send({ id: method, method, params });
  if (answer.error) throw new Error(answer.error.message);
  return answer.result;
}

async function use(tool, args) {
  const done = await ask("tools/call", { name: tool, arguments: args });
  if (done.isError) throw new Error(done.structuredContent.error);
  return done.structuredContent;
}

const clientInfo = { name: "hello", version: "1" };
await ask("initialize", { protocolVersion: version, capabilities: {}, clientInfo });
await send({ method: "notifications/initialized" });
const { tools } = await ask("tools/list", {});
console.log("tools:", tools.map((tool) => tool.name).join(", "));

const found = await use("search_offers", { vertical: "sim", min_data_gb: 50 });
const offer = found.offers[0];
console.log(`offer: ${offer.name}, ${offer.price} ${offer.currency}`);

const { requirements } = await use("get_checkout_requirements", { offer_id: offer.id });
console.log("the buyer brings:", requirements.map((need) => need.field).join(", "));

const link = await use("get_checkout_link", { session_id: found.sessionId, offer_id: offer.id });
// Here the journey ends for the agent: paying and ordering are the buyer's, the conversion the shop's.
console.log(link.checkout_url);
