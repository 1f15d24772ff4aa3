// The page in headless Chromium, against simulated cameras, the real nodes and the real server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { drawn, LAN_NAME, openPage, startBrowser, startCameras, startGraph, until } from "./harness.mjs";
import { compare, takeFrames, watchStamps } from "./step.mjs";

const LIVE = ["cam1", "cam2", "cam10", "cam20"];
/** Nothing listens there. */
const DEAD = { cam3: "rtsp://127.0.0.1:9/stream" };

let plain, bframes, graph, browser;
const open = (options) => openPage(browser, graph, options);
const tile = (page, id) => page.locator(`.tile[data-camera="${id}"]`);

/** A page whose states pass through `states.edit`, which may be set; `taken` counts them, `said` is what the page sends. */
async function openEdited(hash) {
  const states = { edit: (state) => state, taken: 0, said: [] };
  const page = await open({ hash: "#/graph" });
  await page.routeWebSocket(/\/ws$/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((message) => {
      states.said.push(message);
      server.send(message);
    });
    server.onMessage((message) => {
      if (typeof message !== "string" || !message.includes('"type":"state"')) return socket.send(message);
      socket.send(JSON.stringify(states.edit(JSON.parse(message))));
      states.taken++;
    });
  });
  await page.goto(graph.url + hash);
  await page.reload();
  return { page, states };
}

/** Where each tile is, by camera. */
const places = (page) =>
  page.locator(".tile").evaluateAll((tiles) =>
    Object.fromEntries(tiles.map((it) => [it.dataset.camera, [it.offsetLeft, it.offsetTop, it.offsetWidth].join()])));

const added = (id, like) => ({ ...like, id, state: "connecting", why: null, todo: null });

/** As the page's own, which a test that hides it replaces. */
function hide(page, isHidden) {
  return page.evaluate((isHidden) => {
    if (isHidden) Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
    else delete document.hidden;
    document.dispatchEvent(new Event("visibilitychange"));
  }, isHidden);
}

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
  const asked = [];
  page.on("request", (request) => asked.push(new URL(request.url())));
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
  const histories = asked.filter(({ pathname }) => pathname === "/api/history").map(({ search }) => search);
  assert.ok(histories.length > 0 && histories.every((search) => search === "?camera=cam2"), histories.join());
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
  assert.deepEqual(places, [...places].sort((a, b) => a - b));
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

/** In the page, before its own scripts. */
const withoutWebCodecs = () => delete window.VideoDecoder;

/** The frames that the page draws from now on, in step with their messages, and what they were compared to. */
async function inStep(page, ids, wanted) {
  const frames = [];
  await until(`${wanted} frames`, async () => {
    frames.push(...(await takeFrames(page)).filter(({ camera }) => ids.includes(camera)));
    return frames.length >= wanted;
  });
  const of = (id) => (id === "cam20" ? bframes : plain);
  const result = compare(frames, [...plain.record(), ...bframes.record()], Object.fromEntries(ids.map((id) => [id, of(id).truth(id)])));
  assert.deepEqual([result.byPts, result.byCapture, result.backward, result.unreadable], [0, 0, 0, 0], JSON.stringify(result));
  return { frames, result };
}

test("without WebCodecs, MSE shows the cameras' own video, with boxes in step", async () => {
  const page = await open({ init: [withoutWebCodecs, watchStamps] });
  const { result } = await inStep(page, LIVE, 400);
  console.log("in step, by MSE:", JSON.stringify(result));
  assert.ok(result.exactCaptures > 0 && result.withBoxes > 0);
  for (const shift of [-2, -1, 1, 2]) assert.ok(result.overlap[0] > result.overlap[shift], JSON.stringify(result.overlap));
  assert.equal(await page.locator(".tile-way:visible").count(), 0, "it is the camera's own video");
  for (const id of LIVE) {
    const { errors, unmatched, decoders } = await page.evaluate((id) => camweave.player(id), id);
    assert.deepEqual([errors, unmatched, decoders], [0, 0, 1], id);
  }
  assert.deepEqual(page.errors, [], "nothing failed, and the Content-Security-Policy refused nothing");
  await tile(page, "cam1").getByRole("button").click();
  await page.getByText("the camera's own video, by MSE: this browser has no WebCodecs").waitFor();
  await page.context().close();
});

