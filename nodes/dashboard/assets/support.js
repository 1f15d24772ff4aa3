// What this browser decodes, asked once.

import { TYPICAL } from "./codec.js";

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

/** How a camera of this codec can be shown: `reason` says why not as video. */
export function bestWay(codec) {
  if (typeof window.VideoDecoder !== "function") return { way: "jpeg", reason: NO_WEBCODECS };
  if (codec === "mpeg4") return { way: "jpeg", reason: "no browser decodes MPEG-4 part 2" };
  if (codec && decoded.get(codec) === false) {
    return { way: "jpeg", reason: `this browser does not decode ${codecName(codec)}` };
  }
  return { way: "video", reason: null };
}

const NAMES = { h264: "H.264", h265: "H.265", vp9: "VP9", av1: "AV1", mjpeg: "Motion JPEG", mpeg4: "MPEG-4" };

export function codecName(codec) {
  return NAMES[codec] ?? codec ?? "unknown codec";
}
