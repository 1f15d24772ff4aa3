// Running a plan.
#include "common.h"

using namespace camweave;

namespace {

struct Runtime {
    Logger logger;
    std::unique_ptr<nvinfer1::IRuntime> runtime;
};

nvinfer1::ICudaEngine& engine_of(void* engine) { return *static_cast<nvinfer1::ICudaEngine*>(engine); }
nvinfer1::IExecutionContext& context_of(void* context) { return *static_cast<nvinfer1::IExecutionContext*>(context); }

bool from_dims(nvinfer1::Dims const& dims, camweave_shape* out)
{
    if (dims.nbDims < 0 || dims.nbDims > CAMWEAVE_MAX_DIMS) {
        return false;
    }
    out->rank = dims.nbDims;
    for (int32_t i = 0; i < dims.nbDims; ++i) {
        out->dims[i] = dims.d[i];
    }
    return true;
}

} // namespace

extern "C" {

int32_t camweave_shim_abi() { return CAMWEAVE_SHIM_ABI; }
int32_t camweave_header_version() { return NV_TENSORRT_VERSION; }
int32_t camweave_strongly_typed() { return CAMWEAVE_STRONGLY_TYPED; }

void* camweave_runtime_create(void* create, camweave_log log, void* user)
{
    return guarded<void*>(log, user, nullptr, [&]() -> void* {
        auto runtime = std::make_unique<Runtime>(Runtime{Logger(log, user), nullptr});
        auto make = reinterpret_cast<void* (*)(void*, int32_t)>(create);
        nvinfer1::ILogger& logger = runtime->logger;
        runtime->runtime.reset(static_cast<nvinfer1::IRuntime*>(make(&logger, NV_TENSORRT_VERSION)));
        return runtime->runtime ? runtime.release() : nullptr;
    });
}

void camweave_runtime_free(void* runtime) { delete static_cast<Runtime*>(runtime); }

void* camweave_engine_create(void* runtime, void const* plan, size_t bytes)
{
    auto* self = static_cast<Runtime*>(runtime);
    return guarded<void*>(self->logger, nullptr,
        [&]() -> void* { return self->runtime->deserializeCudaEngine(plan, bytes); });
}

void camweave_engine_free(void* engine) { delete static_cast<nvinfer1::ICudaEngine*>(engine); }
int32_t camweave_engine_tensors(void* engine) { return engine_of(engine).getNbIOTensors(); }

int32_t camweave_engine_tensor(void* engine, int32_t index, camweave_tensor* out)
{
    auto& self = engine_of(engine);
    char const* name = self.getIOTensorName(index);
    if (name == nullptr) {
        return 0;
    }
    out->name = name;
    out->is_input = self.getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT;
    out->type = static_cast<int32_t>(self.getTensorDataType(name));
    return from_dims(self.getTensorShape(name), &out->shape);
}

int32_t camweave_engine_profile(void* engine, int32_t profile, char const* input, int32_t which, camweave_shape* out)
{
    auto selector = static_cast<nvinfer1::OptProfileSelector>(which);
    return from_dims(engine_of(engine).getProfileShape(input, profile, selector), out);
}

uint64_t camweave_engine_context_bytes(void* engine)
{
#if CAMWEAVE_STRONGLY_TYPED
    return static_cast<uint64_t>(engine_of(engine).getDeviceMemorySizeV2());
#else
    return static_cast<uint64_t>(engine_of(engine).getDeviceMemorySize());
#endif
}

void* camweave_context_create(void* engine) { return engine_of(engine).createExecutionContext(); }
void camweave_context_free(void* context) { delete static_cast<nvinfer1::IExecutionContext*>(context); }
int32_t camweave_context_profile(void* context) { return context_of(context).getOptimizationProfile(); }

int32_t camweave_context_set_shape(void* context, char const* input, camweave_shape const* shape)
{
    nvinfer1::Dims dims{};
    if (shape->rank < 0 || shape->rank > nvinfer1::Dims::MAX_DIMS) {
        return 0;
    }
    dims.nbDims = shape->rank;
    for (int32_t i = 0; i < shape->rank; ++i) {
        dims.d[i] = static_cast<std::remove_reference_t<decltype(dims.d[0])>>(shape->dims[i]);
    }
    return context_of(context).setInputShape(input, dims);
}

int32_t camweave_context_shape(void* context, char const* tensor, camweave_shape* out)
{
    return from_dims(context_of(context).getTensorShape(tensor), out);
}

int32_t camweave_context_set_address(void* context, char const* tensor, uint64_t device_address)
{
    return context_of(context).setTensorAddress(tensor, reinterpret_cast<void*>(device_address));
}

int32_t camweave_context_enqueue(void* context, void* stream)
{
    return context_of(context).enqueueV3(static_cast<cudaStream_t>(stream));
}
}
