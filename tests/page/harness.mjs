// What the tests of the page share: simulated cameras, a graph with a dashboard, a browser.

import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const bin = process.env.CAMWEAVE_BIN ?? join(root, "target/release");
const { chromium } = createRequire(join(root, ".cache/page/package.json"))("playwright-core");

/** How long a state may take to come, on a slow and shared machine. */
export const PATIENCE_MS = 120_000;

export async function until(what, check, patience = PATIENCE_MS) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${patience / 1000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A folder that goes with the test. */
export function folder() {
  const path = mkdtempSync(join(tmpdir(), "camweave-page-"));
  process.on("exit", () => rmSync(path, { recursive: true, force: true }));
  return path;
}

const running = new Set();
process.on("exit", () => running.forEach((child) => stopNow(child)));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

function start(command, args, options) {
  const child = spawn(command, args, { detached: true, stdio: ["ignore", "pipe", "pipe"], ...options });
  child.log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (bytes) => (child.log = (child.log + bytes).slice(-200_000)));
  }
  child.on("error", (error) => (child.log += error.message));
  running.add(child);
  return child;
}

/** Ends a process and those that it started: each has a process group of its own. */
function stopNow(child) {
  running.delete(child);
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

export async function stop(child) {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGINT");
    const timer = setTimeout(() => stopNow(child), 20_000);
    await ended;
    clearTimeout(timer);
  }
  stopNow(child);
}

/**
 * Cameras that play scenes over and over, with their frame's number in it unless `stamped` is false. `scenes`: id to seed.
 * `record()` is what they have done, `truth(id)` what is in each frame of a clip.
 */
export async function startCameras(scenes, args = [], { stamped = true } = {}) {
  const record = folder();
  const cameras = Object.entries(scenes).flatMap(([id, seed]) => ["--camera", `${id}=scene:${seed}`]);
  const child = start(join(bin, "camera-sim"), [
    "serve", "--port", "0", ...(stamped ? ["--stamp"] : []), "--at-end", "loop", "--seconds", "20", "--record", record,
    ...cameras, ...args,
  ]);
  const line = await until("the simulated cameras", () => {
    if (child.exitCode !== null) throw new Error(`camera-sim: ${child.log}`);
    return child.log.split("\n").find((text) => text.startsWith("{") && text.includes('"ready"'));
  });
  return {
    urls: Object.fromEntries(JSON.parse(line).cameras.map(({ id, url }) => [id, url])),
    record: () => JSON.parse(readFileSync(join(record, "cameras.json"), "utf8")),
    truth: (id) => readFileSync(join(record, `${id}.truth.jsonl`), "utf8").trim().split("\n").map((text) => JSON.parse(text)),
    stop: () => stop(child),
  };
}

/** A name of this machine that browsers do not take for its own: a page from there is as one from a local network. */
export const LAN_NAME = "cameras.test";

/**
 * A graph with a dashboard on these cameras (id to URL), with a token; `file` is its cameras.yml. `fields`: further
 * lines of each camera. `name`: a shipped graph. `address`: where the page is served. `files`: further ones beside it, by
 * name, which the graph gets as variables of that name in capitals, without the extension.
 */
