// Lines of the last minutes. The page itself keeps their points.

/** The time that a line shows, in seconds: at most, and at least. */
const [MOST, LEAST] = [15 * 60, 60];

/** The shortest time between two points but the newest: more than a pixel. */
const APART = 4;

const [WIDTH, HEIGHT] = [240, 36];

/** The points of many lines, for the last 15 minutes. */
export class Lines {
  #lines = new Map();

  /** Adds a point to the line of a key: a time in seconds, and a value if there is one. */
  add(at, key, value) {
    if (value === null || value === undefined) return;
    let line = this.#lines.get(key);
    if (!line) this.#lines.set(key, line = []);
    if (line.at(-1)?.[0] === at) return;
    if (at - (line.at(-2)?.[0] ?? 0) < APART) line.pop();
    line.push([at, value]);
  }

  /** Forgets the points that are too old to be shown at this time. */
  forget(at) {
    for (const [key, line] of this.#lines) {
      while (line.length && line[0][0] < at - MOST) line.shift();
      if (line.length === 0) this.#lines.delete(key);
    }
  }

  clear() {
    this.#lines.clear();
  }

  /** Draws a line into a picture, which is hidden while there are no two points. */
  draw(key, picture) {
    const line = this.#lines.get(key) ?? [];
    picture.classList.toggle("none", line.length < 2);
    if (line.length < 2) return;
    const end = line.at(-1)[0];
    const shown = Math.min(MOST, Math.max(LEAST, end - line[0][0]));
    const most = Math.max(...line.map(([, value]) => value), 1e-9);
    const points = line.map(([at, value]) => {
      const x = (1 - (end - at) / shown) * WIDTH;
      const y = HEIGHT - 1 - value / most * (HEIGHT - 2);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    });
    const first = points[0].split(",")[0];
    const [area, stroke] = picture.children;
    area.setAttribute("points", `${first},${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}`);
    stroke.setAttribute("points", points.join(" "));
  }
}

/** Returns a picture that a line can be drawn into. */
export function picture(label) {
  const space = "http://www.w3.org/2000/svg";
  const made = document.createElementNS(space, "svg");
  made.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  made.setAttribute("preserveAspectRatio", "none");
  made.setAttribute("class", "line none");
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", label);
  made.append(document.createElementNS(space, "polygon"), document.createElementNS(space, "polyline"));
  return made;
}
