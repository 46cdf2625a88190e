// The map: each country in one of seven shades.

import { amount } from "./format.js";
import { set } from "./table.js";

const STEPS = 7;

/** The map, whose shapes come from a file. */
export class WorldMap {
  #shapes = new Map();
  #shades = new Map();
  #chosen = null;
  #legend;

  constructor(place, legend) {
    this.place = place;
    this.#legend = legend;
  }

  async load() {
    const answer = await fetch("web/world.svg");
    this.place.innerHTML = await answer.text();
    const picture = this.place.querySelector("svg");
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", "World map. The table has the same numbers.");
    for (const shape of picture.querySelectorAll("[id]")) {
      this.#shapes.set(shape.id, shape);
      shape.dataset.country = shape.id;
      shape.removeAttribute("id");
    }
  }

  /** Returns whether the map has a shape for this country. */
  has(country) {
    return this.#shapes.has(country);
  }

  /** Marks a country. */
  choose(country) {
    if (this.#chosen === country) return;
    this.#shapes.get(this.#chosen)?.classList.remove("chosen");
    this.#shapes.get(country)?.classList.add("chosen");
    this.#chosen = country;
  }

  /** Shades the countries of rows by their values. */
  draw(rows, unit, perSecond) {
    const positive = rows.filter(({ key, value }) => value > 0 && this.has(key));
    const bounds = steps(positive.map(({ value }) => value), unit);
    const shades = new Map();
    for (const { key, value } of positive) {
      shades.set(key, bounds.filter((bound) => value >= bound).length);
    }
    for (const [code, shape] of this.#shapes) {
      const shade = shades.get(code) ?? 0;
      if ((this.#shades.get(code) ?? 0) === shade) continue;
      if (shade) shape.dataset.shade = shade;
      else delete shape.dataset.shade;
    }
    this.#shades = shades;
    this.#explain(bounds, unit, perSecond);
  }

  #explain(bounds, unit, perSecond) {
    const text = bounds.map((bound) => amount(bound, unit, perSecond));
    if (this.text === text.join()) return;
    this.text = text.join();
    while (this.#legend.children.length > text.length) this.#legend.lastChild.remove();
    text.forEach((from, step) => {
      const item = this.#legend.children[step] ?? this.#legend.appendChild(document.createElement("span"));
      item.dataset.shade = step + 1;
      set(item, `≥ ${from}`);
    });
  }
}

/** Returns the lower bounds of the shades: round numbers, evenly apart in powers. */
export function steps(values, unit) {
  if (values.length === 0) return [];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  // Six powers of ten at most: below, everything is small.
  const low = Math.max(Math.log10(least), Math.log10(most) - 6);
  const high = Math.log10(most);
  const bounds = [];
  for (let step = 0; step < STEPS; step += 1) {
    const bound = round(10 ** (low + (high - low) * step / STEPS), unit);
    if (bounds.at(-1) !== bound) bounds.push(bound);
  }
  bounds[0] = Math.min(bounds[0], least);
  return bounds;
}

/** Rounds a number down to 1, 2 or 5 times a power of ten of its unit. */
function round(value, unit) {
  // 1 KiB is as round as 1 MiB, and 1 kbit is 125 bytes.
  let scale = unit === "bits" ? 1 / 8 : 1;
  while (unit === "bytes" && value >= scale * 1024) scale *= 1024;
  const power = scale * 10 ** Math.floor(Math.log10(value / scale) + 1e-9);
  const first = value / power;
  return (first >= 4.999 ? 5 : first >= 1.999 ? 2 : 1) * power;
}
