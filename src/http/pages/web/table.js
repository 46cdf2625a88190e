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

/** Rows out of sight that each update writes, in turns. */
const IN_TURN = 12;

/** Rows that are laid out together, once one of them is in sight. */
const GROUP = 10;

/**
 * A table of rows that keep their places, each with its `country` and its exact
 * `value`: an update writes other texts into them and moves none. It writes the
 * rows in sight, and some of the others in turns. Those have every other country
 * once, but not in order until they come into sight or it is their turn.
 */
export class Table {
  #places = [];
  /** The place of each key. */
  #placeOf = new Map();
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
    const byKey = new Map(rows.map((row) => [row.key, row]));
    this.#newest = { rows, byKey, all, unit, perSecond, most, chosen };
    this.table.classList.toggle("ratios", Boolean(isRatio));
    this.#resize(rows.length);
    const isSame = this.#placeOf.size === rows.length && rows.every(({ key }) => this.#placeOf.has(key));
    if (isSame) {
      this.#write(...sight);
      this.#turn = this.#turn < rows.length ? this.#turn : 0;
      this.#write(this.#turn, this.#turn += IN_TURN);
    } else {
      this.#placeOf.clear();
      this.#write(0, Infinity);
    }
    for (const shown of this.#places) {
      shown.row.value = byKey.get(shown.key).value;
      this.#mark(shown);
    }
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

  /** Returns the numbers of the first row of the groups in sight, and of that behind their last one. */
  #sight() {
    const { scrollTop: top, clientHeight: height, scrollHeight } = this.frame;
    // Before it is shown for the first time, and where the whole page is scrolled.
    if (scrollHeight <= height) return [0, Infinity];
    const groups = [...this.table.tBodies];
    const first = groups.findIndex((group) => group.offsetTop + group.offsetHeight > top);
    const last = groups.findLastIndex((group) => group.offsetTop < top + height);
    return [first * GROUP, (last + 1) * GROUP];
  }

  #writeInSight() {
    this.#write(...this.#sight());
  }

  /** Writes the newest rows into these places. */
  #write(from, to) {
    const { rows, byKey } = this.#newest;
    const last = Math.min(to, rows.length);
    for (let place = Math.max(from, 0); place < last; place += 1) {
      const row = rows[place];
      const before = this.#placeOf.get(row.key);
      // A country that has to go takes the place that becomes free.
      if (before !== undefined && before !== place) this.#show(byKey.get(this.#places[place].key), before);
      this.#show(row, place);
    }
  }

  #show(row, place) {
    const { all, unit, perSecond, most } = this.#newest;
    const shown = this.#places[place];
    if (shown.key !== row.key) {
      shown.key = row.key;
      shown.row.country = row.key;
      this.#name(shown, row);
    }
    shown.row.value = row.value;
    this.#placeOf.set(row.key, place);
    this.#mark(shown);
    shown.name.set(row.name);
    shown.value.set(amount(row.value, unit, perSecond));
    shown.share.set(row.isRatio ? "" : share(row.value ?? 0, all));
    const width = most > 0 ? ((row.value ?? 0) / most).toFixed(3) : "0";
    if (shown.width !== width) {
      shown.width = width;
      shown.bar.style.transform = `scaleX(${width})`;
    }
  }

  /** Marks a row if its country is chosen. */
  #mark(shown) {
    const isChosen = shown.key === this.#newest.chosen;
    if (shown.isChosen === isChosen) return;
    shown.isChosen = isChosen;
    shown.row.classList.toggle("chosen", isChosen);
    shown.button?.setAttribute("aria-pressed", isChosen);
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
