// The answers of the interface for programs, each asked for again only if it
// has changed.

/** An answer that is no answer: the page is off, or the exporter is gone. */
export class Fault extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

const kept = new Map();

/** The longest time that an answer may take, in milliseconds. */
const PATIENCE = 10000;

/** Returns the content of a page of /api/v1, and whether it is another one than before. */
export async function ask(page, query = {}) {
  const given = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ""));
  const text = given.toString();
  const address = `api/v1/${page}${text ? `?${text}` : ""}`;
  const known = kept.get(address);
  const headers = known ? { "If-None-Match": known.etag } : {};
  const answer = await fetch(address, {
    headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE),
  });
  if (answer.status === 304 && known) return { content: known.content, isNew: false };
  if (!answer.ok) throw new Fault((await answer.text()).trim(), answer.status);
  const content = await answer.json();
  // Only the newest addresses are worth their memory.
  kept.delete(address);
  if (kept.size >= 16) kept.delete(kept.keys().next().value);
  const etag = answer.headers.get("ETag");
  if (etag) kept.set(address, { etag, content });
  return { content, isNew: true };
}
