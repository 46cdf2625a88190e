// The table beside the map: the same numbers, the largest first.

import { amount, share } from "./format.js";

/** Returns an element with a class and a text. */
export function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A table of rows that are found by a key and keep their places in the page. */
export class Table {
  #rows = new Map();
  #order = "";

  constructor(body, choose) {
    this.body = body;
    this.choose = choose;
  }

  /** Shows rows: { key, name, value, isOpenable }, the largest first. */
  draw(rows, all, unit, perSecond, chosen) {
    const most = Math.max(...rows.map((row) => row.value ?? 0), 0);
    const seen = new Set();
    for (const row of rows) {
      seen.add(row.key);
      const shown = this.#row(row);
      set(shown.name, row.name);
      set(shown.value, amount(row.value, unit, perSecond));
      shown.row.dataset.value = row.value ?? "";
      set(shown.share, row.isRatio ? "" : share(row.value ?? 0, all));
      const width = most > 0 ? `${((row.value ?? 0) / most * 100).toFixed(1)}%` : "0%";
      if (shown.width !== width) {
        shown.width = width;
        shown.row.style.setProperty("--part", width);
      }
      const isChosen = row.key === chosen;
      if (shown.isChosen !== isChosen) {
        shown.isChosen = isChosen;
        shown.row.classList.toggle("chosen", isChosen);
        if (shown.isOpenable) shown.name.setAttribute("aria-pressed", isChosen);
      }
    }
    for (const [key, shown] of this.#rows) {
      if (!seen.has(key)) {
        shown.row.remove();
        this.#rows.delete(key);
      }
    }
    this.#sort(rows);
  }

  #row({ key, isOpenable }) {
    let shown = this.#rows.get(key);
    if (shown) return shown;
    const row = element("tr");
    row.dataset.country = key;
    const head = element("th");
    head.scope = "row";
    const name = element(isOpenable ? "button" : "span", "name");
    if (isOpenable) {
      name.type = "button";
      name.addEventListener("click", () => this.choose(key));
    }
    const value = element("td", "number");
    const part = element("td", "number share");
    head.append(name);
    row.append(head, value, part);
    shown = { row, name, value, share: part, isOpenable };
    this.#rows.set(key, shown);
    this.body.append(row);
    return shown;
  }

  #sort(rows) {
    const order = rows.map((row) => row.key).join();
    if (order === this.#order) return;
    this.#order = order;
    // The focus stays: only rows at a wrong place move.
    let place = this.body.firstChild;
    for (const { key } of rows) {
      const { row } = this.#rows.get(key);
      if (row === place) place = place.nextSibling;
      else this.body.insertBefore(row, place);
    }
  }
}
