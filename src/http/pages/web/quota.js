// The quota of the month: the used part, and the expected one.

import { amount, day, share } from "./format.js";
import { element } from "./table.js";

const WAYS = { sent: "sent bytes", received: "received bytes", both: "all bytes", larger: "the larger direction" };

/** Returns the card of a quota, or nothing without one. */
export function quotaCard(quota) {
  if (!quota) return null;
  const { used_bytes: used, limit_bytes: limit, forecast_bytes: forecast, reset } = quota;
  const card = element("div", "quota");
  const isOver = used > limit;
  const title = element("div", "label", `Quota until ${day(reset)}, ${WAYS[quota.direction] ?? quota.direction}`);
  const big = element("div", isOver ? "big bad" : "big", share(used, limit));
  const ahead = forecast === null ? "" : `, ${amount(forecast, "bytes")} expected`;
  const text = element("div", forecast > limit ? "label bad" : "label", `${amount(used, "bytes")} of ${amount(limit, "bytes")}${ahead}`);
  const bar = element("div", "bar");
  const part = (name, bytes) => {
    const made = element("span", name);
    made.style.setProperty("--width", `${Math.min(100, bytes / limit * 100).toFixed(2)}%`);
    bar.append(made);
  };
  if (forecast !== null) part(forecast > limit ? "ahead over" : "ahead", forecast);
  part(isOver ? "used over" : "used", used);
  card.append(title, big, text, bar);
  return card;
}
