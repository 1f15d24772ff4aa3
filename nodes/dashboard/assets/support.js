// What this browser decodes, asked once.

import { TYPICAL } from "./codec.js";

/** The codecs that the server sends as fragments of MP4. */
const AS_MP4 = ["h264", "h265"];
const NO_WEBCODECS = window.isSecureContext
  ? "this browser has no WebCodecs"
  : "WebCodecs needs HTTPS or localhost";

const decoded = new Map();

/** Asks the browser about each codec; settles always. */
export async function detectSupport() {
  if (typeof window.VideoDecoder !== "function") return;
  const ask = async ([name, codec]) => {
    try {
      const { supported } = await VideoDecoder.isConfigSupported({ codec, optimizeForLatency: true });
      decoded.set(name, supported === true);
    } catch {
      decoded.set(name, false);
    }
  };
  await Promise.all(Object.entries(TYPICAL).map(ask));
}

/** `MediaSource`, or what iPhones have of it; undefined where there is neither. */
export function mediaSource() {
  return window.MediaSource ?? window.ManagedMediaSource;
}

export function mimeType(codecName) {
  return `video/mp4; codecs="${codecName}"`;
}

/** Whether MP4 with this codec is played, frame by frame: without the callback nothing tells which frame is shown. */
function isPlayed(codec) {
  const isTold = "requestVideoFrameCallback" in HTMLVideoElement.prototype;
  return isTold && AS_MP4.includes(codec) && mediaSource()?.isTypeSupported(mimeType(TYPICAL[codec])) === true;
}

/** How a camera of this codec can be shown: `reason` says why not in a better way. */
export function bestWay(codec) {
  // A browser shows these as what they are, images.
  if (codec === "mjpeg") return { way: "video", reason: null };
  if (codec === "mpeg4") return { way: "jpeg", reason: "no browser decodes MPEG-4 part 2" };
  const hasWebCodecs = typeof window.VideoDecoder === "function";
  if (hasWebCodecs && !(codec && decoded.get(codec) === false)) return { way: "video", reason: null };
  const reason = hasWebCodecs ? `this browser does not decode ${codecName(codec)}` : NO_WEBCODECS;
  // Until its codec is known, a camera has the most usual one.
  if (!isPlayed(codec ?? "h264")) return { way: "jpeg", reason };
  return { way: "mse", reason: hasWebCodecs ? `WebCodecs of this browser does not decode ${codecName(codec)}` : reason };
}

const NAMES = { h264: "H.264", h265: "H.265", vp9: "VP9", av1: "AV1", mjpeg: "Motion JPEG", mpeg4: "MPEG-4" };

export function codecName(codec) {
  return NAMES[codec] ?? codec ?? "unknown codec";
}
