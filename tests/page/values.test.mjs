// What forms and lists hold, without a browser: shapes, the changes of rules and cameras, events.

import assert from "node:assert/strict";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const folder = await mkdtemp(join(tmpdir(), "camweave-values-"));
after(() => rm(folder, { recursive: true }));
await cp(new URL("../../nodes/dashboard/assets/", import.meta.url), folder, { recursive: true });
await writeFile(join(folder, "package.json"), '{"type":"module"}');
const load = (name) => import(join(folder, `${name}.js`));

const shapes = await load("shapes");
const rules = await load("rule-values");
const cameras = await load("camera-values");
const { Events, filterOf } = await load("events");

test("shapes stay inside the frame, and a rectangle one", () => {
  const square = [[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6]];
  assert.deepEqual(shapes.shifted(square, [0.9, -0.1]), [[0.8, 0.3], [1, 0.3], [1, 0.5], [0.8, 0.5]]);
  assert.deepEqual(shapes.moved(square, 1, [2, -1])[1], [1, 0]);
  assert.deepEqual(shapes.split(square, 3).at(-1), [0.4, 0.5], "between the last and the first");
  // The corner at the lower right is dragged over the one at the upper left.
  assert.deepEqual(shapes.withCorner([[0.5, 0.5], [0.9, 0.9]], 2, [0.2, 0.3]), [[0.2, 0.3], [0.5, 0.5]]);
  assert.equal(shapes.isRect([[0.2, 0.2], [0.2, 0.8]]), false);
});

test("numbers are read however they are separated, and what is wrong with them is said", () => {
  assert.deepEqual(shapes.pointsOf("rect", "[0, .4,1 1]").points, [[0, 0.4], [1, 1]]);
  assert.deepEqual(shapes.pointsOf("polygon", "[[0, 0], [1, 0], [1, 1]]").points, [[0, 0], [1, 0], [1, 1]]);
  for (const [kind, text, wrong] of [
    ["rect", "0, 0, 1", "Expected four numbers: x1, y1, x2, y2"],
    ["rect", "0.5, 0, 0.5, 1", "Expected x1 < x2 and y1 < y2"],
    ["polygon", "0 0, 1 1", "Expected 3 to 64 points, x y of each"],
    ["polygon", "0 0, 1 1, a 1", "Expected 3 to 64 points, x y of each"],
    ["line", "0 0, 1 -1", "Expected parts of the frame, 0 to 1"],
  ]) assert.deepEqual(shapes.pointsOf(kind, text), { points: null, wrong }, text);
  for (const [kind, points] of [["rect", [[0, 0.4], [1, 1]]], ["polygon", [[0, 0], [0.1234, 0], [1, 1]]]]) {
    assert.deepEqual(shapes.pointsOf(kind, shapes.numbersOf(kind, points)).points, points);
  }
});

test("the streams of a camera that has two stay as they are, whatever else is changed", () => {
  const camera = {
    id: "gate", url: "rtsp://192.0.2.1/sub", record_url: "rtsp://192.0.2.1/main", has_credentials: true, transport: null, client: "auto",
    detect_fps: null, detect: "all", motion_area: null, region: null, ignore: [], fields: ["streams"], variables: [], version: "1-1",
  };
  const values = cameras.valuesOf(camera);
  assert.ok(cameras.hasStreams(camera) && !cameras.hasStreams({ ...camera, record_url: null }) && !cameras.hasStreams(null));
  assert.deepEqual(cameras.changeOf(values, camera), { set: {}, unset: [] });
  // A login that is written into the URLs is not taken for a reason to set one of them.
  const changed = { ...values, username: "anna", password: "x", detect_fps: "5" };
  assert.deepEqual(cameras.changeOf(changed, camera), { set: { username: "anna", password: "x", detect_fps: "5" }, unset: [] });
  assert.equal(cameras.losesLogin(changed, camera), false);
});

