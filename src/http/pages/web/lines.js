// Lines of the last minutes. The page itself keeps their points.

/** The time that a line shows, in seconds: at most, and at least. */
const [MOST, LEAST] = [15 * 60, 60];

/** The shortest time between two points but the newest: more than a pixel. */
const APART = 4;

const [WIDTH, HEIGHT] = [240, 36];

/** The points of many lines, for the last 15 minutes. */
export class Lines {
  #lines = new Map();

  /** Adds a point: a time in seconds, and the value of each key. */
  add(at, values) {
    for (const [key, value] of values) {
      if (value === null || value === undefined) continue;
      let line = this.#lines.get(key);
      if (!line) this.#lines.set(key, line = []);
      if (line.at(-1)?.[0] === at) continue;
      if (at - (line.at(-2)?.[0] ?? 0) < APART) line.pop();
      line.push([at, value]);
    }
    for (const [key, line] of this.#lines) {
      while (line.length && line[0][0] < at - MOST) line.shift();
      if (line.length === 0) this.#lines.delete(key);
    }
  }

  clear() {
    this.#lines.clear();
  }

  /** Returns the picture of a line, or nothing if it has no two points. */
  draw(key, label) {
    const line = this.#lines.get(key) ?? [];
    if (line.length < 2) return null;
    const end = line.at(-1)[0];
    const shown = Math.min(MOST, Math.max(LEAST, end - line[0][0]));
    const most = Math.max(...line.map(([, value]) => value), 1e-9);
    const points = line.map(([at, value]) => {
      const x = (1 - (end - at) / shown) * WIDTH;
      const y = HEIGHT - 1 - value / most * (HEIGHT - 2);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    });
    const first = points[0].split(",")[0];
    const space = "http://www.w3.org/2000/svg";
    const picture = document.createElementNS(space, "svg");
    picture.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    picture.setAttribute("preserveAspectRatio", "none");
    picture.setAttribute("class", "line");
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", label);
    const area = document.createElementNS(space, "polygon");
    area.setAttribute("points", `${first},${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}`);
    const stroke = document.createElementNS(space, "polyline");
    stroke.setAttribute("points", points.join(" "));
    picture.append(area, stroke);
    return picture;
  }
}
