// Which frame of a clip is shown when, without a browser.

import assert from "node:assert/strict";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

// Only in a folder that says so, Node takes them for modules.
const folder = await mkdtemp(join(tmpdir(), "camweave-page-"));
after(() => rm(folder, { recursive: true }));
await cp(new URL("../../nodes/dashboard/assets", import.meta.url), folder, { recursive: true });
await writeFile(join(folder, "package.json"), '{"type":"module"}');
const { ClipFrames, parseSidecar } = await import(join(folder, "clip-frames.js"));

const seen = (sequence) => ({ sequence, width: 640, height: 360, model: "m", boxes: [[1, 2, 3, 4]], scores: [0.5], labels: ["car"], class_ids: [2], track_ids: [null] });
/** In decoding order, as sidecars have them: with a B frame, a gap of two seconds, and detections in some. */
const ATS = [[0.1, seen(0)], [0.3], [0.2], [0.4, seen(3)], [0.5], [2.5], [2.6]];
const frames = ATS.map(([at, detections], sequence) => ({ at, sequence, pts_nanos: at * 1e9, captured_unix_nanos: 1e18 + at * 1e9, detections }));
const clip = new ClipFrames({ camera: "gate", session_unix_nanos: 7, frames });

test("a frame is the nearest within half a frame", () => {
  for (const [seconds, at] of [[0.1, 0.1], [0.149, 0.1], [0.151, 0.2], [0.300001, 0.3], [0.06, 0.1], [2.46, 2.5], [2.64, 2.6]]) {
    assert.equal(clip.at(clip.find(seconds)), at, `${seconds}`);
  }
  for (const seconds of [0, 0.04, 0.56, 1.5, 2.44, 2.7, NaN]) assert.equal(clip.find(seconds), -1, `${seconds}`);
});

test("what is to be seen is the last frame that has begun, and a time leads to each", () => {
  for (const [seconds, at] of [[0, 0.1], [0.1, 0.1], [0.1999, 0.1], [0.2, 0.2], [0.1999995, 0.2], [2, 0.5], [2.5, 2.5], [9, 2.6]]) {
    assert.equal(clip.at(clip.shownAt(seconds)), at, `${seconds}`);
  }
  for (let i = 0; i < clip.count; i++) {
    assert.equal(clip.shownAt(clip.middle(i)), i);
    assert.ok(clip.middle(i) < clip.at(i) + 0.06, "also before a gap");
    // As the address has it.
    assert.equal(clip.shownAt(Number(clip.middle(i).toFixed(3))), i);
  }
  assert.equal(clip.at(clip.count), Infinity);
});

test("boxes of an earlier frame are shown for a second", () => {
  const index = (at) => clip.find(at);
  assert.equal(clip.message(index(0.2)).detections, null);
  assert.deepEqual(clip.earlier(index(0.2)).boxes, [[1, 2, 3, 4]]);
  assert.equal(clip.message(index(0.4)).sequence, 3);
  assert.equal(clip.earlier(index(0.1)), null);
  assert.equal(clip.earlier(index(2.5)), null, "two seconds are too long");
  assert.deepEqual(clip.trail(index(0.3)).map(({ sequence }) => sequence), [0, 2, 1]);
});

test("track ids are whole, and nothing else is changed", () => {
  const text = '{"a":12,"label":"\\"track_ids\\":[1]","events":[{"track_ids":[18446744073709551615,3]}],"frames":[{"detections":{"track_ids":[null,9007199254740993]}}],"x":[5]}';
  assert.deepEqual(parseSidecar(text), {
    a: 12, label: '"track_ids":[1]', x: [5],
    events: [{ track_ids: ["18446744073709551615", "3"] }],
    frames: [{ detections: { track_ids: [null, "9007199254740993"] } }],
  });
});

test("a clip of one frame, or of none, breaks nothing", () => {
  const one = new ClipFrames({ camera: "a", session_unix_nanos: 1, frames: [frames[0]] });
  assert.deepEqual([one.find(0.1), one.shownAt(5), one.find(3)], [0, 0, -1]);
  assert.ok(Number.isFinite(one.middle(0)));
  const none = new ClipFrames({ camera: "a", session_unix_nanos: 1, frames: [] });
  assert.deepEqual([none.find(0), none.shownAt(0), none.count], [-1, 0, 0]);
});
