// The state of the exporter, at the foot of the page.

import { amount, day, moment, share, span } from "./format.js";
import { element, set } from "./table.js";

/** The types of DB-IP's free databases, whose licence asks for a link. */
const DB_IP = /dbip|ipvall/i;

function attribution() {
  const link = element("a", "", "IP Geolocation by DB-IP");
  link.href = "https://db-ip.com";
  return link;
}

function lines(summary) {
  const all = [
    ["Version", `${summary.version}, revision ${summary.revision}`],
    ["Runs for", span(summary.uptime_seconds)],
  ];
  if (summary.hostname) all.unshift(["Machine", summary.hostname]);
  if (summary.counting_since) all.push(["Counts since", moment(summary.counting_since)]);
  const { is_successful, succeeded_at } = summary.last_reload;
  const read = moment(succeeded_at);
  all.push(["Settings", is_successful ? `read at ${read}` : `the last reload failed, those of ${read} are in force`, !is_successful]);
  for (const { database, is_loaded, built, path, database_type: type } of summary.databases) {
    const age = built ? `, ${span(summary.at - built)} old` : "";
    const text = is_loaded ? `loaded${age}` : path ? `an older one is in use${age}` : "not loaded";
    all.push([`Database ${database}`, text, !is_loaded, DB_IP.test(type ?? "")]);
  }
  if (summary.state_saved !== null) {
    all.push(["Counters", summary.state_saved ? "saved" : "not saved", !summary.state_saved]);
  }
  if (summary.quota) {
    const { used_bytes: used, limit_bytes: limit, reset } = summary.quota;
    all.push(["Quota", `${share(used, limit)} used, begins anew on ${day(reset)}`, used > limit]);
  }
  return all;
}

/** Returns what an operator has to mend, a sentence each. */
function faults(summary, devices) {
  const all = [];
  for (const { database, is_loaded, path } of summary.databases) {
    if (is_loaded) continue;
    const effect = path ? "an older one is in use" : database === "country" ? "every address counts as Unknown" : "its names are missing";
    all.push(`The database ${database} is not loaded: ${effect}. The log says why.`);
  }
  if (!summary.last_reload.is_successful) all.push("The last reload failed: the settings before are in force. The log says why.");
  if (summary.state_saved === false) all.push("The counters are not saved: a restart would lose them. The log says why.");
  const missing = devices.interfaces.filter((device) => !device.is_attached && !device.is_absent).map((device) => device.interface);
  if (missing.length) all.push(`Not counted: ${missing.join(", ")}. The log says why.`);
  return all;
}

/** Shows children that are made of values, unless they are shown. */
function show(place, values, make) {
  const text = JSON.stringify(values);
  if (place.dataset.shown === text) return;
  place.dataset.shown = text;
  place.replaceChildren(...values.flatMap(make));
}

function line([name, text, isBad, isOfDbIp]) {
  const value = element("dd", isBad ? "bad" : "", text);
  if (isOfDbIp) value.append(". ", attribution());
  return [element("dt", "", name), value];
}

/** A table of interfaces, whose numbers change and whose rows hardly do. */
class Interfaces {
  #table = element("table");
  #rows = [];

  constructor() {
    const head = element("tr");
    for (const name of ["Interface", "State", "Received", "Sent"]) {
      const cell = element("th", "", name);
      cell.scope = "col";
      head.append(cell);
    }
    this.#table.append(head);
    document.getElementById("interfaces").replaceChildren(this.#table);
  }

  draw(devices) {
    while (this.#rows.length > devices.length) this.#rows.pop().row.remove();
    devices.forEach((device, place) => {
      const { name, state, received, sent } = this.#rows[place] ??= this.#row();
      const isWell = device.is_absent || (device.is_attached && device.status === "up");
      set(name, device.interface);
      set(state, device.is_absent ? "gone" : device.is_attached ? device.status ?? "attached" : "not counted");
      state.className = isWell ? "" : "bad";
      set(received, amount(device.bytes_received, "bytes"));
      set(sent, amount(device.bytes_sent, "bytes"));
    });
  }

  #row() {
    const row = element("tr");
    const name = element("th");
    name.scope = "row";
    const [state, received, sent] = [element("td"), element("td", "number"), element("td", "number")];
    row.append(name, state, received, sent);
    this.#table.append(row);
    return { row, name, state, received, sent };
  }
}

let interfaces = null;

/** Shows the exporter's state, and the interfaces. */
export function showExporter(summary, devices) {
  const list = document.getElementById("faults");
  const texts = faults(summary, devices);
  list.hidden = texts.length === 0;
  show(list, texts, (text) => element("li", "", text));
  show(document.getElementById("exporter"), lines(summary), line);
  interfaces ??= new Interfaces();
  interfaces.draw(devices.interfaces);
  const title = summary.hostname ? `${summary.hostname}: traffic by country` : "Traffic by country";
  if (document.title !== title) document.title = title;
  set(document.querySelector("h1"), title);
}
