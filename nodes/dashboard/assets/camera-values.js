// What a camera's form holds, and what of it is new.

import { listText } from "./shapes.js";

/** What the server shows in place of what may be a secret. */
export const HIDDEN = "***";

/** Why a URL as the server shows it is not all of it; null: it is. */
export function missingOf(url) {
  if (url.includes(HIDDEN)) return `${HIDDEN} stands for a part that is hidden`;
  if (/… \(\d+ more bytes\)$/.test(url)) return "The end of the URL is not shown";
  return null;
}

const FIELDS_OF_SHAPES = ["region", "ignore"];
const DETECT_IN_FILE = { all: "on", motion: "motion", off: "off" };

/** The values of a form of this camera; null: of a new one. User and password are never known. */
export function valuesOf(camera) {
  const fps = camera?.detect_fps ?? null;
  const area = camera?.motion_area ?? null;
  return {
    id: camera?.id ?? "",
    url: camera?.url ?? "",
    username: "",
    password: "",
    isLoginRemoved: false,
    transport: camera?.transport ?? "",
    client: camera?.client ?? "auto",
    detect: camera?.detect ?? "all",
    // Also with "off", to be used again once detection is on. The server knows the interval, in whole nanoseconds.
    detect_fps: fps === null ? "" : String(Number(fps.toPrecision(6))),
    // What holds where the file names none is not shown as if it did.
    motion_area: area !== null && camera.fields.includes("motion_area") ? String(Number(area.toPrecision(6))) : "",
    region: camera?.region ? listText(camera.region) : "",
    ignore: camera?.ignore?.length > 0 ? listText(camera.ignore) : "",
  };
}

/** Whether it has two URLs, which the page shows and leaves as they are. */
export function hasStreams(camera) {
  return Boolean(camera?.record_url);
}

/** Whether user and password are written into the URL, and not as fields. */
export function hasLoginInUrl(camera) {
  return camera !== null && camera.has_credentials && !camera.fields.includes("username");
}

/** Whether a login in the URL would be lost with these values: the page does not know it. */
export function losesLogin(values, camera) {
  const { set } = changeOf(values, camera);
  const isGiven = values.isLoginRemoved || set.username !== undefined || set.password !== undefined;
  return hasLoginInUrl(camera) && set.url !== undefined && !isGiven && !/^[^/?#]*:\/\/[^/?#]*@/.test(set.url);
}

/** Whether a server that has started again since gives the same camera, as far as it is shown. */
export function isSameAfterRestart(before, now) {
  const shown = (camera) => JSON.stringify({ ...camera, version: null });
  const server = ({ version }) => version.split("-")[0];
  return server(before) !== server(now) && shown(before) === shown(now);
}

/** The fields of a new camera. */
export function fieldsOf(values) {
  const fields = { url: values.url.trim() };
  for (const name of ["username", "password", "transport"]) if (values[name] !== "") fields[name] = values[name];
  if (values.detect !== "all") fields.detect = DETECT_IN_FILE[values.detect];
  if (values.detect_fps.trim() !== "") fields.detect_fps = values.detect_fps.trim();
  if (values.client !== "auto") fields.client = values.client;
  if (values.detect === "motion" && values.motion_area.trim() !== "") fields.motion_area = values.motion_area.trim();
  for (const name of FIELDS_OF_SHAPES) if (values[name] !== "") fields[name] = values[name];
  return fields;
}

/** What to set and unset so that this camera of the file has these values. */
export function changeOf(values, camera) {
  const before = valuesOf(camera);
  const [set, unset] = [{}, []];
  const drop = (name) => camera.fields.includes(name) && unset.push(name);
  if (values.url.trim() !== before.url) set.url = values.url.trim();
  if (values.isLoginRemoved) {
    drop("username");
    drop("password");
  } else {
    if (values.username !== "") set.username = values.username;
    if (values.password !== "") set.password = values.password;
  }
  // A login in the URL goes with the URL: the server takes one of the two only.
  const isNewLogin = values.isLoginRemoved || set.username !== undefined || set.password !== undefined;
  if (hasLoginInUrl(camera) && isNewLogin && !hasStreams(camera)) set.url = values.url.trim();
  if (values.transport !== before.transport) {
    if (values.transport === "") drop("transport");
    else set.transport = values.transport;
  }
  if (values.detect !== before.detect) {
    set.detect = DETECT_IN_FILE[values.detect];
    // It is refused for any other way to detect.
    if (values.detect !== "motion") drop("motion_area");
  }
  if (values.detect_fps.trim() !== before.detect_fps) {
    if (values.detect_fps.trim() === "") drop("detect_fps");
    else set.detect_fps = values.detect_fps.trim();
  }
  if (values.client !== before.client) {
    if (values.client === "auto") drop("client");
    else set.client = values.client;
  }
  if (values.detect === "motion" && values.motion_area.trim() !== before.motion_area) {
    if (values.motion_area.trim() === "") drop("motion_area");
    else set.motion_area = values.motion_area.trim();
  }
  for (const name of FIELDS_OF_SHAPES) {
    if (values[name] === before[name]) continue;
    if (values[name] === "") drop(name);
    else set[name] = values[name];
  }
  return { set, unset };
}

export function isEmpty({ set, unset }) {
  return Object.keys(set).length === 0 && unset.length === 0;
}

/** Those of these values that differ from what the camera had when they were typed. */
export function typedOf(values, camera) {
  const before = valuesOf(camera);
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== before[name]));
}

/** Whether somebody has changed the same, or may have where it is not shown. */
export function isConflict({ set, unset }, before, now) {
  const names = [...Object.keys(set), ...unset];
  return names.some((name) => ["url", "username", "password"].includes(name) || JSON.stringify(before[name]) !== JSON.stringify(now[name]));
}
