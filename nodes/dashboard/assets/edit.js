// Cameras as the file has them: the list, and the form of one. What is typed stays until it is saved or discarded.

import { NO_FILE } from "./camera-file.js";
import { CameraForm } from "./camera-form.js";
import { CameraList, explainState } from "./camera-list.js";
import { h, setAttribute, setStateIcon, setText, stateIcon } from "./dom.js";
import { sentence } from "./refusal.js";
import { address } from "./route.js";

/** Others may change the file as well. */
const LOOK_MS = 10_000;

export class Edit {
  #section = document.getElementById("edit-view");
  #list = new CameraList();
  #back = h("button", { type: "button", class: "back", onclick: () => this.escape() });
  #icon = stateIcon("unknown");
  #title = h("h1");
  #state = h("span", { class: "single-state" });
  #watch = h("a", { class: "button" }, "Watch");
  #add = h("a", { class: "button primary", href: address({ view: "edit", page: "new" }) }, "Add camera");
  #done = h("p", { class: "notice", role: "status" });
  #why = h("p", { class: "notice" });
  #retry = h("button", { type: "button", onclick: () => this.file.load() }, "Try again");
  #body = h("div");
  /** Forms by camera, "" for a new one, that have something in them. */
  #forms = new Map();
  #route = null;
  #cameFrom = null;
  #model = null;
  #lookedAt = -Infinity;

  /** `go(route, { isReplaced })` opens a view. */
  constructor({ file, feeds, go }) {
    Object.assign(this, { file, feeds, go });
    this.#section.append(
      h("header", { class: "single-top edit-top" }, this.#back, this.#icon, this.#title, this.#state, this.#watch, this.#add),
      this.#done, this.#why, this.#retry, this.#body,
    );
    file.addEventListener("change", () => this.#follow());
    window.addEventListener("beforeunload", (event) => {
      if ([...this.#forms.values()].some((form) => form.isDirty)) event.preventDefault();
    });
  }

  /** `route` is null while another view is open; `before` is the view from which this one was opened. */
  show(route, before) {
    const isShown = route?.view === "edit";
    this.#section.hidden = !isShown;
    if (!isShown) return this.#leave();
    if (this.#route && address(route) === address(this.#route)) return;
    this.#leave();
    this.#cameFrom = route.page === "camera" && before?.view === "camera" ? before : null;
    this.#route = route;
    setText(this.#done, "");
    this.#lookedAt = -Infinity;
    this.#fill();
  }

  /** Where the view was opened from `before`. */
  focus(before) {
    if (!this.#route) return;
    if (this.#route.page === "list" && before?.view === "edit" && this.#list.focus(before.id)) return;
    if (this.#route.page === "new" && this.#form) this.#form.focus();
    else document.getElementById("main").focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }

  update(model) {
    this.#model = model;
    if (!this.#route) return;
    if (model.isConnected && performance.now() - this.#lookedAt > LOOK_MS) {
      this.#lookedAt = performance.now();
      this.file.load();
    }
    this.#refresh();
  }

  /** One step back. */
  escape() {
    if (!this.#route) return;
    const form = this.#form;
    if (form?.removal?.isAsking) form.removal.keep();
    else if (this.#route.page === "list") this.go({ view: "grid" });
    else this.go(this.#cameFrom ?? { view: "edit", page: "list" });
  }

  move(rows) {
    return this.#route?.page === "list" && this.#list.move(rows);
  }

  get #form() {
    return this.#route && this.#route.page !== "list" ? this.#forms.get(this.#route.id ?? "") : null;
  }

  #leave() {
    const form = this.#form;
    form?.show(false);
    if (form && !form.isInUse) this.#forms.delete(this.#route.id ?? "");
    this.#route = null;
  }

  #make(key, camera) {
    const form = new CameraForm(camera, {
      file: this.file,
      feeds: this.feeds,
      onSaved: (saved, typed) => this.#saved(key, saved, typed),
      onRemoved: (removed) => this.#removed(removed),
      onTyped: () => this.#refresh(),
    });
    this.#forms.set(key, form);
    return form;
  }

  /** Puts the list or the form of the route into the view. */
  #fill() {
    const { page, id } = this.#route;
    const camera = this.file.cameras?.get(id) ?? null;
    const isList = page === "list";
    const key = id ?? "";
    if (!isList && !this.#forms.has(key) && (page === "new" ? this.file.cameras : camera)) {
      this.#make(key, camera);
    }
    const isNew = page === "new" && this.#form?.element.isConnected === false;
    const shown = isList ? this.#list.element : (this.#forms.get(key)?.element ?? null);
    if (this.#body.firstChild !== shown) this.#body.replaceChildren(...(shown ? [shown] : []));
    this.#form?.show(true);
    if (isNew) this.#form.focus();
    this.#refresh();
  }

  /** The file is known, or is another. */
  #follow() {
    for (const [id, form] of this.#forms) if (id !== "" && this.file.cameras) form.follow(this.file.cameras.get(id) ?? null);
    if (this.#route) this.#fill();
  }

  #refresh() {
    if (!this.#route || !this.#model) return;
    const { page, id } = this.#route;
    const { isThere, cameras, error } = this.file;
    const now = this.#model.cameras.get(id);
    const isList = page === "list";
    const state = this.#model.isConnected ? (now?.state ?? (cameras?.has(id) ? "connecting" : "unknown")) : "unknown";
    setText(this.#back, this.#cameFrom && !isList ? `‹ ${this.#cameFrom.id}` : isList ? "‹ Cameras" : "‹ All cameras");
    setText(this.#title, isList ? "Edit cameras" : page === "new" ? "New camera" : id);
    this.#icon.toggleAttribute("hidden", page !== "camera");
    setStateIcon(this.#icon, state);
    const isMissing = cameras !== null && !cameras.has(id);
    setText(this.#state, page !== "camera" ? "" : isMissing ? "There is no such camera in the file" : explainState(state, now));
    setAttribute(this.#watch, "href", page === "camera" ? address({ view: "camera", id }) : null);
    this.#watch.hidden = page !== "camera" || !now || now.state === "removed";
    this.#add.hidden = !isList || !cameras;
    this.#retry.hidden = error === null;
    const why = isThere === false ? NO_FILE : isThere === null ? "Waiting for the server…" : error !== null ? `The file cannot be used as it is. ${sentence(error)}` : null;
    setText(this.#why, why ?? "");
    setAttribute(this.#why, "data-level", error !== null ? "bad" : null);
    if (isList && cameras) this.#list.update(cameras, { model: this.#model, isDraft: (id) => this.#forms.get(id)?.isDirty ?? false });
  }

  /** A new camera's form becomes that of the camera, and is opened unless another view is by now. */
  #saved(key, id, { id: _, ...typed }) {
    if (key !== "") return;
    const isOpen = this.#route?.page === "new";
    this.#forms.delete("");
    if (!isOpen && Object.keys(typed).length === 0) return;
    const form = this.#make(id, this.file.cameras.get(id));
    form.type(typed);
    if (isOpen) this.go({ view: "edit", page: "camera", id }, { isReplaced: true });
    form.say(`“${id}” was added to cameras.yml.`);
  }

  #removed(id) {
    const isOpen = this.#route?.id === id;
    this.#forms.get(id)?.show(false);
    this.#forms.delete(id);
    if (isOpen) this.go({ view: "edit", page: "list" });
    setText(this.#done, `“${id}” was removed.`);
  }
}
