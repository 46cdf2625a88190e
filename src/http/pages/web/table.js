// The table beside the map: the same numbers, the largest first.

import { amount, share } from "./format.js";

/** Returns an element with a class and a text. */
export function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Shows a text, unless it is shown. Its node stays: another would be styled anew. */
export function set(place, text) {
  const node = place.firstChild;
  if (!node) place.textContent = text;
  else if (node.data !== text) node.data = text;
}

/** A text that changes with each update. It knows what it shows: to ask the document costs more. */
class ShownText {
  #shown = "";
  #node = document.createTextNode("");

  constructor(place) {
    place.append(this.#node);
  }

  set(text) {
    if (this.#shown === text) return;
    this.#shown = text;
    this.#node.data = text;
  }
}

/** Rows beyond those in sight that are written with them. */
const AROUND = 2;

/** Rows out of sight that each update writes, in turns. */
const IN_TURN = 24;

/** Rows that are laid out together, once one of them is in sight. */
const GROUP = 10;

/**
 * A table of rows that keep their places, each with its `country` and its exact
 * `value`: an update writes other texts into them
 * and moves none. It writes the rows in sight, those that got another key, and
 * some of the others, which follow when they come into sight and within the next
 * updates.
 */
export class Table {
  #places = [];
  #newest = { rows: [] };
  #turn = 0;

  constructor(table, choose) {
    this.table = table;
    this.choose = choose;
    this.frame = table.closest("section");
    this.frame.addEventListener("scroll", () => this.#writeInSight(), { passive: true });
    addEventListener("beforeprint", () => this.#write(0, Infinity));
    this.#foot();
  }

  /** Shows rows: { key, name, value, isOpenable, isRatio }, the largest first. */
  draw(rows, all, { unit, isRatio }, perSecond, chosen) {
    const sight = this.#sight();
    const focused = document.activeElement?.closest("#list tbody tr")?.country;
    const most = Math.max(...rows.map((row) => row.value ?? 0), 0);
    this.#newest = { rows, all, unit, perSecond, most };
    this.table.classList.toggle("ratios", Boolean(isRatio));
    this.#resize(rows.length);
    rows.forEach((row, place) => {
      const shown = this.#places[place];
      if (shown.key !== row.key) {
        shown.key = row.key;
        shown.row.country = row.key;
        this.#name(shown, row);
        this.#write(place, place + 1);
      }
      shown.row.value = row.value;
      const isChosen = row.key === chosen;
      if (shown.isChosen !== isChosen) {
        shown.isChosen = isChosen;
        shown.row.classList.toggle("chosen", isChosen);
        if (row.isOpenable) shown.button.setAttribute("aria-pressed", isChosen);
      }
    });
    this.#write(...sight);
    this.#turn = this.#turn < rows.length ? this.#turn : 0;
    this.#write(this.#turn, this.#turn += IN_TURN);
    this.all.name.set(isRatio ? "All countries" : "All");
    this.all.value.set(amount(all, unit, perSecond));
    this.all.row.value = all;
    if (focused) this.#focus(focused);
  }

  /** The focus stays with its country. */
  #focus(key) {
    const shown = this.#places.find((one) => one.key === key);
    if (shown && !shown.row.contains(document.activeElement)) shown.button?.focus({ preventScroll: true });
  }

  /** Returns the numbers of the first row in sight, and of that behind the last one. */
  #sight() {
    const height = this.#places[0]?.row.offsetHeight;
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
    const last = Math.min(to, rows.length);
    for (let place = Math.max(from, 0); place < last; place += 1) {
      const row = rows[place];
      const shown = this.#places[place];
      shown.name.set(row.name);
      shown.value.set(amount(row.value, unit, perSecond));
      shown.share.set(row.isRatio ? "" : share(row.value ?? 0, all));
      const width = most > 0 ? ((row.value ?? 0) / most).toFixed(3) : "0";
      if (shown.width !== width) {
        shown.width = width;
        shown.bar.style.transform = `scaleX(${width})`;
      }
    }
  }

  #resize(count) {
    while (this.#places.length > count) {
      const { row } = this.#places.pop();
      const group = row.parentNode;
      row.remove();
      if (!group.firstChild) group.remove();
    }
    while (this.#places.length < count) {
      if (this.#places.length % GROUP === 0) {
        this.table.insertBefore(part("tbody", "rowgroup"), this.table.tFoot);
      }
      const { row, head, value, share } = cells();
      const bar = element("span", "bar");
      head.append(bar);
      this.table.tBodies[this.table.tBodies.length - 1].append(row);
      this.#places.push({ row, head, bar, value, share });
    }
  }

  /** Gives a row the name of a country that can be opened, or another one. */
  #name(shown, { isOpenable }) {
    if (shown.name && Boolean(shown.button) === Boolean(isOpenable)) return;
    shown.isChosen = undefined;
    const made = element(isOpenable ? "button" : "span", "name");
    shown.name = new ShownText(made);
    shown.button = isOpenable ? made : null;
    if (isOpenable) {
      made.type = "button";
      made.addEventListener("click", () => this.choose(shown.key));
    }
    shown.head.replaceChildren(shown.bar, made);
  }

  #foot() {
    const { row, head, value } = cells();
    this.all = { row, name: new ShownText(head), value };
    this.table.tFoot.append(row);
  }
}

/** Returns an element whose role does not depend on how it is laid out. */
function part(name, role) {
  const made = element(name);
  made.setAttribute("role", role);
  return made;
}

function cells() {
  const row = part("tr", "row");
  const head = part("th", "rowheader");
  head.scope = "row";
  const value = part("td", "cell");
  value.className = "number";
  const ofAll = part("td", "cell");
  ofAll.className = "number share";
  row.append(head, value, ofAll);
  return { row, head, value: new ShownText(value), share: new ShownText(ofAll) };
}
