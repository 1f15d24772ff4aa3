// The rules of rules.yml, as the server lets a page see and change them.

import { ask } from "./ask.js";

/** Says `change` after whatever came from the server. */
export class RuleFile extends EventTarget {
  /** Whether the graph names a file to the page; null: not known yet. */
  isThere = null;
  /** In the file's order; null: not known yet. */
  rules = null;
  /** Why they cannot be read, in a line. */
  error = null;

  async load() {
    try {
      this.#take(await ask("GET", "/api/rules"));
    } catch (refusal) {
      if (refusal.status !== 0 && refusal.status !== 401) [this.isThere, this.error] = [true, refusal.message];
      this.dispatchEvent(new Event("change"));
    }
  }

  /** Those with a zone or a line that hold for a camera. */
  of(id) {
    return (this.rules ?? []).filter(({ cameras, points }) => points.length > 0 && (cameras.length === 0 || cameras.includes(id)));
  }

  async add(fields) {
    this.#take(await ask("POST", "/api/rules", { fields }));
  }

  /** `rule`: as it was when the change was thought of. */
  async change({ index, version }, { set, unset }) {
    this.#take(await ask("PATCH", `/api/rules/${index}`, { set, unset, version }));
  }

  async remove({ index, version }) {
    this.#take(await ask("DELETE", `/api/rules/${index}`, { version }));
  }

  #take({ rules }) {
    this.isThere = rules !== null;
    this.error = null;
    this.rules = rules;
    this.dispatchEvent(new Event("change"));
  }
}
