// The cameras that are watched: which, how, and where their frames go.

import { BEHIND_MS } from "./model.js";
import { Player } from "./player.js";
import { bestWay } from "./support.js";
import { Trails } from "./trails.js";

/** Boxes of an earlier frame are shown, dashed, for so long. */
const EARLIER_MICROS = 1_000_000;
/** A stream that could not be decoded is tried again after so long. */
const RETRY_MS = 5 * 60_000;
/** The server closes connections that change their list more often than 5 times a second. */
const WATCH_DELAY_MS = 250;
/** Objects remembered for the single view. */
const OBJECTS_LIMIT = 40;

export class Feeds {
  #feeds = new Map();
  #byIndex = new Map();
  #wanted = new Set();
  #timer = 0;
  #told = "";
  /** How much longer than at best the server's last state took to this page. */
  lagMs = 0;

  /** `send(message)` to the server; `codecOf(id)`; `counters` counts what is drawn. */
  constructor(send, codecOf, counters) {
    this.send = send;
    this.codecOf = codecOf;
    this.counters = counters;
  }

  /** The feed of a camera, made where there is none. */
  of(id) {
    let feed = this.#feeds.get(id);
    if (!feed) {
      feed = new Feed(id, this.counters, () => this.#tellSoon());
      this.#feeds.set(id, feed);
    }
    return feed;
  }

  /** Sets which cameras are watched. */
  want(ids) {
    this.#wanted = new Set(ids);
    this.#tellSoon();
  }

  forget(id) {
    this.#feeds.get(id)?.stop();
    this.#feeds.delete(id);
    this.#wanted.delete(id);
    this.counters.forget(id);
  }

  /** A new connection knows nothing of this page. */
  start() {
    this.#told = "";
    this.#byIndex.clear();
    for (const feed of this.#feeds.values()) feed.stop();
    this.#tell();
  }

  /** A codec became known, or a way may be tried again. */
  refresh() {
    this.#tellSoon();
  }

  camera({ index, id, way, reason }) {
    const feed = this.of(id);
    this.#byIndex.set(index, feed);
    feed.granted = { way, reason: reason ?? null };
  }

  dropped({ index, frames }) {
    const feed = this.#byIndex.get(index);
    if (feed) feed.viewerDropped += frames;
  }

  binary(message) {
    const feed = this.#byIndex.get(message.index);
    if (feed && this.#wanted.has(feed.id)) feed.feed(message, this.lagMs > BEHIND_MS);
  }

  #tellSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell(), WATCH_DELAY_MS);
  }

  #tell() {
    const cameras = [...this.#wanted].map((id) => ({ id, way: this.of(id).choose(this.codecOf(id)).way }));
    for (const [id, feed] of this.#feeds) if (!this.#wanted.has(id)) feed.stop();
    const told = JSON.stringify(cameras);
    if (told === this.#told) return;
    this.#told = told;
    this.send({ type: "watch", cameras });
  }
}

/** One camera as this page receives it. */
export class Feed {
  screens = new Set();
  /** What the server says it sends: `{ way, reason }`. */
  granted = null;
  /** Frames that the server left out because this page was too slow. */
  viewerDropped = 0;
  /** When a frame was drawn last, by `performance.now()`. */
  drawnAt = null;
  objects = new Map();
  #player;
  #trails = new Trails();
  #earlier = null;
  #chosen = { way: "video", reason: null };
  #unusable = null;

  constructor(id, counters, onChange) {
    this.id = id;
    this.counters = counters;
    this.#player = new Player(
      (image, message) => this.#draw(image, message),
      (why) => {
        this.#unusable = { why, codec: this.codec, until: performance.now() + RETRY_MS };
        onChange();
      },
    );
  }

  /** How this camera is asked for. */
  choose(codec) {
    this.codec = codec;
    const unusable = this.#unusable;
    if (unusable && (unusable.codec !== codec || performance.now() > unusable.until)) this.#unusable = null;
    this.#chosen = this.#unusable
      ? { way: "jpeg", reason: `the browser's decoder failed: ${this.#unusable.why}` }
      : bestWay(codec);
    return this.#chosen;
  }

  /** How it is shown, and why not better. */
  get way() {
    const { way, reason } = this.granted ?? this.#chosen;
    return { way, reason: way === "video" ? null : (this.#chosen.way === way ? this.#chosen.reason : null) ?? reason };
  }

  get player() {
    return { ...this.#player.counts, lastError: this.#player.lastError };
  }

  feed(message, isPageBehind) {
    message.camera = this.id;
    this.#player.feed(message, isPageBehind);
  }

  stop() {
    this.#player.close();
    this.drawnAt = null;
  }

  #draw(image, message) {
    const { detections } = message;
    if (this.#earlier && this.#earlier.session !== message.session) this.#earlier = null;
    this.#trails.add(message);
    const age = this.#earlier ? message.ptsMicros - this.#earlier.ptsMicros : Infinity;
    const scene = {
      detections,
      earlier: age >= 0 && age <= EARLIER_MICROS ? this.#earlier.detections : null,
      trails: this.#trails,
    };
    for (const screen of this.screens) screen.draw(image, message, scene, this.counters.probe);
    if (detections) {
      this.#earlier = message;
      this.#note(message);
    }
    this.drawnAt = performance.now();
    this.counters.drawn(this.id, message);
  }

  #note({ detections, capturedMs }) {
    for (const [i, track] of (detections.track ?? []).entries()) {
      if (track === null) continue;
      const known = this.objects.get(track);
      this.objects.delete(track);
      const conf = detections.conf?.[i] ?? 0;
      this.objects.set(track, {
        track,
        label: detections.label?.[i] ?? "?",
        id: detections.class?.[i],
        conf: Math.max(conf, known?.conf ?? 0),
        attributes: detections.attributes?.[i]?.map(({ label }) => label) ?? known?.attributes ?? [],
        first: known?.first ?? capturedMs,
        last: capturedMs,
      });
    }
    while (this.objects.size > OBJECTS_LIMIT) this.objects.delete(this.objects.keys().next().value);
  }
}
