// The page: makes its parts, and passes on what the server and the viewer say.

import { CameraFile } from "./camera-file.js";
import { Clips } from "./clips.js";
import { ClipsView } from "./clips-view.js";
import { ClipView } from "./clip-view.js";
import { Connection } from "./connection.js";
import { Counters } from "./counters.js";
import { Edit } from "./edit.js";
import { Events } from "./events.js";
import { EventsView } from "./events-view.js";
import { Feeds } from "./feeds.js";
import { Graph } from "./graph.js";
import { Grid } from "./grid.js";
import { Help } from "./help.js";
import { listenToKeys } from "./keys.js";
import { Login } from "./login.js";
import { Model } from "./model.js";
import { address, currentRoute } from "./route.js";
import { RuleFile } from "./rule-file.js";
import { RulesView } from "./rules-view.js";
import { choose, settings } from "./settings.js";
import { Single } from "./single.js";
import { detectSupport } from "./support.js";
import { TopBar } from "./topbar.js";

/** A tab in the background is sent nothing after so long. */
const HIDDEN_MS = 5000;

const element = (id) => document.getElementById(id);
const model = new Model();
const counters = new Counters(() => model.nowMs);
const connection = new Connection();
const feeds = new Feeds((message) => connection.send(message), (id) => model.cameras.get(id)?.codec ?? null, counters);
const grid = new Grid({ feeds, onOpen: openCamera, onVisible: watch });
const events = new Events();
const single = new Single({ feeds, counters, onTurn: turn, onBack: back });
const eventsView = new EventsView({ events, onFilter: (filter) => go({ view: "events", events: filter }, { isReplaced: true }) });
const clips = new Clips();
const clipsView = new ClipsView({ clips, onFilter: (filter) => go({ view: "clips", events: filter }, { isReplaced: true }) });
/** Where a clip was opened from. */
let listed = { view: "events" };
const clipView = new ClipView({
  counters,
  onBack: () => go(listed),
  onTurn: (name) => go({ view: "clip", clip: { name, at: 0 } }, { isReplaced: true }),
  onPlace: noteClip,
});
const graph = new Graph();
const file = new CameraFile();
const ruleFile = new RuleFile();
const rulesView = new RulesView({ file: ruleFile, feeds, onBack: () => go({ view: "camera", id: route.id }) });
const edit = new Edit({ file, feeds, go });
const topBar = new TopBar({ onRetry: () => connection.open() });
const login = new Login(() => connection.open());
const help = new Help();
let route = currentRoute();
let isAsleep = false;
let sleepTimer = 0;

/** For tests and for support. */
window.camweave = counters;
counters.player = (id) => feeds.of(id).player;

connection.addEventListener("json", ({ detail: message }) => {
  if (message.type === "state") {
    model.take(message);
    feeds.lagMs = model.lagMs;
    feeds.refresh();
    show();
  } else if (message.type === "camera") {
    feeds.camera(message);
  } else if (message.type === "dropped") {
    feeds.dropped(message);
  } else if (message.type === "events") {
    events.take(message.events);
    single.takeEvents(message.events);
  } else if (message.type === "events_missed") {
    events.load();
    single.loadEvents();
  } else if (message.type === "clips") {
    clips.changed();
    clipView.changed();
  }
});
connection.addEventListener("binary", ({ detail: message }) => feeds.binary(message));
connection.addEventListener("status", () => {
  model.isConnected = connection.status.is === "open";
  if (model.isConnected) {
    model.restart();
    feeds.lagMs = model.lagMs;
    feeds.start();
    file.load();
    ruleFile.load();
    events.load();
    single.loadEvents();
    clips.changed();
  }
  show();
});
clips.addEventListener("change", () => eventsView.setClips(clips.isThere === true));
file.addEventListener("change", showEditable);
ruleFile.addEventListener("change", () => single.setRules(ruleFile));

