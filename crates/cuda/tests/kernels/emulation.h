// CUDA's language on the CPU, as much of it as the kernels use, so that their arithmetic can be
// tested without a GPU.
//
// The threads of a block are coroutines of one thread: each runs to its next __syncthreads(), and
// when all have come there (or have ended) they go on. Odd launches run them in the opposite
// order, so a kernel that relies on an order between two barriers gives two results.
#pragma once

#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

struct Index {
  unsigned x, y, z;
};

static thread_local Index blockIdx, threadIdx, blockDim;

#define KERNEL static void
#define DEVICE static inline
#define PARAMETER const
#define __shared__ static thread_local
#define __launch_bounds__(threads)
#define UNROLL(turns)

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

struct float2 {
  float x, y;
};

static inline float2 make_float2(float x, float y) { return {x, y}; }

template <typename T>
static inline T load(const T* place) {
  return *place;
}

static inline u32 lowest_bit(u32 bits) { return (u32)__builtin_ctz(bits); }

static inline u32 float_bits(float value) {
  u32 bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline float float_of_bits(u32 bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

static inline u32 atomicAdd(u32* place, u32 value) {
  u32 before = *place;
  *place += value;
  return before;
}

static inline u32 atomicOr(u32* place, u32 value) {
  u32 before = *place;
  *place |= value;
  return before;
}

static inline float float_from_half(u16 bits) {
  int exponent = bits >> 10 & 31;
  float fraction = bits & 1023;
  float magnitude = exponent == 0    ? std::ldexp(fraction, -24)
                    : exponent == 31 ? (fraction == 0 ? INFINITY : NAN)
                                     : std::ldexp(fraction + 1024, exponent - 25);
  return bits >> 15 ? -magnitude : magnitude;
}

// To nearest, ties to even; finite values only.
static inline u16 half_from_float(float value) {
  float magnitude = std::fabs(value);
  u16 sign = std::signbit(value) ? 0x8000 : 0;
  if (magnitude >= 65520) return sign | 0x7c00;
  int exponent;
  std::frexp(magnitude, &exponent);
  // A step of the result: 11 significant bits, or 2^-24 below the smallest normal number.
  int step = magnitude == 0 || exponent < -13 ? -24 : exponent - 11;
  u32 steps = (u32)std::nearbyint(std::ldexp(magnitude, -step));
  // A fraction that overflows carries into the exponent, as it should.
  return sign | (u16)(steps + ((u32)(step + 24) << 10));
}

namespace emulation {

struct Coroutine {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  Index index;
  bool is_over;
};

static thread_local ucontext_t scheduler;
static thread_local Coroutine* running;
static thread_local const std::function<void()>* body;
static thread_local unsigned launches;

static void enter() {
  (*body)();
  running->is_over = true;
  swapcontext(&running->context, &scheduler);
}

static void run_block(Index threads) {
  constexpr size_t STACK = 64 * 1024;
  static thread_local std::vector<Coroutine> block;
  size_t count = (size_t)threads.x * threads.y * threads.z;
  if (block.size() < count) block.resize(count);
  for (size_t i = 0; i < count; i++) {
    Coroutine& one = block[i];
    if (!one.stack) one.stack.reset(new char[STACK]);
    one.index = {(unsigned)(i % threads.x), (unsigned)(i / threads.x % threads.y), (unsigned)(i / threads.x / threads.y)};
    one.is_over = false;
    getcontext(&one.context);
    one.context.uc_stack.ss_sp = one.stack.get();
    one.context.uc_stack.ss_size = STACK;
    one.context.uc_link = nullptr;
    makecontext(&one.context, enter, 0);
  }
  for (bool is_over = false; !is_over;) {
    is_over = true;
    for (size_t i = 0; i < count; i++) {
      Coroutine& one = block[launches % 2 ? count - 1 - i : i];
      if (one.is_over) continue;
      running = &one;
      threadIdx = one.index;
      swapcontext(&scheduler, &one.context);
      is_over = is_over && one.is_over;
    }
  }
}

// Runs `kernel` for each thread; with `waits`, for kernels that call __syncthreads().
static void launch(const u32* blocks, const u32* threads, bool waits, const std::function<void()>& kernel) {
  blockDim = {threads[0], threads[1], threads[2]};
  body = &kernel;
  for (u32 z = 0; z < blocks[2]; z++)
    for (u32 y = 0; y < blocks[1]; y++)
      for (u32 x = 0; x < blocks[0]; x++) {
        blockIdx = {x, y, z};
        if (waits) {
          run_block(blockDim);
          continue;
        }
        for (u32 k = 0; k < threads[2]; k++)
          for (u32 j = 0; j < threads[1]; j++)
            for (u32 i = 0; i < threads[0]; i++) {
              threadIdx = {i, j, k};
              kernel();
            }
      }
  launches++;
}

}  // namespace emulation

static inline void __syncthreads() {
  emulation::Coroutine* self = emulation::running;
  swapcontext(&self->context, &emulation::scheduler);
}
