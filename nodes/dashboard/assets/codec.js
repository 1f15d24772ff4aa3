// The codec string of a stream, read from its own headers (RFC 6381; ISO/IEC 14496-15 annex E for H.265).

/** The string for `VideoDecoder.configure`, or null where this keyframe does not tell. */
export function codecString(codec, data) {
  switch (codec) {
    case "h264":
      return h264(data);
    case "h265":
      return h265(data);
    case "vp9":
      return vp9(data);
    case "av1":
      // The decoder reads the sequence header itself; this states an upper bound.
      return "av01.0.13M.08";
    default:
      return null;
  }
}

/** One string of each codec, of a stream as cameras send it, to ask what this browser decodes. */
export const TYPICAL = {
  h264: "avc1.64002A",
  h265: "hvc1.1.6.L123.B0",
  vp9: "vp09.00.41.08",
  av1: "av01.0.13M.08",
};

function hex(byte) {
  return byte.toString(16).padStart(2, "0").toUpperCase();
}

function h264(data) {
  const sps = findNal(data, (first) => (first & 0x1f) === 7);
  return sps && sps.length >= 4 ? `avc1.${hex(sps[1])}${hex(sps[2])}${hex(sps[3])}` : null;
}

function h265(data) {
  const sps = findNal(data, (first) => ((first >> 1) & 0x3f) === 33);
  if (!sps) return null;
  // Two bytes of NAL header and one with the sub-layers are followed by profile, tier and level.
  const rbsp = unescape(sps.subarray(0, 40));
  if (rbsp.length < 15) return null;
  const space = ["", "A", "B", "C"][rbsp[3] >> 6];
  const tier = rbsp[3] & 0x20 ? "H" : "L";
  const profile = rbsp[3] & 0x1f;
  let compatibility = 0;
  for (let bit = 0; bit < 32; bit++) {
    if (rbsp[4 + (bit >> 3)] & (0x80 >> (bit & 7))) compatibility += 2 ** bit;
  }
  const constraints = [...rbsp.subarray(8, 14)];
  while (constraints.length > 0 && constraints.at(-1) === 0) constraints.pop();
  const parts = [`hvc1.${space}${profile}`, compatibility.toString(16).toUpperCase(), `${tier}${rbsp[14]}`];
  return [...parts, ...constraints.map(hex)].join(".");
}

function vp9(data) {
  if (data.length === 0) return null;
  const profile = ((data[0] >> 5) & 1) | ((data[0] >> 3) & 2);
  return `vp09.0${profile}.51.${profile < 2 ? "08" : "10"}`;
}

/** The first NAL unit of Annex B data whose first byte passes, without its start code. */
function findNal(data, isWanted) {
  let start = -1;
  for (let i = 0; i + 3 <= data.length; i++) {
    if (data[i] !== 0 || data[i + 1] !== 0 || data[i + 2] !== 1) continue;
    if (start >= 0) return data.subarray(start, i);
    if (i + 3 < data.length && isWanted(data[i + 3])) start = i + 3;
    i += 2;
  }
  return start >= 0 ? data.subarray(start) : null;
}

/** Removes emulation prevention bytes. */
function unescape(nal) {
  const out = [];
  for (let i = 0; i < nal.length; i++) {
    if (i >= 2 && nal[i] === 3 && nal[i - 1] === 0 && nal[i - 2] === 0) continue;
    out.push(nal[i]);
  }
  return Uint8Array.from(out);
}
