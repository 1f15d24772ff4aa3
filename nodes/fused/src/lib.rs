//! Several of the other nodes' stages in one process, as one node of the graph.
//!
//! How stages are put together is in `camweave_stage::fused`; here is which there are.
//! `README.md` is the node's documentation.

use std::process::ExitCode;

use camweave_stage::Stage;
use camweave_stage::fused::Part;

macro_rules! stages {
    ($($stage:path)*) => {
        /// The stages that the node can run, and those that only run alone.
        pub const PARTS: &[Part] = &[$(Part::of::<$stage>()),*];

        /// The stages' own programs, by name.
        const PROGRAMS: &[(&str, fn() -> ExitCode)] =
            &[$((<$stage as Stage>::KIND, camweave_stage::main::<$stage>)),*];
    };
}

stages! {
    camweave_rtsp_source::RtspSource
    camweave_file_source::FileSource
    camweave_sw_decode::SwDecode
    camweave_nvdec_node::NvDec
    camweave_batcher::Batcher
    camweave_cpu_infer::CpuInfer
    camweave_trt_infer::TrtInfer
    camweave_cpu_nms::CpuNms
    camweave_gpu_nms::GpuNms
    camweave_tracker::Tracker
    camweave_analytics::Analytics
    camweave_classify::Classify
    camweave_trt_classify::TrtClassify
    camweave_sink::Sink
    camweave_dashboard::Dashboard
    camweave_recorder::Recorder
    camweave_publish::Publish
    camweave_metrics_node::Metrics
}

/// The program: several stages, or, called by the name of a stage, that stage's own program. So one
/// file with several names serves as all nodes.
#[must_use]
pub fn main() -> ExitCode {
    let answered = camweave_cpu_infer::answer().or_else(camweave_classify::answer);
    if let Some(code) = answered {
        return code;
    }
    let called = std::env::args_os().next().map(std::path::PathBuf::from);
    let name = called
        .as_deref()
        .and_then(|path| path.file_name()?.to_str());
    let Some((kind, program)) = PROGRAMS.iter().find(|(kind, _)| name == Some(*kind)) else {
        return camweave_stage::fused::main(PARTS);
    };
    if *kind == camweave_file_source::FileSource::KIND {
        // As its own program does.
        camweave_demux::limit_allocations_for_files();
    }
    program()
}
