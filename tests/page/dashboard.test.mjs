// The page in headless Chromium, against simulated cameras, the real nodes and the real server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { drawn, openPage, startBrowser, startCameras, startGraph, until } from "./harness.mjs";
import { compare, takeFrames, watchStamps } from "./step.mjs";

const LIVE = ["cam1", "cam2", "cam10", "cam20"];
/** Nothing listens there. */
const DEAD = { cam3: "rtsp://127.0.0.1:9/stream" };

let plain, bframes, graph, browser;
const open = (options) => openPage(browser, graph, options);
const tile = (page, id) => page.locator(`.tile[data-camera="${id}"]`);

before(async () => {
  const common = ["--fps", "8", "--size", "640x360"];
  plain = await startCameras({ cam1: 1_000_501, cam2: 1_000_502, cam10: 1_000_503 }, common);
  bframes = await startCameras({ cam20: 1_000_504 }, [...common, "--bframes", "2"]);
  graph = await startGraph({ ...DEAD, ...plain.urls, ...bframes.urls });
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await graph?.stop();
  await plain?.stop();
  await bframes?.stop();
});

test("a wrong token is refused, the right one opens the page", async () => {
  const page = await open({ isLoggedIn: false });
  await page.getByLabel("Token").fill("not-the-token-that-was-printed-at-the-first-start");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("This is not the token").waitFor();
  assert.equal(await page.locator(".tile").count(), 0);
  await page.getByLabel("Token").fill(graph.token);
  await page.keyboard.press("Enter");
  await tile(page, "cam1").waitFor();
  await page.context().close();
});

test("the grid shows every camera in natural order, with its boxes", async () => {
  const page = await open();
  await drawn(page, LIVE, 10);
  const order = await page.locator(".tile").evaluateAll((tiles) => tiles.map((it) => it.dataset.camera));
  assert.deepEqual(order, ["cam1", "cam2", "cam3", "cam10", "cam20"]);
  await until("detections", () => page.evaluate((ids) => ids.every((id) => camweave.snapshot()[id].withBoxes > 0), LIVE));
  await page.getByText("4 of 5 live").waitFor();
  for (const id of LIVE) assert.equal(await tile(page, id).getAttribute("data-state"), "live");
  assert.match(await tile(page, "cam1").getByRole("button").getAttribute("aria-label"), /^cam1, live, \d/);
  assert.deepEqual(page.errors, [], "nothing failed, and the Content-Security-Policy refused nothing");
  await page.context().close();
});

test("an offline camera says since when, why and what to do", async () => {
  const page = await open({ hash: "#/camera/cam3" });
  const note = page.locator("#single-view .note");
  await note.getByText(/^(Offline|Connecting) since \d\d:\d\d/).waitFor();
  await until("the reason", async () => /refuse/.test(await note.innerText()));
  assert.match(await note.innerText(), /enable RTSP in the camera; check the port/);
  await page.getByRole("button", { name: "‹ Cameras" }).click();
  assert.notEqual(await tile(page, "cam3").getAttribute("data-state"), "live");
  assert.equal(await page.evaluate(() => camweave.frames("cam3")), 0);
  await page.context().close();
});

