// Takes the pictures of the page that are in the documents: simulated cameras, a real graph, the real server.
//
// Usage, after scripts/page-tests.sh has installed the browser: node tests/page/pictures.mjs [FOLDER] [NAME]
// default: docs/pictures, all of them; NAME: those whose name contains it

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";

import { drawn, folder, openPage, root, startBrowser, startCameras, startGraph, until } from "./harness.mjs";

const target = process.argv[2] ?? join(root, "docs/pictures");
const wanted = process.argv[3] ?? "";
const LARGEST_BYTES = 150_000;
/** How long the graph runs before the first picture, so that the plots of the last hour have something to show. */
const WARM_UP_MS = 150_000;

const SCENES = { crossing: 1_000_501, gate: 1_000_502, market: 1_000_503, station: 1_000_504, yard: 1_000_507 };
/** Nothing listens there. */
const OFFLINE = { ramp: "rtsp://127.0.0.1:9/stream" };

const desktop = (height) => ({ viewport: { width: 1280, height } });
const phone = (height) => ({ viewport: { width: 390, height }, hasTouch: true, isMobile: true });
const PICTURES = [
  { name: "page-grid-light", hash: "#/", colorScheme: "light", ...desktop(600) },
  { name: "page-grid-dark", hash: "#/", colorScheme: "dark", ...desktop(600) },
  { name: "page-camera-light", hash: "#/camera/crossing", colorScheme: "light", ...desktop(782) },
  { name: "page-events-light", hash: "#/events", colorScheme: "light", ...desktop(700) },
  { name: "page-clip-dark", hash: clipOf, colorScheme: "dark", ...desktop(740), prepare: standInClip },
  { name: "page-rules-dark", hash: "#/rules/camera/crossing", colorScheme: "dark", ...desktop(640), prepare: chooseZone },
  { name: "page-areas-light", hash: "#/edit/camera/market", colorScheme: "light", ...desktop(860), prepare: showAreas },
  { name: "page-graph-dark", hash: "#/graph", colorScheme: "dark", ...desktop(490) },
  { name: "page-phone-grid-light", hash: "#/", colorScheme: "light", ...phone(530) },
  { name: "page-phone-camera-dark", hash: "#/camera/crossing", colorScheme: "dark", ...phone(704) },
];

const RULES = `rules:
  - name: street
    kind: crossing
    cameras: [crossing]
    line: [[0.08, 0.86], [0.62, 0.6], [0.95, 0.62]]
  - name: crosswalk
    kind: dwell
    cameras: [crossing]
    objects: [person, bicycle]
    zone: [[0.3, 0.56], [0.62, 0.56], [0.6, 0.86], [0.16, 0.86]]
    after: 2
  - name: middle
    kind: crossing
    cameras: [gate, station, yard]
    line: [[0.5, 0.2], [0.5, 1]]
`;
const AREAS = { region: "[0, 0.25, 1, 1]", ignore: "[[[0, 0.25], [0.375, 0.25], [0.25, 0.625], [0, 0.6875]]]" };

async function chooseZone(page) {
  await page.locator('#rules-view [data-layer="zone"][data-part="body"]').focus();
}

/** The newest clip of an event of the crossing. */
async function clipOf() {
  const find = async () => {
    const { events } = await (await first.context().request.get(`${graph.url}api/events?camera=crossing&limit=200`)).json();
    return events.find(({ clip }) => clip?.at > 1)?.clip;
  };
  const { name, at } = await until("a clip", find);
  return `#/clip/${name}?at=${at}`;
}

async function standInClip(page) {
  await page.evaluate(() => document.querySelector("#clip-view video").pause());
  const events = page.locator(".clip-event");
  await events.nth(Math.floor((await events.count()) / 2)).click();
  await until("the frame", () => page.evaluate(() => camweave.clip().isSettled));
}

async function showAreas(page) {
  await page.locator('#edit-view [data-layer="ignore"][data-part="body"]').focus();
  await page.locator(".areas").evaluate((it) => window.scrollTo(0, it.offsetTop - 60));
}

/** With as large a palette as fits. */
function shrink(from, to) {
  for (const colors of [256, 224, 192, 160, 128]) {
    const palette = `split[a][b];[a]palettegen=max_colors=${colors}:reserve_transparent=0[p];[b][p]paletteuse=dither=none`;
    const args = ["-v", "error", "-y", "-i", from, "-lavfi", palette, "-compression_level", "9", to];
    const { status, stderr } = spawnSync("ffmpeg", args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`ffmpeg: ${stderr}`);
    if (statSync(to).size <= LARGEST_BYTES) return;
  }
  throw new Error(`'${to}' has ${statSync(to).size} bytes, expected at most ${LARGEST_BYTES}`);
}

const cameras = await startCameras(SCENES, ["--fps", "5", "--size", "640x360"], { stamped: false });
const graph = await startGraph({ ...cameras.urls, ...OFFLINE }, { CLIP_SECONDS: 20 }, { name: "cpu-recording", files: { "rules.yml": RULES } });
const browser = await startBrowser();
const taken = folder();
mkdirSync(target, { recursive: true });
const started = Date.now();
await until("the plots", () => Date.now() - started > WARM_UP_MS, 2 * WARM_UP_MS);
const first = await openPage(browser, graph, { hash: "#/graph" });
const headers = { origin: new URL(graph.url).origin };
const changed = await first.context().request.patch(`${graph.url}api/cameras/market`, { data: { set: AREAS }, headers });
if (!changed.ok()) throw new Error(await changed.text());
for (const { name, hash: place, prepare, ...options } of PICTURES.filter(({ name }) => name.includes(wanted))) {
  const hash = typeof place === "function" ? await place() : place;
  const page = await openPage(browser, graph, { hash, ...options });
  const shown = hash === "#/" ? Object.keys(SCENES) : hash.endsWith("/camera/crossing") ? ["crossing"] : [];
  if (shown.length && options.viewport.width >= 1280) await drawn(page, shown, 25);
  await until("the state", () => page.evaluate(() => document.body.innerText.includes("5 of 6 live")));
  // The figures of the first second are not those of the next ones.
  await page.waitForTimeout(5000);
  await prepare?.(page);
  const [large, small] = ["large", "small"].map((it) => join(taken, `${name}-${it}.png`));
  await page.screenshot({ path: large });
  shrink(large, small);
  if (page.errors.length) throw new Error(`${name}: ${page.errors.join("; ")}`);
  copyFileSync(small, join(target, `${name}.png`));
  console.log(`${name}.png ${statSync(small).size} bytes`);
  await page.context().close();
}
await browser.close();
await graph.stop();
await cameras.stop();
