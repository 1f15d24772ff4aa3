// From a batch of raw heads to detections: decoding, sorting, suppression. The reference is
// `decode` and `suppress` in crates/vision, whose order of ties, limits and treatment of NaN hold
// here. Nothing depends on the order in which threads run: candidates are found in any order, but
// sorted by unique keys.
#include "common.cuh"

// The heads' addresses travel as the kernel's arguments.
constexpr u32 MAX_FRAMES = 32;
struct Heads {
  u64 values[MAX_FRAMES];
};

// Room for each frame's candidates: `Scratch` in src/heads.rs.
struct Scratch {
  // Per frame: candidates found.
  u32* counts;
  // Per frame and candidate: sorting keys, as found and sorted. The low half of a key is the candidate's
  // number: its anchor, or, where anchors have several labels, anchor * labels + class.
  u64* keys;
  u64* sorted;
  // Per frame and anchor: x1, y1, x2, y2 in model pixels, and the class, if it has only one.
  float* boxes;
  u32* classes;
  // Anchors of a frame, and labels that each may have.
  u32 anchors, labels;
};

// Classes that take part, a bit each; all, if there are no words.
struct Kept {
  const u32* words;
  u32 classes;
};

// How values are read: `FormatDescriptor` in src/heads/format.rs, counted in values.
struct Format {
  // From one place's box to the next one's, and from one value of a box to the next.
  u64 box_place, box_value;
  // The first score; from one place's scores to the next one's; from one score of a place to the next.
  u64 scores_at, score_place, score_value;
  u32 scores, values;
  // Of the scores, those of classes.
  u32 first_class, classes;
  u32 activation, boxes;
  // The network's input, in pixels, and whether boxes are in parts of it.
  u32 width, height, is_normalised, padding;
};
enum : u32 { PER_CLASS, OBJECTNESS, LABELLED };
enum : u32 { AS_IT_IS, SIGMOID, SOFTMAX, PERCENT };
enum : u32 { CENTRE, CORNERS, CORNERS_YX, GRID };

// Words of a row of results: box, score, class, anchor. Before the rows: count and candidates.
constexpr u32 ROW = 7;
constexpr u32 HEAD = 2;
constexpr u32 NONE = 0xffffffffu;
constexpr float LARGEST = 3.402823466e+38f;
#define INFINITE float_of_bits(0x7f800000u)
// Classes at and above this are not exact in float.
constexpr float CLASS_LIMIT = 16777216.0f;
// Candidates that are compared with one another at a time.
constexpr u32 CHUNK = 64;
// Candidates, and kept ones, that lie in shared memory.
constexpr u32 SEGMENT = 1024, NEAR = 512;
// Candidates of a frame that are ranked; of more, which is counted, nothing is kept: `MOST_RANKED` in
// src/heads.rs.
constexpr u32 MOST_RANKED = 65536;
// Keys that are compared with at a time.
constexpr u32 TILE = 512;

struct Box {
  float x1, y1, x2, y2;
};

DEVICE float value(float number) { return number; }
DEVICE float value(u16 number) { return float_from_half(number); }

// False for NaN as well.
DEVICE bool finite(float number) { return fabsf(number) <= LARGEST; }

DEVICE bool sound(Box box) {
  return finite(box.x1) && finite(box.y1) && finite(box.x2) && finite(box.y2) && box.x1 <= box.x2 && box.y1 <= box.y2;
}

DEVICE bool takes_part(const Kept& kept, u32 class_id) {
  return !kept.words || (class_id < kept.classes && (kept.words[class_id / 32] >> (class_id % 32) & 1));
}

DEVICE void write(float* place, Box box) {
  place[0] = box.x1;
  place[1] = box.y1;
  place[2] = box.x2;
  place[3] = box.y2;
}

// Scores are above a threshold of at least 0, and positive floats are ordered as their bits are.
DEVICE u64 key_of(float score, u32 number) { return (u64)(~float_bits(score)) << 32 | number; }

