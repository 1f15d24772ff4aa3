// Clips on the page: a recorder writes them, the page plays them with boxes on exactly their frames. In headless Chromium.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { openPage, startBrowser, startCameras, startGraph, until } from "./harness.mjs";
import { compare, takeFrames, watchStamps } from "./step.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const RULES = `rules:
  - name: middle
    kind: crossing
    line: [[0.5, 0.2], [0.5, 1]]
  - name: street
    kind: presence
    zone: [[0, 0.4], [1, 0.4], [1, 1], [0, 1]]
`;
const FPS = 8;

let plain, bframes, graph, browser;

const visit = (hash, options) => openPage(browser, graph, { hash, init: watchStamps, ...options });
const api = async (page, path) => (await page.context().request.get(`${graph.url}api/${path}`)).json();
const shown = (page) => page.evaluate(() => camweave.clip());
const path = (name, extension) => {
  const [, camera, day] = name.match(/^(.*)-(\d{8})T/);
  return join(graph.dir, "recordings", camera, day.replace(/(....)(..)(..)/, "$1-$2-$3"), `${name}.${extension}`);
};
const sidecar = (name) => JSON.parse(readFileSync(path(name, "json"), "utf8"));
/** In the order in which they are presented. */
const framesOf = (name) => sidecar(name).frames.sort((a, b) => a.at - b.at);
/** Refusals of the server are written to the console too. */
const faults = (page) => page.errors.filter((line) => !/status of 404/.test(line));

/** A clip of a camera that is long enough, and in which something was detected. */
const clipOf = (page, camera) => until(`a clip of ${camera}`, async () => {
  const { clips } = await api(page, `clips?camera=${camera}`);
  return clips.find(({ name, seconds, events }) => seconds > 4 && events.length > 0 && framesOf(name).some(({ detections }) => detections?.boxes.length));
});

/** Clicks at a part of the slider, and waits for the frame that is there. */
async function seekBy(page, part) {
  const bar = await page.locator(".seek-bar").boundingBox();
  await page.mouse.click(bar.x + 8 + part * (bar.width - 16), bar.y + bar.height / 2);
  return settled(page);
}

/** Waits until the clip stands, and gives what is drawn. */
const settled = (page) => until("the frame", async () => {
  const found = await shown(page);
  return found.isSettled && found.drawn && found;
});

function check(frames, ids) {
  const of = (id) => (id === "cam2" ? bframes : plain);
  const result = compare(frames, [...plain.record(), ...bframes.record()], Object.fromEntries(ids.map((id) => [id, of(id).truth(id)])));
  assert.deepEqual([result.byPts, result.byCapture, result.unreadable], [0, 0, 0], JSON.stringify(result));
  return result;
}

before(async () => {
  const common = ["--fps", String(FPS), "--size", "640x360"];
  plain = await startCameras({ cam1: 1_000_511 }, common);
  bframes = await startCameras({ cam2: 1_000_512 }, [...common, "--bframes", "2"]);
  const settings = { PRE_ROLL_SECONDS: 1, POST_ROLL_SECONDS: 1, CLIP_SECONDS: 6 };
  graph = await startGraph({ ...plain.urls, ...bframes.urls }, settings, { name: "cpu-recording", files: { "rules.yml": RULES } });
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await graph?.stop();
  await plain?.stop();
  await bframes?.stop();
});

test("an event gets a play mark when its clip is finished, and opens it where the event begins", async () => {
  const page = await visit("#/events");
  const row = page.locator("#events-view .event-row").filter({ has: page.locator(".event-play:not([hidden])") }).first();
  await row.waitFor({ timeout: 120_000 });
  const id = await row.getAttribute("data-event");
  await row.locator(".event-link").click();
  const [, name, at] = page.url().match(/#\/clip\/([\w.-]+?)(?:\?at=([\d.]+))?$/);
  const event = sidecar(name).events.find(({ event }) => event === id);
  assert.ok(Math.abs(Number(at ?? 0) - Math.max(0, event.begin_at)) < 0.002, `${at}: ${event.begin_at}`);
  const first = await until("the first frame", async () => (await shown(page)).drawn);
  assert.ok(Math.abs(first.at - Number(at ?? 0)) < 2 / FPS, `${first.at}: ${at}`);
  await until("it to play", async () => (await shown(page)).seconds > Math.min(first.at + 0.5, sidecar(name).seconds - 0.2));
  assert.ok((await page.locator(".clip-event").count()) >= 1);
  await page.keyboard.press("Escape");
  assert.match(page.url(), /#\/events$/);
  assert.deepEqual(faults(page), []);
  await page.context().close();
});

for (const [camera, kind] of [["cam1", "no B frames"], ["cam2", "B frames"]]) {
  test(`boxes are drawn on exactly their frame while a clip plays, where it is sought to, and frame by frame: ${kind}`, async () => {
    const page = await visit("#/clips");
    const { name, seconds } = await clipOf(page, camera);
    const frames = framesOf(name);
    await page.goto(`${graph.url}#/clip/${name}`);
    await until("its end", async () => (await shown(page)).seconds > seconds - 0.5);
    const played = await takeFrames(page);
    const result = check(played, [camera]);
    assert.ok(played.length > 0.8 * frames.length, `${played.length} of ${frames.length} frames were drawn`);
    assert.equal(result.backward, 0);
    assert.ok(result.withBoxes > 0);
    const best = Object.entries(result.overlap).sort((a, b) => b[1] - a[1])[0][0];
    assert.equal(best, "0", `boxes fit other frames better: ${JSON.stringify(result.overlap)}`);
    await until("its very end", async () => (await shown(page)).isSettled);
    const { unmatched } = await shown(page);
    assert.equal(unmatched, 0, "the browser's times are those of the sidecar");
    for (const part of [0.5, 0.1, 0.93, 0.31, 0.72]) {
      const { drawn } = await seekBy(page, part);
      // As exactly as a pixel of the slider is.
      const expected = frames.find(({ sequence }) => sequence === drawn.sequence);
      const next = frames[frames.indexOf(expected) + 1]?.at ?? Infinity;
      assert.ok(expected.at <= part * seconds + 0.02 && next > part * seconds - 0.02, `${expected.at} to ${next} at ${part} of ${seconds}`);
      assert.deepEqual(drawn.detections?.boxes ?? null, expected.detections?.boxes ?? null);
    }
    // Frame by frame, each of them once, on and back; with B frames, over a keyframe too.
    const index = async () => frames.findIndex(({ sequence }) => sequence === lastDrawn.sequence);
    let lastDrawn = (await settled(page)).drawn;
    for (const [key, by] of [...Array(3).fill([".", 1]), ...Array(11).fill([",", -1])]) {
      const before = await index();
      await page.keyboard.press(key);
      lastDrawn = await until("the next frame", async () => {
        const { drawn } = await settled(page);
        return drawn.sequence !== lastDrawn.sequence && drawn;
      });
      assert.equal(await index(), before + by);
    }
    // What was drawn by all of it has the pixels of its message.
    check(await takeFrames(page), [camera]);
    const words = await page.locator(".clip-clock").innerText();
    const captured = new Date(lastDrawn.capturedMs);
    assert.ok(words.endsWith(`:${String(captured.getSeconds()).padStart(2, "0")}.${String(captured.getMilliseconds()).padStart(3, "0")}`), words);
    // The address is that of the frame that stands.
    const next = frames[(await index()) + 1];
    await until("the address", () => {
      const at = Number(page.url().split("at=")[1]);
      return at > lastDrawn.at && at < next.at;
    });
    await page.keyboard.press("ArrowLeft");
    await until("5 seconds back", async () => (await shown(page)).seconds < Math.max(0.1, lastDrawn.at - 4));
    await page.locator("#clip-speed").selectOption("4");
    assert.equal(await page.evaluate(() => document.querySelector("#clip-view video").playbackRate), 4);
    assert.deepEqual(faults(page), []);
    await page.context().close();
  });
}

