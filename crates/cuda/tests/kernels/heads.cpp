// The head kernels as functions of a library.
#include "emulation.h"
#include "../../kernels/heads.cu"

// Heads of every format; with `yolov8_classes` above 0, by the kernel of YOLOv8, and by that of several labels
// where places have them.
extern "C" void run_decode(const Heads* heads, const Scratch* scratch, const Kept* kept, const Format* format, u32 yolov8_classes, float confidence, u32 is_half, const u32* blocks, const u32* threads) {
  emulation::launch(blocks, threads, false, [&] {
    if (yolov8_classes > 0) {
      if (is_half) decode_yolov8_f16(*heads, *scratch, *kept, yolov8_classes, confidence);
      else decode_yolov8_f32(*heads, *scratch, *kept, yolov8_classes, confidence);
    } else if (scratch->labels > 1) {
      if (is_half) decode_labels_f16(*heads, *scratch, *kept, *format, confidence);
      else decode_labels_f32(*heads, *scratch, *kept, *format, confidence);
    } else {
      if (is_half) decode_f16(*heads, *scratch, *kept, *format, confidence);
      else decode_f32(*heads, *scratch, *kept, *format, confidence);
    }
  });
}

extern "C" void run_rank(const Scratch* scratch, u32 limit, const u32* blocks, const u32* threads) {
  emulation::launch(blocks, threads, true, [&] { rank(*scratch, limit); });
}

extern "C" void run_select(const Scratch* scratch, u32 limit, u32 max_detections, float threshold, u32 suppress, u32* results, const u32* blocks, const u32* threads) {
  emulation::launch(blocks, threads, true, [&] { select(*scratch, limit, max_detections, threshold, suppress, results); });
}
