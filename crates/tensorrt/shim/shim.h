// The C interface between camweave and TensorRT's C++ classes.
//
// `src/sys.rs` declares the same things in Rust. Whoever changes a signature, a struct or what an
// engine is built with raises CAMWEAVE_SHIM_ABI in both, so that an old shim is refused and not called:
// one that left out a network's outputs gave engines that were cached as if they had all.
// 2: all outputs are kept.
//
// No function throws. A null pointer or a 0 means failure; the reason went to the log callback
// before. Objects are used by one thread at a time and outlive what was made from them:
// runtime > engine > context. Streams and addresses are those of the CUDA driver.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define CAMWEAVE_SHIM_ABI 2
#define CAMWEAVE_MAX_DIMS 8

#if defined(__GNUC__)
#define CAMWEAVE_API __attribute__((visibility("default")))
#else
#define CAMWEAVE_API
#endif

extern "C" {

// severity: 0 internal error, 1 error, 2 warning, 3 info, 4 verbose. `text` is valid for the call only.
typedef void (*camweave_log)(void* user, int32_t severity, char const* text);

// A phase of a build begins (step -1), has done a step, or has ended (step == steps). `parent` may
// be empty. Returns 0 to cancel the build.
typedef int32_t (*camweave_progress)(void* user, char const* phase, char const* parent, int32_t step, int32_t steps);

struct camweave_shape {
    int32_t rank;
    int64_t dims[CAMWEAVE_MAX_DIMS]; // -1: dynamic
};

struct camweave_tensor {
    char const* name; // belongs to the engine
    int32_t is_input;
    int32_t type; // 0 float32, 1 float16, 2 int8, 3 int32, ...: nvinfer1::DataType
    struct camweave_shape shape;
};

struct camweave_build {
    char const* onnx_path; // UTF-8; weights in other files are looked for beside it
    int32_t min_batch, opt_batch, max_batch;
    int32_t height, width; // used where the model's are dynamic
    int32_t fp16;          // where the network is not strongly typed
    int32_t level;         // builder optimization level 0 to 5, or -1 for TensorRT's default
    int32_t version_compatible;
    uint64_t workspace_bytes; // 0: TensorRT's default
    void const* timing_cache;
    size_t timing_cache_bytes;
};

// What was built. `camweave_buffer_free` frees both.
struct camweave_built {
    void* plan;
    void* timing_cache; // null if none could be had
};

CAMWEAVE_API int32_t camweave_shim_abi();
// NV_TENSORRT_VERSION of the headers that this was compiled with.
CAMWEAVE_API int32_t camweave_header_version();
// Whether the precision comes from the ONNX file alone (TensorRT 11, RTX).
CAMWEAVE_API int32_t camweave_strongly_typed();

// `create` is the library's createInferRuntime_INTERNAL.
CAMWEAVE_API void* camweave_runtime_create(void* create, camweave_log log, void* user);
CAMWEAVE_API void camweave_runtime_free(void* runtime);

CAMWEAVE_API void* camweave_engine_create(void* runtime, void const* plan, size_t bytes);
CAMWEAVE_API void camweave_engine_free(void* engine);
CAMWEAVE_API int32_t camweave_engine_tensors(void* engine);
CAMWEAVE_API int32_t camweave_engine_tensor(void* engine, int32_t index, struct camweave_tensor* out);
// which: 0 min, 1 opt, 2 max
CAMWEAVE_API int32_t camweave_engine_profile(
    void* engine, int32_t profile, char const* input, int32_t which, struct camweave_shape* out);
// Device memory of one execution context, for activations.
CAMWEAVE_API uint64_t camweave_engine_context_bytes(void* engine);

CAMWEAVE_API void* camweave_context_create(void* engine);
CAMWEAVE_API void camweave_context_free(void* context);
// The context's optimization profile, or -1: another context of an older engine has it.
CAMWEAVE_API int32_t camweave_context_profile(void* context);
CAMWEAVE_API int32_t camweave_context_set_shape(void* context, char const* input, struct camweave_shape const* shape);
CAMWEAVE_API int32_t camweave_context_shape(void* context, char const* tensor, struct camweave_shape* out);
CAMWEAVE_API int32_t camweave_context_set_address(void* context, char const* tensor, uint64_t device_address);
CAMWEAVE_API int32_t camweave_context_enqueue(void* context, void* stream);

// `create_builder` and `create_parser` are createInferBuilder_INTERNAL and createNvOnnxParser_INTERNAL.
CAMWEAVE_API int32_t camweave_build_engine(void* create_builder, void* create_parser, struct camweave_build const* options,
    camweave_log log, camweave_progress progress, void* user, struct camweave_built* out);
CAMWEAVE_API void const* camweave_buffer_data(void* buffer);
CAMWEAVE_API size_t camweave_buffer_bytes(void* buffer);
CAMWEAVE_API void camweave_buffer_free(void* buffer);
}
