// Sends one order by @segment/analytics-node, and tells on one line what came of it.
const { Analytics } = require("@segment/analytics-node");

const [host, writeKey, orderId, maxRetries] = process.argv.slice(2);
const analytics = new Analytics({ writeKey, host, maxRetries: Number(maxRetries), flushAt: 1 });
const statuses = [];
const errors = [];
analytics.on("http_response", ({ status }) => statuses.push(status));
analytics.on("error", (error) => errors.push(String(error.reason ?? error.code)));
analytics.identify({ userId: "C-node", traits: { email: "node@example.com" } });
analytics.track({
  userId: "C-node",
  event: "Order Completed",
  messageId: orderId,
  properties: { order_id: orderId, total: 12.5 },
});
analytics.closeAndFlush().then(() => console.log(JSON.stringify({ statuses, errors })));
