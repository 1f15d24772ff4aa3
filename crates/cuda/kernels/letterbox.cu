// Pictures of any size into the network's input: resized, padded, converted to RGB in 0..1, as
// planes of float or half. The reference is LetterboxPlan in crates/vision; what it says of
// sampling, siting and rounding holds here.
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

// The samples of one plane: `step` apart, 8 bits, or 10 in the upper bits of 16.
struct Samples {
  const u8* row[2];
  u32 step;
  bool wide;
};

DEVICE float sample_at(const Samples& samples, u32 row, u32 column, u32 channel) {
  u32 index = column * samples.step + channel;
  if (samples.wide) return (float)(load((const u16*)samples.row[row] + index) >> 6);
  return (float)load(samples.row[row] + index);
}

// Rows are blended first, then columns, as the reference does.
DEVICE float blend(const Samples& samples, Tap x, Tap y, u32 channel) {
  float left = mix(sample_at(samples, 0, x.first, channel), sample_at(samples, 1, x.first, channel), y.weight);
  float right = mix(sample_at(samples, 0, x.second, channel), sample_at(samples, 1, x.second, channel), y.weight);
  return mix(left, right, x.weight);
}

DEVICE Samples rows_of(const Frame& frame, u32 plane, Tap y, u32 step) {
  const u8* base = (const u8*)frame.plane[plane];
  u64 stride = frame.stride[plane];
  return {{base + y.first * stride, base + y.second * stride}, step, frame.format == P010};
}

DEVICE float unit(float value) { return value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value; }

struct Rgb {
  float r, g, b;
};

// The rows of the source that an output row lies between.
struct Lines {
  Tap luma, chroma;
};

DEVICE Rgb pixel(const Frame& frame, Lines y, u32 column) {
  if (column < frame.pad_left || column - frame.pad_left >= frame.resized_width) return {PAD, PAD, PAD};
  u32 i = column - frame.pad_left;
  Tap x = luma_tap(i, frame.width, frame.resized_width);
  if (frame.format == RGB8) {
    Samples rgb = rows_of(frame, 0, y.luma, 3);
    const float scale = 1.0f / 255.0f;
    return {blend(rgb, x, y.luma, 0) * scale, blend(rgb, x, y.luma, 1) * scale, blend(rgb, x, y.luma, 2) * scale};
  }
  float luma = frame.y_gain * blend(rows_of(frame, 0, y.luma, 1), x, y.luma, 0);
  Tap cx = chroma_tap(i, frame.width, frame.resized_width, false);
  float u, v;
  if (frame.format == I420) {
    u = blend(rows_of(frame, 1, y.chroma, 1), cx, y.chroma, 0);
    v = blend(rows_of(frame, 2, y.chroma, 1), cx, y.chroma, 0);
  } else {
    Samples uv = rows_of(frame, 1, y.chroma, 2);
    u = blend(uv, cx, y.chroma, 0);
    v = blend(uv, cx, y.chroma, 1);
  }
  return {unit(luma + frame.r_from_v * v + frame.r_bias),
          unit(luma + frame.g_from_u * u + frame.g_from_v * v + frame.g_bias),
          unit(luma + frame.b_from_u * u + frame.b_bias)};
}

// Two neighbouring values of a plane in one store, where the row is even; else one or two.
DEVICE void store_pair(float* plane, u64 index, float a, float b, bool second, bool paired) {
  if (paired) {
    *(float2*)(plane + index) = make_float2(a, b);
  } else {
    plane[index] = a;
    if (second) plane[index + 1] = b;
  }
}

DEVICE void store_pair(u16* plane, u64 index, float a, float b, bool second, bool paired) {
  u16 low = half_from_float(a), high = half_from_float(b);
  if (paired) {
    *(u32*)(plane + index) = (u32)high << 16 | low;
  } else {
    plane[index] = low;
    if (second) plane[index + 1] = high;
  }
}

// A warp makes 64 neighbouring pixels of a row, blockIdx.z is the frame.
template <typename T>
DEVICE void letterbox(const Frames& frames, T* out, u32 model_width, u32 model_height) {
  u32 column = 2 * (blockIdx.x * blockDim.x + threadIdx.x);
  u32 row = blockIdx.y * blockDim.y + threadIdx.y;
  if (column >= model_width || row >= model_height) return;
  const Frame& frame = frames.frame[blockIdx.z];
  Rgb a = {PAD, PAD, PAD}, b = {PAD, PAD, PAD};
  bool second = column + 1 < model_width;
  if (row >= frame.pad_top && row - frame.pad_top < frame.resized_height) {
    u32 i = row - frame.pad_top;
    Lines y = {luma_tap(i, frame.height, frame.resized_height), {0, 0, 0.0f}};
    if (frame.format != RGB8) y.chroma = chroma_tap(i, frame.height, frame.resized_height, true);
    a = pixel(frame, y, column);
    if (second) b = pixel(frame, y, column + 1);
  }
  u64 plane = (u64)model_width * model_height;
  u64 index = (u64)row * model_width + column;
  out += 3 * plane * blockIdx.z;
  bool paired = model_width % 2 == 0;
  store_pair(out, index, a.r, b.r, second, paired);
  store_pair(out + plane, index, a.g, b.g, second, paired);
  store_pair(out + 2 * plane, index, a.b, b.b, second, paired);
}

KERNEL __launch_bounds__(256) letterbox_f16(PARAMETER Frames frames, u16* out, u32 model_width, u32 model_height) {
  letterbox(frames, out, model_width, model_height);
}

KERNEL __launch_bounds__(256) letterbox_f32(PARAMETER Frames frames, float* out, u32 model_width, u32 model_height) {
  letterbox(frames, out, model_width, model_height);
}
