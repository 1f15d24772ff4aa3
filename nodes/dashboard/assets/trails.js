// Where each track has been: points of one camera's session, in presentation order.

const SECONDS = 4;
const POINTS_LIMIT = 128;
const TRACKS_LIMIT = 256;

export class Trails {
  #tracks = new Map();
  #session = null;

  add({ session, ptsMicros, detections }) {
    if (session !== this.#session) {
      this.#tracks.clear();
      this.#session = session;
    }
    for (const [i, track] of (detections?.track ?? []).entries()) {
      const box = detections.boxes[i];
      if (track === null || !box) continue;
      const points = this.#tracks.get(track)?.points ?? [];
      // Last, since a Map keeps the order of insertion: the first is the one seen longest ago.
      this.#tracks.delete(track);
      this.#tracks.set(track, { points, label: detections.label?.[i], id: detections.class?.[i], at: ptsMicros });
      const point = { x: (box[0] + box[2]) / 2 / detections.w, y: box[3] / detections.h, at: ptsMicros };
      if (points.length === 0 || point.at > points.at(-1).at) points.push(point);
      if (points.length > POINTS_LIMIT) points.shift();
    }
    for (const [track, { at, points }] of this.#tracks) {
      if (ptsMicros - at > SECONDS * 1e6 || this.#tracks.size > TRACKS_LIMIT) this.#tracks.delete(track);
      while (points.length > 0 && ptsMicros - points[0].at > SECONDS * 1e6) points.shift();
    }
  }

  /** Tracks with their points, as parts of the frame's width and height. */
  tracks() {
    return this.#tracks.values();
  }
}
