// The kernel that makes grids of luma as a function of a library.
#include "emulation.h"
#include "../../kernels/luma.cu"

extern "C" void run_luma(const Luma* luma, float* cells, const u32* blocks, const u32* threads) {
  emulation::launch(blocks, threads, true, [&] { luma_grid(*luma, cells); });
}
