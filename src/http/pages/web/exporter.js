// The state of the exporter, at the foot of the page.

import { amount, clock, moment, share, span } from "./format.js";
import { element } from "./table.js";

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
  all.push(["Last reload", is_successful ? clock(succeeded_at) : `failed, the last good one at ${clock(succeeded_at)}`, !is_successful]);
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
    all.push(["Quota", `${share(used, limit)} used, until ${moment(reset)}`, used > limit]);
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

/** Shows the exporter's state, and the interfaces. */
export function showExporter(summary, devices) {
  const list = document.getElementById("faults");
  const texts = faults(summary, devices);
  list.hidden = texts.length === 0;
  if (list.textContent !== texts.join("")) list.replaceChildren(...texts.map((text) => element("li", "", text)));
  const items = lines(summary).flatMap(([name, text, isBad, isOfDbIp]) => {
    const value = element("dd", isBad ? "bad" : "", text);
    if (isOfDbIp) value.append(". ", attribution());
    return [element("dt", "", name), value];
  });
  document.getElementById("exporter").replaceChildren(...items);
  const table = element("table");
  const head = element("tr");
  for (const name of ["Interface", "State", "Received", "Sent"]) {
    const cell = element("th", "", name);
    cell.scope = "col";
    head.append(cell);
  }
  table.append(head);
  for (const device of devices.interfaces) {
    const row = element("tr");
    const name = element("th", "", device.interface);
    name.scope = "row";
    const isWell = device.is_attached && device.status === "up";
    const state = device.is_absent ? "gone" : device.is_attached ? device.status ?? "attached" : "not counted";
    row.append(name, element("td", isWell || device.is_absent ? "" : "bad", state),
      element("td", "number", amount(device.bytes_received, "bytes")),
      element("td", "number", amount(device.bytes_sent, "bytes")));
    table.append(row);
  }
  document.getElementById("interfaces").replaceChildren(table);
  document.title = summary.hostname ? `${summary.hostname}: traffic by country` : "Traffic by country";
}
