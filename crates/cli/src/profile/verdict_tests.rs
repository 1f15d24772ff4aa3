use super::super::figures::{Cpu, FullThread};
use super::*;

/// A graph on two cores, with no stage yet.
fn two_cores(busy: f64) -> Figures {
    Figures {
        fps: 50.0,
        streams: 4,
        cpu: Cpu {
            cores: 2.0,
            busy,
            ..Cpu::default()
        },
        ..Figures::default()
    }
}

fn stage(name: &str, kind: &str, cores: f64) -> StageUse {
    StageUse {
        stage: name.to_owned(),
        kind: kind.to_owned(),
        cores,
        ..StageUse::default()
    }
}

fn thread(name: &str, used: f64) -> Option<FullThread> {
    Some(FullThread {
        name: name.to_owned(),
        ran: used,
        used,
        as_full: 1,
    })
}

/// An engine alone.
#[derive(Clone, Copy)]
struct Engine {
    /// Its best batch, and frames per second.
    best: (f64, f64),
    plateau: f64,
}

/// 2026-11-28-gpu-batches.md.
const H200: Engine = Engine {
    best: (32.0, 9241.0),
    plateau: 16.0,
};
/// 2026-11-28-gpu.md.
const H100: Engine = Engine {
    best: (32.0, 12188.0),
    plateau: 32.0,
};

/// A graph on a GPU, as a record of docs/benchmarks has it: frames per second, how much of the
/// time kernels ran and NVDEC decoded, and the batches with what the setting allows. What records
/// do not have is assumed: who used the GPU, and the CPU's use.
fn on_gpu(fps: f64, sm: f64, nvdec: f64, batch: (f64, f64), engine: Engine) -> Figures {
    let infer = StageUse {
        gpu: sm / 100.0,
        occupied: 0.5,
        ..stage("detect.infer", "trt-infer", 0.5)
    };
    // Its threads wait for the engines nearly always, which is no verdict.
    let decode = StageUse {
        occupied: 0.99,
        blocked: 0.9,
        gpu: 0.1,
        ..stage("decode", "nvdec", 1.0)
    };
    Figures {
        fps,
        streams: 16,
        cpu: Cpu {
            cores: 16.0,
            busy: 3.0,
            ..Cpu::default()
        },
        gpu: Some(Gpu {
            sm_percent: sm,
            nvdec_percent: nvdec,
            copies_percent: Some(8.0),
            nvdec_engines: Some(7),
        }),
        stages: vec![decode, infer],
        batch: Some(Batch {
            stage: "detect.infer".to_owned(),
            mean: batch.0,
            most: batch.1,
            plateau: engine.plateau,
            engine: Some(engine.best),
        }),
        ..Figures::default()
    }
}

fn found(figures: &Figures) -> (Limit, Option<String>) {
    let verdict = judge(figures);
    (verdict.limit, verdict.stage)
}

fn named(limit: Limit, stage: &str) -> (Limit, Option<String>) {
    (limit, Some(stage.to_owned()))
}

/// The fault that this is for: 16 streams of H.265 before batches were made where the work is. The
/// rate and the batch are the record's, the use of GPU and NVDEC the issue's.
#[test]
fn small_batches_fill_the_gpu_and_not_the_engine() {
    let figures = on_gpu(2597.0, 93.0, 28.0, (3.04, 32.0), H200);
    let verdict = judge(&figures);
    assert_eq!(found(&figures), named(Limit::Batches, "detect.infer"));
    assert_eq!(
        verdict.sentence,
        "bottleneck: the batches of detect.infer: 3 where 16 would fill the engine, 28 % of the engine at batch 32: kernels run 93 % of the time"
    );
    let shares: Vec<String> = verdict
        .shares
        .iter()
        .map(|it| format!("{:.0} % of {}", it.percent, it.of))
        .collect();
    assert_eq!(
        shares[..4],
        [
            "28 % of NVDEC",
            "93 % of the GPU's time",
            "8 % of its time for copies",
            "28 % of the engine at batch 32: batches of 3",
        ]
    );
    assert!(verdict.advice.contains("more cameras"), "{verdict:?}");
}

/// The network's time is measured from a batch's start to its end, and the next batch's letterbox runs
/// within it: a run of 2026-11-29 had 'kernels run 100 % of the time, 106 % of it for detect.infer'.
#[test]
fn a_stage_takes_no_more_than_all_of_the_gpu() {
    let mut figures = on_gpu(7171.0, 100.0, 81.0, (32.0, 32.0), H200);
    figures.stages[1].gpu = 1.06;
    let verdict = judge(&figures);
    assert_eq!(
        verdict.sentence,
        "bottleneck: the GPU is full: kernels run 100 % of the time, 91 % of it for detect.infer"
    );
    // Other programs, or the decoder's own kernels, have the rest.
    figures.stages[1].gpu = 0.4;
    let verdict = judge(&figures);
    assert!(
        verdict.sentence.contains(", 40 % of it for detect.infer"),
        "{}",
        verdict.sentence
    );
}