test("over plain HTTP to another machine, a page shows video by MSE", async () => {
  const lan = await startGraph({ cam1: plain.urls.cam1 }, { TLS: "off" }, { address: "0.0.0.0" });
  try {
    const url = lan.url.replace("127.0.0.1", LAN_NAME);
    const page = await openPage(browser, { ...lan, url }, { init: watchStamps, isLoggedIn: false });
    assert.equal(await page.evaluate(() => window.isSecureContext), false);
    await page.getByLabel("Token").fill(lan.token);
    await page.keyboard.press("Enter");
    await tile(page, "cam1").getByRole("button").click();
    await inStep(page, ["cam1"], 40);
    await page.getByText("the camera's own video, by MSE: WebCodecs needs HTTPS or localhost").waitFor();
    await page.context().close();
  } finally {
    await lan.stop();
  }
});

test("by MSE, B frames are drawn in order", async () => {
  const page = await open({ init: [withoutWebCodecs, watchStamps], hash: "#/camera/cam20" });
  const { frames } = await inStep(page, ["cam20"], 60);
  const decoding = frames.map(({ sequence }) => sequence);
  assert.ok(decoding.some((sequence, i) => i > 0 && sequence < decoding[i - 1]), "sequences are those of decoding");
  await page.context().close();
});

test("by MSE, a camera whose session ends and begins again goes on in step", async () => {
  const page = await open({ init: [withoutWebCodecs, watchStamps], hash: "#/camera/cam2" });
  await drawn(page, ["cam2"], 8);
  const change = async (data) => {
    const headers = { origin: new URL(graph.url).origin };
    const answer = await page.context().request.patch(`${graph.url}api/cameras/cam2`, { data, headers });
    assert.ok(answer.ok(), await answer.text());
  };
  const frames = [];
  const sessions = () => new Set(frames.map(({ session }) => session)).size;
  for (const [i, data] of [{ set: { transport: "udp" } }, { unset: ["transport"] }].entries()) {
    await change(data);
    await until("frames of another session", async () => {
      frames.push(...(await takeFrames(page)));
      return sessions() === i + 2;
    });
    frames.push(...(await inStep(page, ["cam2"], 24)).frames);
  }
  const { errors, decoders } = await page.evaluate(() => camweave.player("cam2"));
  assert.deepEqual([errors, decoders], [0, 1], "one player for all");
  await page.context().close();
});

test("an MSE player that fails is replaced at the next keyframe", async () => {
  const page = await open({
    init: [withoutWebCodecs, () => {
      const { appendBuffer } = SourceBuffer.prototype;
      let appends = 0;
      SourceBuffer.prototype.appendBuffer = function (bytes) {
        if (++appends === 12) throw new Error("planted");
        appendBuffer.call(this, bytes);
      };
    }],
    hash: "#/camera/cam1",
  });
  await until("the planted error", () => page.evaluate(() => camweave.player("cam1").errors === 1));
  const frames = await page.evaluate(() => camweave.frames("cam1"));
  await drawn(page, ["cam1"], frames + 16);
  const { errors, decoders } = await page.evaluate(() => camweave.player("cam1"));
  assert.deepEqual([errors, decoders], [1, 2]);
  await page.getByText("decoder errors (planted)").waitFor();
  await page.context().close();
});

