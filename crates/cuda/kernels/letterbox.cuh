// Pictures of any size into the network's input: resized, padded, converted to RGB in 0..1, as
// planes of float or half, or to what an InputFormat says. The reference is LetterboxPlan in
// crates/vision; what it says of sampling, siting and rounding holds here.
#pragma once

#include "common.cuh"

// camweave_vision::PixelFormat
enum { I420 = 0, NV12 = 1, P010 = 2, RGB8 = 3 };

// One picture and its place in the input. The same as `FrameDescriptor` in src/letterbox.rs.
struct Frame {
  u64 plane[3];
  u32 stride[3];
  u32 format;
  // Of the source, in pixels.
  u32 width, height;
  // Of the resized picture in the model's input, in pixels.
  u32 resized_width, resized_height, pad_left, pad_top;
  // camweave_vision::YuvToRgb
  float y_gain, r_from_v, g_from_u, g_from_v, b_from_u, r_bias, g_bias, b_bias;
};

// The descriptors travel as the kernel's arguments, of which there may be 4,096 bytes.
constexpr u32 MAX_FRAMES = 32;
struct Frames {
  Frame frame[MAX_FRAMES];
};

constexpr float PAD = 114.0f / 255.0f;

// Two neighbouring samples and the weight of the second.
struct Tap {
  u32 first, second;
  float weight;
};

// The sample at `numerator / denominator`, counted from the first one's centre. Whole numbers, so
// that no position is rounded across a sample.
DEVICE Tap tap_at(long long numerator, u32 denominator, u32 len) {
  Tap tap = {0, len > 1 ? 1u : 0u, 0.0f};
  if (numerator <= 0) return tap;
  // At most 2^32 - 1: sides have at most 2^15 pixels.
  u32 position = (u32)numerator;
  u32 index = position / denominator;
  if (index >= len - 1) {
    tap.first = tap.second = len - 1;
    return tap;
  }
  tap.first = index;
  tap.second = index + 1;
  tap.weight = (float)(position - index * denominator) / (float)denominator;
  return tap;
}

// Output pixel i of `resized` among `len` samples: (i + 0.5) * len / resized - 0.5.
DEVICE Tap luma_tap(u32 i, u32 len, u32 resized) {
  return tap_at((long long)(2 * i + 1) * len - resized, 2 * resized, len);
}

// The same position, kept inside the picture, in chroma samples: half of it, less a quarter where
// rows are sited between two of luma.
DEVICE Tap chroma_tap(u32 i, u32 len, u32 resized, bool between) {
  long long luma = (long long)(2 * i + 1) * len - resized;
  long long last = (long long)(len - 1) * 2 * resized;
  luma = luma < 0 ? 0 : luma > last ? last : luma;
  return tap_at(between ? luma - resized : luma, 4 * resized, (len + 1) / 2);
}

DEVICE float mix(float a, float b, float weight) { return a + (b - a) * weight; }

// Two rows of one plane.
struct Rows {
  const u8 *first, *second;
};

DEVICE Rows rows_of(const Frame& frame, u32 plane, Tap y) {
  const u8* base = (const u8*)frame.plane[plane];
  u64 stride = frame.stride[plane];
  return {base + y.first * stride, base + y.second * stride};
}

// Rows are blended first, then columns, as the reference does.
DEVICE float blend(float a, float b, float c, float d, float x, float y) { return mix(mix(a, c, y), mix(b, d, y), x); }

// Of samples of 8 bits that are `step` apart.
DEVICE float blend8(Rows rows, Tap x, Tap y, u32 step, u32 channel) {
  u32 first = x.first * step + channel, second = x.second * step + channel;
  return blend((float)load(rows.first + first), (float)load(rows.first + second), (float)load(rows.second + first),
               (float)load(rows.second + second), x.weight, y.weight);
}

// Of samples of 10 bits in the upper bits of 16.
DEVICE float blend10(Rows rows, Tap x, Tap y, u32 step, u32 channel) {
  u32 first = x.first * step + channel, second = x.second * step + channel;
  const u16 *above = (const u16*)rows.first, *below = (const u16*)rows.second;
  return blend((float)(load(above + first) >> 6), (float)(load(above + second) >> 6), (float)(load(below + first) >> 6),
               (float)(load(below + second) >> 6), x.weight, y.weight);
}

DEVICE float unit(float value) { return value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value; }

struct Rgb {
  float r, g, b;
};

// What an output row, or an output column, lies between in the source.
struct Between {
  Tap luma, chroma;
  bool inside;  // of the resized picture; else it is padding
};