test("a change of a rule names what differs alone, and takes away what another kind refuses", () => {
  const rule = {
    index: 1, name: "yard", kind: "dwell", is_line: false, points: [[0, 0.4], [1, 0.4], [1, 1]],
    fields: { name: "yard", kind: "dwell", zone: "[[0, 0.4], [1, 0.4], [1, 1]]", after: "10", objects: "[person,car]", leave: "2" },
  };
  const values = rules.typedOf(rule);
  assert.equal(values.objects, "person,car");
  assert.deepEqual(rules.changeOf(values, rule.points, rule), { set: {}, unset: [] }, "spaces say nothing");
  const changed = { ...values, objects: "person, truck", leave: "" };
  assert.deepEqual(rules.changeOf(changed, [[0, 0], [1, 0], [1, 1]], rule), {
    set: { objects: "[person, truck]", zone: "[[0, 0], [1, 0], [1, 1]]" }, unset: ["leave"],
  });
  assert.deepEqual(rules.changeOf({ ...values, kind: "presence" }, rule.points, rule), { set: { kind: "presence" }, unset: ["after"] });
  const line = { ...values, name: " gate ", kind: "crossing", direction: "in", after: "" };
  assert.deepEqual(rules.fieldsOf(line, "line", [[0, 0], [1, 1]]), {
    name: "gate", kind: "crossing", direction: "in", objects: "[person, car]", line: "[[0, 0], [1, 1]]",
  });
});

test("areas of a camera are set, left and taken away", () => {
  const camera = {
    id: "gate", url: "rtsp://a/", transport: null, client: "auto", detect: "all", detect_fps: null, has_credentials: false, motion_area: null,
    region: [0, 0.4, 1, 1], ignore: [], fields: ["url", "region"], variables: [],
  };
  const values = cameras.valuesOf(camera);
  assert.deepEqual([values.region, values.ignore], ["[0, 0.4, 1, 1]", ""]);
  assert.ok(cameras.isEmpty(cameras.changeOf(values, camera)));
  const ignore = "[[[0, 0], [1, 0], [1, 1]]]";
  assert.deepEqual(cameras.changeOf({ ...values, region: "", ignore }, camera), { set: { ignore }, unset: ["region"] });
  const other = { ...camera, region: [0, 0.4, 1, 1], ignore: [[[0, 0], [1, 0], [1, 1]]] };
  assert.equal(cameras.isConflict({ set: { region: "[0, 0, 1, 1]" }, unset: [] }, camera, other), false, "nobody has changed it");
  assert.equal(cameras.isConflict({ set: { ignore: "[]" }, unset: [] }, camera, other), true);
  const motion = { ...camera, detect: "motion", motion_area: 0.2 };
  assert.equal(cameras.valuesOf(motion).motion_area, "", "the default is not in the file");
});

const event = (number, more = {}) => ({ number, event: `e${number}`, camera: "gate", kind: "presence", label: "person", phase: "new", began_unix_ms: 1000 * number, ...more });
const numbers = (events) => events.list.map(({ number }) => number);

test("events stay in order, change in place, and fit the filter", async () => {
  let answer = { events: [event(9), event(7)], more: 7 };
  let asked = null;
  globalThis.fetch = async (path) => {
    asked = path;
    return { ok: true, json: async () => answer };
  };
  const events = new Events();
  events.show({ kind: "presence", until: "50000" });
  await new Promise((resolve) => events.addEventListener("change", () => !events.isLoading && resolve()));
  assert.equal(asked, "/api/events?kind=presence&until=50000");
  assert.deepEqual([numbers(events), events.more], [[9, 7], 7]);
  events.take([event(8), event(10), event(9, { phase: "end" }), event(3), event(11, { kind: "crossing" }), event(60)]);
  assert.deepEqual(numbers(events), [10, 9, 8, 7], "no older one than those that were asked for");
  assert.equal(events.list[1].phase, "end");
  answer = { events: [event(5), event(3)], more: null };
  await events.load({ older: true });
  assert.match(asked, /before=7$/);
  assert.deepEqual([numbers(events), events.more], [[10, 9, 8, 7, 5, 3], null]);
  events.take(Array.from({ length: 30 }, (_, i) => event(12 + i)));
  assert.equal(numbers(events)[0], 41);
  globalThis.fetch = async () => ({ ok: false, status: 500, json: async () => ({ error: "it is broken" }) });
  await events.load();
  assert.deepEqual([events.error, events.list.length > 0], ["it is broken", true]);
});

test("a list of events is bounded, and goes on where it was cut", async () => {
  globalThis.fetch = async () => ({ ok: true, json: async () => ({ events: [event(1)], more: null }) });
  const events = new Events();
  await events.load();
  for (let i = 2; i < 700; i++) events.take([event(i)]);
  assert.deepEqual([events.list.length, events.list[0].number, events.more], [400, 699, 300]);
});

test("an address names the fields of a filter alone", () => {
  assert.deepEqual(filterOf(new URLSearchParams("camera=a%26b&since=5&kind=&colour=red")), { camera: "a&b", since: "5" });
});