test("a full buffer of MSE is emptied of what was shown", async () => {
  const page = await open({
    init: [withoutWebCodecs, () => {
      const { appendBuffer, remove } = SourceBuffer.prototype;
      let [appends, isFull] = [0, false];
      window.removals = [];
      SourceBuffer.prototype.appendBuffer = function (bytes) {
        if (++appends === 80) isFull = true;
        if (isFull) throw new DOMException("planted", "QuotaExceededError");
        appendBuffer.call(this, bytes);
      };
      SourceBuffer.prototype.remove = function (from, to) {
        isFull = false;
        window.removals.push(to);
        remove.call(this, from, to);
      };
    }],
    hash: "#/camera/cam1",
  });
  await until("the removal", () => page.evaluate(() => window.removals.length > 0));
  const frames = await page.evaluate(() => camweave.frames("cam1"));
  await drawn(page, ["cam1"], frames + 32);
  assert.equal((await page.evaluate(() => camweave.player("cam1"))).errors, 0);
  await page.context().close();
});

test("an MSE player that always fails gives way to JPEG", async () => {
  const page = await open({
    init: [withoutWebCodecs, () => {
      MediaSource.prototype.addSourceBuffer = () => {
        throw new Error("planted");
      };
    }],
    hash: "#/camera/cam1",
  });
  await page.getByText("JPEG, at most 2 a second: the browser's decoder failed: planted").waitFor({ timeout: 120_000 });
  await drawn(page, ["cam1"], 2);
  await page.context().close();
});

test("a browser that does not say which frame it shows is not played MSE", async () => {
  const page = await open({
    init: [withoutWebCodecs, () => delete HTMLVideoElement.prototype.requestVideoFrameCallback],
    hash: "#/camera/cam1",
  });
  await page.getByText("JPEG, at most 2 a second: this browser has no WebCodecs").waitFor({ timeout: 120_000 });
  await page.context().close();
});

