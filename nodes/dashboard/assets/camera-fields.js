// The fields of a camera's form, and what is particular to the camera in them.

import { ShapesField } from "./area-fields.js";
import { hasLoginInUrl, hasStreams, HIDDEN, missingOf, valuesOf } from "./camera-values.js";
import { setAttribute } from "./dom.js";
import { Drawing } from "./drawing.js";
import { CheckField, ChoiceField, SecretField, TextField } from "./fields.js";

const URL_HINT = "rtsp://host/path, or rtsps, http, https, rtmp, srt, v4l2.";
const TRANSPORTS = { "": "Automatic", tcp: "TCP", udp: "UDP" };
const CLIENTS = { auto: "Automatic", rtsp: "RTSP client", ffmpeg: "FFmpeg" };
const DETECTION = { all: "All the time", motion: "While something moves", off: "Not at all" };
const DETECTION_HINTS = {
  all: "The detector gets every frame, or as many as are given below.",
  motion: "The detector rests while nothing moves, but for one frame a second.",
  off: "The camera is connected and shown, without boxes.",
};

const REGION_HINT = "What the detector is given: objects outside of it are not found, small ones inside better. x1, y1, x2, y2 in parts of the frame; none: all of it.";
const IGNORE_HINT = "Objects whose anchor is in one are not reported. x y of each point, in parts of the frame.";
/** As many as a camera may have. */
const IGNORED_AT_MOST = 32;

export class CameraFields {
  drawing = new Drawing({
    onChange: (name) => this.#drawn(name),
    onSelect: (name, index) => ["region", "ignore"].forEach((it) => this.#all[it].select(it === name ? index : -1)),
  });
  #all = {
    id: new TextField({ name: "id", label: "Name", hint: "Letters a to z, digits, - and _. It cannot be changed later.", attributes: { maxlength: 64 } }),
    url: new TextField({ name: "url", label: "URL", attributes: { inputmode: "url" } }),
    username: new TextField({ name: "username", label: "User" }),
    password: new SecretField({ name: "password", label: "Password" }),
    isLoginRemoved: new CheckField({ name: "isLoginRemoved", label: "Remove user and password" }),
    transport: new ChoiceField({ name: "transport", label: "Transport", choices: TRANSPORTS, hint: "Automatic: TCP, or UDP where the camera refuses it." }),
    client: new ChoiceField({ name: "client", label: "Client", choices: CLIENTS, hint: "What connects. Automatic: the RTSP client for rtsp, and FFmpeg for all else and where that client cannot play the camera." }),
    detect: new ChoiceField({ name: "detect", label: "Detect", choices: DETECTION }),
    detect_fps: new TextField({ name: "detect_fps", label: "Frames per second to detect on", attributes: { inputmode: "decimal", placeholder: "all", size: 10 } }),
    motion_area: new TextField({ name: "motion_area", label: "Percent of the frame that must change", hint: "0.01 to 100. Empty: 0.2.", attributes: { inputmode: "decimal", placeholder: "0.2", size: 10 } }),
    region: new ShapesField({
      name: "region", kind: "rect", noun: "Region", most: 1, tone: "keep", drawing: this.drawing,
      label: "Region of interest", add: "Draw region", hint: REGION_HINT,
    }),
    ignore: new ShapesField({
      name: "ignore", kind: "polygon", noun: "Ignored area", most: IGNORED_AT_MOST, tone: "ignore", drawing: this.drawing,
      label: "Ignored areas", add: "Draw ignored area", hint: IGNORE_HINT,
    }),
  };

  element(name) {
    return this.#all[name].element;
  }

