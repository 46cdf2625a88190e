// The page: asks, and shows the answers, for as long as somebody looks.

import { MEASURES, WAYS, pageOf, read, write } from "./choice.js";
import { Controls } from "./controls.js";
import { Detail } from "./detail.js";
import { clock, countryName, amount, exact, span } from "./format.js";
import { Lines, picture } from "./lines.js";
import { WorldMap } from "./map.js";
import { showExporter } from "./exporter.js";
import { Past } from "./past.js";
import { Quota } from "./quota.js";
import { Fault, ask } from "./source.js";
import { Table, element, set } from "./table.js";
import * as values from "./values.js";

const find = (id) => document.getElementById(id);

/** The milliseconds between two questions about the exporter while its state is out of sight. */
const RARELY = 10000;

const map = new WorldMap(find("shapes"), find("legend"));
const lines = new Lines();
const detail = new Detail(find("detail"), lines);
const table = new Table(document.querySelector("#list table"), (country) => change({ country: choice.country === country ? "" : country }));
const quota = new Quota();
const past = new Past(find("past"), change);
const controls = new Controls(find("choice"), change);

let choice = read(location.search);
/** The values at the moment that is shown since, by row. */
let before = null;
let beforeAt = 0;
let summary = null;
/** The names that can be chosen. */
const known = { slices: {}, interfaces: [], services: [] };
/** The newest answers of the measure that is shown. */
let shown = null;
/** When they came, in milliseconds. */
let shownAt = 0;
let failedSince = null;
let timer = 0;
/** When the state of the exporter was shown, and whether it is in sight. */
let stateAt = -RARELY;
let isStateInSight = false;
/** Grows with each change, so that a late answer to an old question is dropped. */
let turn = 0;

/** Puts another choice in force. */
function change(parts) {
  if (parts.time === "since" || (choice.time === "since" && ["interface", "ip_version", "service", "show"].some((key) => key in parts))) {
    before = null;
  }
  const isAsked = ["show", "interface", "ip_version", "service", "time"].some((key) => key in parts);
  choice = { ...choice, ...parts };
  if (!MEASURES[choice.show].isCounter && choice.time === "since") choice.time = "rate";
  history.replaceState(null, "", write(choice));
  controls.show(choice, known);
  if (isAsked) {
    if ("interface" in parts || "ip_version" in parts) lines.clear();
    update();
  } else {
    draw();
    lookBehind();
  }
}

/** Asks for what is shown. */
async function answers() {
  const { interface: name, ip_version } = choice;
  const page = pageOf(choice);
  const countries = ask("countries", { interface: name, ip_version });
  const other = page ? ask(page) : countries;
  return { countries: await countries, other: await other };
}

async function update() {
  clearTimeout(timer);
  const asked = turn += 1;
  try {
    const coming = answers();
    const [found, newest] = await Promise.all([coming, isStateAsked() ? state(pageOf(choice), coming) : null]);
    if (asked !== turn) return;
    shown = found;
    shownAt = Date.now();
    failedSince = null;
    remember();
    draw(false);
    // Later than the table, which asks how far it is scrolled.
    if (newest) learn(newest);
    await lookBehind();
    if (asked !== turn) return;
  } catch (error) {
    if (asked !== turn) return;
    fail(error);
  }
  schedule();
}

/** Returns whether the state of the exporter is due. */
const isStateAsked = () => isStateInSight || performance.now() - stateAt >= RARELY;

/** Asks for the state of the exporter, and for the names that can be chosen. `page` is asked for by `coming` already. */
async function state(page, coming) {
  const [{ content: about }, { content: devices }] = await Promise.all([ask("summary"), ask("interfaces")]);
  if (!about.slices.services) return { about, devices, services: null };
  const { content: services } = page === "services" ? (await coming).other : await ask("services");
  return { about, devices, services };
}

/** Shows the state of the exporter. */
function learn({ about, devices, services }) {
  stateAt = performance.now();
  summary = about;
  known.slices = summary.slices;
  known.interfaces = devices.interfaces.map((device) => device.interface);
  known.services = services?.configured ?? [];
  controls.show(choice, known);
  quota.draw(summary.quota);
  showExporter(summary, devices);
}

/** Asks for what stands below the map. */
async function lookBehind() {
  if (!summary || !shown) return;
  await Promise.all([
    detail.ask(choice.country, summary.slices),
    past.ask(choice, summary.slices, shown.countries.content.at),
  ]).catch(fail);
}

function schedule() {
  clearTimeout(timer);
  if (document.hidden) return;
  const seconds = Math.max(1, summary?.poll_interval_seconds ?? 5);
  timer = setTimeout(update, seconds * 1000);
}

function fail(error) {
  failedSince ??= Date.now() / 1000;
  // An exporter that returns may have another state.
  stateAt = -RARELY;
  const state = find("state");
  state.className = "gone";
  const isAnswer = error instanceof Fault;
  if (!isAnswer && !(error instanceof TypeError) && error.name !== "TimeoutError") console.error(error);
  const reason = isAnswer ? error.message.replace(/\.$/, "") : `No answer from the exporter since ${clock(failedSince)}`;
  const age = (Date.now() - shownAt) / 1000;
  // Those of this update are new, and only a part below the map failed.
  const isOld = shown && age >= 1;
  state.textContent = `${reason}.${isOld ? ` The numbers shown are ${span(age)} old.` : ""}`;
}

