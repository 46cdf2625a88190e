// The controls above the map.

import { MEASURES, TIMES, WAYS, pageOf } from "./choice.js";
import { element } from "./table.js";

/** The controls, which tell of each change. */
export class Controls {
  #form;
  #change;
  #switches = new Map();
  #shown = "";

  constructor(form, change) {
    this.#form = form;
    this.#change = change;
    const [ways, times] = form.querySelectorAll(".switch");
    this.#add(ways, "way", WAYS);
    this.#add(times, "time", TIMES);
    for (const key of ["show", "interface", "ip_version", "service"]) {
      form.elements[key].addEventListener("change", (event) => change({ [key]: event.target.value }));
    }
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  #add(place, key, texts) {
    const all = element("span");
    const buttons = Object.entries(texts).map(([value, text]) => {
      const button = element("button", "way", text);
      button.type = "button";
      button.addEventListener("click", () => this.#change({ [key]: value }));
      return [value, button];
    });
    all.append(...buttons.map(([, button]) => button));
    place.append(all);
    this.#switches.set(key, buttons);
  }

  /** Shows a choice among the known slices, interfaces and services. */
  show(choice, known) {
    const text = JSON.stringify([choice, known]);
    if (text === this.#shown) return;
    this.#shown = text;
    const { slices, interfaces, services } = known;
    for (const [key, buttons] of this.#switches) {
      for (const [value, button] of buttons) {
        button.setAttribute("aria-pressed", choice[key] === value);
      }
    }
    const measure = MEASURES[choice.show];
    const isTraffic = measure.slice === "traffic" && pageOf(choice) !== "services";
    const [ways, times] = this.#form.querySelectorAll(".switch");
    ways.hidden = measure.isRatio || measure.page === "services";
    times.hidden = !measure.isCounter;
    const measures = Object.entries(MEASURES).filter(([, { slice }]) => slice === "traffic" || slices[slice]);
    this.#fill("show", measures.map(([value, { name }]) => [value, name]), choice.show);
    this.#fill("interface", [["", "Whole machine"], ...interfaces.map((name) => [name, name])], choice.interface);
    this.#fill("ip_version", [["", "Both"], ["4", "IPv4"], ["6", "IPv6"]], choice.ip_version);
    this.#fill("service", [["", "All"], ...services.map((name) => [name, name])], choice.service);
    for (const key of ["interface", "ip_version"]) this.#hide(key, !isTraffic);
    const hasService = ["bytes", "bits", "open", "attempts"].includes(choice.show);
    const isOfAll = choice.interface === "" && choice.ip_version === "";
    this.#hide("service", !hasService || services.length === 0 || !(isOfAll || choice.service));
  }

  #hide(key, isHidden) {
    this.#form.elements[key].closest("label").hidden = isHidden;
  }

  #fill(key, options, value) {
    const select = this.#form.elements[key];
    // A choice that is not there any more is still what is shown.
    const all = options.some(([known]) => known === value) ? options : [...options, [value, value]];
    const text = all.join("\n");
    if (select.dataset.options !== text) {
      select.dataset.options = text;
      select.replaceChildren(...all.map(([known, name]) => new Option(name, known)));
    }
    select.value = value;
  }
}