#[test]
fn recorded_runs_on_gpus_are_named() {
    let few = |figures: Figures| Figures {
        streams: 4,
        ..figures
    };
    let runs = [
        // 2026-11-28-gpu.md: 32 streams of H.264, fused, under MPS and without. Batches of the
        // runs with 32 streams are assumed.
        (
            on_gpu(5140.0, 63.0, 100.0, (20.0, 32.0), H100),
            named(Limit::Nvdec, "decode"),
        ),
        (
            on_gpu(5211.0, 67.0, 100.0, (20.0, 32.0), H100),
            named(Limit::Nvdec, "decode"),
        ),
        (
            on_gpu(5102.0, 77.0, 100.0, (20.0, 32.0), H100),
            named(Limit::Nvdec, "decode"),
        ),
        // 32 streams of H.265.
        (
            on_gpu(8217.0, 96.0, 90.0, (32.0, 32.0), H100),
            named(Limit::Sm, "detect.infer"),
        ),
        (
            on_gpu(8062.0, 99.0, 94.0, (32.0, 32.0), H100),
            named(Limit::Sm, "detect.infer"),
        ),
        // Batches under MPS: four cameras, then sixteen.
        (
            few(on_gpu(1918.0, 99.0, 37.0, (1.0, 1.0), H100)),
            named(Limit::Batches, "detect.infer"),
        ),
        (
            few(on_gpu(3017.0, 75.0, 57.0, (3.87, 4.0), H100)),
            named(Limit::Nvdec, "decode"),
        ),
        (
            few(on_gpu(3024.0, 77.0, 57.0, (4.0, 8.0), H100)),
            named(Limit::Nvdec, "decode"),
        ),
        (
            on_gpu(1889.0, 96.0, 35.0, (1.0, 1.0), H100),
            named(Limit::Batches, "detect.infer"),
        ),
        (
            on_gpu(5322.0, 96.0, 98.0, (4.0, 4.0), H100),
            named(Limit::Nvdec, "decode"),
        ),
        (
            on_gpu(5161.0, 85.0, 99.0, (7.93, 8.0), H100),
            named(Limit::Nvdec, "decode"),
        ),
        // 2026-11-25-gpu-2.md: its profile named 'decode' for 2.9 times the next component; and
        // sixteen cameras in batches of four, without MPS.
        (
            few(on_gpu(2971.0, 75.0, 56.0, (4.0, 32.0), H200)),
            named(Limit::Nvdec, "decode"),
        ),
        (
            on_gpu(3124.0, 97.0, 58.0, (3.87, 4.0), H200),
            named(Limit::Batches, "detect.infer"),
        ),
        // The long run: 137 cameras in real time, none dropped. Its batch is assumed.
        (
            Figures {
                live: true,
                streams: 137,
                ..on_gpu(4110.0, 47.0, 79.0, (4.0, 32.0), H100)
            },
            (Limit::Load, None),
        ),
    ];
    for (index, (figures, expected)) in runs.iter().enumerate() {
        assert_eq!(&found(figures), expected, "run {index}");
    }
}

#[test]
fn what_limits_batches_is_said() {
    let figures = on_gpu(1889.0, 96.0, 35.0, (1.0, 1.0), H100);
    let advice = judge(&figures).advice;
    assert_eq!(advice, "MAX_BATCH (or BATCH) is 1: set it higher");
}

#[test]
fn of_full_cores_it_is_who_takes_most_and_not_whose_queue_is_longest() {
    let mut figures = two_cores(1.94);
    figures.stages = vec![
        StageUse {
            waiting: 90.0,
            growth: 12.0,
            occupied: 1.0,
            // It is ready for the rest of the time, and others have the cores.
            delayed: 0.75,
            thread: thread("tracker", 0.2),
            ..stage("track", "tracker", 0.2)
        },
        stage("detect.infer", "cpu-infer", 1.42),
        stage("decode", "sw-decode", 0.24),
    ];
    assert_eq!(found(&figures), named(Limit::Cores, "detect.infer"));
    let verdict = judge(&figures);
    assert_eq!(
        verdict.sentence,
        "bottleneck: the CPU: all 2 cores are full (97 %), by detect.infer 71 %, decode 12 %, track 10 %"
    );
    assert_eq!(verdict.other, None);
    figures.stages[0].thread = thread("tracker", 0.99);
    let sentence = judge(&figures).sentence;
    assert!(sentence.ends_with("; one thread of track never pauses either"));
    // Other programs take more than any stage.
    figures.cpu.others = 1.5;
    let verdict = judge(&figures);
    assert_eq!(verdict.other.as_deref(), Some("other programs"));
    assert!(
        verdict
            .sentence
            .contains("by other programs 75 %, detect.infer 71 %")
    );
    assert!(verdict.advice.contains("without other programs"));
    // The host takes them.
    figures.cpu.others = 0.0;
    (figures.cpu.busy, figures.cpu.stolen) = (0.3, 1.6);
    let verdict = judge(&figures);
    assert_eq!(verdict.other.as_deref(), Some("other machines of the host"));
}