test("the single view shows one camera, and watches no other", async () => {
  const page = await open();
  await drawn(page, LIVE);
  await tile(page, "cam2").getByRole("button").click();
  assert.match(page.url(), /#\/camera\/cam2$/);
  await page.getByRole("heading", { name: "cam2" }).waitFor();
  const before = await page.evaluate(() => camweave.frames("cam2"));
  await until("more frames", () => page.evaluate((before) => camweave.frames("cam2") > before + 8, before));
  const others = await page.evaluate(() => camweave.frames("cam1"));
  await drawn(page, ["cam2"], before + 24);
  assert.equal(await page.evaluate(() => camweave.frames("cam1")), others);
  await page.getByText("the camera's own video").waitFor();
  await page.getByText("H.264, 640 × 360").waitFor();
  await until("the last hour", () => page.locator(".plot-line").first().evaluate((path) => path.getAttribute("d")?.length > 0));
  await page.goBack();
  await tile(page, "cam1").waitFor();
  await page.context().close();
});

test("all is reached by keys", async () => {
  const page = await open();
  await drawn(page, LIVE);
  const focused = () => page.evaluate(() => document.activeElement.closest(".tile")?.dataset.camera);
  await page.keyboard.press("ArrowRight");
  assert.equal(await focused(), "cam1");
  await page.keyboard.press("ArrowRight");
  assert.equal(await focused(), "cam2");
  await page.keyboard.press("Enter");
  assert.match(page.url(), /#\/camera\/cam2$/);
  await page.keyboard.press("ArrowRight");
  assert.match(page.url(), /#\/camera\/cam3$/);
  await page.keyboard.press("Escape");
  await until("the focus on the camera that was open", async () => (await focused()) === "cam3");
  await page.keyboard.press("/");
  await page.keyboard.type("cam1");
  assert.deepEqual(await page.locator(".tile:visible").evaluateAll((it) => it.map((t) => t.dataset.camera)), ["cam1", "cam10"]);
  assert.match(page.url(), /filter=cam1/);
  await page.keyboard.press("Escape");
  assert.equal(await page.locator(".tile:visible").count(), 5);
  await page.keyboard.press("?");
  await page.getByRole("dialog").getByText("back to all cameras").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("t");
  assert.equal(await page.getByRole("button", { name: "Trails" }).getAttribute("aria-pressed"), "true");
  await page.keyboard.press("g");
  await page.getByRole("heading", { name: "Graph" }).waitFor();
  await page.context().close();
});

test("the graph names its nodes in pipeline order, with what flows", async () => {
  const page = await open({ hash: "#/graph" });
  const cards = page.locator(".node");
  await until("the nodes", async () => (await cards.count()) >= 4);
  const left = async (id) => (await page.locator(`.node[aria-label="${id}"]`).boundingBox()).x;
  const order = ["source", "detect.decode", "detect.infer", "detect.track", "sink"];
  const places = await Promise.all(order.map(left));
  assert.deepEqual(places, places.toSorted((a, b) => a - b));
  await until("frames that flow", async () => /[1-9][\d.,]*\/s/.test(await page.locator('.node[aria-label="source"]').innerText()));
  assert.ok((await page.locator(".edges path").count()) >= 4);
  await page.context().close();
});

test("B frames are drawn in order, each with the boxes of its own message", async () => {
  const page = await open({ init: watchStamps, hash: "#/camera/cam20" });
  await drawn(page, ["cam20"], 60);
  const frames = (await takeFrames(page)).filter(({ camera }) => camera === "cam20");
  const decoding = frames.map(({ sequence }) => sequence);
  assert.ok(decoding.some((sequence, i) => i > 0 && sequence < decoding[i - 1]), "sequences are those of decoding");
  const result = compare(frames, bframes.record(), { cam20: bframes.truth("cam20") });
  assert.deepEqual([result.byPts, result.byCapture, result.unreadable, result.backward], [0, 0, 0, 0], JSON.stringify(result));
  assert.equal((await page.evaluate(() => camweave.player("cam20"))).unmatched, 0);
  await page.context().close();
});

test("a browser without WebCodecs is shown JPEGs, and told why", async () => {
  const page = await open({ init: () => delete window.VideoDecoder });
  await drawn(page, LIVE, 3);
  assert.equal(await tile(page, "cam1").locator(".tile-way").innerText(), "JPEG");
  await tile(page, "cam1").getByRole("button").click();
  await page.getByText("this browser has no WebCodecs").waitFor();
  await page.context().close();
});

test("a decoder that fails is replaced at the next keyframe", async () => {
  const page = await open({
    init: () => {
      const Real = window.VideoDecoder;
      let isPlanted = false;
      window.VideoDecoder = class extends Real {
        #error;
        #units = 0;
        constructor(init) {
          super(init);
          this.#error = init.error;
        }
        decode(chunk) {
          if (++this.#units < 12 || isPlanted) return super.decode(chunk);
          isPlanted = true;
          this.close();
          this.#error(new DOMException("planted", "EncodingError"));
        }
      };
    },
    hash: "#/camera/cam1",
  });
  await until("the planted error", () => page.evaluate(() => camweave.player("cam1").errors === 1));
  const frames = await page.evaluate(() => camweave.frames("cam1"));
  await drawn(page, ["cam1"], frames + 16);
  const player = await page.evaluate(() => camweave.player("cam1"));
  assert.deepEqual([player.errors, player.decoders], [1, 2]);
  await page.getByText("decoder errors (planted)").waitFor();
  await page.context().close();
});

test("a decoder that always fails gives way to JPEG", async () => {
  const page = await open({
    init: () => {
      window.VideoDecoder = class extends window.VideoDecoder {
        constructor(init) {
          super(init);
          this.fail = init.error;
        }
        decode() {
          if (this.state === "closed") return;
          this.close();
          this.fail(new DOMException("planted", "EncodingError"));
        }
      };
    },
    hash: "#/camera/cam1",
  });
  await page.getByText("JPEG, at most 2 a second: the browser's decoder failed: planted").waitFor({ timeout: 120_000 });
  await drawn(page, ["cam1"], 2);
  await page.context().close();
});

test("dark and light follow the system, and the switch", async () => {
  const ground = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number)[0]);
  const dark = await open({ colorScheme: "dark" });
  assert.ok((await ground(dark)) < 60);
  await dark.keyboard.press("d");
  assert.ok((await ground(dark)) > 200, "light, chosen");
  await dark.reload();
  assert.ok((await ground(dark)) > 200, "kept");
  await dark.context().close();
  const light = await open({ colorScheme: "light" });
  assert.ok((await ground(light)) > 200);
  await light.context().close();
});

test("a phone's width is enough for all views", async () => {
  const page = await open({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await drawn(page, ["cam1"]);
  const isWithin = () => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
  assert.ok(await isWithin(), "grid");
  await tile(page, "cam1").getByRole("button").tap();
  await page.getByRole("heading", { name: "cam1" }).waitFor();
  assert.ok(await isWithin(), "single view");
  await page.getByRole("link", { name: "Graph" }).tap();
  await until("the nodes", async () => (await page.locator(".node").count()) >= 4);
  assert.ok(await isWithin(), "graph");
  await page.context().close();
});

test("only what is seen is sent", async () => {
  const page = await open({ viewport: { width: 390, height: 260 } });
  await drawn(page, ["cam1", "cam2"], 20);
  assert.equal(await page.evaluate(() => camweave.frames("cam20")), 0, "below the screen");
  await tile(page, "cam20").scrollIntoViewIfNeeded();
  await drawn(page, ["cam20"], 4);
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  const frames = () => page.evaluate(() => camweave.frames("cam20"));
  await until("no more frames in the background", async () => {
    const before = await frames();
    await new Promise((resolve) => setTimeout(resolve, 2000));
    return (await frames()) === before;
  });
  const before = await frames();
  await page.evaluate(() => {
    delete document.hidden;
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await drawn(page, ["cam20"], before + 4);
  await page.context().close();
});

test("a camera that comes moves no other, one that goes fades", async () => {
  let edit = (state) => state;
  const page = await open({ hash: "#/graph" });
  await page.routeWebSocket(/\/ws$/, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((message) => {
      const isState = typeof message === "string" && message.includes('"type":"state"');
      socket.send(isState ? JSON.stringify(edit(JSON.parse(message))) : message);
    });
  });
  await page.goto(`${graph.url}#/`);
  await page.reload();
  await drawn(page, LIVE);
  const places = () => page.locator(".tile").evaluateAll((tiles) => Object.fromEntries(tiles.map((it) => [it.dataset.camera, [it.offsetLeft, it.offsetTop, it.offsetWidth].join()])));
  const before = await places();
  // Somebody is using the page, so nothing may be sorted in.
  await page.mouse.move(300, 300);
  edit = (state) => ({ ...state, cameras: [...state.cameras, { ...state.cameras[0], id: "cam4", state: "connecting", why: null, todo: null }] });
  await tile(page, "cam4").waitFor();
  const with4 = await places();
  for (const [id, place] of Object.entries(before)) assert.equal(with4[id], place, id);
  edit = (state) => ({ ...state, cameras: state.cameras.filter(({ id }) => id !== "cam1") });
  await until("cam1 as removed", async () => (await tile(page, "cam1").getAttribute("data-state")) === "removed");
  assert.equal((await places()).cam1, before.cam1);
  await until("it to go when the page is left alone", async () => (await tile(page, "cam1").count()) === 0);
  await page.context().close();
});

test("nothing looks live without a connection, which comes back by itself", async () => {
  let isBlocked = false;
  let socket;
  const page = await open({ hash: "#/graph" });
  await page.route(/\/api\/state$/, (route) => (isBlocked ? route.abort() : route.continue()));
  await page.routeWebSocket(/\/ws$/, (route) => {
    socket = route;
    route.connectToServer();
  });
  await page.goto(`${graph.url}#/`);
  await page.reload();
  await drawn(page, LIVE);
  isBlocked = true;
  await socket.close();
  await page.getByText(/^Not connected.*What you see is old/).waitFor();
  const states = await page.locator(".tile").evaluateAll((tiles) => tiles.map((it) => it.dataset.state));
  assert.deepEqual(states, Array(5).fill("unknown"));
  assert.match(await page.locator("#summary").innerText(), /^–\s*live/);
  isBlocked = false;
  const frames = await page.evaluate(() => camweave.frames("cam1"));
  await drawn(page, ["cam1"], frames + 4);
  await until("the banner to go", () => page.locator("#banner").isHidden());
  await page.context().close();
});

test("boxes are in step on every camera", async () => {
  const page = await open({ init: watchStamps });
  const frames = [];
  await until("600 frames", async () => frames.push(...(await takeFrames(page))) >= 600);
  const record = [...plain.record(), ...bframes.record()];
  const truth = Object.fromEntries(LIVE.map((id) => [id, (id === "cam20" ? bframes : plain).truth(id)]));
  const result = compare(frames, record, truth);
  console.log("in step:", JSON.stringify(result));
  assert.deepEqual([result.byPts, result.byCapture, result.backward, result.unreadable], [0, 0, 0, 0]);
  assert.ok(result.exactCaptures > 0 && result.withBoxes > 0);
  for (const shift of [-2, -1, 1, 2]) assert.ok(result.overlap[0] > result.overlap[shift], JSON.stringify(result.overlap));
  await page.context().close();
});