DEVICE void push(const Scratch& scratch, const Kept& kept, u32 frame, u32 anchor, Box box, float score, u32 class_id) {
  if (!sound(box) || !takes_part(kept, class_id)) return;
  u64 base = (u64)frame * scratch.anchors;
  write(scratch.boxes + 4 * (base + anchor), box);
  scratch.classes[base + anchor] = class_id;
  scratch.keys[base + atomicAdd(scratch.counts + frame, 1u)] = key_of(score, anchor);
}

// Heads of YOLOv8. A thread is an anchor, blockIdx.y the frame.
template <typename T>
DEVICE void decode_yolov8(const Heads& heads, const Scratch& scratch, const Kept& kept, u32 classes, float confidence) {
  u32 anchors = scratch.anchors;
  u32 anchor = blockIdx.x * blockDim.x + threadIdx.x;
  if (anchor >= anchors) return;
  const T* values = (const T*)heads.values[blockIdx.y] + anchor;
  // The threshold is the score to beat; of equal scores the lowest class wins.
  float best = confidence;
  u32 best_class = NONE;
  const T* scores = values + 4 * (u64)anchors;
  UNROLL(16)
  for (u32 class_id = 0; class_id < classes; class_id++) {
    float score = value(load(scores + (u64)class_id * anchors));
    if (score > best && score <= LARGEST) {
      best = score;
      best_class = class_id;
    }
  }
  if (best_class == NONE) return;
  float x = value(load(values)), y = value(load(values + anchors));
  float half_w = value(load(values + 2 * (u64)anchors)) / 2.0f;
  float half_h = value(load(values + 3 * (u64)anchors)) / 2.0f;
  push(scratch, kept, blockIdx.y, anchor, {x - half_w, y - half_h, x + half_w, y + half_h}, best, best_class);
}

KERNEL decode_yolov8_f32(PARAMETER Heads heads, Scratch scratch, Kept kept, u32 classes, float confidence) {
  decode_yolov8<float>(heads, scratch, kept, classes, confidence);
}

KERNEL decode_yolov8_f16(PARAMETER Heads heads, Scratch scratch, Kept kept, u32 classes, float confidence) {
  decode_yolov8<u16>(heads, scratch, kept, classes, confidence);
}

// `2^power`, for powers of -126 to 127.
DEVICE float two_to(int power) { return float_of_bits((u32)(power + 127) << 23); }

// As in crates/vision/src/head/exp.rs: additions and multiplications alone give the same bits.
DEVICE float exponential(float x) {
  if (x != x) return x;
  x = x < -104.0f ? -104.0f : x > 89.0f ? 89.0f : x;
  float power = floorf(x * 1.44269504f + 0.5f);
  float rest = x - power * 0.693359375f - power * -2.1219444e-4f;
  float series = 1.9875691e-4f;
  series = series * rest + 1.3981999e-3f;
  series = series * rest + 8.333452e-3f;
  series = series * rest + 4.1665796e-2f;
  series = series * rest + 1.6666665e-1f;
  series = series * rest + 5e-1f;
  float fraction = series * (rest * rest) + rest + 1.0f;
  int whole = (int)power, half = whole / 2;
  return fraction * two_to(half) * two_to(whole - half);
}

// Of a score by itself: a softmax needs all of a place.
DEVICE float activated(u32 activation, float number) {
  if (activation == SIGMOID) return finite(number) ? 1.0f / (1.0f + exponential(-number)) : float_of_bits(0x7fc00000u);
  return activation == PERCENT ? number / 100.0f : number;
}

template <typename T>
DEVICE float softmax(const Format& format, const T* scores, float number) {
  float greatest = -INFINITE, sum = 0.0f;
  for (u32 index = 0; index < format.values; index++) {
    float other = value(load(scores + index * format.score_value));
    greatest = other > greatest ? other : greatest;
  }
  for (u32 index = 0; index < format.values; index++) sum += exponential(value(load(scores + index * format.score_value)) - greatest);
  return exponential(number - greatest) / sum;
}

