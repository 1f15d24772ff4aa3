// What a page costs, and how late it is: glass to canvas, CPU, memory, and what the graph does without it.
//
// Usage: node tests/page/load.mjs [--cameras 16] [--fps 10] [--detect-fps 2] [--seconds 20] [--turns 4]
//                                 [--viewers 0] [--open-minutes 0]
//   --detect-fps     'off' or a rate: what the detector takes is not what this measures
//   --turns          phases of so many seconds without and with a page, one after the other
//   --viewers        connections more, each of which takes all cameras' video, in each phase with a page
//   --open-minutes   then a page stays open so long, and the memory of node and browser is read every 10 s
//
// Prints JSON. The browser decodes on the same cores, without a GPU: leave it some.

import { readFileSync, readdirSync } from "node:fs";
import { parseArgs } from "node:util";

import { openPage, startBrowser, startCameras, startGraph, until } from "./harness.mjs";

const standard = { cameras: "16", fps: "10", "detect-fps": "2", seconds: "20", turns: "4", viewers: "0", "open-minutes": "0" };
const options = Object.fromEntries(Object.entries(standard).map(([name, value]) => [name, { type: "string", default: value }]));
const { values } = parseArgs({ options });
const [cameras, fps, seconds, turns, viewers, minutes] =
  ["cameras", "fps", "seconds", "turns", "viewers", "open-minutes"].map((name) => Number(values[name]));
const detect = values["detect-fps"] === "off" ? "detect: off" : `detect_fps: ${values["detect-fps"]}`;

const TICKS_PER_SECOND = 100;
const PAGE_KIB = 4;
const sleep = (s) => new Promise((resolve) => setTimeout(resolve, s * 1000));
const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? null;
const mean = (list) => list.reduce((sum, it) => sum + it, 0) / list.length;

/** Processes by their command's name, with parent, CPU seconds and resident MiB. */
function processes() {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const [name, rest] = [stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")")), stat.slice(stat.lastIndexOf(")") + 2).split(" ")];
      // Fields 14, 15 and 24 of proc(5): user and system time, resident pages.
      return [{ pid: Number(pid), parent: Number(rest[1]), name, cpu: (Number(rest[11]) + Number(rest[12])) / TICKS_PER_SECOND, mib: (Number(rest[21]) * PAGE_KIB) / 1024 }];
    } catch {
      return [];
    }
  });
}

/** A process and all that it started. */
function tree(all, root) {
  const found = [root];
  for (let i = 0; i < found.length; i++) found.push(...all.filter((it) => it.parent === found[i].pid));
  return found;
}

const total = (list) => list.reduce((sum, it) => ({ cpu: sum.cpu + it.cpu, mib: sum.mib + it.mib }), { cpu: 0, mib: 0 });

function usage() {
  const all = processes();
  const of = (pid) => tree(all, all.find((it) => it.pid === pid) ?? { pid: -1, cpu: 0, mib: 0 });
  const graph = of(running.pid);
  return { node: total(graph.filter((it) => it.name === "dashboard")), graph: total(graph), browser: total(of(process.pid).filter((it) => /chrom/.test(it.name))) };
}

const ids = Array.from({ length: cameras }, (_, i) => `cam${i + 1}`);
const scenes = Object.fromEntries(ids.map((id, i) => [id, 1_000_700 + i]));
const simulator = await startCameras(scenes, ["--fps", String(fps), "--size", "640x360"]);
const running = await startGraph(simulator.urls, { WAIT_AT_MOST_MS: "400" }, { fields: [detect], name: "cpu-dashboard" });
const browser = await startBrowser();
const asker = await browser.newContext();
await asker.request.post(new URL("login", running.url).href, { data: { token: running.token }, headers: { origin: new URL(running.url).origin } });
const state = async () => (await asker.request.get(`${running.url}api/state`)).json();
const counts = async () => {
  const { cameras: list } = await state();
  const sum = (key) => list.reduce((all, it) => all + it[key], 0);
  const dropped = list.flatMap((it) => [...Object.values(it.dropped), ...Object.values(it.lost)]).reduce((all, it) => all + it, 0);
  return { at: performance.now() / 1000, received: sum("received"), detected: sum("detected"), dropped, ...usage() };
};
await until("live cameras", async () => (await state()).cameras.filter((it) => it.state === "live").length === cameras);
await sleep(5);

