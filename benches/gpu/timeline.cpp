// Writes down every kernel, copy and fill of a process on the GPU, by CUDA's profiling interface.
//
//   g++ -O2 -shared -fPIC -I$CUDA/extras/CUPTI/include -I$CUDA/include timeline.cpp -o libtimeline.so -lcupti
//   CUDA_INJECTION64_PATH=$PWD/libtimeline.so TIMELINE=/tmp/timeline camweave bench fps dataflows/gpu-fused.yml ...
//   python3 timeline.py /tmp/timeline.PID
//
// Each process with CUDA work writes TIMELINE.<pid> when it ends. The graph above is some 3 % slower with it.
#include <cupti.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

struct Row {
  unsigned long long start, end;
  uint32_t stream, graph, name;
};

std::mutex mutex;
std::vector<Row> rows;
std::vector<std::string> names;
std::unordered_map<std::string, uint32_t> numbers;

uint32_t number_of(const std::string& name) {
  auto [it, is_new] = numbers.try_emplace(name, names.size());
  if (is_new) names.push_back(name);
  return it->second;
}

void CUPTIAPI give_buffer(uint8_t** buffer, size_t* size, size_t* records) {
  *size = 8 << 20;
  *buffer = static_cast<uint8_t*>(aligned_alloc(8, *size));
  *records = 0;
}

void CUPTIAPI take_buffer(CUcontext, uint32_t, uint8_t* buffer, size_t, size_t valid) {
  std::lock_guard guard(mutex);
  CUpti_Activity* record = nullptr;
  while (cuptiActivityGetNextRecord(buffer, valid, &record) == CUPTI_SUCCESS) {
    if (record->kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) {
      auto* it = reinterpret_cast<CUpti_ActivityKernel10*>(record);
      rows.push_back({it->start, it->end, it->streamId, it->graphId, number_of(it->name)});
    } else if (record->kind == CUPTI_ACTIVITY_KIND_MEMCPY) {
      auto* it = reinterpret_cast<CUpti_ActivityMemcpy6*>(record);
      std::string name = "copy of kind " + std::to_string(it->copyKind) + ", " + std::to_string(it->bytes) + " bytes";
      rows.push_back({it->start, it->end, it->streamId, it->graphId, number_of(name)});
    } else if (record->kind == CUPTI_ACTIVITY_KIND_MEMSET) {
      auto* it = reinterpret_cast<CUpti_ActivityMemset4*>(record);
      rows.push_back({it->start, it->end, it->streamId, 0, number_of("fill")});
    }
  }
  free(buffer);
}

void write_all() {
  cuptiActivityFlushAll(1);
  std::lock_guard guard(mutex);
  if (rows.empty()) return;
  const char* wanted = getenv("TIMELINE");
  std::string path = std::string(wanted ? wanted : "timeline") + "." + std::to_string(getpid());
  FILE* file = fopen(path.c_str(), "w");
  if (!file) return;
  for (size_t i = 0; i < names.size(); i++) fprintf(file, "N\t%zu\t%s\n", i, names[i].c_str());
  for (const Row& row : rows) fprintf(file, "R\t%llu\t%llu\t%u\t%u\t%u\n", row.start, row.end, row.stream, row.graph, row.name);
  fclose(file);
  rows.clear();
}

}  // namespace

// The driver calls it when CUDA is initialised.
extern "C" int InitializeInjection(void) {
  cuptiActivityRegisterCallbacks(give_buffer, take_buffer);
  cuptiActivityEnable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
  cuptiActivityEnable(CUPTI_ACTIVITY_KIND_MEMCPY);
  cuptiActivityEnable(CUPTI_ACTIVITY_KIND_MEMSET);
  atexit(write_all);
  return 1;
}
