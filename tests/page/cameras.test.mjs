// Cameras added, changed, tested and removed on the page: in headless Chromium, with the real server, nodes and file.

import assert from "node:assert/strict";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { after, before, beforeEach, test } from "node:test";

import { drawn, openPage, startBrowser, startCameras, startGraph, until } from "./harness.mjs";

const USER = "annabelle";
const PASSWORD = "t0psecret-9";
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

let open, guarded, graph, browser;

const text = () => readFileSync(graph.file, "utf8");
/** As an editor does: the file is another one at once. */
function write(content) {
  writeFileSync(`${graph.file}.new`, content);
  renameSync(`${graph.file}.new`, graph.file);
}
const original = () => `# Our cameras.
cameras:
  - id: cam1 # the street
    url: ${open.urls.cam1}
    # Enough for cars.
    detect_fps: 4
  - id: cam2
    url: ${open.urls.cam2}
`;
const visit = (hash, options) => openPage(browser, graph, { hash, ...options });
const row = (page, id) => page.locator(`.camera-row[data-camera="${id}"]`);
const field = (page, name) => page.locator(`.field:has([name="${name}"])`);
const input = (page, label) => page.locator("#edit-view").getByLabel(label, { exact: true });
const press = (page, name) => page.locator("#edit-view").getByRole("button", { name, exact: true }).click();
/** Holds the requests of a method back until the function that it gives is called, which waits for the answer. */
async function hold(page, method) {
  let release;
  const released = new Promise((resolve) => (release = resolve));
  await page.route(/\/api\/cameras/, async (route) => {
    if (route.request().method() === method) await released;
    await route.continue();
  });
  return async () => {
    const answered = page.waitForResponse((answer) => answer.request().method() === method);
    release();
    await (await answered).finished();
    // The page's own turn to take it.
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 200)));
  };
}
const saved = (page) => page.locator(".form-status", { hasText: /^(Saved|“.*” was added)/ }).waitFor();
/** Refusals of the server are written to the console too. */
const faults = (page) => page.errors.filter((line) => !/status of (401|409|412|422|424|502)/.test(line));

before(async () => {
  const common = ["--fps", "8", "--size", "640x360"];
  open = await startCameras({ cam1: 1_000_511, cam2: 1_000_512, cam3: 1_000_513 }, common);
  guarded = await startCameras({ gate: 1_000_514 }, [...common, "--auth", `${USER}:${PASSWORD}`]);
  graph = await startGraph({ cam1: open.urls.cam1, cam2: open.urls.cam2 });
  browser = await startBrowser();
});

beforeEach(() => write(original()));

after(async () => {
  await browser?.close();
  await graph?.stop();
  await open?.stop();
  await guarded?.stop();
});

