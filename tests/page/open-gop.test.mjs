// A camera with open groups of pictures: frames that are shown before a keyframe, and refer across it. Whoever joins
// at that keyframe cannot decode them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { drawn, openPage, startBrowser, startCameras, startGraph, until } from "./harness.mjs";
import { compare, takeFrames, watchStamps } from "./step.mjs";

const ID = "cam30";

let camera, graph, browser;

before(async () => {
  camera = await startCameras({ [ID]: 1_000_505 }, ["--fps", "8", "--size", "640x360", "--bframes", "2", "--open-gop"]);
  graph = await startGraph(camera.urls);
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await graph?.stop();
  await camera?.stop();
});

test("whoever joins a camera with open groups of pictures sees whole frames alone, in order and in step", async () => {
  const page = await openPage(browser, graph, { init: watchStamps, hash: `#/camera/${ID}` });
  await drawn(page, [ID], 60);
  const frames = await takeFrames(page);
  // It is joined again, by another page, somewhere in a group.
  const other = await openPage(browser, graph, { init: watchStamps, hash: `#/camera/${ID}` });
  await drawn(other, [ID], 40);
  const rest = await takeFrames(other);
  for (const all of [frames, rest]) {
    const sequences = all.map(({ sequence }) => sequence);
    assert.ok(sequences.some((it, i) => i > 0 && it < sequences[i - 1]), "sequences are those of decoding");
    const result = compare(all, camera.record(), { [ID]: camera.truth(ID) });
    assert.deepEqual([result.byPts, result.byCapture, result.unreadable, result.backward], [0, 0, 0, 0], JSON.stringify(result));
    assert.ok(result.withBoxes > 0);
    for (const shift of [-2, -1, 1, 2]) assert.ok(result.overlap[0] > result.overlap[shift], JSON.stringify(result.overlap));
  }
  const { errors, unmatched } = await page.evaluate((id) => camweave.player(id), ID);
  assert.deepEqual([errors, unmatched], [0, 0]);
  await page.context().close();
  await other.context().close();
});

test("by MSE, it is shown as JPEG, with the reason, once no IDR frame has come for some time", async () => {
  const page = await openPage(browser, graph, { init: [() => delete window.VideoDecoder, watchStamps], hash: `#/camera/${ID}` });
  await page.getByText(/^JPEG, at most 2 a second/).waitFor({ timeout: 60_000 });
  await drawn(page, [ID], 4);
  const frames = await until("frames", async () => {
    const all = await takeFrames(page);
    return all.length > 0 && all;
  });
  assert.ok(frames.every(({ stamp }) => stamp !== null));
  await page.context().close();
});