export async function startGraph(urls, env = {}, options = {}) {
  const { fields = [], name = "cpu-fused-dashboard", address = "127.0.0.1", files = {} } = options;
  const dir = folder();
  const port = await freePort();
  const token = "page-tests-token-0123456789-abcdefghijklmno";
  writeFileSync(join(dir, "token"), token, { mode: 0o600 });
  const cameras = Object.entries(urls).map(([id, url]) =>
    [`  - id: ${id}`, `url: ${url}`, ...fields].join("\n    ") + "\n");
  const file = join(dir, "cameras.yml");
  writeFileSync(file, `cameras:\n${cameras.join("")}`);
  const variables = Object.entries(files).map(([name, content]) => {
    writeFileSync(join(dir, name), content);
    return [name.replace(/\..*/, "").toUpperCase(), join(dir, name)];
  });
  // A slow and shared machine detects late: frames wait for their boxes all the same.
  const settings = { TOKEN_FILE: join(dir, "token"), STATE: join(dir, "state"), WAIT_AT_MOST_MS: 5000, ...env };
  const child = start("dora", [
    "run", join(root, `dataflows/${name}.yml`),
    ...Object.entries(settings).map(([name, value]) => `--env=${name}=${value}`),
  ], {
    cwd: dir,
    env: {
      ...process.env,
      ...Object.fromEntries(variables),
      CAMERAS: file,
      OUT: join(dir, "out"),
      RECORDINGS: join(dir, "recordings"),
      LISTEN: `${address}:${port}`,
      CAMWEAVE_STATS_DIR: join(dir, "stats"),
      DORA_ZENOH_MULTICAST: "off",
    },
  });
  const url = `http://127.0.0.1:${port}/`;
  await until("the dashboard", async () => {
    if (child.exitCode !== null) throw new Error(`dora: ${child.log}`);
    return (await fetch(url).catch(() => null))?.ok;
  }).catch((error) => {
    throw new Error(`${error.message}\n${child.log}`);
  });
  return { url, token, file, dir, pid: child.pid, log: () => child.log, stop: () => stop(child) };
}

export async function startBrowser() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  // Without a GPU: Chromium's own software renderer of one would take the processor that decodes.
  const args = ["--no-sandbox", "--disable-gpu", `--host-resolver-rules=MAP ${LAN_NAME} 127.0.0.1`];
  // A page that does not come from the server may not talk to this machine otherwise.
  if (process.env.CAMWEAVE_ASSETS) args.push("--disable-features=LocalNetworkAccessChecks");
  return chromium.launch({ executablePath, args });
}

/** A page that has logged in. `init`, a function or several, runs in it before its own scripts. */
export async function openPage(browser, graph, { init, hash = "", isLoggedIn = true, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  if (isLoggedIn) {
    const answer = await context.request.post(new URL("login", graph.url).href, {
      data: { token: graph.token },
      headers: { origin: new URL(graph.url).origin },
    });
    if (!answer.ok()) throw new Error(`login: ${answer.status()} ${await answer.text()}`);
  }
  const page = await context.newPage();
  page.errors = [];
  page.on("pageerror", (error) => page.errors.push(error.message));
  // Also what the Content-Security-Policy refuses is written to the console.
  page.on("console", (line) => line.type() === "error" && page.errors.push(line.text()));
  if (process.env.CAMWEAVE_ASSETS) await serveFrom(page, process.env.CAMWEAVE_ASSETS);
  for (const script of [init ?? []].flat()) await page.addInitScript(script);
  await page.goto(graph.url + hash);
  return page;
}

/** The page's files as they are in a folder, not as the server was built with: for work on the page. */
async function serveFrom(page, assets) {
  const types = { html: "text/html; charset=utf-8", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
  await page.route(/^[^?#]*\/(assets\/[^/]+)?([?#].*)?$/, async (route) => {
    const name = new URL(route.request().url()).pathname.replace(/^\/(assets\/)?/, "") || "index.html";
    // Only the browser knows that name.
    const headers = (await route.fetch({ url: route.request().url().replace(LAN_NAME, "127.0.0.1") })).headers();
    const policy = headers["content-security-policy"] ?? "";
    const body = readFileSync(join(assets, name));
    await route.fulfill({ body, headers: { "content-security-policy": policy, "content-type": types[name.split(".").pop()] } });
  });
}

/** Waits until frames of these cameras were drawn. */
export async function drawn(page, ids, frames = 1) {
  await until(`${frames} drawn frames of ${ids.join(", ")}`, () =>
    page.evaluate(([ids, frames]) => ids.every((id) => window.camweave.frames(id) >= frames), [ids, frames]));
}