// From the four values of a place's box, in their order.
DEVICE Box corners(const Format& format, u32 place, float a, float b, float c, float d) {
  Box box = {a, b, c, d};
  if (format.boxes == CORNERS_YX) box = {b, a, d, c};
  if (format.boxes == GRID) {
    u32 side = 8, index = place, columns = format.width / side;
    for (; side <= 32; side *= 2) {
      columns = format.width / side;
      u32 cells = columns * (format.height / side);
      if (index < cells) break;
      index -= cells;
    }
    float x = (float)(index % columns), y = (float)(index / columns), pixels = (float)side;
    box = {(a + x) * pixels, (b + y) * pixels, exponential(c) * pixels, exponential(d) * pixels};
  }
  if (format.is_normalised) {
    float width = (float)format.width, height = (float)format.height;
    box = {box.x1 * width, box.y1 * height, box.x2 * width, box.y2 * height};
  }
  if (format.boxes == CENTRE || format.boxes == GRID) {
    float half_w = box.x2 / 2.0f, half_h = box.y2 / 2.0f;
    box = {box.x1 - half_w, box.y1 - half_h, box.x1 + half_w, box.y1 + half_h};
  }
  return box;
}

// Each class that passes, of a place whose best one does.
template <typename T>
DEVICE void push_labels(const Scratch& scratch, const Kept& kept, const Format& format, u32 frame, u32 place, const T* scores, Box box, float objectness, float confidence) {
  if (!sound(box)) return;
  u64 base = (u64)frame * scratch.anchors;
  write(scratch.boxes + 4 * (base + place), box);
  const T* of_classes = scores + format.first_class * format.score_value;
  for (u32 class_id = 0; class_id < format.classes; class_id++) {
    float number = value(load(of_classes + class_id * format.score_value));
    float score = format.activation == SOFTMAX ? softmax(format, scores, number) : activated(format.activation, number);
    score = score * objectness;
    if (!(score > confidence && score <= LARGEST) || !takes_part(kept, class_id)) continue;
    u64 found = atomicAdd(scratch.counts + frame, 1u);
    scratch.keys[base * scratch.labels + found] = key_of(score, place * scratch.labels + class_id);
  }
}

// Heads of every format. A thread is a place, blockIdx.y the frame. With `MULTI_LABEL`, places have as many
// labels as pass, `scratch.labels` at most.
template <typename T, bool MULTI_LABEL>
DEVICE void decode(const Heads& heads, const Scratch& scratch, const Kept& kept, const Format& format, float confidence) {
  u32 place = blockIdx.x * blockDim.x + threadIdx.x;
  if (place >= scratch.anchors) return;
  const T* values = (const T*)heads.values[blockIdx.y];
  const T* scores = values + format.scores_at + place * format.score_place;
  float objectness = 1.0f;
  if (format.scores == OBJECTNESS) {
    objectness = activated(format.activation, value(load(scores)));
    if (!(objectness > confidence)) return;
  }
  float best = -INFINITE;
  u32 best_class = NONE;
  if (format.scores == LABELLED) {
    float class_id = value(load(scores + format.score_value));
    if (!(class_id >= 0.0f && class_id < CLASS_LIMIT)) return;
    best = value(load(scores));
    best_class = (u32)class_id;
  } else {
    const T* of_classes = scores + format.first_class * format.score_value;
    UNROLL(8)
    for (u32 class_id = 0; class_id < format.classes; class_id++) {
      float score = value(load(of_classes + class_id * format.score_value));
      if (score > best && score <= LARGEST) {
        best = score;
        best_class = class_id;
      }
    }
    if (best_class == NONE) return;
  }
  float score = format.activation == SOFTMAX ? softmax(format, scores, best) : activated(format.activation, best);
  score = score * objectness;
  if (!(score > confidence && score <= LARGEST)) return;
  const T* box = values + place * format.box_place;
  u64 step = format.box_value;
  Box edges = corners(format, place, value(load(box)), value(load(box + step)), value(load(box + 2 * step)), value(load(box + 3 * step)));
  if (MULTI_LABEL) push_labels(scratch, kept, format, blockIdx.y, place, scores, edges, objectness, confidence);
  else push(scratch, kept, blockIdx.y, place, edges, score, best_class);
}

