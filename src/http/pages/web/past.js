// Bars of hours, days and months, from the history.

import { amount, countryName, moment } from "./format.js";
import { Fault, ask } from "./source.js";
import { element } from "./table.js";

/** The lengths of a bar: its name, the spans that are asked for, and a bar in seconds. */
const LENGTHS = {
  hour: { name: "Hours", spans: 48, seconds: 3600, title: { weekday: "short", hour: "2-digit", minute: "2-digit" }, label: { hour: "numeric" } },
  day: { name: "Days", spans: 30, seconds: 86400, title: { dateStyle: "full" }, label: { day: "numeric", month: "short" } },
  month: { name: "Months", spans: 24, seconds: 30.44 * 86400, title: { month: "long", year: "numeric" }, label: { month: "short", year: "2-digit" } },
};

/** The exporter writes the history once a minute. */
const FRESH = 60;

/** The width of a label below the bars. */
const LABEL = 90;

/** The history of the machine, of an interface or of a country. */
export class Past {
  #place;
  #change;
  #asked = "";
  #at = 0;
  #answer = null;

  constructor(place, change) {
    this.#place = place;
    this.#change = change;
  }

  /** Asks for the history if there may be another one. */
  async ask({ past, country, interface: name }, slices, now) {
    if (!slices.history) {
      this.#answer = null;
      this.#place.hidden = true;
      return;
    }
    const asked = [past, country, name].join("\n");
    if (asked === this.#asked && now - this.#at < FRESH) return;
    const { seconds, spans } = LENGTHS[past];
    const since = Math.max(0, Math.floor(now - seconds * spans));
    try {
      const query = { by: country ? "country" : "total", resolution: past, interface: name, since };
      const { content } = await ask("history", query);
      [this.#asked, this.#at] = [asked, now];
      this.#answer = { ...content, rows: content.rows.filter((row) => !country || row.key === country), country, name };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#answer = null;
    }
    this.#draw(past);
  }

  #draw(past) {
    const answer = this.#answer;
    this.#place.hidden = !answer;
    if (!answer) return;
    const bars = fill(answer.rows, past);
    const header = element("header");
    const subject = [answer.country && countryName(answer.country), answer.name].filter(Boolean).join(", ");
    header.append(element("h2", "", subject ? `History: ${subject}` : "History"), this.#switch(past));
    const sum = (way) => amount(bars.reduce((all, bar) => all + bar[way], 0), "bytes");
    const legend = element("p", "dim");
    legend.append(element("span", "received", `${sum("bytes_received")} received`), element("span", "sent", `${sum("bytes_sent")} sent`));
    header.append(legend);
    const chart = bars.length ? this.#chart(bars, past) : element("p", "dim", "Nothing is written yet. The exporter writes once a minute.");
    this.#place.replaceChildren(header, chart);
  }

  #switch(past) {
    const all = element("span", "switch");
    for (const [key, { name }] of Object.entries(LENGTHS)) {
      const button = element("button", "way", name);
      button.type = "button";
      button.setAttribute("aria-pressed", key === past);
      button.addEventListener("click", () => this.#change({ past: key }));
      all.append(button);
    }
    const place = element("span", "switch");
    place.append(all);
    return place;
  }

  #chart(bars, past) {
    const most = Math.max(...bars.map((bar) => bar.bytes_received + bar.bytes_sent), 1);
    const list = element("ol", "bars");
    const every = Math.ceil(bars.length * LABEL / Math.max(LABEL, this.#place.clientWidth || innerWidth));
    bars.forEach((bar, place) => {
      const item = element("li");
      const text = `${time(bar.start, LENGTHS[past].title, this.#answer.timezone)}: `
        + `${amount(bar.bytes_received, "bytes")} received, ${amount(bar.bytes_sent, "bytes")} sent`;
      item.title = text;
      item.append(element("span", "hidden", text));
      for (const way of ["sent", "received"]) {
        const part = element("span", way);
        part.style.setProperty("--height", `${(bar[`bytes_${way}`] / most * 100).toFixed(2)}%`);
        item.append(part);
      }
      if ((bars.length - 1 - place) % every === 0) {
        const label = element("span", "label", time(bar.start, LENGTHS[past].label, this.#answer.timezone));
        label.setAttribute("aria-hidden", "true");
        item.append(label);
      }
      list.append(item);
    });
    const chart = element("div", "chart");
    const scale = element("div", "scale");
    scale.setAttribute("aria-hidden", "true");
    for (const part of [1, 0.5, 0]) scale.append(element("span", "", part ? amount(most * part, "bytes") : "0"));
    chart.append(scale, list);
    return chart;
  }
}

/** Writes a time in the zone of the history. */
function time(seconds, form, timeZone) {
  try {
    return new Intl.DateTimeFormat(undefined, { ...form, timeZone }).format(seconds * 1000);
  } catch {
    // A zone that the browser does not know.
    return moment(seconds);
  }
}

/** Adds the rows of a span up, and returns one bar for each span, also for those without traffic. */
function fill(rows, past) {
  const place = ({ start, end }) => {
    const middle = new Date((start + end) * 500);
    if (past === "month") return middle.getUTCFullYear() * 12 + middle.getUTCMonth();
    return Math.floor((start - rows[0].start) / LENGTHS[past].seconds + 0.5);
  };
  const bars = new Map();
  for (const row of rows) {
    const at = place(row);
    const bar = bars.get(at) ?? { start: row.start, end: row.end, bytes_received: 0, bytes_sent: 0 };
    bar.bytes_received += row.bytes_received;
    bar.bytes_sent += row.bytes_sent;
    bars.set(at, bar);
  }
  const all = [];
  const places = [...bars.keys()];
  for (let at = Math.min(...places); at <= Math.max(...places); at += 1) {
    const { start } = all.at(-1) ?? {};
    all.push(bars.get(at) ?? { start: start + LENGTHS[past].seconds, bytes_received: 0, bytes_sent: 0 });
  }
  return all;
}