window.addEventListener("hashchange", () => {
  if (JSON.stringify(currentRoute()) === JSON.stringify(route)) return;
  const before = route;
  route = currentRoute();
  navigate(before);
  if (route.view === "clip" && before.clip?.name === route.clip.name) clipView.seekTo(route.clip.at);
});

document.addEventListener("visibilitychange", noteHidden);

function noteHidden() {
  clearTimeout(sleepTimer);
  if (document.hidden) {
    sleepTimer = setTimeout(() => {
      isAsleep = true;
      watch();
    }, HIDDEN_MS);
  } else if (isAsleep) {
    isAsleep = false;
    watch();
  }
}

/** Watches what is seen, and nothing else. */
function watch() {
  const ids = { grid: () => grid.visible, camera: () => [route.id], events: () => [], clips: () => [], clip: () => [], rules: () => [route.id], graph: () => [], edit: () => (route.page === "camera" ? [route.id] : []) }[route.view]();
  feeds.want(isAsleep ? [] : ids.filter((id) => id === route.id || model.cameras.has(id)));
}

/** Views and controls that change cameras, where the graph allows that. */
function showEditable() {
  const isEditable = file.isThere === true;
  element("edit-link").hidden = !isEditable;
  single.setEditable(isEditable);
  help.setEditable(file.isThere);
}

function show(before) {
  document.documentElement.dataset.connection = connection.status.is;
  const isLogin = connection.status.is === "login";
  login.show(isLogin);
  document.body.classList.toggle("locked", isLogin);
  element("grid-view").hidden = isLogin || route.view !== "grid";
  if (isLogin) {
    single.close();
    graph.show(false);
    eventsView.show(null);
    clipsView.show(null);
    clipView.show(null);
    rulesView.show(null);
    edit.show(null);
    return;
  }
  if (route.view === "camera") single.open(route.id, grid.tile(route.id)?.screen);
  eventsView.show(route.view === "events" ? route.events : null);
  clipsView.show(route.view === "clips" ? route.events : null);
  clipView.show(route.view === "clip" ? route.clip : null);
  rulesView.show(route.view === "rules" ? route.id : null);
  graph.show(route.view === "graph");
  edit.show(route, before);
  grid.update(model);
  single.update(model);
  eventsView.update(model);
  clipsView.update(model);
  rulesView.update(model);
  graph.update(model);
  edit.update(model);
  topBar.update(model, connection.status);
}

