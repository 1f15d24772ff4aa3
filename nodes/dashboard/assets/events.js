// The events that this page knows: what it asked for, and what has come since.

/** Events that are shown at most. */
const SHOWN = 400;
const FIELDS = ["camera", "class", "kind", "since", "until"];

/** Says `change` after whatever came. */
export class Events extends EventTarget {
  /** The newest first. */
  list = [];
  /** Where the older ones begin; null: there are none. */
  more = null;
  isLoading = false;
  /** Why they cannot be shown, in a line. */
  error = null;
  /** Classes, cameras and rules of which there were any. */
  seen = { class: new Set(), camera: new Set() };
  #filter = {};
  #asked = 0;

  get filter() {
    return this.#filter;
  }

  /** Shows those that fit. */
  show(filter) {
    if (JSON.stringify(filter) === JSON.stringify(this.#filter) && this.#asked > 0) return;
    this.#filter = filter;
    this.load();
  }

  /** Asks for the newest, or for `older` ones. */
  async load({ older = false } = {}) {
    const asked = ++this.#asked;
    this.isLoading = true;
    this.#say();
    const query = new URLSearchParams(Object.entries(this.#filter));
    if (older && this.more !== null) query.set("before", this.more);
    try {
      const answer = await fetch(`/api/events?${query}`, { cache: "no-store" });
      const said = await answer.json().catch(() => ({}));
      if (asked !== this.#asked) return;
      if (!answer.ok) throw new Error(said.error ?? `The server answered ${answer.status}.`);
      this.error = null;
      if (!older) this.list = [];
      this.more = said.more;
      for (const event of said.events) this.#put(event);
    } catch (error) {
      if (asked !== this.#asked) return;
      this.error = error instanceof TypeError ? "The server does not answer." : error.message;
    }
    this.isLoading = false;
    this.#say();
  }

  /** What has come, or has changed. */
  take(events) {
    for (const event of events) this.#put(event);
    this.#say();
  }

  #put(event) {
    this.seen.camera.add(event.camera);
    if (event.label) this.seen.class.add(event.label);
    const known = this.list.findIndex(({ number }) => number <= event.number);
    if (this.list[known]?.event === event.event) {
      this.list[known] = event;
      return;
    }
    if (!fits(event, this.#filter)) return;
    // One that is older than all that are shown comes with the next page.
    if (known < 0 && this.more !== null && event.number < this.more) return;
    this.list.splice(known < 0 ? this.list.length : known, 0, event);
    if (this.list.length > SHOWN && known === 0) {
      this.list.length = SHOWN;
      this.more = this.list.at(-1).number;
    }
  }

  #say() {
    this.dispatchEvent(new Event("change"));
  }
}

function fits(event, filter) {
  return (
    (!filter.camera || filter.camera === event.camera) &&
    (!filter.class || filter.class === event.label) &&
    (!filter.kind || filter.kind === event.kind) &&
    (!filter.since || event.began_unix_ms >= Number(filter.since)) &&
    (!filter.until || event.began_unix_ms < Number(filter.until))
  );
}

/** The fields of a filter that a query of the address has. */
export function filterOf(query) {
  return Object.fromEntries(FIELDS.filter((name) => query.get(name)).map((name) => [name, query.get(name)]));
}
