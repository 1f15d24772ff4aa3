// How long NVDEC's decoders of 1080p take to open, and how many open.
//
//   gcc -O2 -I../../crates/nvdec/headers decoders.c -o decoders -ldl -lpthread
//   ./decoders h264|h265 COUNT THREADS SURFACES
//
// Needs dynlink_loader.h of Debian's libffmpeg-nvenc-dev beside the headers.
#include <dlfcn.h>
#include <ffnvcodec/dynlink_loader.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static CudaFunctions *cuda;
static CuvidFunctions *cuvid;
static CUcontext context;
static int codec, surfaces;

struct job {
  int count, failed;
  double longest;
  CUvideodecoder *decoders;
};

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec * 1e-9;
}

static void *work(void *argument) {
  struct job *job = argument;
  cuda->cuCtxPushCurrent(context);
  for (int i = 0; i < job->count; i++) {
    CUVIDDECODECREATEINFO info;
    memset(&info, 0, sizeof info);
    info.ulWidth = info.ulMaxWidth = info.ulTargetWidth = 1920;
    info.ulHeight = info.ulMaxHeight = info.ulTargetHeight = 1088;
    info.ulNumDecodeSurfaces = surfaces;
    info.CodecType = codec;
    info.ChromaFormat = cudaVideoChromaFormat_420;
    info.ulCreationFlags = cudaVideoCreate_PreferCUVID;
    info.OutputFormat = cudaVideoSurfaceFormat_NV12;
    info.DeinterlaceMode = cudaVideoDeinterlaceMode_Weave;
    info.ulNumOutputSurfaces = 1;
    double begun = now();
    int code = cuvid->cuvidCreateDecoder(&job->decoders[i], &info);
    double took = now() - begun;
    if (took > job->longest) job->longest = took;
    if (code) {
      if (!job->failed++) printf("one failed with %d\n", code);
      job->decoders[i] = NULL;
    }
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: decoders h264|h265 COUNT THREADS SURFACES\n");
    return 2;
  }
  codec = strcmp(argv[1], "h265") ? cudaVideoCodec_H264 : cudaVideoCodec_HEVC;
  int count = atoi(argv[2]), threads = atoi(argv[3]);
  surfaces = atoi(argv[4]);
  CUdevice device;
  int (*memory)(size_t *, size_t *) = dlsym(dlopen("libcuda.so.1", RTLD_NOW), "cuMemGetInfo_v2");
  if (cuda_load_functions(&cuda, NULL) || cuvid_load_functions(&cuvid, NULL) || !memory || cuda->cuInit(0) ||
      cuda->cuDeviceGet(&device, 0) || cuda->cuDevicePrimaryCtxRetain(&context, device)) {
    fprintf(stderr, "skipped: no CUDA device\n");
    return 0;
  }
  cuda->cuCtxPushCurrent(context);
  CUvideodecoder *decoders = calloc(count, sizeof *decoders);
  struct job *jobs = calloc(threads, sizeof *jobs);
  pthread_t *started = calloc(threads, sizeof *started);
  size_t before, after, total;
  memory(&before, &total);
  double begun = now();
  for (int i = 0; i < threads; i++) {
    int first = count * i / threads;
    jobs[i] = (struct job){count * (i + 1) / threads - first, 0, 0, decoders + first};
    pthread_create(&started[i], NULL, work, &jobs[i]);
  }
  int failed = 0;
  double longest = 0;
  for (int i = 0; i < threads; i++) {
    pthread_join(started[i], NULL);
    failed += jobs[i].failed;
    if (jobs[i].longest > longest) longest = jobs[i].longest;
  }
  double took = now() - begun;
  memory(&after, &total);
  begun = now();
  for (int i = 0; i < count; i++)
    if (decoders[i]) cuvid->cuvidDestroyDecoder(decoders[i]);
  printf("%s, %d surfaces, %d threads: %d of %d open, %.1f ms each, longest %.1f ms, %.1f MiB each; closed in %.1f ms each\n",
         argv[1], surfaces, threads, count - failed, count, took / count * 1e3, longest * 1e3,
         (double)(before - after) / (count - failed) / 1048576, (now() - begun) / (count - failed) * 1e3);
  return 0;
}