function watchTimes() {
  window.times = [];
  const install = () => {
    if (!window.camweave) return setTimeout(install, 1);
    window.camweave.probe = (_canvas, _area, message) => window.times.push(Date.now() - message.capturedMs);
  };
  install();
}

/** Connections that take everything and show nothing. */
function takeAll([count, ids]) {
  window.taken = { messages: 0, bytes: 0, closed: 0 };
  window.sockets = Array.from({ length: count }, () => {
    const socket = new WebSocket(`ws://${location.host}/ws`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(JSON.stringify({ type: "watch", cameras: ids.map((id) => ({ id, way: "video" })) }));
    socket.onclose = () => window.taken.closed++;
    socket.onmessage = ({ data }) => {
      window.taken.messages++;
      window.taken.bytes += data.byteLength ?? data.length;
    };
    return socket;
  });
}

async function phase(isOpen) {
  const page = isOpen ? await openPage(browser, running, { init: watchTimes }) : null;
  let crowd = null;
  if (page && viewers > 0) {
    crowd = await openPage(browser, running, { hash: "#/graph" });
    await crowd.evaluate(takeAll, [viewers, ids]);
  }
  await sleep(4);
  if (page) await page.evaluate(() => window.times.splice(0));
  const before = await counts();
  await sleep(seconds);
  const after = await counts();
  const times = page ? (await page.evaluate(() => window.times.splice(0))).sort((a, b) => a - b) : [];
  const taken = crowd ? await crowd.evaluate(() => window.taken) : undefined;
  await page?.context().close();
  await crowd?.context().close();
  await sleep(1);
  const span = after.at - before.at;
  const core = (part) => Number(((after[part].cpu - before[part].cpu) / span).toFixed(4));
  return {
    page: isOpen,
    received_fps: (after.received - before.received) / span,
    detected_fps: (after.detected - before.detected) / span,
    dropped: after.dropped - before.dropped,
    cores: { node: core("node"), graph: core("graph"), browser: core("browser") },
    node_mib: after.node.mib,
    frames_drawn: times.length,
    drawn_fps: times.length / span,
    glass_to_canvas_ms: page ? { p50: quantile(times, 0.5), p95: quantile(times, 0.95), p99: quantile(times, 0.99), max: times.at(-1) } : undefined,
    taken,
  };
}

const phases = [];
for (let turn = 0; turn < turns; turn++) {
  for (const isOpen of turn % 2 ? [true, false] : [false, true]) phases.push(await phase(isOpen));
}
const of = (isOpen, key) => phases.filter((it) => it.page === isOpen).map((it) => it[key]);
const memory = [];
if (minutes > 0) {
  const page = await openPage(browser, running, { init: watchTimes });
  const end = Date.now() + minutes * 60_000;
  while (Date.now() < end) {
    await sleep(10);
    const times = (await page.evaluate(() => window.times.splice(0))).sort((a, b) => a - b);
    const { node, browser: it } = usage();
    memory.push({ node_mib: Math.round(node.mib * 10) / 10, browser_mib: Math.round(it.mib), frames: times.length, p95_ms: quantile(times, 0.95) });
  }
}
console.log(JSON.stringify({
  options: values, detect,
  without: turns && { received_fps: mean(of(false, "received_fps")), detected_fps: mean(of(false, "detected_fps")) },
  with: turns && { received_fps: mean(of(true, "received_fps")), detected_fps: mean(of(true, "detected_fps")) },
  phases, memory,
}, null, 1));
await browser.close();
await running.stop();
await simulator.stop();
process.exit(0);
