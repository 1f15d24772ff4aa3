// The letterbox kernels as functions of a library.
#include "emulation.h"
#include "../../kernels/letterbox.cu"

extern "C" void run_letterbox(const Frames* frames, void* out, u32 width, u32 height, u32 is_half, const u32* blocks, const u32* threads) {
  emulation::launch(blocks, threads, true, [&] {
    if (is_half) {
      letterbox_f16(*frames, (u16*)out, width, height);
    } else {
      letterbox_f32(*frames, (float*)out, width, height);
    }
  });
}
