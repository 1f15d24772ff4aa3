// Messages of the WebSocket, protocol version 1.

export const PROTOCOL = 1;

export const KIND = { unit: 1, jpeg: 2, fragment: 3 };
const FLAG = { keyframe: 1, catchUp: 2, detections: 4, mirrored: 8, unknown: 16, lost: 32 };
const CODECS = [null, "h264", "h265", "vp9", "av1", "mjpeg", "mpeg4"];
const HEADER_BYTES = 44;
const FRAGMENT_HEADER_BYTES = 20;

const utf8 = new TextDecoder();

/** A binary message with its data in place, or null if it is no message of this protocol. */
export function parseBinary(buffer) {
  if (buffer.byteLength < HEADER_BYTES) return null;
  const view = new DataView(buffer);
  const kind = view.getUint8(0);
  const flags = view.getUint8(1);
  const jsonBytes = view.getUint32(40, true);
  if (!Object.values(KIND).includes(kind) || HEADER_BYTES + jsonBytes > buffer.byteLength) return null;
  const ptsNanos = view.getBigInt64(24, true);
  return {
    kind,
    keyframe: (flags & FLAG.keyframe) !== 0,
    catchUp: (flags & FLAG.catchUp) !== 0,
    // Packets or access units before this one were lost on the way from the camera.
    lost: (flags & FLAG.lost) !== 0,
    mirrored: (flags & FLAG.mirrored) !== 0,
    codec: CODECS[view.getUint8(2)] ?? null,
    rotation: view.getUint8(3) & 3,
    index: view.getUint16(4, true),
    session: view.getBigInt64(8, true),
    sequence: view.getBigUint64(16, true),
    ptsNanos,
    // Times below are for drawing and figures, where a double is exact enough.
    ptsMicros: Number(ptsNanos / 1000n),
    capturedMs: Number(view.getBigInt64(32, true) / 1000n) / 1000,
    detections: detectionsOf(flags, new Uint8Array(buffer, HEADER_BYTES, jsonBytes)),
    data: new Uint8Array(buffer, HEADER_BYTES + jsonBytes),
  };
}

/**
 * The data of a fragment's message: `micros`, when its frame is presented by the fragments' own time; of a keyframe
 * `codec`, its name; `segments`, the fragment with the initialization segment before it where there is one, and
 * `initializationBytes`, how long that is.
 */
export function parseFragment(data) {
  if (data.length < FRAGMENT_HEADER_BYTES) return null;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const codecEnd = FRAGMENT_HEADER_BYTES + view.getUint32(12, true);
  const initializationBytes = view.getUint32(16, true);
  if (codecEnd + initializationBytes > data.length) return null;
  return {
    micros: Number(view.getBigUint64(0, true)),
    durationMicros: view.getUint32(8, true),
    codec: utf8.decode(data.subarray(FRAGMENT_HEADER_BYTES, codecEnd)),
    initializationBytes,
    segments: data.subarray(codecEnd),
  };
}

/** null: not known for this frame. A frame in which nothing was found has lists without items. */
function detectionsOf(flags, json) {
  if ((flags & FLAG.detections) === 0 || (flags & FLAG.unknown) !== 0 || json.length === 0) return null;
  try {
    return JSON.parse(utf8.decode(json));
  } catch {
    return null;
  }
}
