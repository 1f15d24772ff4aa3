// Events and rules on the page, with the real server and an analytics node: in headless Chromium.

import assert from "node:assert/strict";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { drawn, openPage, startBrowser, startCameras, startGraph, until } from "./harness.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const RULES = `# Our rules.
rules:
  - name: middle # of the street
    kind: crossing
    line: [[0.5, 0.2], [0.5, 1]]
  - name: street
    kind: presence
    zone: [[0, 0.4], [1, 0.4], [1, 1], [0, 1]]
  - name: hall
    kind: occupancy
    cameras: [cam2]
    zone: [[0, 0.2], [1, 0.2], [1, 1], [0, 1]]
`;

let cameras, graph, browser;

const file = () => join(graph.dir, "rules.yml");
const text = () => readFileSync(file(), "utf8");
function write(content) {
  writeFileSync(`${file()}.new`, content);
  renameSync(`${file()}.new`, file());
}
const visit = (hash, options) => openPage(browser, graph, { hash, ...options });
const rows = (page) => page.locator("#events-view .event-row");
const titles = (page) => page.locator("#events-view .event-link").allInnerTexts();
const rule = (page, name) => page.locator(".rule").filter({ has: page.locator(`input[name="name"]`) }).nth(["middle", "street", "hall"].indexOf(name));
const api = async (page, query) => (await page.context().request.get(`${graph.url}api/events?${query}`)).json();
/** Refusals of the server are written to the console too. */
const faults = (page) => page.errors.filter((line) => !/status of (404|412|422|424)/.test(line));

before(async () => {
  cameras = await startCameras({ cam1: 1_000_511, cam2: 1_000_512 }, ["--fps", "5", "--size", "640x360"], { stamped: false });
  graph = await startGraph(cameras.urls, {}, { name: "cpu-events", files: { "rules.yml": RULES } });
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await graph?.stop();
  await cameras?.stop();
});

test("events come by themselves, the newest first, with images", async () => {
  const page = await visit("#/events");
  await until("a crossing", async () => (await titles(page)).some((it) => /crossed middle (in|out)wards$/.test(it)));
  await until("ten events", async () => (await rows(page).count()) >= 10);
  const numbers = (await api(page, "limit=200")).events.map(({ number }) => number);
  assert.deepEqual(numbers, [...numbers].sort((a, b) => b - a));
  const image = page.locator("#events-view img.event-image:not([hidden])").first();
  await image.waitFor();
  const size = await image.evaluate((it) => it.decode().then(() => [it.naturalWidth, it.naturalHeight]));
  assert.ok(size[0] >= 80 && Math.abs(size[0] / size[1] - 4 / 3) < 0.05, `${size}`);
  // What lasts goes on by itself, and ends.
  const lasting = page.locator('#events-view .event-row[data-phase="update"]').first();
  await lasting.waitFor();
  const same = page.locator(`.event-row[data-event="${await lasting.getAttribute("data-event")}"]`);
  const before = await same.locator(".event-length").innerText();
  await until("its time to go on", async () => (await same.locator(".event-length").innerText()) !== before);
  const seen = new Set();
  await until("one that lasted to end", async () => {
    const found = await page.locator("#events-view .event-row").evaluateAll((all) => all.map(({ dataset }) => [dataset.event, dataset.phase]));
    for (const [event, phase] of found) if (phase === "update") seen.add(event);
    return found.some(([event, phase]) => phase === "end" && seen.has(event));
  });
  assert.deepEqual(faults(page), []);
  await page.context().close();
});

test("filters choose, are in the address, and hold for what comes", async () => {
  const page = await visit("#/events");
  await until("events", async () => (await rows(page).count()) >= 5);
  await page.locator("#events-kind").selectOption("crossing");
  await page.locator("#events-camera").selectOption("cam1");
  assert.match(page.url(), /#\/events\?camera=cam1&kind=crossing$/);
  await until("crossings alone", async () => {
    const found = await titles(page);
    return found.length > 0 && found.every((it) => it.includes("crossed"));
  });
  const before = await rows(page).count();
  await until("another one", async () => (await rows(page).count()) > before);
  const [wheres, all] = [await page.locator("#events-view .event-where").allInnerTexts(), await titles(page)];
  assert.ok(wheres.every((it) => it.startsWith("cam1 ·")) && all.every((it) => it.includes("crossed")), `${wheres} ${all}`);
  await page.reload();
  assert.deepEqual([await page.locator("#events-camera").inputValue(), await page.locator("#events-kind").inputValue()], ["cam1", "crossing"]);
  await page.getByRole("button", { name: "Clear" }).click();
  assert.match(page.url(), /#\/events$/);
  await until("all kinds", async () => (await titles(page)).some((it) => !it.includes("crossed")));
  // What began before an hour ago is nothing.
  await page.locator("#events-until").fill("2020-01-01T00:00");
  await page.locator("#events-until").dispatchEvent("change");
  await page.getByText("No event fits.").waitFor();
  await page.context().close();
});

test("the single view counts live, and draws zones and lines", async () => {
  const page = await visit("#/camera/cam2");
  await drawn(page, ["cam2"], 4);
  const cell = (name) => page.locator(`.counts tr[data-rule="${name}"] td`);
  await until("counts", async () => /^\d+ in, \d+ out$/.test(await cell("middle").innerText().catch(() => "")));
  assert.match(await cell("hall").innerText(), /now; \d+ in, \d+ out$/);
  const sum = async () => (await cell("middle").innerText()).match(/\d+/g).reduce((a, b) => a + Number(b), 0);
  const before = await sum();
  await until("another crossing", async () => (await sum()) > before);
  const state = await (await page.context().request.get(`${graph.url}api/state`)).json();
  const crossings = (await api(page, "camera=cam2&kind=crossing&limit=200")).events;
  const own = state.counts.find((it) => it.camera === "cam2" && it.rule === "middle");
  assert.ok(Math.abs(own.entered + own.left - crossings.length) <= 1, "each crossing is one event");
  assert.ok((await page.locator(".single-side .event-row").count()) > 0);
  const pink = () => page.evaluate(() => {
    const canvas = document.querySelector(".single-picture canvas");
    const { data, width } = canvas.getContext("2d").getImageData(Math.round(canvas.width / 2) - 2, 0, 5, canvas.height);
    let found = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i] > 180 && data[i] - data[i + 1] > 60 && data[i + 2] - data[i + 1] > 25) found++;
    return found / width;
  });
  await until("the line", async () => (await pink()) > 20);
  await page.keyboard.press("z");
  await until("no line", async () => (await pink()) < 5);
  await page.keyboard.press("z");
  assert.deepEqual(faults(page), []);
  await page.context().close();
});

test("a rule is drawn, and its events come; the rest of the file stays", async () => {
  const page = await visit("#/camera/cam1");
  await page.getByRole("link", { name: "Rules" }).click();
  await page.locator("#rules-view .drawing-stage.has-live").waitFor();
  assert.equal(await page.locator(".rule").count(), 2, "those of this camera");
  // By keyboard: a zone in the middle, which becomes large by its numbers.
  await page.getByRole("button", { name: "Add zone" }).focus();
  await page.keyboard.press("Enter");
  const form = page.locator(".rule").nth(2);
  await form.getByLabel("Name").fill("all of it");
  await form.getByRole("button", { name: "Add rule" }).click();
  await form.locator(".field-error", { hasText: "Name 'all of it'" }).waitFor();
  assert.equal(text(), RULES);
  await form.getByLabel("Name").fill("everywhere");
  await form.getByLabel("Zone: x y of each point").fill("0 0, 1 0, 1 1, 0 1");
  await form.getByLabel("Kind").selectOption("dwell");
  await form.getByLabel("After, seconds").fill("1");
  await form.getByRole("button", { name: "Add rule" }).click();
  await until("the rule in the file", () => text().includes("everywhere"));
  assert.ok(text().startsWith(RULES.trimEnd()), text());
  assert.match(text(), /zone: \[\[0, 0\], \[1, 0\], \[1, 1\], \[0, 1\]\]/);
  await until("its events", async () => (await api(page, "rule=everywhere")).events.length > 0);
  // A point of the line is moved by mouse.
  const at = await page.locator("#rules-view .drawing-shapes").boundingBox();
  const place = (u, v) => [at.x + u * at.width, at.y + v * at.height];
  await page.mouse.click(...place(0.5, 0.5));
  await page.mouse.move(...place(0.5, 0.2));
  await page.mouse.down();
  await page.mouse.move(...place(0.4, 0.3), { steps: 4 });
  await page.mouse.up();
  await rule(page, "middle").getByRole("button", { name: "Save" }).click();
  await until("the line in the file", () => /line: \[\[0\.(40|39|4).*, 0\.(3|29).*\], \[0\.5, 1\]\]/.test(text()));
  assert.ok(text().includes("- name: middle # of the street"), "comments stay");
  const added = page.locator(".rule").nth(2);
  await added.getByRole("button", { name: "Remove" }).click();
  await added.getByRole("button", { name: "Remove it from rules.yml" }).click();
  await until("the rule to go", () => !text().includes("everywhere"));
  await page.keyboard.press("Escape");
  assert.match(page.url(), /#\/camera\/cam1$/);
  assert.deepEqual(faults(page), []);
  write(RULES);
  await page.context().close();
});

test("a file that cannot be used is said, and a rule that somebody else has changed is not replaced unseen", async () => {
  const page = await visit("#/rules/camera/cam1");
  await rule(page, "street").waitFor();
  await rule(page, "street").getByLabel("Classes").fill("car");
  write(RULES.replace("[0, 0.4], [1, 0.4]", "[0, 0.5], [1, 0.5]"));
  await rule(page, "street").getByRole("button", { name: "Save" }).click();
  await rule(page, "street").locator(".field-error", { hasText: "Someone else has changed the rules" }).waitFor();
  assert.ok(!text().includes("objects"));
  write("rules:\n  - name: x\n    kind: what\n");
  await page.getByText(/The file cannot be used as it is\. .*kind 'what'/i).waitFor({ timeout: 30_000 });
  write(RULES);
  await page.context().close();
});

test("on a phone all of it fits", async () => {
  for (const hash of ["#/events", "#/camera/cam1", "#/rules/camera/cam1"]) {
    const page = await visit(hash, PHONE);
    await page.waitForTimeout(3000);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, hash);
    const small = await page.locator("main button:visible, main select:visible, main input:visible").evaluateAll((all) =>
      all.filter((it) => it.getBoundingClientRect().height < 43.5).map((it) => it.outerHTML.slice(0, 80)));
    assert.deepEqual(small, [], hash);
    await page.context().close();
  }
});
