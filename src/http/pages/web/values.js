// From the answers of the interface to one value for each row.

import { MEASURES, pageOf } from "./choice.js";

/** Returns the value of a volume: one direction or both, a rate or a total. */
export function of(volume, field, way, perSecond) {
  const end = perSecond ? "_per_second" : "";
  const part = (direction) => volume[`${field}_${direction}${end}`];
  if (way !== "both") return part(way);
  const [received, sent] = [part("received"), part("sent")];
  return received === null && sent === null ? null : (received ?? 0) + (sent ?? 0);
}

/** The rows of countries, and the whole that they are a part of. */
export function traffic(answer, choice, names) {
  const { field } = MEASURES[choice.show];
  const perSecond = choice.time === "rate";
  const value = (volume) => of(volume, field, choice.way, perSecond);
  const rows = answer.countries.map((row) => ({
    key: row.country, name: names(row.country, row.name), value: value(row), isOpenable: true,
  }));
  rows.push(
    { key: "unattributed", name: "Unattributed", value: value(answer.unattributed) },
    { key: "non_ip", name: "Not IP", value: value(answer.non_ip) },
  );
  return { rows, all: value(answer.whole) };
}

/** The ends of connections that a direction of traffic stands for. */
const ENDS = { both: ["inbound", "outbound"], received: ["inbound"], sent: ["outbound"] };

/** The way from a row of an answer to the value of a measure. */
const OF_PAGE = {
  open(row, { way, service }) {
    const all = row.open_by_service.filter((part) => ENDS[way].includes(part.direction)
      && (service === "" || part.service === service));
    return all.reduce((sum, part) => sum + part.open, 0);
  },
  opened: (row, choice) => ends(row, "opened", choice),
  failed: (row, choice) => ends(row, "failed", choice),
  closed: (row, choice) => ends(row, "closed", choice),
  rtt: (row) => row.round_trips.recent_mean_seconds,
  retransmits(row) {
    const isRecent = row.segments_sent_per_second > 0;
    const end = isRecent ? "_per_second" : "";
    const [again, sent] = [row[`segments_retransmitted${end}`], row[`segments_sent${end}`]];
    return sent > 0 ? again / sent : null;
  },
  bytes: (row, choice) => ofService(row, choice),
  bits: (row, choice) => ofService(row, choice),
  attempts(row, { time, service }) {
    if (service !== "" && row.service !== service) return null;
    return time === "rate" ? row.attempts_per_second : row.attempts_ipv4 + row.attempts_ipv6;
  },
};

/** The bytes of the chosen service. */
function ofService(row, { way, time, service }) {
  return row.service === service ? of(row, "bytes", way, time === "rate") : null;
}

function ends(row, field, { way, time }) {
  const name = time === "rate" ? `${field}_per_second` : field;
  const parts = ENDS[way].map((end) => row[end][name]);
  return parts.every((part) => part === null) ? null : parts.reduce((sum, part) => sum + (part ?? 0), 0);
}

/** The rows of a measure that is no traffic, and their sum. */
export function ofPage(answer, choice, names) {
  const page = pageOf(choice);
  const { isRatio } = MEASURES[choice.show];
  const sums = new Map();
  for (const item of answer[page]) {
    const value = OF_PAGE[choice.show](item, choice);
    if (value === null || value === undefined) continue;
    sums.set(item.country, (sums.get(item.country) ?? 0) + value);
  }
  const rows = [...sums].map(([key, value]) => ({ key, name: names(key), value, isRatio, isOpenable: true }));
  const all = isRatio ? null : rows.reduce((sum, row) => sum + row.value, 0);
  return { rows, all };
}

/** Puts the largest rows first; equal ones in the order of their names. */
export function sorted(rows) {
  return rows.sort((a, b) => (b.value ?? -1) - (a.value ?? -1) || (a.key < b.key ? -1 : 1));
}

/** Takes the values of a moment from those of now. */
export function since(rows, before) {
  return rows.map((row) => ({ ...row, value: Math.max(0, (row.value ?? 0) - (before.get(row.key) ?? 0)) }));
}