KERNEL decode_f32(PARAMETER Heads heads, Scratch scratch, Kept kept, PARAMETER Format format, float confidence) {
  decode<float, false>(heads, scratch, kept, format, confidence);
}

KERNEL decode_f16(PARAMETER Heads heads, Scratch scratch, Kept kept, PARAMETER Format format, float confidence) {
  decode<u16, false>(heads, scratch, kept, format, confidence);
}

KERNEL decode_labels_f32(PARAMETER Heads heads, Scratch scratch, Kept kept, PARAMETER Format format, float confidence) {
  decode<float, true>(heads, scratch, kept, format, confidence);
}

KERNEL decode_labels_f16(PARAMETER Heads heads, Scratch scratch, Kept kept, PARAMETER Format format, float confidence) {
  decode<u16, true>(heads, scratch, kept, format, confidence);
}

// Puts each candidate where its key belongs; those behind the best `limit` nowhere. A thread is a
// candidate, blockIdx.y the frame. Quadratic: there are a few hundred candidates as a rule, and blocks
// without one end at once, as do those of a frame of too many. Keys are compared tile by tile in shared memory.
KERNEL rank(Scratch scratch, u32 limit) {
  __shared__ u64 tile[TILE];
  u32 count = scratch.counts[blockIdx.y];
  // The same for all threads of the block, so that none is waited for in vain.
  if (blockIdx.x * blockDim.x >= count || count > MOST_RANKED) return;
  u32 index = blockIdx.x * blockDim.x + threadIdx.x;
  u64 base = (u64)blockIdx.y * scratch.anchors * scratch.labels;
  const u64* keys = scratch.keys + base;
  u64 key = index < count ? load(keys + index) : 0;
  u32 before = 0;
  for (u32 first = 0; first < count; first += TILE) {
    u32 size = count - first < TILE ? count - first : TILE;
    for (u32 place = threadIdx.x; place < size; place += blockDim.x) tile[place] = load(keys + first + place);
    __syncthreads();
    UNROLL(8)
    for (u32 other = 0; other < size; other++) before += tile[other] < key;
    __syncthreads();
  }
  if (index < count && before < limit) scratch.sorted[base + before] = key;
}

DEVICE float side(float low, float high) { return fmaxf(high - low, 0.0f); }

DEVICE float area(Box box) { return side(box.x1, box.x2) * side(box.y1, box.y2); }

DEVICE float iou(Box a, Box b) {
  float width = side(fmaxf(a.x1, b.x1), fminf(a.x2, b.x2));
  float height = side(fmaxf(a.y1, b.y1), fminf(a.y2, b.y2));
  float intersection = width * height;
  float united = area(a) + area(b) - intersection;
  return united > 0.0f ? intersection / united : 0.0f;
}

DEVICE bool suppresses(Box better, u32 better_class, Box box, u32 class_id, float threshold) {
  return better_class == class_id && iou(better, box) > threshold;
}