test("clips are listed by camera and time, played one after the other, downloaded, and go", async () => {
  const page = await visit("#/clips?camera=cam1");
  await until("two clips", async () => (await page.locator(".clip-row").count()) >= 2);
  await page.locator("#clips-camera").selectOption("cam2");
  assert.match(page.url(), /#\/clips\?camera=cam2$/);
  await until("clips of cam2", async () => (await page.locator(".clip-row .event-link").allInnerTexts()).every((it) => it.startsWith("cam2, ")));
  await until("two clips", async () => (await page.locator(".clip-row").count()) >= 2);
  const [newer, older] = await page.locator(".clip-row").evaluateAll((rows) => rows.slice(-2).map(({ dataset }) => dataset.clip));
  await page.locator(`.clip-row[data-clip="${older}"] .event-link`).click();
  await until("a frame", async () => (await shown(page)).drawn);
  const turn = (name) => page.getByRole("link", { name }).and(page.locator("[href]")).waitFor();
  await turn("Next clip");
  await page.keyboard.press("n");
  await until("the next clip", () => page.url().includes(newer));
  await turn("Previous clip");
  await page.keyboard.press("p");
  await until("the one before", () => page.url().includes(older));
  const answer = await page.context().request.get(new URL(await page.getByRole("link", { name: "Download" }).getAttribute("href"), graph.url).href);
  assert.equal(answer.headers()["content-disposition"], `attachment; filename="${older}.mp4"`);
  assert.equal((await answer.body()).length, statSync(path(older, "mp4")).size);
  // What this browser cannot play is said, and can be had all the same.
  await page.route(`**/api/clips/${newer}`, async (route) => {
    const found = await (await route.fetch()).json();
    found.clip.codec = "hvc1.1.6.L93.B0";
    await route.fulfill({ json: found });
  });
  await turn("Next clip");
  await page.keyboard.press("n");
  await page.getByText("This browser does not play H.265").waitFor();
  assert.equal(await page.getByRole("link", { name: "Download it instead" }).getAttribute("href"), `/api/clips/${newer}/video?download`);
  // One that is removed goes from the list, and says so where it is open.
  await page.goto(`${graph.url}#/clips?camera=cam2`);
  const row = page.locator(`.clip-row[data-clip="${older}"]`);
  await row.waitFor();
  for (const extension of ["mp4", "json"]) rmSync(path(older, extension));
  await row.waitFor({ state: "detached" });
  await page.goto(`${graph.url}#/clip/${older}`);
  await page.getByText("This clip is not there any more").waitFor();
  assert.deepEqual(readdirSync(join(graph.dir, "recordings")).filter((it) => !it.startsWith(".")).sort(), ["cam1", "cam2"]);
  assert.deepEqual(faults(page), []);
  await page.context().close();
});

test("on a phone all of it fits", async () => {
  const page = await visit("#/clips", PHONE);
  const { name } = await clipOf(page, "cam1");
  for (const hash of ["#/clips", "#/events", `#/clip/${name}`]) {
    await page.goto(`${graph.url}${hash}`);
    await page.locator(hash.startsWith("#/clip/") ? ".clip-event" : ".event-row:visible").first().waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, hash);
    const small = await page.locator("main button:visible, main select:visible, main input:visible, main a.button:visible").evaluateAll((all) =>
      all.filter((it) => it.getBoundingClientRect().height < 43.5).map((it) => it.outerHTML.slice(0, 80)));
    assert.deepEqual(small, [], hash);
  }
  assert.deepEqual(faults(page), []);
  await page.context().close();
});
