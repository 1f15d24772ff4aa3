// The letterbox kernels as functions of a library.
#include "emulation.h"
#include "../../kernels/letterbox.cu"
#include "../../kernels/letterbox_any.cu"

enum { HALF = 0, FLOAT = 1 };

// `kernel` is HALF, FLOAT, or anything else for the one of all formats.
extern "C" void run_letterbox(const Frames* frames, void* out, u32 width, u32 height, const Values* values, u32 kernel,
                              const u32* blocks, const u32* threads) {
  emulation::launch(blocks, threads, true, [&] {
    switch (kernel) {
      case HALF: return letterbox_f16(*frames, (u16*)out, width, height);
      case FLOAT: return letterbox_f32(*frames, (float*)out, width, height);
      default: return letterbox_any(*frames, (u8*)out, width, height, *values);
    }
  });
}
