// Red, green and blue planes of 0..1, in float or half: what most networks expect.
#include "letterbox.cuh"

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

template <typename T>
struct Planes {
  T* first;
};

// Two neighbouring pixels.
template <typename T>
DEVICE void put(Planes<T> out, u64 plane, u64 index, Rgb a, Rgb b, bool second, bool paired) {
  store_pair(out.first, index, a.r, b.r, second, paired);
  store_pair(out.first + plane, index, a.g, b.g, second, paired);
  store_pair(out.first + 2 * plane, index, a.b, b.b, second, paired);
}

// The input that begins after so many values.
template <typename T>
DEVICE Planes<T> after(Planes<T> out, u64 values) {
  return {out.first + values};
}

KERNEL __launch_bounds__(256) letterbox_f16(PARAMETER Frames frames, u16* out, u32 model_width, u32 model_height) {
  letterbox(frames, Planes<u16>{out}, model_width, model_height);
}

KERNEL __launch_bounds__(256) letterbox_f32(PARAMETER Frames frames, float* out, u32 model_width, u32 model_height) {
  letterbox(frames, Planes<float>{out}, model_width, model_height);
}
