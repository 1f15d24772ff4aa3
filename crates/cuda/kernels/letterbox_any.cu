// All other formats of inputs (camweave_vision::InputFormat), by one kernel: each thread takes the same
// branches.
#include "letterbox.cuh"

// camweave_vision::Element
enum { FLOAT32 = 0, FLOAT16 = 1, UINT8 = 2 };

// What is made of RGB in 0..1. The same as `Values` in src/letterbox.rs.
struct Values {
  u32 element;
  u32 is_bgr;
  u32 is_nhwc;
  // In the order of the channels.
  float gain[3], bias[3];
};

// An input of any format. All threads take the same branches.
struct Formatted {
  u8* first;
  const Values& values;
};

DEVICE u8 byte_from_float(float value) {
  return (u8)((value < 0.0f ? 0.0f : value > 255.0f ? 255.0f : value) + 0.5f);
}

DEVICE void put_one(const Formatted& out, u64 plane, u64 index, Rgb rgb) {
  const Values& values = out.values;
  float channels[3] = {values.is_bgr ? rgb.b : rgb.r, rgb.g, values.is_bgr ? rgb.r : rgb.b};
  for (u32 channel = 0; channel < 3; channel++) {
    float value = values.gain[channel] * channels[channel] + values.bias[channel];
    u64 at = values.is_nhwc ? 3 * index + channel : channel * plane + index;
    switch (values.element) {
      case FLOAT32: ((float*)out.first)[at] = value; break;
      case FLOAT16: ((u16*)out.first)[at] = half_from_float(value); break;
      default: out.first[at] = byte_from_float(value);
    }
  }
}

DEVICE void put(const Formatted& out, u64 plane, u64 index, Rgb a, Rgb b, bool second, bool) {
  put_one(out, plane, index, a);
  if (second) put_one(out, plane, index + 1, b);
}

// The input that begins after so many values.
DEVICE Formatted after(const Formatted& out, u64 values) {
  u32 bytes = out.values.element == FLOAT32 ? 4 : out.values.element == FLOAT16 ? 2 : 1;
  return {out.first + values * bytes, out.values};
}

KERNEL __launch_bounds__(256)
    letterbox_any(PARAMETER Frames frames, u8* out, u32 model_width, u32 model_height, PARAMETER Values values) {
  letterbox(frames, Formatted{out, values}, model_width, model_height);
}
