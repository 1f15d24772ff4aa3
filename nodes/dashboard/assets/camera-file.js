// The cameras of cameras.yml, as the server lets a page see and change them.

/** Why cameras cannot be changed. */
export const NO_FILE =
  "Cameras cannot be changed on this page: the graph names no cameras.yml to its dashboard. Set CAMERAS in the dashboard's env: of the graph, or edit the file by hand.";

/** Someone has changed the camera since the page read it. */
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

/** Says `change` after whatever came from the server. */
export class CameraFile extends EventTarget {
  /** Whether the graph names a file that pages may change; null: not known yet. */
  isThere = null;
  /** By id, in the file's order; null: not known yet. */
  cameras = null;
  /** Why they cannot be read, in a line. */
  error = null;

  async load() {
    try {
      this.#take(await ask("GET", "/api/cameras"));
    } catch (refusal) {
      if (refusal.status === 404) this.isThere = false;
      // Without a connection or a login nothing is known, which the page says elsewhere.
      else if (refusal.status !== 0 && refusal.status !== 401) [this.isThere, this.error] = [true, refusal.message];
      this.dispatchEvent(new Event("change"));
    }
  }

  async add(id, fields) {
    this.#take(await ask("POST", "/api/cameras", { id, fields }));
  }

  /** `version`: of the camera that the change was thought for. */
  async change(id, { set, unset }, version) {
    this.#take(await ask("PATCH", path(id), { set, unset, version }));
  }

  async remove(id) {
    this.#take(await ask("DELETE", path(id)));
  }

  /** Connects to a camera and watches it for some seconds; nothing is saved. */
  async test(camera, signal) {
    return ask("POST", "/api/cameras/test", camera, signal);
  }

  #take({ cameras }) {
    this.isThere = true;
    this.error = null;
    this.cameras = new Map(cameras.map((camera) => [camera.id, camera]));
    this.dispatchEvent(new Event("change"));
  }
}

function path(id) {
  return `/api/cameras/${encodeURIComponent(id)}`;
}

async function ask(method, path, body, signal) {
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
