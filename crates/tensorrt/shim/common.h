// What both halves of the shim share.
#pragma once
#include "NvInfer.h"
#include "shim.h"
#include <exception>
#include <memory>
#include <type_traits>

#if defined(TRT_MAJOR_RTX)
#define CAMWEAVE_RTX 1
#else
#define CAMWEAVE_RTX 0
#endif

#if CAMWEAVE_RTX || NV_TENSORRT_MAJOR >= 11
#define CAMWEAVE_STRONGLY_TYPED 1
#else
#define CAMWEAVE_STRONGLY_TYPED 0
#endif

#if !CAMWEAVE_RTX && NV_TENSORRT_MAJOR * 100 + NV_TENSORRT_MINOR < 806
#error "the shim needs the headers of TensorRT 8.6 or later"
#endif

namespace camweave {

class Logger : public nvinfer1::ILogger {
public:
    Logger(camweave_log log, void* user) : mLog(log), mUser(user) {}
    void log(Severity severity, nvinfer1::AsciiChar const* text) noexcept override
    {
        mLog(mUser, static_cast<int32_t>(severity), text);
    }
    camweave_log callback() const { return mLog; }
    void* user() const { return mUser; }

private:
    camweave_log mLog;
    void* mUser;
};

// Runs `work`; an exception becomes a line of the log and `failed`.
template <typename T, typename Work>
T guarded(camweave_log log, void* user, T failed, Work work) noexcept
{
    try {
        return work();
    } catch (std::exception const& error) {
        log(user, 1, error.what());
    } catch (...) {
        log(user, 1, "an exception of unknown type");
    }
    return failed;
}

template <typename T, typename Work>
T guarded(Logger const& logger, T failed, Work work) noexcept
{
    return guarded<T>(logger.callback(), logger.user(), failed, work);
}

} // namespace camweave
