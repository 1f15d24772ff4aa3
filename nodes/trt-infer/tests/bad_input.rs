//! What is said on a GPU: plans that do not run there, operators that TensorRT lacks, pictures that
//! cannot be had, and too little device memory. `refusals.rs` has what needs no GPU.
//!
//! The tests take turns within this program, because one of them takes all of the device's memory.
#![expect(
    clippy::print_stdout,
    reason = "the record of a run on a GPU shows each line that was refused with"
)]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use camweave_cuda::{Context as Device, CudaMemory, DeviceBuffer, Stream};
use camweave_message::Frame;
use camweave_model::onnx::{
    DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto, data_type,
};
use camweave_pool::{PoolSpec, Producer, Reference};
use camweave_stage::{Exit, Output, Stage as _, StageError};
use camweave_tensorrt::{
    BatchProfile, EngineSpec, Gpu, ModelFacts, PlanHeader, Precision, Sidecar, TensorRt,
    write_engine,
};
use camweave_vision::{ColorMatrix, ColorRange, PictureLayout, PixelFormat};
use prost::Message as _;
use support::{frame, open, run, try_open};

/// The device, for one test at a time; `None` where there is none.
fn device() -> Option<(Device, MutexGuard<'static, ()>)> {
    static TURN: Mutex<()> = Mutex::new(());
    let device = support::device()?;
    Some((device, TURN.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// Why the stage does not open.
fn refused(values: &[(&str, &str)]) -> StageError {
    match try_open(values) {
        Ok(_) => panic!("it opened with {values:?}"),
        Err(error) => error,
    }
}

#[track_caller]
fn assert_says(error: &StageError, exit: Exit, parts: &[&str]) {
    println!("{error}");
    assert_eq!(error.exit, exit, "{error}");
    for part in parts {
        let message = &error.message;
        assert!(message.contains(part), "'{message}' does not say '{part}'");
    }
    assert!(!error.message.contains('\n'), "{error}");
}

/// The engine that `open` builds, in a file without a sidecar.
fn lone_plan(folder: &Path, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let (stage, context) = open(&[]);
    let mut plan = fs::read(&context.counters.report().facts["plan"]).expect("the cached engine");
    drop(stage);
    change(&mut plan);
    let path = folder.join("lone.plan");
    fs::write(&path, plan).expect("writable");
    path
}

/// A file that begins as a plan does, with a sidecar that says where it was built.
fn foreign_plan(folder: &Path, tensorrt: String, gpu: Gpu) -> PathBuf {
    let mut plan = b"ftrt\0\0\0\0\x01\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0\x08\x06\0\x0c".to_vec();
    plan.resize(64, 7);
    let spec = EngineSpec {
        model_sha256: "ab".repeat(32),
        tensorrt,
        gpu,
        precision: Precision::Fp16,
        batch: BatchProfile::new(4, 16).expect("a possible profile"),
        width: 640,
        height: 640,
        level: None,
        version_compatible: false,
    };
    let facts = ModelFacts {
        id: "m.onnx@abababababab".to_owned(),
        class_names: None,
        file: Default::default(),
    };
    let path = folder.join("foreign.plan");
    write_engine(&path, &plan, &Sidecar::new(spec, facts, &plan)).expect("writable");
    path
}

#[test]
fn a_plan_of_another_gpu_or_tensorrt_names_both() {
    let Some((device, _turn)) = device() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let here = TensorRt::load().expect("TensorRT and its shim").version();
    let other_gpu = Gpu {
        name: "NVIDIA GeForce GTX 1080".to_owned(),
        compute_capability: (6, 1),
    };
    let plan = foreign_plan(folder.path(), here.to_string(), other_gpu);
    assert_says(
        &refused(&[("MODEL", &plan.display().to_string())]),
        Exit::Input,
        &[
            "foreign.plan",
            "NVIDIA GeForce GTX 1080 (compute capability 6.1)",
            device.name(),
            "camweave engine build",
        ],
    );
    let this_gpu = Gpu {
        name: device.name().to_owned(),
        compute_capability: device.compute_capability(),
    };
    let plan = foreign_plan(folder.path(), "TensorRT 7.2.3".to_owned(), this_gpu);
    assert_says(
        &refused(&[("MODEL", &plan.display().to_string())]),
        Exit::Input,
        &[
            "foreign.plan",
            "TensorRT 7.2.3",
            &here.to_string(),
            "camweave engine build",
        ],
    );
}

#[test]
fn a_plan_that_is_cut_off() {
    let Some((_device, _turn)) = device() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut whole = 0;
    let path = lone_plan(folder.path(), |plan| {
        whole = plan.len();
        plan.truncate(whole / 2);
    });
    let error = refused(&[("MODEL", &path.display().to_string())]);
    assert_says(&error, Exit::Input, &["lone.plan", "camweave engine build"]);
    let plan = fs::read(&path).expect("readable");
    if plan.get(24) == Some(&8) {
        PlanHeader::read("lone.plan", &plan).expect_err("the header tells the length");
        let found = format!("{} bytes, its header says {whole}", plan.len());
        assert_says(&error, Exit::Input, &["truncated", &found]);
    }
}

#[test]
fn a_batch_that_is_larger_than_the_profile_of_a_plan_without_a_sidecar() {
    let Some((_device, _turn)) = device() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = lone_plan(folder.path(), |_| {});
    let path = path.display().to_string();
    assert_says(
        &refused(&[("MODEL", &path), ("MAX_BATCH", "5")]),
        Exit::Configuration,
        &["MAX_BATCH='5'", "at most 4", "lone.plan"],
    );
    // The plan itself is good.
    let (stage, context) = open(&[("MODEL", &path)]);
    assert_eq!(context.counters.report().facts["batch"], "1 to 4");
    drop(stage);
}

/// A detector, as far as its file says, of one operator that nobody knows.
fn unknown_operator(folder: &Path) -> PathBuf {
    let value = |name: &str, sizes: &[Option<i64>]| {
        let dim = sizes.iter().map(|size| DimensionProto {
            dim_value: *size,
            dim_param: size.is_none().then(|| "batch".to_owned()),
        });
        let tensor_type = TensorTypeProto {
            elem_type: data_type::FLOAT,
            shape: Some(TensorShapeProto { dim: dim.collect() }),
        };
        ValueInfoProto {
            name: name.to_owned(),
            r#type: Some(TypeProto {
                tensor_type: Some(tensor_type),
            }),
        }
    };
    let node = NodeProto {
        input: vec!["images".to_owned()],
        output: vec!["output0".to_owned()],
        name: "/model.0/frobnicate".to_owned(),
        op_type: "Frobnicate".to_owned(),
        ..NodeProto::default()
    };
    let graph = GraphProto {
        node: vec![node],
        name: "net".to_owned(),
        input: vec![value("images", &[None, Some(3), Some(32), Some(32)])],
        output: vec![value("output0", &[None, Some(6), Some(512)])],
        ..GraphProto::default()
    };
    let model = ModelProto {
        ir_version: 8,
        producer_name: "camweave tests".to_owned(),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: 17,
        }],
        ..ModelProto::default()
    };
    let path = folder.join("unknown.onnx");
    fs::write(&path, model.encode_to_vec()).expect("writable");
    path
}

