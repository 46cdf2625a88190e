// What is shown. It stands in the address of the page, so that it can be kept
// and sent to others.

/** The measures, each with its unit, its slice, and the way to its value. */
export const MEASURES = {
  bytes: { name: "Bytes", unit: "bytes", field: "bytes", slice: "traffic", isCounter: true },
  bits: { name: "Bits", unit: "bits", field: "bytes", slice: "traffic", isCounter: true },
  packets: { name: "Packets", unit: "packets", field: "packets", slice: "traffic", isCounter: true },
  open: { name: "Open connections", page: "connections", slice: "connections" },
  opened: { name: "Opened connections", page: "connections", slice: "connections", isCounter: true },
  failed: { name: "Failed connections", page: "connections", slice: "connections", isCounter: true },
  closed: { name: "Closed connections", page: "connections", slice: "connections", isCounter: true },
  rtt: { name: "Round-trip time", unit: "seconds", page: "connections", slice: "connections", isRatio: true },
  retransmits: { name: "Retransmitted", unit: "share", page: "connections", slice: "connections", isRatio: true },
  attempts: { name: "Connection attempts", page: "services", slice: "services", isCounter: true },
};

export const WAYS = { both: "Both", received: "Received", sent: "Sent" };
export const TIMES = { rate: "Per second", total: "Total", since: "From now on" };

const DEFAULTS = {
  show: "bytes", way: "both", time: "rate", past: "day",
  interface: "", ip_version: "", service: "", country: "",
};

const PASTS = ["hour", "day", "month"];

/** Returns the choice that an address contains. Words that mean nothing are the defaults. */
export function read(search) {
  const given = new URLSearchParams(search);
  const choice = { ...DEFAULTS };
  for (const key of Object.keys(DEFAULTS)) {
    if (given.has(key)) choice[key] = given.get(key);
  }
  if (!(choice.show in MEASURES)) choice.show = DEFAULTS.show;
  if (!(choice.way in WAYS)) choice.way = DEFAULTS.way;
  if (!(choice.time in TIMES)) choice.time = DEFAULTS.time;
  if (!PASTS.includes(choice.past)) choice.past = DEFAULTS.past;
  return choice;
}

/** Returns the page of the interface for programs that has the values, beside that of countries. */
export function pageOf({ show, service }) {
  const { page, field } = MEASURES[show];
  return field === "bytes" && service !== "" ? "services" : page;
}

/** Returns the address of a choice, without its defaults. */
export function write(choice) {
  const given = new URLSearchParams();
  for (const [key, value] of Object.entries(choice)) {
    if (value !== DEFAULTS[key]) given.set(key, value);
  }
  const text = given.toString();
  return text ? `?${text}` : location.pathname;
}
