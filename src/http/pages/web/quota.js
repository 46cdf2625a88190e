// The quota of the month: the used part, and the expected one.

import { amount, day, share } from "./format.js";
import { element, set } from "./table.js";

const WAYS = { sent: "sent bytes", received: "received bytes", both: "all bytes", larger: "the larger direction" };

/** The card of the quota, hidden without one. */
export class Quota {
  #title = element("div", "label");
  #share = element("div");
  #amounts = element("div");
  #expected = element("span");
  #used = element("span");

  constructor() {
    this.card = element("div", "quota");
    const bar = element("div", "bar");
    bar.append(this.#expected, this.#used);
    this.card.append(this.#title, this.#share, this.#amounts, bar);
  }

  draw(quota) {
    this.card.hidden = !quota;
    if (!quota) return;
    const { used_bytes: used, limit_bytes: limit, forecast_bytes: forecast, reset } = quota;
    const [isOver, willBeOver] = [used > limit, forecast > limit];
    set(this.#title, `Quota of ${WAYS[quota.direction] ?? quota.direction}, begins anew on ${day(reset)}`);
    this.#share.className = isOver ? "big bad" : "big";
    set(this.#share, share(used, limit));
    this.#amounts.className = willBeOver ? "label bad" : "label";
    const ahead = forecast === null ? "" : `, ${amount(forecast, "bytes")} expected`;
    set(this.#amounts, `${amount(used, "bytes")} of ${amount(limit, "bytes")}${ahead}`);
    this.#expected.className = willBeOver ? "ahead over" : "ahead";
    this.#used.className = isOver ? "used over" : "used";
    const width = (bytes) => `${Math.min(100, bytes / limit * 100).toFixed(2)}%`;
    this.#expected.style.setProperty("--width", width(forecast ?? 0));
    this.#used.style.setProperty("--width", width(used));
  }
}