#[test]
fn operators_that_tensorrt_lacks_are_named() {
    let Some((_device, _turn)) = device() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = unknown_operator(folder.path()).display().to_string();
    assert_says(
        &refused(&[("MODEL", &path), ("PRECISION", "fp32")]),
        Exit::Input,
        &["unknown.onnx", "Frobnicate"],
    );
}

/// Set in the process that produces pictures, whose lines with references begin with [`MARK`].
const ROLE: &str = "CAMWEAVE_TEST_PRODUCER";
const MARK: &str = "reference ";
const SLOTS: u32 = 2;

fn layout() -> PictureLayout {
    let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
    PictureLayout::packed(320, 180, PixelFormat::Nv12, matrix, range)
}

/// A pool with gray pictures in all of its slots.
fn pool(device: &Device) -> (Producer<CudaMemory>, Vec<Reference>) {
    let spec = PoolSpec {
        name: "pictures".to_owned(),
        slots: SLOTS,
        slot_bytes: layout().required_bytes().expect("a possible layout"),
    };
    let pool = Producer::<CudaMemory>::create_in(device, &spec).expect("a pool");
    let stream = Stream::new(device).expect("a stream");
    let publish = |_| {
        let slot = pool.begin().expect("a free slot");
        stream.fill(slot.address(), 128).expect("a fill");
        slot.publish_on(&stream).expect("an order")
    };
    let references = (0..SLOTS).map(publish).collect();
    (pool, references)
}

/// Not a test by itself: the other process of the one below.
#[test]
fn producer() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let device = Device::open(0).expect("a device");
    let (_pool, references) = pool(&device);
    for Reference {
        pool,
        slot,
        generation,
    } in references
    {
        println!("\n{MARK}{pool} {slot} {generation}");
    }
    // Until the test kills this process or closes the pipe.
    let mut rest = Vec::new();
    std::io::stdin()
        .read_to_end(&mut rest)
        .expect("a pipe from the test");
}

