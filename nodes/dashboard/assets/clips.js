// The clips that this page knows: what it asked for.

import { ask } from "./ask.js";

/** Clips of an answer, and at most. */
const USUAL = 50;
const MOST = 200;
const RELOAD_MS = 500;

/** Says `change` after whatever came. */
export class Clips extends EventTarget {
  /** Whether the graph names their folder to the page; null: not known yet. */
  isThere = null;
  /** The newest first. */
  list = [];
  /** With which `before` the older ones follow; null: there are none. */
  more = null;
  isLoading = false;
  /** Why they cannot be shown, in a line. */
  error = null;
  filter = {};
  #asked = 0;
  #timer = 0;

  /** Shows those that fit. */
  show({ camera, since, until }) {
    const filter = Object.fromEntries(Object.entries({ camera, since, until }).filter(([, value]) => value));
    if (JSON.stringify(filter) === JSON.stringify(this.filter) && this.#asked > 0) return;
    this.filter = filter;
    this.load();
  }

  /** The server has others. */
  changed() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.load({ limit: Math.min(MOST, Math.max(USUAL, this.list.length)) }), RELOAD_MS);
  }

  /** Asks for the newest, or for `older` ones. */
  async load({ older = false, limit = USUAL } = {}) {
    const asked = ++this.#asked;
    this.isLoading = true;
    this.#say();
    const query = new URLSearchParams({ ...this.filter, limit });
    if (older && this.more !== null) query.set("before", this.more);
    try {
      const { clips, more } = await ask("GET", `/api/clips?${query}`);
      if (asked !== this.#asked) return;
      this.isThere = clips !== null;
      this.list = older ? [...this.list, ...clips] : (clips ?? []);
      this.more = more ?? null;
      this.error = null;
    } catch (refusal) {
      if (asked !== this.#asked) return;
      this.error = refusal.message;
    }
    this.isLoading = false;
    this.#say();
  }

  #say() {
    this.dispatchEvent(new Event("change"));
  }
}