test("a camera is added by the form, and shown live", async () => {
  const page = await visit("");
  await page.getByRole("link", { name: "Edit" }).waitFor();
  await page.keyboard.press("e");
  await row(page, "cam1").getByText(/^Live/).waitFor();
  await page.locator("#edit-view").getByRole("link", { name: "Add camera" }).click();
  assert.equal(await page.evaluate(() => document.activeElement.name), "id");
  await page.keyboard.type("cam3");
  await page.keyboard.press("Tab");
  await page.keyboard.type("not a url");
  await page.keyboard.press("Enter");
  const url = field(page, "url");
  await url.locator(".field-error", { hasText: "The URL cannot be read" }).waitFor();
  assert.equal(await input(page, "URL").getAttribute("aria-invalid"), "true");
  assert.equal(await page.evaluate(() => document.activeElement.name), "url", "the focus is on what is wrong");
  assert.deepEqual([await input(page, "Name").inputValue(), await input(page, "URL").inputValue()], ["cam3", "not a url"]);
  assert.equal(text(), original());
  await input(page, "URL").fill(open.urls.cam3);
  assert.equal(await url.locator(".field-error").innerText(), "");
  await input(page, "Name").fill("cam1");
  await press(page, "Add camera");
  await field(page, "id").locator(".field-error", { hasText: "There is a camera “cam1” already" }).waitFor();
  await input(page, "Name").fill("cam3");
  await press(page, "Add camera");
  await saved(page);
  assert.match(page.url(), /#\/edit\/camera\/cam3$/);
  assert.ok(text().startsWith(original().trimEnd()) && text().includes("id: cam3"), text());
  await page.locator(".edit-top").getByText(/^Live, \d/).waitFor({ timeout: 120_000 });
  await page.getByRole("link", { name: "Watch" }).click();
  await drawn(page, ["cam3"], 8);
  await page.getByRole("heading", { name: "cam3" }).waitFor();
  assert.deepEqual(faults(page), []);
  await page.context().close();
});

test("a change is written into the file, and its comments stay", async () => {
  const page = await visit("#/camera/cam1");
  await drawn(page, ["cam1"]);
  await page.keyboard.press("e");
  const rate = input(page, "Frames per second to detect on");
  await rate.waitFor();
  assert.equal(await rate.inputValue(), "4");
  await rate.fill("often");
  await press(page, "Save");
  await field(page, "detect_fps").locator(".field-error", { hasText: "expected a number from 0.01 to 1000" }).waitFor();
  assert.equal(await rate.inputValue(), "often");
  assert.equal(text(), original());
  await rate.fill("2.5");
  await press(page, "Save");
  await saved(page);
  assert.equal(text().replace(/detect_fps: .*/, ""), original().replace(/detect_fps: .*/, ""), "nothing else differs");
  assert.match(text(), /\n    detect_fps: '?"?2\.5'?"?\n/);
  await page.keyboard.press("Escape");
  assert.match(page.url(), /#\/camera\/cam1$/, "back where the form was opened");
  await page.context().close();
});

test("motion, off, transport and back", async () => {
  const page = await visit("#/edit/camera/cam1");
  const choose = (name) => page.locator("#edit-view label.choice", { hasText: name }).click();
  await input(page, "URL").waitFor();
  await choose("While something moves");
  await choose("UDP");
  await press(page, "Save");
  await saved(page);
  assert.match(text(), /detect: '?"?motion'?"?\n/);
  assert.match(text(), /transport: '?"?udp'?"?\n/);
  await choose("Not at all");
  assert.ok(await input(page, "Frames per second to detect on").isDisabled());
  await press(page, "Save");
  await saved(page);
  assert.match(text(), /detect: '?"?off'?"?\n/);
  await choose("All the time");
  await page.locator(`fieldset:has([name="transport"]) label.choice`, { hasText: "Automatic" }).click();
  await press(page, "Save");
  await saved(page);
  assert.ok(!text().includes("transport:"), text());
  const rate = input(page, "Frames per second to detect on");
  assert.equal(await rate.inputValue(), "4", "what the file had all the time");
  write(original().replace("detect_fps: 4", "detect: off\n    detect_fps: 4"));
  await page.reload();
  await page.locator("#edit-view").getByText("Nothing is detected.").waitFor();
  assert.equal(await rate.inputValue(), "4", "it is used again once detection is on");
  await choose("All the time");
  await rate.fill("");
  await press(page, "Save");
  await saved(page);
  assert.ok(!text().includes("detect_fps"), text());
  await page.context().close();
});

test("a test shows what the camera sends, and a frame, before anything is saved", async () => {
  const page = await visit("#/edit/new");
  const trial = page.locator(".trial");
  await press(page, "Test");
  await field(page, "url").locator(".field-error", { hasText: "Give the camera's URL" }).waitFor();
  await input(page, "URL").fill(open.urls.cam3);
  await press(page, "Test");
  await trial.getByText("Connecting and watching…").waitFor();
  await until("the seconds to count", async () => /^[1-9]\d* s/.test(await trial.locator(".trial-seconds").innerText()));
  await trial.getByText("The camera plays.").waitFor({ timeout: 120_000 });
  await trial.getByText("H.264, 640 × 360").waitFor();
  const frame = trial.getByRole("img");
  assert.deepEqual(await frame.evaluate((image) => image.decode().then(() => [image.naturalWidth, image.naturalHeight])), [640, 360]);
  assert.equal(text(), original());
  await input(page, "URL").fill("rtsp://127.0.0.1:9/stream");
  assert.ok(await trial.evaluate((it) => it.classList.contains("old")), "the result is of another URL");
  await press(page, "Test again");
  await trial.getByText(/The camera does not play\. .*enable RTSP in the camera/i).waitFor({ timeout: 120_000 });
  assert.deepEqual(faults(page), [], "the Content-Security-Policy refused nothing");
  await page.context().close();
});

test("user and password go in, and never come out", async () => {
  const page = await visit("#/edit/new");
  const said = [];
  page.on("response", async (answer) => said.push(await answer.text().catch(() => "")));
  page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => said.push(String(payload))));
  await page.reload();
  await input(page, "Name").fill("gate");
  await input(page, "URL").fill(guarded.urls.gate);
  await input(page, "User").fill(USER);
  await press(page, "Add camera");
  await field(page, "password").locator(".field-error", { hasText: "expected both or neither" }).waitFor();
  await input(page, "Password").fill(PASSWORD);
  await press(page, "Show what is typed as password");
  assert.equal(await input(page, "Password").getAttribute("type"), "text");
  await press(page, "Add camera");
  await saved(page);
  assert.ok(text().includes(PASSWORD));
  await page.locator(".edit-top").getByText(/^Live, \d/).waitFor({ timeout: 120_000 });
  assert.equal(await input(page, "Password").getAttribute("type"), "password");
  assert.deepEqual([await input(page, "User").inputValue(), await input(page, "Password").inputValue()], ["", ""]);
  assert.equal(await input(page, "Password").getAttribute("placeholder"), "set");
  // The password is kept where the fields are left empty, and is not sent to another host.
  await input(page, "URL").fill("rtsp://192.0.2.7/stream");
  await press(page, "Save");
  await field(page, "username").locator(".field-error", { hasText: "The URL names another host: give user and password again" }).waitFor();
  await press(page, "Discard changes");
  await input(page, "User").fill(USER);
  await input(page, "Password").fill(PASSWORD);
  await press(page, "Save");
  await saved(page);
  assert.deepEqual([await input(page, "User").inputValue(), await input(page, "Password").inputValue()], ["", ""]);
  await input(page, "Frames per second to detect on").fill("5");
  await press(page, "Test");
  await page.locator(".trial").getByText("The camera plays.").waitFor({ timeout: 120_000 });
  await press(page, "Save");
  await saved(page);
  assert.ok(text().includes(PASSWORD) && text().includes(USER));
  const dom = await page.evaluate(() => document.documentElement.outerHTML + [...document.querySelectorAll("input")].map(({ value }) => value).join());
  for (const secret of [USER, PASSWORD]) {
    assert.ok(!dom.includes(secret), "the document");
    assert.ok(!said.some((answer) => answer.includes(secret)), "an answer");
  }
  assert.ok(said.length > 5);
  await page.locator("#edit-view").getByText("Remove user and password").click();
  assert.ok(await input(page, "Password").isDisabled());
  await press(page, "Save");
  await saved(page);
  assert.ok(!text().includes(PASSWORD) && !text().includes(USER), text());
  assert.equal(await page.locator("#edit-view").getByText("Remove user and password").isVisible(), false);
  await page.context().close();
});

test("a login in the URL becomes fields, or goes, without the URL being typed again", async () => {
  write(original().replace("rtsp://", `rtsp://${USER}:${PASSWORD}@`));
  const page = await visit("#/edit/camera/cam1");
  await page.locator("#edit-view").getByText("Set, as a part of the URL").waitFor();
  assert.equal(await input(page, "URL").inputValue(), open.urls.cam1);
  await input(page, "URL").fill(`${open.urls.cam1}2`);
  const before = text();
  for (const button of ["Save", "Test"]) {
    await press(page, button);
    await field(page, "username").locator(".field-error", { hasText: "type them again, or remove them" }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.name), "username");
  }
  assert.equal(text(), before, "the login would be lost");
  await input(page, "URL").fill(open.urls.cam1);
  await input(page, "User").fill("bob");
  await input(page, "Password").fill("other");
  await press(page, "Save");
  await saved(page);
  assert.ok(!text().includes(PASSWORD) && /username: '?"?bob/.test(text()), text());
  await page.locator("#edit-view").getByText("Remove user and password").click();
  await press(page, "Save");
  await saved(page);
  assert.equal(text(), original());
  await page.context().close();
});

test("parts of a URL that are hidden are not saved as they are shown", async () => {
  write(original().replace(open.urls.cam2, "rtsp://127.0.0.1:9/cam?channel=1&pwd=t0psecret-8"));
  const page = await visit("#/edit/camera/cam2");
  await page.locator("#edit-view").getByText("Parts that may be secret are shown as ***").waitFor();
  const shown = await input(page, "URL").inputValue();
  assert.ok(shown.includes("***") && !shown.includes("t0psecret"), shown);
  await input(page, "URL").fill(shown.replace("cam?", "cam1?"));
  await press(page, "Save");
  await field(page, "url").locator(".field-error", { hasText: "type all of the URL" }).waitFor();
  await input(page, "URL").fill(shown);
  await input(page, "Frames per second to detect on").fill("3");
  await press(page, "Save");
  await saved(page);
  assert.ok(text().includes("/cam?channel=1&pwd=t0psecret-8"), "what was not changed stays");
  await page.context().close();
});

test("a URL of which the end is not shown is not saved as it is shown", async () => {
  const long = `http://${USER}:${PASSWORD}@127.0.0.1:9/${"folder/".repeat(40)}index.m3u8`;
  write(original().replace(open.urls.cam2, long));
  const page = await visit("#/edit/camera/cam2");
  await page.locator("#edit-view").getByText("The end of the URL is not shown").waitFor();
  await page.locator("#edit-view").getByText("Remove user and password").click();
  await press(page, "Save");
  await field(page, "url").locator(".field-error", { hasText: "type all of it, without them" }).waitFor();
  assert.ok(text().includes(long), text());
  await page.context().close();
});

test("what is typed while it is saved stays", async () => {
  const page = await visit("#/edit/camera/cam1");
  const rate = input(page, "Frames per second to detect on");
  await rate.fill("7");
  const patch = await hold(page, "PATCH");
  await press(page, "Save");
  await page.locator(".form-status", { hasText: "Saving" }).waitFor();
  await rate.fill("9");
  await page.locator("#edit-view label.choice", { hasText: "UDP" }).click();
  await patch();
  await saved(page);
  assert.match(text(), /detect_fps: '?"?7/);
  assert.equal(await rate.inputValue(), "9");
  assert.ok(await page.locator('#edit-view [name="transport"][value="udp"]').isChecked());
  await press(page, "Save");
  await page.locator(".form-status", { hasText: /^Saved/ }).waitFor();
  assert.match(text(), /detect_fps: '?"?9/);
  await page.goto(`${graph.url}#/edit/new`);
  await input(page, "Name").fill("cam3");
  await input(page, "URL").fill(open.urls.cam3);
  const post = await hold(page, "POST");
  await press(page, "Add camera");
  await page.locator(".form-status", { hasText: "Saving" }).waitFor();
  await rate.fill("3");
  await post();
  await saved(page);
  assert.match(page.url(), /#\/edit\/camera\/cam3$/);
  assert.equal(await rate.inputValue(), "3");
  await page.context().close();
});

test("an answer opens nothing where another view has been opened meanwhile", async () => {
  const page = await visit("#/edit/camera/cam2");
  await press(page, "Remove camera");
  const remove = await hold(page, "DELETE");
  await press(page, "Remove");
  await page.evaluate(() => (location.hash = "#/graph"));
  await page.locator("#edit-view").waitFor({ state: "hidden" });
  await remove();
  assert.ok(!text().includes("cam2"), text());
  assert.match(page.url(), /#\/graph$/);
  await page.evaluate(() => (location.hash = "#/edit"));
  await row(page, "cam2").waitFor({ state: "detached" });
  await page.locator("#edit-view").getByRole("link", { name: "Add camera" }).click();
  await input(page, "Name").fill("cam3");
  await input(page, "URL").fill(open.urls.cam3);
  const post = await hold(page, "POST");
  await press(page, "Add camera");
  await page.evaluate(() => (location.hash = "#/graph"));
  await page.locator("#edit-view").waitFor({ state: "hidden" });
  await post();
  assert.ok(text().includes("cam3"), text());
  assert.match(page.url(), /#\/graph$/);
  assert.deepEqual(faults(page), []);
  await page.context().close();
});

test("a restart of the server is no change by somebody else", async () => {
  const page = await visit("#/edit/camera/cam1");
  const rate = input(page, "Frames per second to detect on");
  await rate.fill("7");
  // As one would give them that has started again.
  let answered = 0;
  await page.route(/\/api\/cameras$/, async (route) => {
    const answer = await route.fetch();
    const body = (await answer.text()).replace(/"version":"[0-9a-f]+-[0-9a-f]+"/g, '"version":"0-1"');
    await route.fulfill({ response: answer, body });
    answered++;
  });
  // The second answer comes once the page has taken the first.
  await until("the file to be looked at again", () => answered > 1);
  await page.unroute(/\/api\/cameras$/);
  assert.equal(await page.locator(".form-error").innerText(), "");
  assert.equal(await rate.inputValue(), "7");
  await press(page, "Save");
  await saved(page);
  assert.match(text(), /detect_fps: '?"?7/);
  await page.context().close();
});

test("a fault of another camera in the file is not put beside a field", async () => {
  const page = await visit("#/edit/camera/cam1");
  await input(page, "URL").waitFor();
  await page.locator("#edit-view label.choice", { hasText: "TCP" }).click();
  const broken = original().replace(/$/, "    detect_fps: often\n");
  write(broken);
  await press(page, "Save");
  await page.locator(".form-error", { hasText: /^The file cannot be used as it is\. .*cameras\.yml:9:17: detect_fps 'often'/ }).waitFor();
  assert.equal(await page.locator(".field.invalid").count(), 0);
  assert.equal(text(), broken);
  await page.context().close();
});

test("a test's result is of what was tested, also where it was changed or saved since", async () => {
  const page = await visit("#/edit/camera/cam1");
  const trial = page.locator(".trial");
  const isOld = () => trial.evaluate((it) => it.classList.contains("old"));
  const rate = input(page, "Frames per second to detect on");
  await rate.fill("7");
  await press(page, "Test");
  await trial.getByText("Connecting and watching…").waitFor();
  await rate.fill("6");
  await trial.getByText("The camera plays.").waitFor({ timeout: 120_000 });
  assert.ok(await isOld(), "6 was not tested");
  await rate.fill("7");
  assert.equal(await isOld(), false);
  await press(page, "Save");
  await saved(page);
  assert.equal(await isOld(), false, "what was tested was saved");
  await rate.fill("8");
  assert.ok(await isOld());
  await page.context().close();
});

test("at the login, keys of the hidden view do nothing", async () => {
  const page = await visit("#/graph");
  await page.route(/\/api\/state$/, (route) => route.fulfill({ status: 401, json: { error: "log in" } }));
  for (const hash of ["#/edit", "#/graph"]) {
    await page.goto(graph.url + hash);
    await page.reload();
    await page.locator("body.locked").waitFor();
    await page.keyboard.press("Escape");
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press("e");
  }
  assert.deepEqual(faults(page), []);
  await page.context().close();
});

test("what somebody else has changed meanwhile is said, and not overwritten", async () => {
  const page = await visit("#/edit/camera/cam1");
  const rate = input(page, "Frames per second to detect on");
  await rate.fill("7");
  // Another field: both changes are kept.
  write(original().replace("    detect_fps", "    transport: tcp\n    detect_fps"));
  await press(page, "Save");
  await saved(page);
  assert.match(text(), /transport: tcp\n    detect_fps: '?"?7/);
  assert.ok(await page.locator('#edit-view [name="transport"][value="tcp"]').isChecked());
  // The same field.
  await rate.fill("8");
  write(text().replace(/detect_fps: .*/, "detect_fps: 3"));
  await press(page, "Save");
  await field(page, "detect_fps").locator(".field-note", { hasText: "Someone else has set this to “3” meanwhile" }).waitFor();
  assert.match(text(), /detect_fps: 3\n/, "nothing was written");
  assert.equal(await rate.inputValue(), "8", "nothing that was typed is lost");
  await press(page, "Save");
  await saved(page);
  assert.match(text(), /detect_fps: '?"?8/);
  // What is not shown.
  write(text().replace("    detect_fps", "    username: eve\n    password: x\n    detect_fps"));
  await page.locator("#edit-view").getByText("Someone else has set user and password meanwhile.").waitFor();
  write(text().replace(/  - id: cam1[^]*?  - id: cam2/, "  - id: cam2"));
  await page.locator("#edit-view").getByText("someone has removed it").waitFor();
  await page.context().close();
});

test("a camera is removed after one more question, in place", async () => {
  const page = await visit("#/edit/camera/cam2");
  await press(page, "Remove camera");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Keep");
  await page.keyboard.press("Escape");
  assert.match(page.url(), /#\/edit\/camera\/cam2$/, "the question alone is closed");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Remove camera");
  assert.equal(text(), original());
  await press(page, "Remove camera");
  await press(page, "Remove");
  await page.getByText("“cam2” was removed.").waitFor();
  assert.equal(await row(page, "cam2").count(), 0);
  assert.ok(!text().includes("cam2") && text().includes("# the street"), text());
  await row(page, "cam1").getByRole("link").click();
  await press(page, "Remove camera");
  await press(page, "Remove");
  await page.locator(".removal .field-error", { hasText: "is the only one" }).waitFor();
  await page.context().close();
});

test("what is typed stays while another view is open", async () => {
  const page = await visit("#/edit");
  await row(page, "cam1").waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(/#\/edit\/camera\/cam2$/);
  await input(page, "URL").fill("rtsp://192.0.2.1/half-typ");
  await page.keyboard.press("Escape");
  await page.waitForURL(/#\/edit$/);
  await row(page, "cam2").getByText("not saved").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "cam2");
  await page.keyboard.press("Escape");
  await drawn(page, ["cam1"]);
  await page.keyboard.press("e");
  await row(page, "cam2").getByRole("link").click();
  assert.equal(await input(page, "URL").inputValue(), "rtsp://192.0.2.1/half-typ");
  await press(page, "Discard changes");
  assert.equal(await input(page, "URL").inputValue(), open.urls.cam2);
  await page.context().close();
});

test("without a file of cameras there is nothing to change, and the help says why", async () => {
  const page = await visit("#/graph");
  await page.route(/\/api\/cameras$/, (route) => route.fulfill({ status: 404, json: { error: "there is no /api/cameras" } }));
  await page.goto(`${graph.url}#/camera/cam1`);
  await page.reload();
  await drawn(page, ["cam1"]);
  assert.equal(await page.locator("#edit-link").isVisible(), false);
  assert.equal(await page.locator("#single-view").getByRole("link", { name: "Edit" }).isVisible(), false);
  await page.keyboard.press("e");
  const help = page.getByRole("dialog");
  await help.getByText("the graph names no cameras.yml to its dashboard").waitFor();
  assert.equal(await help.getByText("edit cameras; in the single view").isVisible(), false);
  await help.getByText("detected in exactly the frame that you see").waitFor();
  await page.context().close();
});

test("a file that cannot be used is said, and can be looked at again", async () => {
  const page = await visit("#/edit");
  await row(page, "cam1").waitFor();
  write(original().replace("detect_fps: 4", "detect_fps: often"));
  await page.locator("#edit-view").getByText(/^The file cannot be used as it is\. .*detect_fps 'often'/).waitFor();
  write(original());
  await press(page, "Try again");
  await page.locator("#edit-view").getByText(/^The file cannot be used/).waitFor({ state: "hidden" });
  await page.context().close();
});

test("a phone's width is enough, and a finger hits everything", async () => {
  const page = await visit("#/edit", PHONE);
  await row(page, "cam1").waitFor();
  const check = async (what) => {
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), what);
    const low = await page.locator("#edit-view :is(button, a, label.choice, label.check, input:not([type=radio], [type=checkbox])):visible").evaluateAll((all) =>
      all.map((it) => [it.textContent || it.name, (it.closest(".camera-row") ?? it).getBoundingClientRect().height]).filter(([, height]) => height < 44));
    assert.deepEqual(low, [], what);
  };
  await check("list");
  await row(page, "cam1").tap();
  await input(page, "URL").fill(`rtsp://192.0.2.1/${"long".repeat(60)}`);
  await input(page, "Frames per second to detect on").fill("often");
  await press(page, "Save");
  await page.locator(".field.invalid").waitFor();
  await check("form, refused");
  await page.getByRole("button", { name: "Remove camera" }).tap();
  await check("removal");
  await page.getByRole("button", { name: "Keep" }).tap();
  await press(page, "Discard changes");
  await page.getByRole("button", { name: "Test", exact: true }).tap();
  await page.locator(".trial").getByText("The camera plays.").waitFor({ timeout: 120_000 });
  await check("tested");
  await page.goto(`${graph.url}#/edit/new`);
  await input(page, "Name").waitFor();
  await check("new");
  await page.context().close();
});
