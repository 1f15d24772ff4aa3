// The page's modules without a browser, for what cameras, servers and browsers do too rarely to be waited for.

import assert from "node:assert/strict";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";

/** What the browser was given, and has. */
let given, buffered, isFull, urls;

class FakeBuffer extends EventTarget {
  updating = false;
  timestampOffset = 0;
  appendBuffer(bytes) {
    if (isFull) throw new DOMException("full", "QuotaExceededError");
    given.push({ bytes: [...bytes], offset: this.timestampOffset });
    buffered ??= [0, 0];
    buffered[1] += 1;
    queueMicrotask(() => this.dispatchEvent(new Event("updateend")));
  }
}

class Source extends EventTarget {
  static isTypeSupported = () => true;
  readyState = "open";
  addSourceBuffer = () => new FakeBuffer();
}

class Video extends EventTarget {
  currentTime = 0;
  get buffered() {
    return { length: buffered ? 1 : 0, start: () => buffered[0] };
  }
  requestVideoFrameCallback() {}
  async play() {}
  pause() {}
  load() {}
  removeAttribute() {}
}

globalThis.window = { MediaSource: Source };
globalThis.HTMLVideoElement = Video;
globalThis.document = {
  createElement: (name) => (name === "video" ? new Video() : { getContext: () => ({ drawImage() {} }) }),
};
URL.createObjectURL = (media) => {
  urls.push(media);
  return `blob:${urls.length}`;
};
URL.revokeObjectURL = (url) => {
  if (url) urls[Number(url.slice(5)) - 1] = null;
};
const open = () => urls.at(-1).dispatchEvent(new Event("sourceopen"));

// Only in a folder that says so, Node takes them for modules.
const folder = await mkdtemp(join(tmpdir(), "camweave-page-"));
after(() => rm(folder, { recursive: true }));
await cp(new URL("../../nodes/dashboard/assets", import.meta.url), folder, { recursive: true });
await writeFile(join(folder, "package.json"), '{"type":"module"}');
const load = (name) => import(join(folder, name));
const { Feeds } = await load("feeds.js");
const { FragmentPlayer } = await load("mse.js");

beforeEach(() => {
  given = [];
  buffered = null;
  isFull = false;
  urls = [];
});

/** A fragment that is presented at so many microseconds, and has its sequence as its only byte. */
function message(sequence, micros, keyframe = false, session = 1n) {
  const codec = keyframe ? "avc1.42C00D" : "";
  const data = new Uint8Array(20 + codec.length + 1);
  const view = new DataView(data.buffer);
  view.setBigUint64(0, BigInt(micros), true);
  view.setUint32(8, 40_000, true);
  view.setUint32(12, codec.length, true);
  data.set(new TextEncoder().encode(codec), 20);
  data[data.length - 1] = sequence;
  return { session, sequence: BigInt(sequence), keyframe, catchUp: false, lost: false, ptsMicros: micros, data };
}

/** A player that was fed these, and why it was given up. */
async function played(messages) {
  const unusable = [];
  const player = new FragmentPlayer(() => {}, (why) => unusable.push(why));
  for (const [i, it] of messages.entries()) {
    player.feed(it, false);
    if (i === 0) open();
    await new Promise(setImmediate);
  }
  return { player, unusable };
}

test("a camera that the server does not send as MP4 is asked for as JPEG", async () => {
  const said = [];
  const feeds = new Feeds((it) => said.push(it), () => "h264", {});
  feeds.want(["cam1"]);
  feeds.start();
  assert.deepEqual(said.pop().cameras, [{ id: "cam1", way: "mse" }]);
  feeds.camera({ index: 0, id: "cam1", way: "none", reason: "no parameter sets" });
  await new Promise((done) => setTimeout(done, 400));
  assert.deepEqual(said.pop()?.cameras, [{ id: "cam1", way: "jpeg" }]);
  feeds.camera({ index: 0, id: "cam1", way: "jpeg" });
  assert.deepEqual(feeds.of("cam1").way, { way: "jpeg", reason: "no parameter sets" });
  // That there are no images either is no reason to ask for anything else.
  feeds.camera({ index: 0, id: "cam1", way: "none", reason: "no images" });
  await new Promise((done) => setTimeout(done, 400));
  assert.deepEqual(said, []);
  assert.deepEqual(feeds.of("cam1").way, { way: "none", reason: "no images" });
});

test("what the server left out is no gap", async () => {
  await played([message(0, 2_000_000, true), message(1, 2_040_000), message(5, 2_500_000, true)]);
  // The keyframe is where the frame before it ended, at 2.08 s.
  assert.deepEqual(given.map(({ offset }) => offset), [0, 0, -0.42]);
});

test("frames that refer to what was left out, or to an earlier session, are skipped", async () => {
  for (const [sequence, session] of [[5, 1n], [0, 2n]]) {
    given = [];
    buffered = null;
    const rest = [[2_500_000, true], [2_420_000], [2_460_000], [2_540_000], [2_520_000]];
    const messages = rest.map(([micros, keyframe], i) => message(sequence + i, micros, keyframe, session));
    const { player } = await played([message(0, 2_000_000, true), message(1, 2_040_000), ...messages]);
    const sequences = given.slice(2).map(({ bytes }) => bytes.at(-1) - sequence);
    assert.deepEqual(sequences, [0, 3, 4], `session ${session}`);
    assert.equal(player.counts.skipped, 2);
  }
  // Where nothing is missing, they can be decoded.
  given = [];
  await played([message(0, 2_000_000, true), message(1, 2_120_000, true), message(2, 2_040_000), message(3, 2_080_000)]);
  assert.equal(given.length, 4);
});

test("a group of pictures that fills the buffer is shown as JPEG", async () => {
  const { player, unusable } = await played([message(0, 2_000_000, true), message(1, 2_040_000)]);
  buffered = [2, 602];
  isFull = true;
  player.feed(message(2, 2_080_000), false);
  assert.deepEqual(unusable, ["keyframes are too far apart for this browser's buffer"]);
});

test("a full buffer with a later keyframe is no reason for JPEG", async () => {
  const { player, unusable } = await played([message(0, 2_000_000, true), message(1, 2_040_000, true)]);
  buffered = [2, 602];
  isFull = true;
  player.feed(message(2, 2_080_000), false);
  assert.deepEqual([unusable, player.counts.errors], [[], 1]);
});

test("a source that is closed before it has opened is not kept", () => {
  const player = new FragmentPlayer(() => {}, () => {});
  player.feed(message(0, 2_000_000, true), false);
  assert.equal(urls.length, 1);
  player.close();
  assert.deepEqual(urls, [null]);
});