function navigate(before) {
  if (route.view !== "camera") single.close();
  if (route.view === "clip" && before && before.view !== "clip") listed = before;
  const owner = { camera: "grid", rules: "grid", clips: "events", clip: "events" }[route.view] ?? route.view;
  for (const link of document.querySelectorAll("header nav a")) {
    if (link.dataset.view === owner) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (element("filter").value !== route.filter) element("filter").value = route.filter;
  grid.filter(route.filter);
  show(before);
  watch();
  // Typing in the filter leads to the grid, and goes on.
  if (document.activeElement !== element("filter")) focusAfter(before);
  if (before && before.view !== route.view && route.view !== "grid") window.scrollTo(0, 0);
}

function focusAfter(before) {
  if (route.view === "edit") edit.focus(before);
  else if (before?.view === "camera" && route.view === "grid") grid.focus(before.id);
  else if (before && before.view !== route.view) element("main").focus({ preventScroll: true });
}

/** At once, so that the next key already finds the new view. */
function go(to, { isReplaced = false } = {}) {
  const before = route;
  history[isReplaced ? "replaceState" : "pushState"](null, "", address({ filter: route.filter, ...to }));
  route = currentRoute();
  navigate(before);
}

/** A clip stands at this time: the address says so, for a bookmark. */
function noteClip(at) {
  if (route.view !== "clip") return;
  history.replaceState(null, "", address({ ...route, clip: { ...route.clip, at } }));
  route = currentRoute();
}

function openCamera(id) {
  go({ view: "camera", id });
}

function back() {
  go({ view: "grid" });
}

/** To the next or previous camera, around the end. The address is replaced, so that Back leads to the grid. */
function turn(step) {
  const { order } = grid;
  if (order.length === 0) return;
  const id = order[(order.indexOf(route.id) + step + order.length) % order.length];
  const before = route;
  history.replaceState(null, "", address({ ...route, view: "camera", id }));
  route = currentRoute();
  navigate(before);
}

function filter(text) {
  const before = route;
  history.replaceState(null, "", address({ view: "grid", filter: text.trim() }));
  route = currentRoute();
  navigate(before);
  element("filter").value = text;
}

function toggle(key) {
  choose(key, !settings[key]);
  element(key).setAttribute("aria-pressed", String(settings[key]));
  clipView.redraw();
}

const THEMES = { auto: ["◐", "system"], light: ["☀", "light"], dark: ["☾", "dark"] };

function setTheme(theme) {
  choose("theme", theme in THEMES ? theme : "auto");
  const [sign, name] = THEMES[settings.theme];
  if (settings.theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = settings.theme;
  element("theme").textContent = sign;
  element("theme").setAttribute("aria-label", `Theme: ${name}`);
}

function nextTheme() {
  const names = Object.keys(THEMES);
  setTheme(names[(names.indexOf(settings.theme) + 1) % names.length]);
}

listenToKeys({
  arrow(columns, rows) {
    if (route.view === "camera") return columns === 0 ? false : turn(columns);
    if (route.view === "edit") return columns === 0 && edit.move(rows);
    if (route.view === "events") return columns === 0 && eventsView.move(rows);
    if (route.view === "clips") return columns === 0 && clipsView.move(rows);
    if (route.view === "clip") return columns === 0 ? false : clipView.skip(columns);
    return route.view === "grid" && grid.move(columns, rows);
  },
  escape(target) {
    if (target === element("filter")) {
      filter("");
      grid.move(0, 0);
    } else if (route.view === "edit") {
      edit.escape();
    } else if (route.view === "rules") {
      go({ view: "camera", id: route.id });
    } else if (route.view === "clip") {
      go(listed);
    } else if (route.view !== "grid") {
      back();
    } else if (route.filter) {
      filter("");
    }
  },
  filter() {
    element("filter").focus();
    element("filter").select();
  },
  graph: () => go({ view: route.view === "graph" ? "grid" : "graph" }),
  events: () => go({ view: route.view === "events" ? "grid" : "events" }),
  edit() {
    if (file.isThere === false) help.open();
    else if (route.view === "edit") back();
    else go(route.view === "camera" ? { view: "edit", page: "camera", id: route.id } : { view: "edit", page: "list" });
  },
  help: () => help.open(),
  play: () => route.view === "clip" && clipView.toggle(),
  frame: (step) => route.view === "clip" && clipView.player.step(step),
  speed: (step) => route.view === "clip" && clipView.controls.turnSpeed(step),
  clip: (step) => route.view === "clip" && clipView.turn(step),
  zones: () => route.view === "camera" && single.toggleZones(),
  boxes: () => toggle("boxes"),
  trails: () => toggle("trails"),
  theme: nextTheme,
  zoom: (step) => route.view === "grid" && grid.zoom(step) !== false,
});
for (const key of ["boxes", "trails"]) {
  element(key).addEventListener("click", () => toggle(key));
  element(key).setAttribute("aria-pressed", String(settings[key]));
}
element("theme").addEventListener("click", nextTheme);
// Followed as a link, it would be an address without view and filter.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  element("main").focus();
});
element("filter").addEventListener("input", ({ target }) => filter(target.value));
setTheme(settings.theme);

// Ages and "no frames" grow also while the server says nothing.
setInterval(() => show(), 1000);
navigate(null);
// A page that is opened in the background is told of no change.
noteHidden();
await detectSupport();
connection.open();