DEVICE Between between(u32 at, u32 pad, u32 resized, u32 len, bool rows) {
  u32 i = at - pad;
  if (at < pad || i >= resized) return {{0, 0, 0.0f}, {0, 0, 0.0f}, false};
  return {luma_tap(i, len, resized), chroma_tap(i, len, resized, rows), true};
}

template <u32 FORMAT>
DEVICE Rgb pixel(const Frame& frame, const Between& y, const Between& x) {
  if (!x.inside) return {PAD, PAD, PAD};
  if (FORMAT == RGB8) {
    Rows rgb = rows_of(frame, 0, y.luma);
    const float scale = 1.0f / 255.0f;
    return {blend8(rgb, x.luma, y.luma, 3, 0) * scale, blend8(rgb, x.luma, y.luma, 3, 1) * scale,
            blend8(rgb, x.luma, y.luma, 3, 2) * scale};
  }
  Rows plane = rows_of(frame, 0, y.luma), chroma = rows_of(frame, 1, y.chroma);
  float luma = frame.y_gain * (FORMAT == P010 ? blend10(plane, x.luma, y.luma, 1, 0) : blend8(plane, x.luma, y.luma, 1, 0));
  float u, v;
  if (FORMAT == I420) {
    u = blend8(chroma, x.chroma, y.chroma, 1, 0);
    v = blend8(rows_of(frame, 2, y.chroma), x.chroma, y.chroma, 1, 0);
  } else if (FORMAT == P010) {
    u = blend10(chroma, x.chroma, y.chroma, 2, 0);
    v = blend10(chroma, x.chroma, y.chroma, 2, 1);
  } else {
    u = blend8(chroma, x.chroma, y.chroma, 2, 0);
    v = blend8(chroma, x.chroma, y.chroma, 2, 1);
  }
  return {unit(luma + frame.r_from_v * v + frame.r_bias),
          unit(luma + frame.g_from_u * u + frame.g_from_v * v + frame.g_bias),
          unit(luma + frame.b_from_u * u + frame.b_bias)};
}

// `WARPS` and `ROWS` of src/letterbox.rs.
constexpr u32 WARPS = 8, ROWS = 32;

template <u32 FORMAT, typename Output>
DEVICE void make_rows(const Frame& frame, const Between* rows, Output out, u32 top, u32 model_width, u32 model_height) {
  u32 column = 2 * (blockIdx.x * blockDim.x + threadIdx.x);
  if (column >= model_width) return;
  bool second = column + 1 < model_width, paired = model_width % 2 == 0;
  Between left = between(column, frame.pad_left, frame.resized_width, frame.width, false);
  Between right = between(column + 1, frame.pad_left, frame.resized_width, frame.width, false);
  u64 plane = (u64)model_width * model_height;
  for (u32 line = threadIdx.y; line < ROWS && top + line < model_height; line += WARPS) {
    const Between& y = rows[line];
    Rgb a = {PAD, PAD, PAD}, b = {PAD, PAD, PAD};
    if (y.inside) {
      a = pixel<FORMAT>(frame, y, left);
      b = pixel<FORMAT>(frame, y, right);
    }
    put(out, plane, (u64)(top + line) * model_width + column, a, b, second, paired);
  }
}

// A warp makes 64 neighbouring pixels of every eighth of 32 rows, blockIdx.z is the frame. Where a
// row or a column lies takes divisions, more work than its pixels: it is found once for a thread's
// two columns, and once for a block's rows.
template <typename Output>
DEVICE void letterbox(const Frames& frames, Output outputs, u32 model_width, u32 model_height) {
  __shared__ Between rows[ROWS];
  const Frame& frame = frames.frame[blockIdx.z];
  u32 top = blockIdx.y * ROWS;
  u32 thread = threadIdx.y * blockDim.x + threadIdx.x;
  if (thread < ROWS) rows[thread] = between(top + thread, frame.pad_top, frame.resized_height, frame.height, true);
  __syncthreads();
  Output out = after(outputs, 3 * (u64)model_width * model_height * blockIdx.z);
  switch (frame.format) {
    case I420: return make_rows<I420>(frame, rows, out, top, model_width, model_height);
    case NV12: return make_rows<NV12>(frame, rows, out, top, model_width, model_height);
    case P010: return make_rows<P010>(frame, rows, out, top, model_width, model_height);
    default: return make_rows<RGB8>(frame, rows, out, top, model_width, model_height);
  }
}
