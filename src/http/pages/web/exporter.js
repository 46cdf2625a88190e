// The state of the exporter, at the foot of the page.

import { amount, clock, moment, share, span } from "./format.js";
import { element } from "./table.js";

function lines(summary) {
  const all = [
    ["Version", `${summary.version}, revision ${summary.revision}`],
    ["Runs for", span(summary.uptime_seconds)],
  ];
  if (summary.hostname) all.unshift(["Machine", summary.hostname]);
  if (summary.counting_since) all.push(["Counts since", moment(summary.counting_since)]);
  const { is_successful, succeeded_at } = summary.last_reload;
  all.push(["Last reload", is_successful ? clock(succeeded_at) : `failed, the last good one at ${clock(succeeded_at)}`, !is_successful]);
  for (const { database, is_loaded, built, path } of summary.databases) {
    const age = built ? `, ${span(summary.at - built)} old` : "";
    const text = is_loaded ? `loaded${age}` : path ? `an older one is in use${age}` : "not loaded";
    all.push([`Database ${database}`, text, !is_loaded]);
  }
  if (summary.state_saved !== null) {
    all.push(["Counters", summary.state_saved ? "saved" : "not saved", !summary.state_saved]);
  }
  if (summary.quota) {
    const { used_bytes: used, limit_bytes: limit, forecast_bytes: forecast, reset } = summary.quota;
    const ahead = forecast === null ? "" : `, ${amount(forecast, "bytes")} expected`;
    all.push(["Quota", `${amount(used, "bytes")} of ${amount(limit, "bytes")} (${share(used, limit)})${ahead}, until ${moment(reset)}`, used > limit]);
  }
  return all;
}

/** Shows the exporter's state, and the interfaces. */
export function showExporter(summary, devices) {
  const items = lines(summary).flatMap(([name, text, isBad]) => [
    element("dt", "", name), element("dd", isBad ? "bad" : "", text),
  ]);
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