// Keeps the best candidates that no kept one of their class suppresses, at most `max_detections`,
// in the order of their scores. A block is a frame; any multiple of 64 threads up to 1024, for which
// the bounds keep registers few enough.
//
// Chunk by chunk: all threads compare the chunk with what has been kept and within itself, then one
// thread resolves the chunk from bits, and its survivors are written.
KERNEL __launch_bounds__(1024) select(Scratch scratch, u32 limit, u32 max_detections, float threshold, u32 suppress, u32* results) {
  __shared__ Box box[SEGMENT], kept_box[NEAR];
  __shared__ u32 class_of[SEGMENT], score_of[SEGMENT], anchor_of[SEGMENT], kept_class[NEAR];
  // Which candidates of the chunk an earlier one suppresses, and which ones each suppresses.
  __shared__ u32 gone[CHUNK / 32], suppressed_by[CHUNK][CHUNK / 32];
  __shared__ u32 survivor[CHUNK], survivors, kept;

  u32 thread = threadIdx.x, frame = blockIdx.x;
  u64 base = (u64)frame * scratch.anchors;
  const u64* sorted = scratch.sorted + base * scratch.labels;
  u32 found = scratch.counts[frame];
  u32 count = found > MOST_RANKED ? 0 : found < limit ? found : limit;
  u32* result = results + (u64)frame * (HEAD + (u64)ROW * max_detections);
  u32* rows = result + HEAD;
  if (thread == 0) kept = 0;

  for (u32 begin = 0; begin < count; begin += SEGMENT) {
    u32 held = count - begin < SEGMENT ? count - begin : SEGMENT;
    for (u32 place = thread; place < held; place += blockDim.x) {
      u64 key = sorted[begin + place];
      u32 number = (u32)key, anchor = scratch.labels > 1 ? number / scratch.labels : number;
      const float* corner = scratch.boxes + 4 * (base + anchor);
      box[place] = {corner[0], corner[1], corner[2], corner[3]};
      class_of[place] = scratch.labels > 1 ? number % scratch.labels : scratch.classes[base + anchor];
      score_of[place] = ~(u32)(key >> 32);
      anchor_of[place] = anchor;
    }
    for (u32 first = 0; first < held; first += CHUNK) {
      u32 size = held - first < CHUNK ? held - first : CHUNK;
      if (thread < CHUNK) {
        if (thread < CHUNK / 32) gone[thread] = 0;
        for (u32 word = 0; word < CHUNK / 32; word++) suppressed_by[thread][word] = 0;
      }
      __syncthreads();
      u32 kept_before = kept;
      if (kept_before >= max_detections) break;
      if (suppress) {
        u32 own = thread % CHUNK, groups = blockDim.x / CHUNK;
        if (own < size) {
          Box mine = box[first + own];
          u32 my_class = class_of[first + own];
          for (u32 row = thread / CHUNK; row < kept_before; row += groups) {
            Box better;
            u32 better_class;
            if (row < NEAR) {
              better = kept_box[row];
              better_class = kept_class[row];
            } else {
              const u32* far = rows + (u64)ROW * row;
              better = {float_of_bits(far[0]), float_of_bits(far[1]), float_of_bits(far[2]), float_of_bits(far[3])};
              better_class = far[5];
            }
            if (suppresses(better, better_class, mine, my_class, threshold)) {
              atomicOr(gone + own / 32, 1u << own % 32);
              break;
            }
          }
        }
        for (u32 pair = thread; pair < CHUNK * CHUNK; pair += blockDim.x) {
          u32 better = pair / CHUNK, other = pair % CHUNK;
          if (better < other && other < size &&
              suppresses(box[first + better], class_of[first + better], box[first + other], class_of[first + other], threshold)) {
            atomicOr(suppressed_by[better] + other / 32, 1u << other % 32);
          }
        }
      }
      __syncthreads();
      if (thread == 0) {
        u32 room = max_detections - kept_before;
        survivors = 0;
        // Only those that are left are looked at: as a rule few of a chunk.
        for (u32 word = 0; word < CHUNK / 32; word++) {
          u32 low = 32 * word, high = size < low + 32 ? size : low + 32;
          u32 bits = high <= low ? 0 : ~0u >> (32 - (high - low));
          for (u32 left = bits & ~gone[word]; left && survivors < room;) {
            u32 own = low + lowest_bit(left);
            for (u32 later = word; later < CHUNK / 32; later++) gone[later] |= suppressed_by[own][later];
            left &= left - 1;
            left &= ~gone[word];
            survivor[survivors++] = first + own;
          }
        }
        kept = kept_before + survivors;
      }
      __syncthreads();
      if (thread < survivors) {
        u32 own = survivor[thread], place = kept_before + thread;
        u32* row = rows + (u64)ROW * place;
        row[0] = float_bits(box[own].x1);
        row[1] = float_bits(box[own].y1);
        row[2] = float_bits(box[own].x2);
        row[3] = float_bits(box[own].y2);
        row[4] = score_of[own];
        row[5] = class_of[own];
        row[6] = anchor_of[own];
        if (place < NEAR) {
          kept_box[place] = box[own];
          kept_class[place] = class_of[own];
        }
      }
      __syncthreads();
    }
    if (kept >= max_detections) break;
  }
  __syncthreads();
  if (thread == 0) {
    result[0] = kept;
    result[1] = found;
  }
}
