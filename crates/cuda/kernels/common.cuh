// What all kernels share. The same sources are compiled for the GPU by NVRTC (scripts/ptx.sh) and
// for the CPU by the tests, through tests/kernels/emulation.h. So: no warp intrinsics, no inline assembly
// outside of this file, and no contraction to fused multiply-add (ptx.sh switches it off), so that
// the results are those of crates/vision, bit for bit.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#ifdef __CUDACC__
#define KERNEL extern "C" __global__ void
#define DEVICE static __device__ __forceinline__
// A parameter that stays in constant memory, also when it is indexed.
#define PARAMETER const __grid_constant__

DEVICE u16 half_from_float(float value) {
  u16 bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}

DEVICE float float_from_half(u16 bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}

// Loads of several turns of the loop that follows are under way at a time.
#define PRAGMA(text) _Pragma(#text)
#define UNROLL(turns) PRAGMA(unroll turns)

// The number of the lowest bit that is set, of which there must be one.
DEVICE u32 lowest_bit(u32 bits) { return (u32)__ffs((int)bits) - 1; }

DEVICE u32 float_bits(float value) { return __float_as_uint(value); }

DEVICE float float_of_bits(u32 bits) { return __uint_as_float(bits); }

// Memory that nobody writes while the kernel runs.
template <typename T>
DEVICE T load(const T* place) {
  return __ldg(place);
}
#endif