  get values() {
    return Object.fromEntries(Object.entries(this.#all).map(([name, field]) => [name, field.value]));
  }

  /** Shows a camera as the file has it; null: none yet. */
  reset(camera) {
    const values = valuesOf(camera);
    for (const [name, field] of Object.entries(this.#all)) {
      field.value = values[name];
      field.note = null;
    }
    this.clearErrors();
    this.describe(camera);
  }

  /** Puts values that were typed back into their fields. */
  type(values) {
    for (const [name, value] of Object.entries(values)) this.#all[name].value = value;
  }

  /** Someone else has changed a field: what was typed stays. */
  follow(name, before, now) {
    const field = this.#all[name];
    const isTyped = field.value !== before && field.value !== now;
    if (!isTyped) field.value = now;
    field.note = isTyped ? `Someone else has set this to “${shown(name, now)}” meanwhile: saving replaces it.` : "Someone else has changed this meanwhile.";
  }

  /** Somebody else has set the login or removed it, or not (null). */
  followLogin(isSet) {
    this.#all.username.note = isSet === null ? null : `Someone else has ${isSet ? "set" : "removed"} user and password meanwhile.`;
  }

  /** The hints that depend on the camera. */
  describe(camera) {
    const { url, username, password, isLoginRemoved } = this.#all;
    const isSet = camera?.has_credentials ?? false;
    const isVariable = (name) => camera?.variables.includes(name) ?? false;
    const { region, ignore } = this.#all;
    for (const [field, hint] of [[region, REGION_HINT], [ignore, IGNORE_HINT]]) {
      field.hint = isVariable(field.name) ? "The file has a variable here (${…}): what you change takes its place. " + hint : hint;
    }
    for (const field of [username, password]) setAttribute(field.input, "placeholder", isSet ? "set" : "none");
    isLoginRemoved.element.hidden = !isSet;
    url.isDisabled = hasStreams(camera);
    if (hasStreams(camera)) url.hint = `What is detected on. Recorded is ${camera.record_url}. A camera with two streams is changed in the file.`;
    else if (isVariable("url")) url.hint = "The file has a variable here (${…}): what you type takes its place.";
    else if (camera?.url.includes(HIDDEN)) url.hint = `Parts that may be secret are shown as ${HIDDEN}. To change the URL, type all of it.`;
    else if (camera && missingOf(camera.url)) url.hint = `${missingOf(camera.url)}. To change the URL, type all of it.`;
    else url.hint = URL_HINT;
    const how = isVariable("password") ? "Set by a variable (${…})" : hasLoginInUrl(camera) ? "Set, as a part of the URL" : "Set, and never shown";
    const keep = hasLoginInUrl(camera) && !hasStreams(camera) ? "Leave it empty to keep it; a new URL needs it again." : "Leave it empty to keep it.";
    password.hint = isSet ? `${how}. ${keep}` : null;
    username.hint = isSet ? "Leave it empty to keep it." : null;
  }

  /** What follows from what is chosen. */
  show() {
    const { username, password, isLoginRemoved, detect, detect_fps: rate } = this.#all;
    username.isDisabled = isLoginRemoved.value;
    password.isDisabled = isLoginRemoved.value;
    const isOff = detect.value === "off";
    rate.isDisabled = isOff;
    rate.hint = isOff ? "Nothing is detected." : "0.01 to 1000; five are enough to follow people and cars. Empty: all.";
    detect.hint = DETECTION_HINTS[detect.value];
    this.#all.motion_area.element.hidden = detect.value !== "motion";
  }

  /** What cannot be read as it was typed, beside its field. */
  check() {
    for (const field of [this.#all.region, this.#all.ignore]) if (field.problem) field.error = `${field.problem}.`;
  }

  /** The form hears of it as of what is typed. */
  #drawn(name) {
    const field = this.#all[name];
    field.follow();
    field.element.dispatchEvent(new Event("input", { bubbles: true }));
  }

  clearErrors() {
    for (const field of Object.values(this.#all)) field.error = null;
  }

  /** Says what is wrong beside a field; false where the form shows no such field. */
  refuse(name, text) {
    const field = this.#all[name];
    if (!field?.element.isConnected || field.element.hidden) return false;
    field.error = text;
    return true;
  }

  focus(name) {
    this.#all[name].focus();
  }

  /** Moves the focus to the first field that something is wrong with; whether there is one. */
  focusError() {
    const wrong = Object.values(this.#all).find((field) => field.hasError);
    wrong?.focus();
    return wrong !== undefined;
  }
}

function shown(name, value) {
  const labels = { transport: TRANSPORTS, client: CLIENTS, detect: DETECTION }[name];
  return labels?.[value] ?? (value === "" ? (name === "region" || name === "ignore" ? "none" : "all") : value);
}
