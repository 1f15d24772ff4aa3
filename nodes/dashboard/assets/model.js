// What the server has said, as the page sees it.

export class Model {
  /** By id. Cameras that the server no longer lists stay, as removed, until the grid forgets them. */
  cameras = new Map();
  graph = null;
  warnings = [];
  viewers = null;
  isConnected = false;
  isKnown = false;
  heardAt = null;
  /** The browser's clock less the server's, in milliseconds. */
  clockAhead = null;
  /** How much longer than at best the last state took to this page: what waits before it has waited as long. */
  lagMs = 0;
  #removedAt = new Map();

  take(state) {
    const now = Date.now();
    this.isKnown = true;
    this.heardAt = now;
    // The smallest difference is of the message that was fastest. It may drift up slowly, with the clocks.
    const ahead = now - state.now_unix_ms;
    this.clockAhead = this.clockAhead === null ? ahead : Math.min(ahead, this.clockAhead + 0.5);
    this.lagMs = ahead - this.clockAhead;
    const listed = new Set(state.cameras.map(({ id }) => id));
    for (const camera of state.cameras) this.cameras.set(camera.id, camera);
    for (const [id, camera] of this.cameras) {
      if (!listed.has(id) && camera.state !== "removed") {
        this.cameras.set(id, { ...camera, state: "removed", since_unix_ms: state.now_unix_ms, why: null, todo: null });
      }
      if (this.cameras.get(id).state !== "removed") this.#removedAt.delete(id);
      else if (!this.#removedAt.has(id)) this.#removedAt.set(id, performance.now());
    }
    this.graph = state.graph ?? null;
    this.warnings = state.warnings ?? [];
    this.viewers = state.viewers ?? null;
  }

  /** The server's time now. */
  get nowMs() {
    return Date.now() - (this.clockAhead ?? 0);
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
