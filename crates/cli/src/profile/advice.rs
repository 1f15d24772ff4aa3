//! What one could do about a bottleneck.

use super::figures::Figures;
use super::limit::Limit;

/// What one could do, in a few words.
pub fn advice(limit: Limit, kind: &str, other: Option<&str>, figures: &Figures) -> String {
    let text = match limit {
        Limit::Cores => match other {
            Some(other) => return format!("measure without {other}, or with more cores"),
            None => of_cores(kind),
        },
        Limit::Thread => of_thread(kind, figures),
        Limit::Blocked => "a faster disk for OUT, or less to write",
        Limit::Sm => "a smaller model, smaller input, detect_fps, or another GPU",
        Limit::Nvdec => "smaller streams, H.265 in place of H.264, detect_fps, or another GPU",
        Limit::Copies => "smaller streams or detect_fps",
        Limit::Batches => return of_batches(figures),
        Limit::Load => "more cameras or more frames per second; --pace fast measures the most",
        Limit::Unknown => "more cameras, so that more frames are under way; --seconds for longer",
    };
    text.to_owned()
}

fn of_cores(kind: &str) -> &'static str {
    match kind {
        "cpu-infer" => "a smaller model or input, detect_fps, or more cores",
        "sw-decode" => "smaller streams (a camera's second one), decoding on a GPU, or more cores",
        "cpu-nms" => "a higher CONFIDENCE, fewer CLASSES, or more cores",
        "tracker" => "fewer boxes (CONFIDENCE, MAX_DETECTIONS of the NMS stage), or more cores",
        "classify" => "fewer CLASSES, a higher INTERVAL_MS, or more cores",
        "sink" => "fewer boxes or fewer snapshots, or more cores",
        _ => "less work for this stage, or more cores",
    }
}

fn of_thread(kind: &str, figures: &Figures) -> &'static str {
    match kind {
        "cpu-infer" => "more THREADS for the detector",
        "sw-decode" if figures.streams > 1 => "more THREADS for the decoder, or smaller streams",
        "sw-decode" => "a smaller stream: one stream is decoded by one thread",
        "cpu-nms" => "a higher CONFIDENCE or fewer CLASSES: this stage has one thread",
        "tracker" => "fewer boxes (CONFIDENCE, MAX_DETECTIONS): this stage has one thread",
        "classify" => "fewer CLASSES, a higher INTERVAL_MS, or more CLASSIFIER_THREADS",
        _ => "less work for this stage: more cores are of no use to it",
    }
}

fn of_batches(figures: &Figures) -> String {
    let Some(batch) = &figures.batch else {
        return String::new();
    };
    if batch.most < batch.plateau {
        return format!("MAX_BATCH (or BATCH) is {:.0}: set it higher", batch.most);
    }
    "more cameras, more frames of each camera in a batch (MAX_PER_SOURCE), fewer processes on the GPU".to_owned()
}
