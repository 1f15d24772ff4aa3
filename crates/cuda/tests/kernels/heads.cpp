// The head kernels as functions of a library.
#include "emulation.h"
#include "../../kernels/heads.cu"

extern "C" void run_decode(const Heads* heads, const Scratch* scratch, const Kept* kept, u32 classes, float confidence, u32 is_half, u32 is_end_to_end, const u32* blocks, const u32* threads) {
  emulation::launch(blocks, threads, false, [&] {
    if (is_end_to_end) {
      if (is_half) decode_end_to_end_f16(*heads, *scratch, *kept, confidence);
      else decode_end_to_end_f32(*heads, *scratch, *kept, confidence);
    } else {
      if (is_half) decode_yolov8_f16(*heads, *scratch, *kept, classes, confidence);
      else decode_yolov8_f32(*heads, *scratch, *kept, classes, confidence);
    }
  });
}

extern "C" void run_rank(const Scratch* scratch, u32 limit, const u32* blocks, const u32* threads) {
  emulation::launch(blocks, threads, true, [&] { rank(*scratch, limit); });
}

extern "C" void run_select(const Scratch* scratch, u32 limit, u32 max_detections, float threshold, u32 suppress, u32* results, const u32* blocks, const u32* threads) {
  emulation::launch(blocks, threads, true, [&] { select(*scratch, limit, max_detections, threshold, suppress, results); });
}
