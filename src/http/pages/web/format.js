// Numbers, times and names, as people read them.

const languages = navigator.languages.length ? navigator.languages : ["en"];

// Latin digits in every language: the numbers stand beside those of /metrics.
const number = (digits) => new Intl.NumberFormat("en", {
  minimumFractionDigits: digits, maximumFractionDigits: digits,
});
const [whole, tenths, hundredths] = [0, 1, 2].map(number);

const days = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const times = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

const regions = new Intl.DisplayNames(languages, { type: "region", fallback: "none" });

const LABELS = {
  UNKNOWN: "Unknown",
  PRIVATE: "Private addresses",
  SHARED: "Shared addresses of providers",
  LOOPBACK: "Loopback addresses",
  LINK_LOCAL: "Link-local addresses",
  MULTICAST: "Multicast addresses",
  BROADCAST: "Broadcast addresses",
  DOCUMENTATION: "Documentation addresses",
  RESERVED: "Reserved addresses",
  other: "Other countries",
};

/** The names that the browser gave, by code. */
const names = new Map(Object.entries(LABELS));

/** Returns the name of a country in the language of the browser. */
export function countryName(code, given) {
  let name = names.get(code);
  if (name === undefined) {
    name = /^[A-Z]{2}$/.test(code) ? regions.of(code) ?? "" : "";
    names.set(code, name);
  }
  return name || given || code;
}

function scaled(value, step, prefixes, unit) {
  let place = 0;
  while (value >= step * 0.9995 && place < prefixes.length - 1) {
    value /= step;
    place += 1;
  }
  const digits = Number.isInteger(value) || value >= 99.95 ? whole : value >= 9.995 ? tenths : hundredths;
  return `${digits.format(value)}\u00a0${prefixes[place]}${unit}`;
}

const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL = ["", "k", "M", "G", "T", "P", "E"];

/** Returns an amount with its unit: bytes in powers of 1,024, others of 1,000. */
export function amount(value, unit, perSecond) {
  if (value === null || value === undefined) return "–";
  const per = perSecond ? "/s" : "";
  switch (unit) {
    case "bytes": return scaled(value, 1024, BINARY, "B" + per);
    case "bits": return scaled(value * 8, 1000, DECIMAL, "bit" + per);
    case "seconds": return `${(value < 0.1 ? tenths : whole).format(value * 1000)}\u00a0ms`;
    case "share": return `${hundredths.format(value * 100)}\u00a0%`;
    default: return scaled(value, 1000, DECIMAL, per).trimEnd();
  }
}

/** Returns all digits of a whole number. */
export const exact = (value) => whole.format(value);

/** Returns a part of a whole in per cent. */
export function share(part, all) {
  if (!all) return "–";
  const percent = part / all * 100;
  if (percent > 0 && percent < 0.05) return "<\u00a00.1\u00a0%";
  return `${tenths.format(percent)}\u00a0%`;
}

/** Returns the time of day of seconds since 1970. */
export const clock = (seconds) => times.format(seconds * 1000);

/** Returns the day and the time of seconds since 1970. */
export const moment = (seconds) => moments.format(seconds * 1000);

/** Returns the day of seconds since 1970, with the name of its month. */
export const day = (seconds) => days.format(seconds * 1000);

/** Returns a span of seconds in its largest whole unit. */
export function span(seconds) {
  for (const [length, name] of [[86400, "day"], [3600, "hour"], [60, "minute"]]) {
    const count = Math.floor(seconds / length);
    if (count > 0) return `${count} ${name}${count === 1 ? "" : "s"}`;
  }
  const count = Math.max(0, Math.round(seconds));
  return `${count} second${count === 1 ? "" : "s"}`;
}
