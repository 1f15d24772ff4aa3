// Building a plan from an ONNX file.
#include "NvOnnxParser.h"
#include "common.h"
#include <string>
#include <vector>

using namespace camweave;

namespace {

struct Buffer {
    std::unique_ptr<nvinfer1::IHostMemory> memory;
};

#if CAMWEAVE_RTX || NV_TENSORRT_MAJOR >= 10
#define CAMWEAVE_PROGRESS 1
class Monitor : public nvinfer1::IProgressMonitor {
public:
    Monitor(camweave_progress progress, void* user) : mProgress(progress), mUser(user) {}
    void phaseStart(char const* phase, char const* parent, int32_t steps) noexcept override
    {
        mProgress(mUser, phase, parent == nullptr ? "" : parent, -1, steps);
    }
    bool stepComplete(char const* phase, int32_t step) noexcept override
    {
        return mProgress(mUser, phase, "", step, 0) != 0;
    }
    void phaseFinish(char const* phase) noexcept override { mProgress(mUser, phase, "", 0, 0); }

private:
    camweave_progress mProgress;
    void* mUser;
};
#else
#define CAMWEAVE_PROGRESS 0
#endif

// The parser's errors name the operators that it cannot take.
bool parse(nvonnxparser::IParser& parser, camweave_build const& options, Logger& logger)
{
    if (parser.parseFromFile(options.onnx_path, static_cast<int>(nvinfer1::ILogger::Severity::kWARNING))) {
        return true;
    }
    for (int i = 0; i < parser.getNbErrors(); ++i) {
        auto const* error = parser.getError(i);
        auto line = "ONNX node " + std::to_string(error->node());
#if CAMWEAVE_RTX || NV_TENSORRT_MAJOR >= 10
        if (error->nodeOperator() != nullptr && *error->nodeOperator() != '\0') {
            line += " (" + std::string(error->nodeOperator()) + ")";
        }
#endif
        line += ": " + std::string(error->desc());
        logger.log(nvinfer1::ILogger::Severity::kERROR, line.c_str());
    }
    return false;
}

// One profile: the batch may vary, the picture's size is fixed.
bool add_profile(nvinfer1::IBuilder& builder, nvinfer1::IBuilderConfig& config, nvinfer1::ITensor& input,
    camweave_build const& options)
{
    auto* profile = builder.createOptimizationProfile();
    if (profile == nullptr) {
        return false;
    }
    auto shape = [&](int32_t batch) {
        auto dims = input.getDimensions();
        bool const is_nhwc = dims.d[3] == 3 && dims.d[1] != 3;
        int32_t const nchw[4] = {batch, 3, options.height, options.width};
        int32_t const nhwc[4] = {batch, options.height, options.width, 3};
        int32_t const* const sizes = is_nhwc ? nhwc : nchw;
        for (int32_t i = 0; i < 4; ++i) {
            if (i == 0 || dims.d[i] < 0) {
                dims.d[i] = sizes[i];
            }
        }
        return dims;
    };
    using Selector = nvinfer1::OptProfileSelector;
    return profile->setDimensions(input.getName(), Selector::kMIN, shape(options.min_batch))
        && profile->setDimensions(input.getName(), Selector::kOPT, shape(options.opt_batch))
        && profile->setDimensions(input.getName(), Selector::kMAX, shape(options.max_batch))
        && config.addOptimizationProfile(profile) >= 0;
}

#if CAMWEAVE_STRONGLY_TYPED
bool cast_to_float(nvinfer1::INetworkDefinition& network, nvinfer1::ITensor& output)
{
    std::string const name = output.getName();
    auto* cast = network.addCast(output, nvinfer1::DataType::kFLOAT);
    if (cast == nullptr) {
        return false;
    }
    network.unmarkOutput(output);
    output.setName((name + "_before_cast").c_str());
    cast->getOutput(0)->setName(name.c_str());
    network.markOutput(*cast->getOutput(0));
    return true;
}
#else
bool is_float(nvinfer1::DataType type)
{
    return type == nvinfer1::DataType::kFLOAT || type == nvinfer1::DataType::kHALF;
}
#endif

// The stages behind read float32; the letterbox kernel writes what the input asks for.
bool set_types(nvinfer1::INetworkDefinition& network, camweave_build const& options)
{
#if !CAMWEAVE_STRONGLY_TYPED
    if (options.fp16 && is_float(network.getInput(0)->getType())) {
        network.getInput(0)->setType(nvinfer1::DataType::kHALF);
    }
    for (int32_t i = 0; i < network.getNbOutputs(); ++i) {
        if (is_float(network.getOutput(i)->getType())) {
            network.getOutput(i)->setType(nvinfer1::DataType::kFLOAT);
        }
    }
#else
    static_cast<void>(options);
    std::vector<nvinfer1::ITensor*> outputs;
    for (int32_t i = 0; i < network.getNbOutputs(); ++i) {
        if (network.getOutput(i)->getType() != nvinfer1::DataType::kFLOAT) {
            outputs.push_back(network.getOutput(i));
        }
    }
    for (auto* output : outputs) {
        if (!cast_to_float(network, *output)) {
            return false;
        }
    }
#endif
    return true;
}

void set_flags(nvinfer1::IBuilderConfig& config, camweave_build const& options)
{
#if !CAMWEAVE_STRONGLY_TYPED
    if (options.fp16) {
        config.setFlag(nvinfer1::BuilderFlag::kFP16);
    }
#endif
    if (!options.fp16) {
        // On by default; its 10 bits of mantissa move boxes by a pixel.
        config.clearFlag(nvinfer1::BuilderFlag::kTF32);
    }
#if !CAMWEAVE_RTX
    if (options.version_compatible) {
        config.setFlag(nvinfer1::BuilderFlag::kVERSION_COMPATIBLE);
        config.setFlag(nvinfer1::BuilderFlag::kEXCLUDE_LEAN_RUNTIME);
    }
#endif
#if !CAMWEAVE_RTX && NV_TENSORRT_MAJOR == 8
    // Several contexts of one profile; later versions always allow it.
    config.setPreviewFeature(nvinfer1::PreviewFeature::kPROFILE_SHARING_0806, true);
#endif
    if (options.level >= 0) {
        config.setBuilderOptimizationLevel(options.level);
    }
    if (options.workspace_bytes > 0) {
        config.setMemoryPoolLimit(nvinfer1::MemoryPoolType::kWORKSPACE, options.workspace_bytes);
    }
}

void* to_buffer(nvinfer1::IHostMemory* memory)
{
    return memory == nullptr ? nullptr : new Buffer{std::unique_ptr<nvinfer1::IHostMemory>(memory)};
}

int32_t build(void* create_builder, void* create_parser, camweave_build const& options, Logger& logger,
    camweave_progress progress, camweave_built* out)
{
    auto fail = [&](char const* what) {
        logger.log(nvinfer1::ILogger::Severity::kERROR, what);
        return 0;
    };
#if CAMWEAVE_PROGRESS
    Monitor monitor(progress, logger.user());
#else
    static_cast<void>(progress);
#endif
    nvinfer1::ILogger& base = logger;
    auto make_builder = reinterpret_cast<void* (*)(void*, int32_t)>(create_builder);
    std::unique_ptr<nvinfer1::IBuilder> builder(
        static_cast<nvinfer1::IBuilder*>(make_builder(&base, NV_TENSORRT_VERSION)));
    if (!builder) {
        return fail("TensorRT gives no builder");
    }
#if !CAMWEAVE_RTX && NV_TENSORRT_MAJOR < 10
    auto const flags = 1U << static_cast<uint32_t>(nvinfer1::NetworkDefinitionCreationFlag::kEXPLICIT_BATCH);
#else
    auto const flags = 0U;
#endif
    std::unique_ptr<nvinfer1::INetworkDefinition> network(builder->createNetworkV2(flags));
    std::unique_ptr<nvinfer1::IBuilderConfig> config(builder->createBuilderConfig());
    if (!network || !config) {
        return fail("TensorRT gives no network");
    }
    auto make_parser = reinterpret_cast<void* (*)(void*, void*, int)>(create_parser);
    std::unique_ptr<nvonnxparser::IParser> parser(
        static_cast<nvonnxparser::IParser*>(make_parser(network.get(), &base, NV_ONNX_PARSER_VERSION)));
    if (!parser) {
        return fail("TensorRT gives no ONNX parser");
    }
    if (!parse(*parser, options, logger)) {
        return 0;
    }
    if (network->getNbInputs() != 1 || network->getNbOutputs() < 1) {
        return fail("the network has not one input and an output");
    }
    set_flags(*config, options);
    if (!set_types(*network, options)) {
        return fail("the network's outputs cannot be cast to float32");
    }
    auto& input = *network->getInput(0);
    if (input.getDimensions().nbDims != 4) {
        return fail("the network's input has not four dimensions");
    }
    if (!add_profile(*builder, *config, input, options)) {
        return fail("the profile does not fit the network's input");
    }
    std::unique_ptr<nvinfer1::ITimingCache> cache(
        config->createTimingCache(options.timing_cache, options.timing_cache_bytes));
    if (cache) {
        config->setTimingCache(*cache, false);
    }
#if CAMWEAVE_PROGRESS
    config->setProgressMonitor(&monitor);
#endif
    out->plan = to_buffer(builder->buildSerializedNetwork(*network, *config));
    if (out->plan == nullptr) {
        return 0;
    }
    out->timing_cache = cache ? to_buffer(cache->serialize()) : nullptr;
    return 1;
}

} // namespace

extern "C" {

int32_t camweave_build_engine(void* create_builder, void* create_parser, camweave_build const* options,
    camweave_log log, camweave_progress progress, void* user, camweave_built* out)
{
    Logger logger(log, user);
    return guarded<int32_t>(
        logger, 0, [&] { return build(create_builder, create_parser, *options, logger, progress, out); });
}

void const* camweave_buffer_data(void* buffer) { return static_cast<Buffer*>(buffer)->memory->data(); }
size_t camweave_buffer_bytes(void* buffer) { return static_cast<Buffer*>(buffer)->memory->size(); }
void camweave_buffer_free(void* buffer) { delete static_cast<Buffer*>(buffer); }
}
