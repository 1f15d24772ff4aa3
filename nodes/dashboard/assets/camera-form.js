// The form of one camera: of one in the file, or of a new one.

import { CHANGED, UNUSABLE } from "./ask.js";
import { CameraFields } from "./camera-fields.js";
import { changeOf, fieldsOf, isConflict, isEmpty, isSameAfterRestart, losesLogin, missingOf, typedOf, valuesOf } from "./camera-values.js";
import { h, setAttribute, setText } from "./dom.js";
import { explain, sentence } from "./refusal.js";
import { Removal } from "./removal.js";
import { Screen } from "./screen.js";
import { Trial } from "./trial.js";

/** The fields that show what somebody else has written into the file. */
const FOLLOWED = ["url", "transport", "client", "detect", "detect_fps", "motion_area", "region", "ignore"];

export class CameraForm {
  #camera;
  #fields = new CameraFields();
  #save = h("button", { type: "submit", class: "primary" });
  #discard = h("button", { type: "button", onclick: () => this.#discardTyped() }, "Discard changes");
  #status = h("p", { class: "form-status", role: "status" });
  #error = h("p", { class: "form-error", role: "alert" });
  #isBusy = false;
  #screen = null;
  element;

  /** `camera`: as the file has it, null for a new one. `onSaved(id, typed)`: with what was typed meanwhile; `onRemoved(id)`, `onTyped()`. */
  constructor(camera, { file, feeds, onSaved, onRemoved, onTyped }) {
    Object.assign(this, { file, feeds, onSaved, onTyped });
    const field = (name) => this.#fields.element(name);
    this.trial = new Trial({
      prepare: () => (this.#check({ isTest: true }) ? this.#tested() : null),
      test: (tested, signal) => file.test(tested, signal),
      current: () => this.#tested(),
      onFrame: (source, width, height) => this.#fields.drawing.showStill(source, width, height),
      onRefused: (refusal) => [409, 422, UNUSABLE].includes(refusal.status) && this.#refuse(refusal),
    });
    this.removal = camera && new Removal({ id: camera.id, remove: () => file.remove(camera.id).then(() => onRemoved(camera.id)) });
    const form = h(
      "form",
      { class: "camera-form", novalidate: true, autocomplete: "off", oninput: () => this.#typed(), onsubmit: (event) => this.#submit(event) },
      h("section", { "aria-labelledby": "connection-title" },
        h("h2", { id: "connection-title" }, "Connection"),
        camera ? null : field("id"),
        field("url"),
        h("div", { class: "pair" }, field("username"), field("password")),
        field("isLoginRemoved"),
        field("transport"),
        field("client")),
      h("section", { "aria-labelledby": "detection-title" },
        h("h2", { id: "detection-title" }, "Detection"),
        field("detect"),
        field("detect_fps"),
        field("motion_area")),
      h("section", { class: "areas", "aria-labelledby": "areas-title" },
        h("h2", { id: "areas-title" }, "Areas"),
        this.#fields.drawing.element,
        field("region"),
        field("ignore")),
      h("div", { class: "form-end" }, h("div", { class: "form-buttons" }, this.#save, this.#discard), this.#error, this.#status),
    );
    this.element = h("div", { class: "camera-editor" }, form, h("div", { class: "camera-side" }, this.trial.element, this.removal?.element));
    this.#reset(camera);
  }

  get isDirty() {
    if (this.#camera) return !isEmpty(changeOf(this.#fields.values, this.#camera));
    return JSON.stringify(this.#fields.values) !== JSON.stringify(valuesOf(null));
  }

  /** While it is seen, areas are drawn over the camera's frames. */
  show(isShown) {
    const { drawing } = this.#fields;
    if (isShown === (this.#screen !== null) || !this.#camera) return;
    const { screens } = this.feeds.of(this.#camera.id);
    if (!isShown) {
      screens.delete(this.#screen);
      this.#screen.dispose();
      this.#screen = null;
      return;
    }
    this.#screen = new Screen({ onFrame: (size) => drawing.framed(size) });
    drawing.live = this.#screen.canvas;
    screens.add(this.#screen);
  }

  /** A form that is worked with is kept while another view is open. */
  get isInUse() {
    return this.isDirty || this.trial.isRunning || this.#isBusy;
  }

  focus() {
    this.#fields.focus(this.#camera ? "url" : "id");
  }

  /** Takes what was typed elsewhere. */
  type(values) {
    this.#fields.type(values);
    this.#show();
  }

  say(text) {
    setText(this.#status, text ?? "");
    setText(this.#error, "");
  }

  /** The file has the camera so now, or no longer: what was typed stays, the rest follows. */
  follow(camera) {
    if (this.#isBusy || !this.#camera || camera?.version === this.#camera.version) return;
    if (!camera) {
      this.#complain("This camera is no longer in the file: someone has removed it.");
      return;
    }
    if (isSameAfterRestart(this.#camera, camera)) {
      this.#camera = camera;
      return;
    }
    const [before, now] = [valuesOf(this.#camera), valuesOf(camera)];
    const differing = FOLLOWED.filter((name) => before[name] !== now[name]);
    for (const name of differing) this.#fields.follow(name, before[name], now[name]);
    const isLogin = camera.has_credentials !== this.#camera.has_credentials;
    this.#fields.followLogin(isLogin ? camera.has_credentials : null);
    this.#camera = camera;
    this.#fields.describe(camera);
    this.#show();
    this.#complain(
      differing.length > 0 || isLogin
        ? "Someone else has changed this camera meanwhile: see the marked fields."
        : "Someone else has changed something of this camera that is not shown, such as its password.",
    );
  }

  #reset(camera) {
    this.#camera = camera;
    setText(this.#save, camera ? "Save" : "Add camera");
    this.#fields.reset(camera);
    this.say(null);
    this.#show();
  }

  #typed() {
    this.#fields.clearErrors();
    this.say(null);
    this.#show();
    this.onTyped();
  }

  #show() {
    this.#fields.show();
    this.#discard.hidden = !this.isDirty;
    this.trial.compare();
  }

  #discardTyped() {
    this.#reset(this.#camera);
    this.onTyped();
    this.focus();
  }

  #complain(text) {
    setText(this.#status, "");
    setText(this.#error, text);
  }

  /** What a test is to look at: with what is typed, and with what the file has beside it. */
  #tested() {
    const { values } = this.#fields;
    return this.#camera ? { id: this.#camera.id, ...changeOf(values, this.#camera) } : { fields: fieldsOf(values) };
  }

  /** Whether the server can be asked; what is missing is said beside its field. */
  #check({ isTest }) {
    this.#fields.clearErrors();
    this.say(null);
    const { values } = this.#fields;
    if (!this.#camera && !isTest && values.id.trim() === "") this.#fields.refuse("id", "Give the camera a name.");
    const url = this.#camera ? (changeOf(values, this.#camera).set.url ?? null) : values.url.trim();
    const missing = url === null ? null : missingOf(url);
    if (values.url.trim() === "") this.#fields.refuse("url", "Give the camera's URL.");
    else if (missing && url === valuesOf(this.#camera).url) {
      this.#fields.refuse("url", `User and password are a part of the URL. ${missing}: type all of it, without them.`);
    } else if (missing) this.#fields.refuse("url", `${missing}: type all of the URL.`);
    else if (this.#camera && losesLogin(values, this.#camera)) {
      this.#fields.refuse("username", "User and password are a part of the URL in the file: type them again, or remove them.");
    }
    this.#fields.check();
    return !this.#fields.focusError();
  }

  async #submit(event) {
    event.preventDefault();
    if (this.#isBusy || !this.#check({ isTest: false })) return;
    if (!this.isDirty) return this.say("There is nothing to save.");
    this.#setBusy(true);
    this.say("Saving…");
    const { values } = this.#fields;
    const tested = this.#tested();
    const id = this.#camera?.id ?? values.id.trim();
    try {
      if (this.#camera) await this.#change(id, values);
      else await this.file.add(id, fieldsOf(values));
      this.#setBusy(false);
      const now = Object.entries(this.#fields.values);
      const typed = Object.fromEntries(now.filter(([name, value]) => value !== values[name]));
      const isTested = this.trial.isOf(tested);
      this.#reset(this.file.cameras.get(id));
      if (isTested) this.trial.adopt();
      this.type(typed);
      this.say("Saved. It takes effect within a second.");
      this.onSaved(id, typed);
    } catch (refusal) {
      this.#setBusy(false);
      this.say(null);
      if (refusal.status === CHANGED) await this.#lookAgain();
      else this.#refuse(refusal);
    }
    this.onTyped();
  }

  /** Then `follow` says what has changed. */
  async #lookAgain() {
    await this.file.load();
    const why = this.#error.textContent || "The server has started again meanwhile: save once more.";
    this.#complain(`Nothing was saved. ${why}`);
  }

  /** Where somebody has changed other fields of the camera meanwhile, this change is made all the same. */
  async #change(id, values) {
    const change = changeOf(values, this.#camera);
    try {
      await this.file.change(id, change, this.#camera.version);
    } catch (refusal) {
      if (refusal.status !== CHANGED) throw refusal;
      await this.file.load();
      const now = this.file.cameras?.get(id);
      if (!now || isConflict(change, this.#camera, now)) throw refusal;
      const merged = { ...valuesOf(now), ...typedOf(values, this.#camera) };
      await this.file.change(id, changeOf(merged, now), now.version);
    }
  }

  #setBusy(isBusy) {
    this.#isBusy = isBusy;
    // Not disabled: it would lose the focus.
    setAttribute(this.#save, "aria-disabled", isBusy ? "true" : null);
  }

  /** Says what the server refused, beside its field or at the end; whether it has a field. */
  #refuse(refusal) {
    if (refusal.status === UNUSABLE) {
      this.#complain(`The file cannot be used as it is. ${sentence(refusal.message)}`);
      return false;
    }
    const { field, text } = explain(refusal.message);
    if (this.#fields.refuse(field, text)) return this.#fields.focusError();
    this.#complain(text);
    return false;
  }
}
