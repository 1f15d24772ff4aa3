// Region and ignored areas of a camera, drawn on its frames: by mouse, keyboard and touch, with the real server and file.

import assert from "node:assert/strict";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { after, before, beforeEach, test } from "node:test";

import { openPage, startBrowser, startCameras, startGraph, until } from "./harness.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

let cameras, graph, browser;

const text = () => readFileSync(graph.file, "utf8");
const original = () => `# Our cameras.
cameras:
  - id: cam1 # the street
    url: ${cameras.urls.cam1}
    detect_fps: 4
`;
function write(content) {
  writeFileSync(`${graph.file}.new`, content);
  renameSync(`${graph.file}.new`, graph.file);
}
const visit = async (options = {}) => {
  const page = await openPage(browser, graph, { hash: "#/edit/camera/cam1", ...options });
  await page.locator("#edit-view .drawing-stage.has-live").waitFor({ timeout: 120_000 });
  return page;
};
const press = (page, name) => page.locator("#edit-view").getByRole("button", { name, exact: true }).click();
const saved = (page) => page.locator(".form-status", { hasText: /^Saved/ }).waitFor();
const numbers = (page, name) => page.locator(`fieldset[name="${name}"] .numbers`).evaluateAll((all) => all.map(({ value }) => value));
const part = (page, layer, kind, { shape = 0, point } = {}) =>
  page.locator(`[data-layer="${layer}"][data-shape="${shape}"][data-part="${kind}"]${point === undefined ? "" : `[data-point="${point}"]`}`);

/** Where a point of the frame is on the screen. */
async function place(page) {
  const stage = page.locator("#edit-view .drawing-shapes");
  await stage.scrollIntoViewIfNeeded();
  const { x, y, width, height } = await stage.boundingBox();
  return (u, v) => [x + u * width, y + v * height];
}

/** Near, by half a percent of the frame. */
function assertNear(text, expected) {
  const found = text.match(/[\d.]+/g).map(Number);
  assert.equal(found.length, expected.length, text);
  found.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 0.005, `${text}, expected ${expected}`));
}

before(async () => {
  cameras = await startCameras({ cam1: 1_000_511 }, ["--fps", "8", "--size", "640x360"], { stamped: false });
  graph = await startGraph(cameras.urls);
  browser = await startBrowser();
});

beforeEach(() => write(original()));

after(async () => {
  await browser?.close();
  await graph?.stop();
  await cameras?.stop();
});