/** Adds the newest rates to the lines. */
function remember() {
  const { content } = shown.countries;
  const add = (key, volume, way) => lines.add(content.at, key, values.of(volume, "bytes", way, true));
  for (const row of content.countries) add(row.country, row, "both");
  for (const way of ["received", "sent"]) add(way, content.whole, way);
  lines.forget(content.at);
}

/** Returns the rows that are shown, and their whole. */
function rows() {
  const measure = MEASURES[choice.show];
  const found = pageOf(choice)
    ? values.ofPage(shown.other.content, choice, countryName)
    : values.traffic(shown.countries.content, choice, countryName);
  if (choice.time !== "since") return found;
  if (!before) beforeAt = shown.countries.content.at;
  before ??= new Map([...found.rows, { key: "", value: found.all }].map((row) => [row.key, row.value ?? 0]));
  return {
    rows: values.since(found.rows, before),
    all: Math.max(0, (found.all ?? 0) - (before.get("") ?? 0)),
  };
}

/** Shows the answers. The part for a country is drawn after its own answers, if they are to come. */
function draw(isComplete = true) {
  if (!shown) return;
  const measure = MEASURES[choice.show];
  const perSecond = choice.time === "rate" && Boolean(measure.isCounter);
  const found = rows();
  const sorted = values.sorted(found.rows);
  table.draw(sorted, found.all, measure, perSecond, choice.country);
  map.draw(sorted, measure.unit, perSecond);
  map.choose(choice.country);
  find("measured").textContent = measure.name;
  find("nothing").hidden = sorted.some((row) => row.value > 0) || choice.time === "since";
  drawWhole();
  drawState();
  tip.shown = { rows: sorted, unit: measure.unit, perSecond };
  if (isComplete || !choice.country) detail.draw(choice.country, shown.countries.content);
  else detail.answer = shown.countries.content;
}

/** The cards of both directions, which are made once. */
const cards = ["received", "sent"].map((way) => {
  const card = element("div");
  const [big, sum] = [element("div", "big"), element("div", "label")];
  const line = picture(`${WAYS[way]}: the last 15 minutes`);
  card.append(element("div", "label", WAYS[way]), big, sum, line);
  return { way, card, big, sum, line };
});

function drawWhole() {
  const { whole } = shown.countries.content;
  for (const { way, big, sum, line } of cards) {
    const total = values.of(whole, "bytes", way, false);
    set(big, amount(values.of(whole, "bytes", way, true), choice.show === "bits" ? "bits" : "bytes", true));
    set(sum, `${amount(total, "bytes")} in all`);
    sum.title = `${exact(total)} bytes`;
    lines.draw(way, line);
  }
  const place = find("whole");
  if (place.hidden) place.append(...cards.map(({ card }) => card), quota.card);
  place.hidden = false;
}

function drawState() {
  const { at, rates_over_seconds: over } = shown.countries.content;
  const state = find("state");
  state.className = document.hidden ? "" : "live";
  const rates = over ? `, rates over ${span(over)}` : "";
  const moment = choice.time === "since" ? `, since ${clock(beforeAt)}` : "";
  const text = `As of ${clock(at)}${choice.time === "since" ? moment : rates}`;
  set(state, text);
}

/** The small window beside the pointer. */
const tip = {
  shown: { rows: [] },
  show(event) {
    const country = event.target.dataset?.country;
    const box = find("tip");
    box.hidden = !country;
    if (!country) return;
    const { rows, unit, perSecond } = this.shown;
    const row = rows.find((one) => one.key === country);
    box.textContent = `${countryName(country)}: ${row ? amount(row.value, unit, perSecond) : "nothing"}`;
    const { width, height } = box.getBoundingClientRect();
    const x = Math.min(event.clientX + 14, innerWidth - width - 4);
    const y = event.clientY + 18 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 18;
    box.style.transform = `translate(${Math.max(4, x)}px, ${y}px)`;
  },
};

function listen() {
  const shapes = find("shapes");
  shapes.addEventListener("pointermove", (event) => tip.show(event));
  shapes.addEventListener("pointerleave", () => { find("tip").hidden = true; });
  // On a phone it is far below the map.
  find("world").addEventListener("click", () => {
    if (choice.country && matchMedia("(max-width: 60rem)").matches) find("detail").scrollIntoView();
  });
  shapes.addEventListener("click", (event) => {
    const country = event.target.dataset?.country;
    if (country) change({ country: choice.country === country ? "" : country });
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : update()));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && choice.country) change({ country: "" });
  });
}

listen();
for (const id of ["choice", "world"]) find(id).hidden = false;
find("state").textContent = "Loading…";
controls.show(choice, known);
await Promise.all([map.load(), update()]);
draw();
new IntersectionObserver(([foot]) => {
  isStateInSight = foot.isIntersecting;
  if (isStateInSight && performance.now() - stateAt >= 1000) update();
}).observe(document.querySelector("footer"));
document.documentElement.dataset.ready = "true";
