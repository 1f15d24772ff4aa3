// The frames of a clip, as its sidecar has them: which one is shown at a time, and what was detected in it.

/** Boxes of an earlier frame are shown for so long, and tracks have trails of so much. */
const EARLIER_S = 1;
const TRAIL_S = 4;
/** A step between frames where there is one frame alone. */
const USUAL_STEP_S = 0.04;
/** Browsers round times to microseconds. */
const ROUNDING_S = 2e-6;

/** Track ids have more digits than numbers of JavaScript. */
export function parseSidecar(text) {
  return JSON.parse(text.replace(/"track_ids":\[[^\]]*\]/g, (list) => list.replace(/\d+/g, '"$&"')));
}

export class ClipFrames {
  /** In the order in which they are presented. */
  #frames;
  /** The usual time from one to the next. */
  #step;

  constructor({ camera, session_unix_nanos: session, frames }) {
    this.camera = camera;
    this.session = session;
    this.#frames = frames.toSorted((a, b) => a.at - b.at);
    const steps = this.#frames.slice(1).map(({ at }, i) => at - this.#frames[i].at);
    this.#step = steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)] || USUAL_STEP_S;
  }

  get count() {
    return this.#frames.length;
  }

  /** When a frame is presented; Infinity after the last one. */
  at(index) {
    return this.#frames[index]?.at ?? Infinity;
  }

  capturedMs(index) {
    return this.#frames[index].captured_unix_nanos / 1e6;
  }

  /** The frame that a browser calls by this time: the nearest within half a frame; -1 where there is none. */
  find(seconds) {
    const after = this.#after(seconds);
    const index = after > 0 && seconds - this.at(after - 1) <= this.at(after) - seconds ? after - 1 : after;
    return Math.abs(this.at(index) - seconds) <= this.#step / 2 ? index : -1;
  }

  /** The frame that is to be seen at this time: the last one that has begun. */
  shownAt(seconds) {
    return Math.max(0, this.#after(seconds + ROUNDING_S) - 1);
  }

  /** A time at which this frame is to be seen, clear of its neighbours. */
  middle(index) {
    return this.at(index) + Math.min(this.#step, this.at(index + 1) - this.at(index)) / 2;
  }

  /** As the messages of live frames are, upright: the file itself says how it is turned. */
  message(index) {
    const frame = this.#frames[index];
    return {
      at: frame.at,
      camera: this.camera,
      session: this.session,
      sequence: frame.sequence,
      ptsNanos: frame.pts_nanos,
      ptsMicros: frame.pts_nanos / 1000,
      capturedMs: this.capturedMs(index),
      rotation: 0,
      mirrored: false,
      detections: detectionsOf(frame),
    };
  }

  /** Those of the last frame before this one that has any, if that is not long ago. */
  earlier(index) {
    const from = this.at(index) - EARLIER_S;
    for (let i = index - 1; i >= 0 && this.at(i) >= from; i--) {
      if (this.#frames[i].detections) return detectionsOf(this.#frames[i]);
    }
    return null;
  }

  /** Messages of the frames up to this one whose objects have trails. */
  trail(index) {
    const first = this.#after(this.at(index) - TRAIL_S);
    return Array.from({ length: index + 1 - first }, (_, i) => this.message(first + i));
  }

  /** The first frame that is presented after this time. */
  #after(seconds) {
    let [low, high] = [0, this.#frames.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#frames[middle].at > seconds) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function detectionsOf({ detections }) {
  if (!detections) return null;
  const { width, height, boxes, scores, labels, class_ids: classes, track_ids: tracks } = detections;
  return { w: width, h: height, boxes, conf: scores, label: labels, class: classes, track: tracks };
}
