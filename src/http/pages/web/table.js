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

/** Rows beyond those in sight that are written with them. */
const AROUND = 8;

/** Rows out of sight that each update writes, in turns. */
const IN_TURN = 24;

/**
 * A table of rows that are found by a key and keep their places in the page. An
 * update writes the rows in sight, and some of the others: the text of 250 rows
 * takes longer than all else. The others follow when they come into sight, and
 * within the next updates.
 */
export class Table {
  #rows = new Map();
  #order = "";
  #newest = { rows: [] };
  #turn = 0;

  constructor(body, choose) {
    this.body = body;
    this.choose = choose;
    this.frame = body.closest("section");
    this.frame.addEventListener("scroll", () => this.#writeInSight(), { passive: true });
    addEventListener("beforeprint", () => this.#write(0, Infinity));
  }

  /** Shows rows: { key, name, value, isOpenable }, the largest first. */
  draw(rows, all, unit, perSecond, chosen) {
    const sight = this.#sight();
    const most = Math.max(...rows.map((row) => row.value ?? 0), 0);
    this.#newest = { rows, all, unit, perSecond, most };
    const seen = new Set();
    for (const row of rows) {
      seen.add(row.key);
      const shown = this.#row(row);
      shown.row.dataset.value = row.value ?? "";
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
    this.#write(...sight);
    this.#turn = this.#turn < rows.length ? this.#turn : 0;
    this.#write(this.#turn, this.#turn += IN_TURN);
  }

  /** Returns the numbers of the first row in sight, and of that behind the last one. */
  #sight() {
    const height = this.body.firstElementChild?.offsetHeight;
    // Before it is shown for the first time, and where the whole page is scrolled.
    if (!height || this.frame.scrollHeight <= this.frame.clientHeight) return [0, Infinity];
    const first = Math.floor(this.frame.scrollTop / height);
    const count = Math.ceil(this.frame.clientHeight / height);
    return [first - AROUND, first + count + AROUND];
  }

  #writeInSight() {
    this.#write(...this.#sight());
  }

  /** Writes the newest values of these rows. */
  #write(from, to) {
    const { rows, all, unit, perSecond, most } = this.#newest;
    for (const row of rows.slice(Math.max(from, 0), Math.max(to, 0))) {
      const shown = this.#row(row);
      set(shown.name, row.name);
      set(shown.value, amount(row.value, unit, perSecond));
      set(shown.share, row.isRatio ? "" : share(row.value ?? 0, all));
      const width = most > 0 ? `${((row.value ?? 0) / most * 100).toFixed(1)}%` : "0%";
      if (shown.width !== width) {
        shown.width = width;
        shown.row.style.setProperty("--part", width);
      }
    }
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
