// The cameras of cameras.yml, as the server lets a page see and change them.

import { ask } from "./ask.js";

/** Why cameras cannot be changed. */
export const NO_FILE =
  "Cameras cannot be changed on this page: the graph names no cameras.yml to its dashboard. Set CAMERAS in the dashboard's env: of the graph, or edit the file by hand.";

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