test("a region is dragged, moved and taken away, and the rest of the file stays", async () => {
  const page = await visit();
  await press(page, "Draw region");
  let at = await place(page);
  await page.mouse.move(...at(0.9, 0.9));
  await page.mouse.down();
  await page.mouse.move(...at(0.5, 0.5));
  await page.mouse.move(...at(0.2, 0.3));
  await page.mouse.up();
  assertNear((await numbers(page, "region"))[0], [0.2, 0.3, 0.9, 0.9]);
  assert.equal(await page.getByRole("button", { name: "Draw region" }).isVisible(), false, "a camera has one");
  // By its corner at the lower right.
  await page.mouse.move(...at(0.9, 0.9));
  await page.mouse.down();
  await page.mouse.move(...at(0.8, 0.7), { steps: 4 });
  await page.mouse.up();
  assertNear((await numbers(page, "region"))[0], [0.2, 0.3, 0.8, 0.7]);
  // All of it, and no further than to the frame's edge.
  await page.mouse.move(...at(0.5, 0.5));
  await page.mouse.down();
  await page.mouse.move(...at(0.95, 0.5), { steps: 4 });
  await page.mouse.up();
  assertNear((await numbers(page, "region"))[0], [0.4, 0.3, 1, 0.7]);
  await press(page, "Save");
  await saved(page);
  assert.equal(text().replace(/ *region: \[.*\]\n/, ""), original());
  assertNear(text().match(/region: (.*)/)[1], [0.4, 0.3, 1, 0.7]);
  await page.reload();
  await page.locator("#edit-view .drawing-stage.has-live").waitFor();
  assertNear((await numbers(page, "region"))[0], [0.4, 0.3, 1, 0.7]);
  await press(page, "Remove region");
  await press(page, "Save");
  await saved(page);
  assert.equal(text(), original());
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("the points of an ignored area are clicked, moved, added and removed", async () => {
  const page = await visit();
  await press(page, "Draw ignored area");
  let at = await place(page);
  for (const [u, v] of [[0.1, 0.2], [0.4, 0.2], [0.4, 0.6], [0.1, 0.6]]) await page.mouse.click(...at(u, v), { delay: 40 });
  await page.mouse.click(...at(0.1, 0.2));
  assertNear((await numbers(page, "ignore"))[0], [0.1, 0.2, 0.4, 0.2, 0.4, 0.6, 0.1, 0.6]);
  // The small point between the first two becomes one of its own.
  await page.mouse.move(...at(0.25, 0.2));
  await page.mouse.down();
  await page.mouse.move(...at(0.25, 0.1), { steps: 4 });
  await page.mouse.up();
  assertNear((await numbers(page, "ignore"))[0], [0.1, 0.2, 0.25, 0.1, 0.4, 0.2, 0.4, 0.6, 0.1, 0.6]);
  await page.keyboard.press("Delete");
  assertNear((await numbers(page, "ignore"))[0], [0.1, 0.2, 0.4, 0.2, 0.4, 0.6, 0.1, 0.6]);
  // Escape leaves the second out, and not the form.
  await press(page, "Draw ignored area");
  at = await place(page);
  await page.mouse.click(...at(0.7, 0.7));
  await page.keyboard.press("Escape");
  assert.equal((await numbers(page, "ignore")).length, 1);
  assert.match(page.url(), /#\/edit\/camera\/cam1$/);
  await press(page, "Draw ignored area");
  for (const [u, v] of [[0.6, 0.6], [0.9, 0.6], [0.95, 0.95], [0.75, 0.9]]) await page.mouse.click(...at(u, v), { delay: 40 });
  await page.keyboard.press("Backspace");
  await press(page, "Done");
  await press(page, "Save");
  await saved(page);
  const ignored = JSON.parse(text().match(/ignore: (.*)/)[1]);
  assert.deepEqual(ignored.map(({ length }) => length), [4, 3]);
  await press(page, "Remove ignored area 1");
  await press(page, "Save");
  await saved(page);
  assert.deepEqual(JSON.parse(text().match(/ignore: (.*)/)[1]), [ignored[1]]);
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("everything is done by keyboard alone", async () => {
  const page = await visit();
  const begin = page.getByRole("button", { name: "Draw ignored area" });
  await begin.focus();
  await page.keyboard.press("Enter");
  assert.deepEqual(await numbers(page, "ignore"), ["0.4 0.4, 0.6 0.4, 0.6 0.6, 0.4 0.6"]);
  for (const key of ["ArrowLeft", "ArrowLeft", "ArrowUp"]) await page.keyboard.press(key);
  await page.keyboard.press("Shift+ArrowUp");
  assert.deepEqual(await numbers(page, "ignore"), ["0.38 0.389, 0.58 0.389, 0.58 0.589, 0.38 0.589"]);
  // Into its points: the first one moves, one is added after it, and the second one after that is removed.
  await page.keyboard.press("Enter");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Insert");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Delete");
  assert.deepEqual(await numbers(page, "ignore"), ["0.37 0.389, 0.475 0.379, 0.58 0.589, 0.38 0.589"]);
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => document.activeElement.dataset.part), "body");
  await page.keyboard.press("Delete");
  assert.deepEqual(await numbers(page, "ignore"), []);
  await page.getByRole("button", { name: "Draw region" }).focus();
  await page.keyboard.press("Enter");
  for (let i = 0; i < 30; i += 1) await page.keyboard.press("ArrowDown");
  assert.deepEqual(await numbers(page, "region"), ["0.25, 0.5, 0.75, 1"], "the frame's edge holds it");
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Region, 4 points");
  await press(page, "Save");
  await saved(page);
  assert.match(text(), /region: \[0\.25, 0\.5, 0\.75, 1\]\n/);
  await page.context().close();
});

test("numbers are typed, and what cannot be is refused beside them", async () => {
  const page = await visit();
  await press(page, "Draw region");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Draw region" }).focus();
  await page.keyboard.press("Enter");
  const input = page.getByLabel("Region: numbers");
  await input.fill("[0, 0.4, 1.5, 1]");
  assert.equal(await input.getAttribute("aria-invalid"), "true");
  await press(page, "Save");
  await page.locator('fieldset[name="region"] .field-error', { hasText: "Expected parts of the frame, 0 to 1" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.className), "numbers");
  assert.equal(text(), original());
  await input.fill("0 .4 1 1");
  const body = await part(page, "region", "body").getAttribute("d");
  assert.match(body, /^M0 /, "the drawing follows");
  await press(page, "Save");
  await saved(page);
  assert.match(text(), /region: \[0, 0\.4, 1, 1\]\n/);
  write(original().replace("detect_fps: 4", "detect_fps: 4\n    region: [0, 0.5, 1, 1]"));
  await until("the other's region", async () => (await numbers(page, "region"))[0] === "0, 0.5, 1, 1");
  await page.locator('fieldset[name="region"] .field-note', { hasText: "Someone else has changed this" }).waitFor();
  await page.context().close();
});

test("client and motion area are changed as well", async () => {
  write(original().replace("detect_fps: 4", "detect: motion\n    motion_area: 0.5"));
  const page = await visit();
  const area = page.getByLabel("Percent of the frame that must change");
  assert.equal(await area.inputValue(), "0.5");
  await area.fill("200");
  await press(page, "Save");
  await page.locator('.field:has([name="motion_area"]) .field-error', { hasText: "from 0.01 to 100" }).waitFor();
  await area.fill("1.5");
  await page.locator("label.choice", { hasText: "FFmpeg" }).click();
  await press(page, "Save");
  await saved(page);
  assert.match(text(), /motion_area: '?1\.5'?\n/);
  assert.match(text(), /client: '?ffmpeg'?\n/);
  await page.locator("label.choice", { hasText: "All the time" }).click();
  assert.equal(await area.isVisible(), false);
  await page.locator('fieldset:has([name="client"]) label.choice', { hasText: "Automatic" }).click();
  await press(page, "Save");
  await saved(page);
  assert.ok(!/motion|client/.test(text()), text());
  await page.context().close();
});

test("on a phone shapes are drawn by touch, and the page still scrolls", async () => {
  const page = await visit(PHONE);
  await page.getByRole("button", { name: "Draw ignored area" }).tap();
  let at = await place(page);
  for (const [u, v] of [[0.2, 0.3], [0.7, 0.3], [0.5, 0.8]]) await page.touchscreen.tap(...at(u, v));
  await page.getByRole("button", { name: "Done" }).tap();
  assertNear((await numbers(page, "ignore"))[0], [0.2, 0.3, 0.7, 0.3, 0.5, 0.8]);
  assert.equal(await part(page, "ignore", "point", { point: 0 }).evaluate((it) => getComputedStyle(it).touchAction), "none");
  assert.notEqual(await page.locator("#edit-view .drawing-shapes").evaluate((it) => getComputedStyle(it).touchAction), "none");
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, "nothing is wider than the page");
  await page.context().close();
});
