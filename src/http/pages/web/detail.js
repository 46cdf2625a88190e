// One country: its traffic, and who is behind it.

import { amount, countryName } from "./format.js";
import { picture } from "./lines.js";
import { Fault, ask } from "./source.js";
import { element } from "./table.js";
import { of } from "./values.js";

/** The rows of each list. */
const MOST = 10;

function list(title, rows, empty) {
  const section = element("section");
  section.append(element("h2", "", title));
  if (rows.length === 0) {
    section.append(element("p", "dim", empty));
    return section;
  }
  const table = element("table");
  for (const [name, value, title] of rows) {
    const row = element("tr");
    const head = element("th");
    const text = element("bdi", "", name);
    if (title) text.title = title;
    head.scope = "row";
    head.append(text);
    row.append(head, element("td", "number", value));
    table.append(row);
  }
  section.append(table);
  return section;
}

/** The largest of many rows, by a value. */
function largest(rows, value) {
  const all = rows.map((row) => [row, value(row) ?? 0]).filter(([, size]) => size > 0);
  return all.sort(([, a], [, b]) => b - a).slice(0, MOST);
}

const total = (row) => row.bytes_received + row.bytes_sent;
const both = (row) => `${amount(row.bytes_received, "bytes")} ↓ ${amount(row.bytes_sent, "bytes")} ↑`;

/** The part of the page for the chosen country. */
export class Detail {
  #found = {};
  #country = "";
  #slices = null;

  constructor(place, lines) {
    this.place = place;
    this.lines = lines;
  }

  /** Asks for what the slices know about a country. */
  async ask(country, slices) {
    if (!country) return;
    if (this.#country !== country) this.#found = {};
    this.#country = country;
    this.#slices = slices;
    const pages = [["services", slices.services], ["connections", slices.connections], ["hosts", slices.remote_hosts]];
    for (const [page, isOn] of pages) {
      if (!isOn) {
        delete this.#found[page];
        continue;
      }
      const query = page === "hosts" ? { country, limit: 1000 } : page === "services" ? { country } : {};
      try {
        this.#found[page] = (await ask(page, query)).content;
      } catch (error) {
        // The page may have been turned off a moment ago.
        if (!(error instanceof Fault)) throw error;
        delete this.#found[page];
      }
    }
    this.draw(country, this.answer);
  }

  /** Shows a country. `answer` is that of all countries. */
  draw(country, answer) {
    this.answer = answer;
    this.place.hidden = !country;
    if (!country) return;
    if (this.#country !== country) this.#found = {};
    const row = answer.countries.find((one) => one.country === country);
    const header = element("header");
    header.append(element("h2", "", `${countryName(country, row?.name)} (${country})`));
    const columns = element("div", "columns");
    columns.append(this.#traffic(country, row), ...this.#lists(country));
    this.place.replaceChildren(header, columns);
  }

  #traffic(country, row) {
    const rate = (way) => amount(row ? of(row, "bytes", way, true) : 0, "bytes", true);
    const sum = (way) => amount(row ? of(row, "bytes", way, false) : 0, "bytes");
    const packets = (way) => amount(row ? of(row, "packets", way, false) : 0, "packets");
    const section = list("Traffic", [
      ["Received", `${rate("received")}, ${sum("received")}, ${packets("received")} packets`],
      ["Sent", `${rate("sent")}, ${sum("sent")}, ${packets("sent")} packets`],
    ]);
    const line = picture("Bytes per second in the last 15 minutes");
    this.lines.draw(country, line);
    section.append(line);
    return section;
  }

  #lists(country) {
    const { services, connections, hosts } = this.#found;
    const lists = [];
    const one = connections?.connections.find((row) => row.country === country);
    if (one) lists.push(this.#connections(one));
    if (hosts) {
      const networks = new Map();
      for (const host of hosts.hosts) {
        const name = host.network ? `AS${host.network.asn} ${host.network.name ?? ""}` : "No known network";
        const sum = networks.get(name) ?? { bytes_received: 0, bytes_sent: 0 };
        sum.bytes_received += host.bytes_received;
        sum.bytes_sent += host.bytes_sent;
        networks.set(name, sum);
      }
      const rows = largest([...networks], ([, sum]) => total(sum));
      lists.push(list("Networks", rows.map(([[name, sum]]) => [name, both(sum)]), "No networks."));
      const largestHosts = largest(hosts.hosts, total);
      lists.push(list("Hosts", largestHosts.map(([host]) => {
        const place = [host.city, host.subdivision].filter(Boolean).join(", ");
        return [host.address, both(host), place];
      }), "No hosts."));
    }
    if (services) {
      const rows = largest(services.services, total);
      lists.push(list("Services of this machine", rows.map(([row]) => [row.service, both(row)]), "No services."));
    }
    if (!hosts && this.#slices && !this.#slices.remote_hosts) {
      lists.push(list("Networks and hosts", [], "The exporter knows them with remote_hosts = true."));
    }
    return lists;
  }

  #connections(one) {
    const { recent_mean_seconds: mean } = one.round_trips;
    return list("TCP connections", [
      ["Open", amount(one.open)],
      ["Opened", `${amount(one.inbound.opened)} in, ${amount(one.outbound.opened)} out`],
      ["Failed", amount(one.outbound.failed)],
      ["Round-trip time", amount(mean, "seconds")],
      ["Retransmitted", amount(one.segments_sent ? one.segments_retransmitted / one.segments_sent : null, "share")],
    ]);
  }
}
