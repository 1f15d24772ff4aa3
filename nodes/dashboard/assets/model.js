// What the server has said, as the page sees it.

/** Clocks drift apart: what was fastest once is trusted less with each state, by so much. */
const DRIFT_MS = 0.5;
/** What comes so much later than at best is behind. */
export const BEHIND_MS = 1500;
/** A page that has been behind for so long is not helped by leaving frames out, and does not for so long. */
const ACCEPTED_AFTER_MS = 5000;
const ACCEPTED_FOR_MS = 30_000;
/** A lag that has changed by a smaller part since it began is a step of the server's clock: a network's grows. */
const STEADY = 0.1;

export class Model {
  /** By id. Cameras that the server no longer lists stay, as removed, until the grid forgets them. */
  cameras = new Map();
  graph = null;
  warnings = [];
  /** What the rules of each camera have counted. */
  counts = [];
  viewers = null;
  isConnected = false;
  isKnown = false;
  heardAt = null;
  /** How much longer than at best the last state took to this page: what waits before it has waited as long. */
  lagMs = 0;
  /** `performance.now()`, which no correction of the browser's clock moves, less the server's clock. */
  #ahead = null;
  /** The same, of a state without lag. */
  #unlagged = null;
  #behind = null;
  #acceptedUntil = 0;
  #isRestarted = true;
  #removedAt = new Map();

  take(state) {
    this.isKnown = true;
    this.heardAt = Date.now();
    this.#measure(performance.now(), state.now_unix_ms);
    const listed = new Set(state.cameras.map(({ id }) => id));
    for (const camera of state.cameras) {
      // The server lists removed cameras until it ends: what the grid has forgotten does not come back.
      if (camera.state !== "removed" || this.cameras.has(camera.id)) this.cameras.set(camera.id, camera);
    }
    for (const [id, camera] of this.cameras) {
      if (!listed.has(id) && camera.state !== "removed") {
        this.cameras.set(id, { ...camera, state: "removed", since_unix_ms: state.now_unix_ms, why: null, todo: null });
      }
      if (this.cameras.get(id).state !== "removed") this.#removedAt.delete(id);
      else if (!this.#removedAt.has(id)) this.#removedAt.set(id, performance.now());
    }
    this.graph = state.graph ?? null;
    this.warnings = state.warnings ?? [];
    this.counts = state.counts ?? [];
    this.viewers = state.viewers ?? null;
  }

  /** A new connection: nothing waits in it, and the server may be another one. */
  restart() {
    this.#isRestarted = true;
    this.#behind = null;
    this.#acceptedUntil = 0;
    this.lagMs = 0;
  }

  /** The server's time now. */
  get nowMs() {
    return this.#ahead === null ? Date.now() : performance.now() - this.#ahead;
  }

  /** The state with the smallest difference was fastest: that difference is the clocks'. */
  #measure(now, serverMs) {
    const ahead = now - serverMs;
    const least = (before) => (this.#isRestarted ? ahead : Math.min(ahead, before + DRIFT_MS));
    this.#ahead = least(this.#ahead);
    this.#unlagged = now < this.#acceptedUntil ? ahead : least(this.#unlagged);
    this.#isRestarted = false;
    this.lagMs = ahead - this.#unlagged;
    if (this.lagMs <= BEHIND_MS) {
      this.#behind = null;
      return;
    }
    this.#behind ??= { ahead, since: now };
    if (now - this.#behind.since < ACCEPTED_AFTER_MS) return;
    // The server's clock went back, or the network itself holds so much: either way frames are shown again.
    if (Math.abs(ahead - this.#behind.ahead) < STEADY * this.lagMs) this.#ahead = ahead;
    this.#unlagged = ahead;
    this.#acceptedUntil = now + ACCEPTED_FOR_MS;
    this.#behind = null;
    this.lagMs = 0;
  }

  removedFor(id) {
    const at = this.#removedAt.get(id);
    return at === undefined ? 0 : performance.now() - at;
  }

  forget(id) {
    this.cameras.delete(id);
    this.#removedAt.delete(id);
  }

  get overall() {
    const cameras = [...this.cameras.values()].filter(({ state }) => state !== "removed");
    const live = cameras.filter(({ state }) => state === "live");
    const worst = live
      .filter(({ latency_ms: latency }) => latency?.p95 !== undefined && latency?.p95 !== null)
      .reduce((most, camera) => (most === null || camera.latency_ms.p95 > most.latency_ms.p95 ? camera : most), null);
    return {
      total: cameras.length,
      live: live.length,
      fps: live.reduce((sum, { fps }) => sum + (fps ?? 0), 0),
      worst,
    };
  }
}
