//! Several of the other nodes' stages in one process, as one node of the graph.
//!
//! How stages are put together is in `camweave_stage::fused`; here is which there are.
//! `README.md` is the node's documentation.

use camweave_stage::fused::Part;

/// The stages that the node can run.
pub const PARTS: &[Part] = &[
    Part::of::<camweave_rtsp_source::RtspSource>(),
    Part::of::<camweave_file_source::FileSource>(),
    Part::of::<camweave_sw_decode::SwDecode>(),
    Part::of::<camweave_nvdec_node::NvDec>(),
    Part::of::<camweave_batcher::Batcher>(),
    Part::of::<camweave_cpu_infer::CpuInfer>(),
    Part::of::<camweave_trt_infer::TrtInfer>(),
    Part::of::<camweave_cpu_nms::CpuNms>(),
    Part::of::<camweave_gpu_nms::GpuNms>(),
    Part::of::<camweave_tracker::Tracker>(),
    Part::of::<camweave_sink::Sink>(),
];
