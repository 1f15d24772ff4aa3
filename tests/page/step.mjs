// Whether boxes are in step: the number in each drawn frame's pixels against the message whose boxes were drawn.

/** Runs in the page: keeps what was drawn, until the test takes it. */
export function watchStamps() {
  const BLOCKS = 24;
  window.drawnFrames = [];
  const read = (canvas, area) => {
    const y = Math.floor(area.y + area.height / 40);
    const { data } = canvas.getContext("2d").getImageData(0, y, canvas.width, 1);
    let bits = 0;
    for (let block = 0; block < BLOCKS; block++) {
      const x = Math.floor(area.x + ((block + 0.5) * area.width) / BLOCKS);
      if (data[4 * x] > 127) bits += 2 ** block;
    }
    const number = bits & 0xffff;
    return bits >> 16 === ((number & 0xff) ^ (number >> 8) ^ 0xa5) ? number : null;
  };
  const install = () => {
    if (!window.camweave) return setTimeout(install, 1);
    window.camweave.probe = (canvas, area, message) => {
      // A canvas that has no size yet shows nothing.
      if (canvas.width < 64) return;
      window.drawnFrames.push({
        camera: message.camera,
        session: String(message.session),
        sequence: Number(message.sequence),
        ptsNanos: Number(message.ptsNanos),
        capturedMs: message.capturedMs,
        damaged: message.damaged === true,
        stamp: read(canvas, area),
        boxes: message.detections?.boxes ?? null,
      });
    };
  };
  install();
}

/** Takes what was drawn since the last call. */
export function takeFrames(page) {
  return page.evaluate(() => window.drawnFrames.splice(0));
}

/**
 * Compares. `record` is the simulator's, `truth` its frames' objects by camera.
 *
 * A frame's number follows from its message twice: by presentation time, which counts from the session's first frame, so
 * that the difference to the stamp is the same in a whole session; and by time of capture, where the camera's clock is
 * known. After a loss a decoder may show what was there before, up to the next keyframe: `damaged` frames, of which
 * `damagedPixels` show another stamp or none, prove nothing. A frame's boxes are compared with what really is in that frame and in those around it.
 */
export function compare(frames, record, truth) {
  const result = { frames: frames.length, damaged: 0, damagedPixels: 0, unreadable: 0, byPts: 0, byCapture: 0, exactCaptures: 0, sessions: 0, backward: 0, withBoxes: 0, overlap: {} };
  const cameras = new Map(record.map((camera) => [camera.id, camera]));
  const sessions = new Map();
  for (const frame of frames) {
    if (frame.damaged) result.damaged++;
    if (frame.stamp === null) {
      if (frame.damaged) result.damagedPixels++;
      else result.unreadable++;
      continue;
    }
    const { fps, t0_unix_nanos: t0, frames_in_clip: clip } = cameras.get(frame.camera);
    const offset = modulo(frame.stamp - Math.round((frame.ptsNanos * fps) / 1e9), clip);
    const key = `${frame.camera} ${frame.session}`;
    const session = sessions.get(key);
    if (frame.damaged && session && session.offset !== offset) {
      result.damagedPixels++;
      continue;
    }
    if (!session) sessions.set(key, { offset, pts: frame.ptsNanos });
    else {
      if (session.offset !== offset) result.byPts++;
      if (frame.ptsNanos <= session.pts) result.backward++;
      session.pts = frame.ptsNanos;
    }
    const place = ((frame.capturedMs - t0 / 1e6) * fps) / 1000;
    if (Math.abs(place - Math.round(place)) < 0.005) {
      result.exactCaptures++;
      if (modulo(Math.round(place), clip) !== frame.stamp) result.byCapture++;
    }
    if (frame.boxes?.length) {
      result.withBoxes++;
      for (let shift = -2; shift <= 2; shift++) {
        const { objects } = truth[frame.camera][modulo(frame.stamp + shift, clip)];
        const sum = frame.boxes.reduce((total, box) => total + Math.max(0, ...objects.map(({ bbox }) => iou(box, bbox))), 0);
        result.overlap[shift] = (result.overlap[shift] ?? 0) + sum;
      }
    }
  }
  result.sessions = sessions.size;
  return result;
}

function modulo(n, by) {
  return ((n % by) + by) % by;
}

function iou(a, b) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const area = ([x1, y1, x2, y2]) => (x2 - x1) * (y2 - y1);
  return (width * height) / (area(a) + area(b) - width * height);
}
