// What a frame looks like from afar: the mean luma of 64 by 36 cells, of 0 to 255. The reference is
// LumaGrid in crates/vision; what it says of cells, sampled rows and rounding holds here.
#include "common.cuh"

// A frame's plane of luma. The same as `LumaDescriptor` in src/luma.rs.
struct Luma {
  u64 plane;
  u32 stride, width, height;
  // 2 for 10 bits in the upper ones of 16, else 1.
  u32 sample_bytes;
};

constexpr u32 COLUMNS = 64, ROWS = 36;
// Rows of samples that are looked at in each row of cells where there are many.
constexpr u32 SAMPLED_ROWS = 8;
// Cells of a block, a row of threads each.
constexpr u32 CELLS = 16;

struct Part {
  u32 start, end;
};

// Part `index` of `parts` of `whole` samples, which are at most 2^15: never empty.
DEVICE Part part(u32 index, u32 parts, u32 whole) {
  u32 start = index * whole / parts, end = (index + 1) * whole / parts;
  if (start > whole - 1) start = whole - 1;
  return {start, end > start ? end : start + 1};
}

// The samples of a cell that are this thread's. Below 2^32 in all: a cell has at most 15 sampled
// rows of 512 samples.
template <typename T>
DEVICE u32 own_sum(const Luma& luma, Part columns, Part rows, u32 step) {
  u32 sum = 0;
  for (u32 x = columns.start + threadIdx.x; x < columns.end; x += blockDim.x) {
    UNROLL(8)
    for (u32 y = rows.start; y < rows.end; y += step) {
      sum += load((const T*)(luma.plane + (u64)y * luma.stride) + x);
    }
  }
  return sum;
}

// A row of threads makes a cell, blockIdx.y is the row of cells.
KERNEL __launch_bounds__(256) luma_grid(Luma luma, float* cells) {
  __shared__ u32 sums[CELLS];
  u32 column = blockIdx.x * CELLS + threadIdx.y;
  if (threadIdx.x == 0) sums[threadIdx.y] = 0;
  __syncthreads();
  Part columns = part(column, COLUMNS, luma.width), rows = part(blockIdx.y, ROWS, luma.height);
  u32 height = rows.end - rows.start;
  u32 step = height < SAMPLED_ROWS ? 1 : height / SAMPLED_ROWS;
  bool wide = luma.sample_bytes == 2;
  u32 sum = wide ? own_sum<u16>(luma, columns, rows, step) : own_sum<u8>(luma, columns, rows, step);
  atomicAdd(sums + threadIdx.y, sum);
  __syncthreads();
  if (threadIdx.x > 0) return;
  u32 samples = (columns.end - columns.start) * ((height + step - 1) / step);
  float scale = wide ? 1.0f / 256.0f : 1.0f;
  cells[blockIdx.y * COLUMNS + column] = (float)sums[threadIdx.y] * scale / (float)samples;
}