/// Another process with a pool.
fn other_producer() -> (Child, Vec<Reference>) {
    let program = std::env::current_exe().expect("this test program");
    let mut child = Command::new(program)
        .args(["producer", "--exact", "--nocapture"])
        .env(ROLE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test program again");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let lines = output.lines().map(|line| line.expect("text"));
    let references = lines.filter_map(|line| {
        let mut words = line.strip_prefix(MARK)?.split(' ');
        Some(Reference {
            pool: words.next()?.parse().expect("a pool's id"),
            slot: words.next()?.parse().expect("a slot"),
            generation: words.next()?.parse().expect("a generation"),
        })
    });
    let references: Vec<_> = references.take(SLOTS as usize).collect();
    assert_eq!(references.len(), SLOTS as usize, "it has ended early");
    (child, references)
}

#[test]
fn pools_of_another_host_and_of_a_dead_process_cost_only_their_frames() {
    let Some((device, _turn)) = device() else {
        return;
    };
    let (mut stage, context) = open(&[]);
    let (pool, own) = pool(&device);
    let picture = |number, slot| frame(layout(), number, slot, &context);
    let mut foreign = own[0].clone();
    let id = foreign.pool.to_string();
    let boot = id.split(':').nth(1).expect("an id names the boot");
    let id = id.replace(boot, "00000000-0000-4000-8000-000000000000");
    foreign.pool = id.parse().expect("an id of another boot");
    let (mut child, others) = other_producer();
    // While it lives, its pictures are read.
    let (read, late) = (others[0].clone(), others[1].clone());
    assert_eq!(run(&mut stage, vec![picture(0, read)]).len(), 1);
    // The device has read it: shared memory may end with its process.
    stage.close(&mut Output::default()).expect("all is through");
    // Another stage, which has not seen the pool while its producer lived.
    let (mut second, second_context) = open(&[]);
    child.kill().expect("a child");
    child.wait().expect("a child");
    let rows = |good| -> Vec<Frame> {
        vec![
            picture(1, foreign.clone()),
            picture(2, late.clone()),
            picture(3, good),
        ]
    };
    let heads = run(&mut second, rows(own[1].clone()));
    let numbers: Vec<_> = heads.iter().map(|head| head.id.sequence).collect();
    assert_eq!(numbers, [3], "the good picture is looked at");
    let report = second_context.counters.report();
    let north = &report.cameras["north"];
    let counts = |name: &str| north.dropped.get(name).copied();
    assert_eq!(counts("unreachable"), Some(1), "{north:?}");
    assert_eq!(counts("producer_gone"), Some(1), "{north:?}");
    assert_eq!(north.errors.get("foreign_host"), Some(&1), "{north:?}");
    assert_eq!(
        north.errors.len(),
        1,
        "a dead process is no error: {north:?}"
    );
    drop((stage, second, pool));
    assert_eq!(device.take_drop_errors(), []);
}

/// Takes the device's memory until about `left` bytes of it are free.
fn fill(device: &Device, left: usize) -> Vec<DeviceBuffer> {
    let mut held = Vec::new();
    for chunk in [4 << 30, 256 << 20, 16 << 20, 2 << 20] {
        while device.memory().expect("an answer").0 >= left + chunk {
            match DeviceBuffer::new(device, chunk, "a test") {
                Ok(buffer) => held.push(buffer),
                // Another process was faster.
                Err(_) => break,
            }
        }
    }
    held
}

/// Why the stage does not open where so much device memory is left. Others may use the device, so
/// a few times, until the line is one of those that are looked for.
fn refused_with(
    device: &Device,
    left: usize,
    values: &[(&str, &str)],
    expected: impl Fn(&StageError) -> bool,
) -> StageError {
    let mut lines = Vec::new();
    for _ in 0..5 {
        let held = fill(device, left);
        let opened = try_open(values);
        drop(held);
        match opened {
            Ok(_) => lines.push("it opened".to_owned()),
            Err(error) if expected(&error) => return error,
            Err(error) => lines.push(error.to_string()),
        }
    }
    panic!("with {left} bytes left: {lines:#?}");
}

#[test]
fn too_little_device_memory_says_how_much_is_needed_and_for_what() {
    let Some((device, _turn)) = device() else {
        return;
    };
    // Builds the engine, and loads what stays loaded.
    drop(open(&[]));
    let free = || device.memory().expect("an answer").0;
    let before = free();
    let (stage, _) = open(&[]);
    let needed = before.saturating_sub(free());
    drop(stage);
    println!("{before} bytes are free, the stage needs {needed}");

    // Nothing is left: the engine, or what runs it, has no room.
    let nothing = refused_with(&device, 0, &[], |error| error.exit == Exit::Resource);
    assert_says(
        &nothing,
        Exit::Resource,
        &["no device memory for", " bytes"],
    );
    assert!(
        nothing.message.contains(".plan'") || nothing.message.contains("the network's"),
        "for what: {nothing}"
    );

    // There is room for the engine, and for half of the heads that are asked for.
    let slots = 4096;
    let (stage, context) = open(&[]);
    let head = context.counters.report().facts["head"].clone();
    drop(stage);
    let sizes: Vec<usize> = head
        .trim_matches(['[', ']'])
        .split(", ")
        .map(|size| size.parse().expect("a number"))
        .collect();
    let pool = slots * sizes.iter().product::<usize>() * size_of::<f32>();
    let values = [("HEAD_SLOTS", "4096")];
    let heads = refused_with(&device, needed + pool / 2, &values, |error| {
        error.message.contains("HEAD_SLOTS")
    });
    assert_says(
        &heads,
        Exit::Resource,
        &[
            "no device memory for",
            "detector-heads",
            "4096 slots",
            " bytes wanted",
            "HEAD_SLOTS is 4096",
        ],
    );

    // What was taken is back, and the stage opens again.
    drop(open(&[]));
    assert_eq!(device.take_drop_errors(), []);
}
