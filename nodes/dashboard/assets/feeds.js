// The cameras that are watched: which, how, and where their frames go.

import { BEHIND_MS } from "./model.js";
import { FragmentPlayer } from "./mse.js";
import { Player } from "./player.js";
import { KIND } from "./protocol.js";
import { bestWay } from "./support.js";
import { Trails } from "./trails.js";

/** Boxes of an earlier frame are shown, dashed, for so long. */
const EARLIER_MICROS = 1_000_000;
/** A stream that could not be decoded is tried again after so long. */
const RETRY_MS = 5 * 60_000;
/** The server closes connections that change their list more often than 5 times a second. */
const WATCH_DELAY_MS = 250;
/** The server closes connections that send longer messages than this. */
const MESSAGE_BYTES = 16 << 10;
/** A camera that the server calls live, but of which this page has drawn nothing for so long. */
const NO_FRAMES_MS = 4000;
/** Objects remembered for the single view. */
const OBJECTS_LIMIT = 40;

const utf8 = new TextEncoder();

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

  /** The camera was removed, and its tile. */
  forget(id) {
    this.#wanted.delete(id);
    this.counters.forget(id);
    const feed = this.#feeds.get(id);
    if (!feed) return;
    feed.unwatch();
    feed.objects.clear();
    // The camera may be added again while the single view shows it, and under the number that the server has told.
    const isInUse = feed.screens.size > 0 || [...this.#byIndex.values()].includes(feed);
    if (!isInUse) this.#feeds.delete(id);
  }

  /** A new connection knows nothing of this page. */
  start() {
    this.#told = "";
    this.#byIndex.clear();
    for (const [id, feed] of this.#feeds) {
      feed.unwatch();
      if (feed.screens.size === 0) this.#feeds.delete(id);
    }
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
    if (way === "none") feed.refused(reason);
    // Where it was not shown before, its first frame is still to come.
    if (this.#wanted.has(id)) feed.watch();
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
    const cameras = this.#fitting([...this.#wanted].map((id) => ({ id, way: this.of(id).choose(this.codecOf(id)).way })));
    const asked = new Set(cameras.map(({ id }) => id));
    for (const [id, feed] of this.#feeds) {
      if (!asked.has(id)) feed.unwatch();
      else if (feed.since === null) feed.watch();
      if (this.#wanted.has(id) && !asked.has(id)) feed.granted = { way: "none", reason: "more cameras are seen at once than a page may watch" };
    }
    const told = JSON.stringify(cameras);
    if (told === this.#told) return;
    this.#told = told;
    this.send({ type: "watch", cameras });
  }

  /** As many of the first of these as a message may name. */
  #fitting(cameras) {
    let bytes = JSON.stringify({ type: "watch", cameras: [] }).length;
    const end = cameras.findIndex((camera) => {
      bytes += utf8.encode(JSON.stringify(camera)).length + 1;
      return bytes > MESSAGE_BYTES;
    });
    return end < 0 ? cameras : cameras.slice(0, end);
  }
}

/** One camera as this page receives it. */
export class Feed {
  screens = new Set();
  /** What the server says it sends: `{ way, reason }`. */
  granted = null;
  /** Frames that the server left out because this page was too slow. */
  viewerDropped = 0;
  /** Since when it is watched, by `performance.now()`; null where it is not. */
  since = null;
  /** When a frame was drawn last. */
  drawnAt = null;
  objects = new Map();
  /** Zones and lines that are drawn over its frames. */
  rules = [];
  #players;
  /** The one that was fed last. */
  #player;
  #trails = new Trails();
  #earlier = null;
  #chosen = { way: "video", reason: null };
  #unusable = null;

  constructor(id, counters, onChange) {
    this.id = id;
    this.counters = counters;
    const onFrame = (image, message) => this.#draw(image, message);
    this.onChange = onChange;
    const onUnusable = (why) => this.#giveUp(`the browser's decoder failed: ${why}`);
    this.#players = { frames: new Player(onFrame, onUnusable), fragments: new FragmentPlayer(onFrame, onUnusable) };
    this.#player = this.#players.frames;
  }

  /** How this camera is asked for. */
  choose(codec) {
    this.codec = codec;
    const unusable = this.#unusable;
    if (unusable && (unusable.codec !== codec || performance.now() > unusable.until)) this.#unusable = null;
    this.#chosen = this.#unusable
      ? { way: "jpeg", reason: this.#unusable.reason }
      : bestWay(codec);
    return this.#chosen;
  }

  /** The server does not send what was asked for. */
  refused(reason) {
    if (this.#chosen.way === "mse") this.#giveUp(reason ?? "the server does not send it as MP4");
  }

  /** Its own video is not asked for, for some time. */
  #giveUp(reason) {
    this.#unusable = { reason, codec: this.codec, until: performance.now() + RETRY_MS };
    this.onChange();
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
    const player = message.kind === KIND.fragment ? this.#players.fragments : this.#players.frames;
    if (player !== this.#player) this.#player.close();
    this.#player = player;
    player.feed(message, isPageBehind);
  }

  watch() {
    this.since = performance.now();
  }

  unwatch() {
    this.#player.close();
    this.since = null;
    this.drawnAt = null;
  }

  /** Whether frames of this camera, which is live, do not reach this page; not before they had time to. */
  isWithoutFrames({ fps, since_unix_ms: liveSince }, nowMs) {
    if (this.since === null || this.way.way === "none") return false;
    const without = Math.min(performance.now() - Math.max(this.drawnAt ?? 0, this.since), nowMs - (liveSince ?? 0));
    return without > NO_FRAMES_MS + (fps ? 3000 / fps : 0);
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
      rules: this.rules,
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
