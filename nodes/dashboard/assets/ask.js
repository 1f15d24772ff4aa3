// What the page asks of the server, and what the server refuses.

/** Someone has changed it since the page read it. */
export const CHANGED = 412;
/** The file cannot be used as it is, whatever was asked for. */
export const UNUSABLE = 424;

/** What the server, or the way to it, did not do: `status` is 0 where there was no answer. */
export class Refusal extends Error {
  constructor(status, line) {
    super(line);
    this.status = status;
  }
}

/** The answer, or why there is none. */
export async function ask(method, path, body, signal) {
  const headers = body ? { "content-type": "application/json" } : {};
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, "The server does not answer. Nothing that you have typed is lost: try again.");
  }
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  if (answer.status === 401) throw new Refusal(401, "The server asks for its token again: load this page again, and log in.");
  throw new Refusal(answer.status, said.error ?? `The server answered ${answer.status}.`);
}