test("a browser without WebCodecs and MSE is shown JPEGs, and told why", async () => {
  const page = await open({
    init: [withoutWebCodecs, () => {
      delete window.MediaSource;
      delete window.ManagedMediaSource;
    }],
  });
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

test("a decoder that hangs is replaced at a keyframe", async () => {
  const page = await open({
    init: () => {
      const Real = window.VideoDecoder;
      let isPlanted = false;
      window.VideoDecoder = class extends Real {
        #units = 0;
        #isHung = false;
        decode(chunk) {
          if (++this.#units === 12 && !isPlanted) isPlanted = this.#isHung = true;
          if (!this.#isHung) super.decode(chunk);
        }
        get decodeQueueSize() {
          return this.#isHung ? 1 : super.decodeQueueSize;
        }
      };
    },
    hash: "#/camera/cam1",
  });
  await page.getByText("decoder errors (the decoder gives no frames)").waitFor({ timeout: 120_000 });
  const frames = await page.evaluate(() => camweave.frames("cam1"));
  await drawn(page, ["cam1"], frames + 16);
  const player = await page.evaluate(() => camweave.player("cam1"));
  assert.deepEqual([player.errors, player.decoders], [1, 2]);
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
  await hide(page, true);
  const frames = () => page.evaluate(() => camweave.frames("cam20"));
  await until("no more frames in the background", async () => {
    const before = await frames();
    await new Promise((resolve) => setTimeout(resolve, 2000));
    return (await frames()) === before;
  });
  const before = await frames();
  await hide(page, false);
  await drawn(page, ["cam20"], before + 4);
  await page.context().close();
});

test("a camera that comes moves no other, one that goes fades", async () => {
  const { page, states } = await openEdited("#/");
  await drawn(page, LIVE);
  const before = await places(page);
  // Somebody is using the page, so nothing may be sorted in.
  await page.mouse.move(300, 300);
  states.edit = (state) => ({ ...state, cameras: [...state.cameras, added("cam4", state.cameras[0])] });
  await tile(page, "cam4").waitFor();
  const with4 = await places(page);
  for (const [id, place] of Object.entries(before)) assert.equal(with4[id], place, id);
  states.edit = (state) => ({ ...state, cameras: state.cameras.filter(({ id }) => id !== "cam1") });
  await until("cam1 as removed", async () => (await tile(page, "cam1").getAttribute("data-state")) === "removed");
  assert.equal((await places(page)).cam1, before.cam1);
  await until("it to go when the page is left alone", async () => (await tile(page, "cam1").count()) === 0);
  await page.context().close();
});

test("cameras for which there is no room move the others only when the page is left alone", async () => {
  const { page, states } = await openEdited("#/");
  await drawn(page, LIVE);
  const before = await places(page);
  const [, , width] = before.cam1.split(",").map(Number);
  const more = ["cam4", "cam5", "cam6", "cam7"];
  await page.mouse.move(300, 300);
  states.edit = (state) => ({ ...state, cameras: [...state.cameras, ...more.map((id) => added(id, state.cameras[0]))] });
  for (let x = 300; (await tile(page, "cam7").count()) === 0; x++) await page.mouse.move(x % 600, 300);
  await page.mouse.move(301, 301);
  const crowded = await places(page);
  for (const [id, place] of Object.entries(before)) assert.equal(crowded[id], place, id);
  await until("all to fit", async () => Number((await places(page)).cam1.split(",")[2]) < width);
  assert.deepEqual(Object.keys(await places(page)), ["cam1", "cam2", "cam3", ...more, "cam10", "cam20"]);
  await page.context().close();
});

test("a camera that the server lists as removed goes, and stays away", async () => {
  const { page, states } = await openEdited("#/");
  await drawn(page, LIVE);
  states.edit = (state) => ({ ...state, cameras: state.cameras.map((it) => (it.id === "cam1" ? { ...it, state: "removed" } : it)) });
  await until("cam1 as removed", async () => (await tile(page, "cam1").getAttribute("data-state")) === "removed");
  await until("it to go", async () => (await tile(page, "cam1").count()) === 0);
  const { taken } = states;
  await until("more states", () => states.taken >= taken + 4);
  assert.equal(await tile(page, "cam1").count(), 0);
  await page.getByText("3 of 4 live").waitFor();
  assert.equal(await page.locator('.tile:visible button[tabindex="0"]').count(), 1, "another tile is reached by Tab");
  await page.context().close();
});

test("a camera that is removed and added again while it is open is shown again", async () => {
  const { page, states } = await openEdited("#/camera/cam1");
  await drawn(page, ["cam1"], 4);
  const view = page.locator("#single-view");
  states.edit = (state) => ({ ...state, cameras: state.cameras.filter(({ id }) => id !== "cam1") });
  await view.getByText("There is no such camera").waitFor({ timeout: 120_000 });
  states.edit = (state) => state;
  await until("cam1 as live", async () => (await view.getAttribute("data-state")) === "live");
  // For longer than a camera may be without frames.
  const frames = await page.evaluate(() => camweave.frames("cam1"));
  await drawn(page, ["cam1"], frames + 60);
  assert.equal(await view.getAttribute("data-state"), "live");
  await page.evaluate(() => {
    camweave.probe = (canvas) => (canvas.closest(".tile") ? (canvas.dataset.isDrawn = true) : null);
  });
  await page.getByRole("button", { name: "‹ Cameras" }).click();
  await until("frames in its tile", async () => (await tile(page, "cam1").locator("canvas[data-is-drawn]").count()) === 1);
  assert.equal(await tile(page, "cam1").getAttribute("data-state"), "live");
  await page.context().close();
});

test("video goes on after a step of the browser's clock, and of the server's", async () => {
  const { page, states } = await openEdited("#/camera/cam1");
  await drawn(page, ["cam1"], 8);
  const shown = () => page.evaluate(() => camweave.snapshot().cam1.shownMs);
  const drawMore = async (frames) => drawn(page, ["cam1"], (await page.evaluate(() => camweave.frames("cam1"))) + frames);
  await page.evaluate(() => {
    const { now } = Date;
    Date.now = () => now() + 3_600_000;
  });
  await drawMore(32);
  assert.ok(Math.abs(await shown()) < 600_000, "ages are by the server's clock");
  const skipped = () => page.evaluate(() => camweave.player("cam1").skipped);
  const before = await skipped();
  states.edit = (state) => ({ ...state, now_unix_ms: state.now_unix_ms - 3_600_000 });
  await until("what looks like a slow network", async () => (await skipped()) > before);
  await drawMore(32);
  assert.ok((await shown()) < -3_000_000, "which are those of its new time");
  await page.context().close();
});

test("of more cameras than a message can name, as many are watched as it can", async () => {
  const { page, states } = await openEdited("#/");
  await drawn(page, LIVE);
  const many = Array.from({ length: 100 }, (_, i) => `gate${i}-${"x".repeat(240)}`);
  states.edit = (state) => {
    const like = state.cameras.find(({ id }) => id === "cam1");
    return { ...state, cameras: [...state.cameras, ...many.map((id) => ({ ...like, id }))] };
  };
  await until("a tile that is not watched", async () => (await page.locator(".tile-way:visible", { hasText: "no video" }).count()) > 0);
  const frames = await page.evaluate(() => camweave.frames("cam1"));
  await drawn(page, ["cam1"], frames + 16);
  const longest = Math.max(...states.said.map((text) => Buffer.byteLength(text)));
  assert.ok(longest > 15_000 && longest <= 16_384, `${longest} bytes`);
  await page.context().close();
});

test("the filter is typed to its end in every view", async () => {
  const page = await open();
  await drawn(page, LIVE);
  for (const hash of ["#/camera/cam2", "#/graph"]) {
    await page.goto(graph.url + hash);
    await page.locator("#grid-view").waitFor({ state: "hidden" });
    await page.keyboard.press("/");
    await page.keyboard.type("cam1");
    assert.equal(await page.locator("#filter").inputValue(), "cam1", hash);
    assert.deepEqual(await page.locator(".tile:visible").evaluateAll((it) => it.map((t) => t.dataset.camera)), ["cam1", "cam10"]);
    await page.keyboard.press("Escape");
  }
  await page.context().close();
});

test("whatever the filter hides, a tile is reached by Tab, and the skip link keeps the view", async () => {
  const page = await open();
  await drawn(page, LIVE);
  const reached = () => page.locator('.tile:visible button[tabindex="0"]').evaluateAll((it) => it.map((b) => b.closest(".tile").dataset.camera));
  await page.keyboard.press("ArrowRight");
  assert.deepEqual(await reached(), ["cam1"]);
  await page.keyboard.press("/");
  await page.keyboard.type("cam2");
  assert.deepEqual(await reached(), ["cam2"]);
  const url = page.url();
  await page.locator(".skip").focus();
  await page.keyboard.press("Enter");
  assert.equal(page.url(), url);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.closest(".tile")?.dataset.camera), "cam2");
  await page.context().close();
});

test("no tile is called stalled after a return to the tab or a new connection", async () => {
  const sockets = [];
  const page = await open({ hash: "#/graph" });
  await page.routeWebSocket(/\/ws$/, (route) => {
    sockets.push(route);
    route.connectToServer();
  });
  await page.goto(`${graph.url}#/`);
  await page.reload();
  await drawn(page, LIVE, 48);
  await page.evaluate(() => {
    window.alarms = [];
    const note = () => {
      for (const it of document.querySelectorAll('.tile[data-state="stalled"]')) window.alarms.push(it.innerText);
    };
    new MutationObserver(note).observe(document.getElementById("grid"), { subtree: true, attributeFilter: ["data-state"] });
  });
  const frames = () => page.evaluate(() => camweave.frames("cam1"));
  await hide(page, true);
  await until("no more frames in the background", async () => {
    const before = await frames();
    await new Promise((resolve) => setTimeout(resolve, 3000));
    return (await frames()) === before;
  });
  await hide(page, false);
  await drawn(page, ["cam1"], (await frames()) + 4);
  const { length } = sockets;
  await sockets.at(-1).close();
  await until("a new connection", () => sockets.length > length);
  await drawn(page, ["cam1"], (await frames()) + 4);
  assert.deepEqual(await page.evaluate(() => window.alarms), []);
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
