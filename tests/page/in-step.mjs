// The long run of "boxes are in step": many cameras, B frames, loss, reconnects, and a second viewer whose network has a
// tenth of what the cameras send.
//
// Usage: node tests/page/in-step.mjs [FRAMES] [CAMERAS] [FPS] [video|mse]     default: 10000 16 5 video

import assert from "node:assert/strict";
import { createServer, connect } from "node:net";
import { Transform } from "node:stream";

import { openPage, startBrowser, startCameras, startGraph, until } from "./harness.mjs";
import { compare, takeFrames, watchStamps } from "./step.mjs";

const [wanted, cameras, fps] = [10_000, 16, 5].map((standard, i) => Number(process.argv[2 + i] ?? standard));
const init = [watchStamps, ...(process.argv[5] === "mse" ? [() => delete window.VideoDecoder] : [])];
const LIMIT_MS = 30 * 60_000;

/** A network of so many bytes per second to the client. */
function throttle(port, bytesPerSecond) {
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    const slow = new Transform({
      highWaterMark: 16_384,
      transform(chunk, _encoding, done) {
        setTimeout(done, (chunk.length / bytesPerSecond) * 1000, null, chunk);
      },
    });
    client.pipe(upstream);
    upstream.pipe(slow).pipe(client);
    for (const socket of [client, upstream]) socket.on("error", () => [client, upstream].forEach((it) => it.destroy()));
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

const ids = Array.from({ length: cameras }, (_, i) => `cam${i + 1}`);
const scenes = (of) => Object.fromEntries(of.map((id) => [id, 1_000_600 + Number(id.slice(3))]));
const isEven = (id) => Number(id.slice(3)) % 2 === 0;
const common = ["--fps", String(fps), "--size", "640x360"];
// Of four cameras one loses packets, one is cut off three times.
const faults = (of) => of.flatMap((id) => {
  const kind = Number(id.slice(3)) % 4;
  if (kind < 2) return ["--fault", `${id}:loss=0.003`];
  return kind === 2 ? [40, 80, 120].flatMap((at) => ["--fault", `${id}:disconnect@${at}s+3s`]) : [];
});
const [plainIds, bIds] = [ids.filter((id) => !isEven(id)), ids.filter(isEven)];
const plain = await startCameras(scenes(plainIds), [...common, ...faults(plainIds)]);
const bframes = await startCameras(scenes(bIds), [...common, "--bframes", "2", ...faults(bIds)]);
const graph = await startGraph({ ...plain.urls, ...bframes.urls });
const browser = await startBrowser();

const pages = { direct: await openPage(browser, graph, { init }) };
const frames = { direct: [], slow: [] };
const started = Date.now();
await until("the first frames", async () => frames.direct.push(...(await takeFrames(pages.direct))) > 20);
const state = await (await pages.direct.context().request.get(`${graph.url}api/state`)).json();
// H.264 of these scenes needs some 25 kB a second and camera at 5 frames/s.
const proxy = await throttle(new URL(graph.url).port, (25_000 * cameras * fps) / 5 / 10);
pages.slow = await openPage(browser, { ...graph, url: `http://127.0.0.1:${proxy.address().port}/` }, { init });

/** How many frames the slow viewer has drawn by when. */
const slowly = [{ at: Date.now(), frames: 0 }];
while (frames.direct.length < wanted && Date.now() - started < LIMIT_MS) {
  await new Promise((resolve) => setTimeout(resolve, 2000));
  for (const [name, page] of Object.entries(pages)) frames[name].push(...(await takeFrames(page)));
  slowly.push({ at: Date.now(), frames: frames.slow.length });
  if (process.stderr.isTTY) process.stderr.write(`\r${frames.direct.length} of ${wanted} frames `);
}
const seconds = (Date.now() - started) / 1000;
const shown = await pages.direct.evaluate((ids) => ids.map((id) => camweave.shownMs(id)).filter((ms) => ms !== null), ids);
const players = await pages.direct.evaluate((ids) => ids.map((id) => camweave.player(id)), ids);
await pages.direct.screenshot({ path: process.env.SCREENSHOT ?? "/dev/null", type: "png" });
const record = [...plain.record(), ...bframes.record()];
const truth = Object.fromEntries(ids.map((id) => [id, (isEven(id) ? bframes : plain).truth(id)]));
const results = Object.fromEntries(Object.entries(frames).map(([name, drawn]) => [name, compare(drawn, record, truth)]));
const total = (key) => players.reduce((sum, player) => sum + player[key], 0);
console.log(JSON.stringify({
  seconds, cameras, fps, viewers: state.viewers, results,
  disconnects: record.reduce((sum, { disconnects }) => sum + disconnects, 0),
  packetsLost: record.reduce((sum, { packets_lost: lost }) => sum + lost, 0),
  errors: total("errors"), skipped: total("skipped"), unmatched: total("unmatched"),
  lastShownMs: shown.map(Math.round).sort((a, b) => a - b),
}, null, 1));
await browser.close();
await graph.stop();
await Promise.all([plain.stop(), bframes.stop()]);
for (const [name, result] of Object.entries(results)) {
  assert.deepEqual([result.byPts, result.byCapture], [0, 0], `${name}: frames out of step`);
  assert.ok(result.frames > 0, name);
}
const early = slowly.findLast(({ at }) => at < slowly.at(-1).at - 30_000) ?? slowly[0];
assert.ok(slowly.at(-1).frames > early.frames, "the slow viewer is shown frames to the end");
assert.ok(results.direct.frames >= wanted, `${results.direct.frames} frames in ${seconds} s`);
process.exit(0);