#[test]
fn a_full_thread_is_one_while_cores_are_free() {
    let mut figures = two_cores(1.3);
    figures.stages = vec![
        StageUse {
            thread: thread("decode-0", 0.98),
            ..stage("decode", "sw-decode", 1.0)
        },
        StageUse {
            thread: thread("openvino", 0.2),
            occupied: 1.0,
            waiting: 40.0,
            ..stage("detect.infer", "cpu-infer", 0.25)
        },
    ];
    assert_eq!(found(&figures), named(Limit::Thread, "decode"));
    let verdict = judge(&figures);
    let sentence = "bottleneck: one thread of decode is full: 'decode-0' computes 98 % of the time that it gets a core, while 0.7 of 2 cores are free";
    assert_eq!(verdict.sentence, sentence);
    assert!(verdict.advice.contains("THREADS"));
    figures.streams = 1;
    assert!(judge(&figures).advice.contains("one stream is decoded by"));
    if let Some(thread) = &mut figures.stages[0].thread {
        thread.as_full = 2;
    }
    let sentence = judge(&figures).sentence;
    assert!(sentence.contains("all 2 working threads of decode are full"));
}

#[test]
fn one_that_always_works_and_computes_nothing_waits_for_its_disk() {
    let mut figures = two_cores(0.9);
    figures.stages = vec![
        StageUse {
            occupied: 0.97,
            blocked: 0.93,
            thread: thread("sink", 0.04),
            ..stage("sink", "sink", 0.04)
        },
        StageUse {
            thread: thread("openvino", 0.4),
            ..stage("detect.infer", "cpu-infer", 0.8)
        },
    ];
    assert_eq!(found(&figures), named(Limit::Blocked, "sink"));
    assert!(
        judge(&figures)
            .sentence
            .contains("at work 97 % of the time")
    );
    // Where cores are full, they are what it waits for.
    figures.cpu.busy = 1.95;
    assert_eq!(found(&figures), named(Limit::Cores, "detect.infer"));
    // Unless it falls behind, for those before it are not held back for it.
    (figures.stages[0].growth, figures.stages[0].waiting) = (60.0, 240.0);
    assert_eq!(found(&figures), named(Limit::Blocked, "sink"));
}

#[test]
fn one_frame_at_a_time_does_not_fill_two_threads() {
    let mut figures = two_cores(1.5);
    figures.stages = vec![StageUse {
        occupied: 0.97,
        thread: thread("openvino", 0.7),
        ..stage("detect.infer", "cpu-infer", 1.3)
    }];
    figures.batch = Some(Batch {
        stage: "detect.infer".to_owned(),
        mean: 1.0,
        most: 1.0,
        plateau: 2.0,
        engine: None,
    });
    assert_eq!(found(&figures), named(Limit::Batches, "detect.infer"));
    let verdict = judge(&figures);
    assert!(
        verdict
            .sentence
            .contains("1 where 2 would fill the engine: it works 97 %")
    );
    assert!(verdict.advice.contains("is 1: set it higher"));
    figures.cpu.busy = 1.9;
    let sentence = judge(&figures).sentence;
    assert!(sentence.ends_with("; its batches are 1 where 2 would fill its threads"));
}

#[test]
fn cameras_that_are_kept_up_with_are_the_limit() {
    let mut figures = Figures {
        live: true,
        ..two_cores(0.8)
    };
    figures.stages = vec![stage("detect.infer", "cpu-infer", 0.5)];
    let verdict = judge(&figures);
    assert_eq!((verdict.limit, verdict.stage), (Limit::Load, None));
    assert!(
        verdict
            .sentence
            .ends_with("the nearest limit: 40 % of 2 cores")
    );
    // Others may have the cores, as long as no frame is late for it.
    figures.cpu.busy = 2.0;
    assert_eq!(found(&figures).0, Limit::Load);
    // Frames are dropped, or put off.
    figures.dropped.insert("detect.infer".to_owned(), 3.0);
    assert_eq!(found(&figures), named(Limit::Cores, "detect.infer"));
    figures.dropped.clear();
    (figures.stages[0].growth, figures.stages[0].waiting) = (20.0, 200.0);
    assert_eq!(found(&figures), named(Limit::Cores, "detect.infer"));
    figures.cpu.busy = 0.8;
    assert_eq!(found(&figures), named(Limit::Unknown, "detect.infer"));
    assert!(
        judge(&figures)
            .sentence
            .contains("most frames, 200, wait for")
    );
}

#[test]
fn copies_and_nothing_at_all() {
    let mut figures = on_gpu(500.0, 50.0, 20.0, (32.0, 32.0), H100);
    if let Some(gpu) = &mut figures.gpu {
        gpu.copies_percent = Some(95.0);
    }
    assert_eq!(found(&figures), named(Limit::Copies, "decode"));
    assert_eq!(judge(&Figures::default()).limit, Limit::Unknown);
    assert_eq!(
        judge(&Figures::default()).sentence,
        "no frame was detected, or the run was too short to judge"
    );
}
