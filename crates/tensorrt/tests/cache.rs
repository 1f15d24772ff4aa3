//! The cache of engines: what is built again, what is not, and by whom.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use camweave_tensorrt::{
    BatchProfile, Built, EngineCache, EngineSpec, Error, ErrorKind, Flavor, Found, Gpu, ModelFacts,
    Precision, Version, sidecar_path,
};

fn spec() -> EngineSpec {
    EngineSpec {
        model_sha256: "ab".repeat(32),
        tensorrt: "TensorRT 10.3.0".to_owned(),
        gpu: Gpu {
            name: "NVIDIA H200".to_owned(),
            compute_capability: (9, 0),
        },
        precision: Precision::Fp16,
        batch: BatchProfile::new(8, 32).expect("a possible profile"),
        width: 640,
        height: 640,
        level: None,
        version_compatible: false,
    }
}

fn facts() -> ModelFacts {
    ModelFacts {
        id: "m.onnx@abababababab".to_owned(),
        class_names: Some(vec!["person".to_owned()]),
        file: Default::default(),
    }
}

/// Gets `plan` for `spec`, and tells how often it had to be built.
fn get(cache: &EngineCache, spec: &EngineSpec, plan: &[u8]) -> (Found, bool) {
    let mut is_built = false;
    let found = cache
        .get_or_build(spec, &facts(), |_| {
            is_built = true;
            Ok(Built {
                plan: plan.to_vec(),
                timing_cache: Vec::new(),
            })
        })
        .expect("the folder can be written");
    assert_eq!(found.built_because.is_some(), is_built);
    (found, is_built)
}

fn cache(folder: &Path) -> EngineCache {
    EngineCache::in_folder(folder.join("engines"))
}

#[test]
fn an_engine_is_built_once_and_found_with_what_is_known_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = cache(folder.path());
    let (first, is_built) = get(&cache, &spec(), b"plan one");
    assert!(is_built);
    let (second, is_built) = get(&cache, &spec(), b"plan two");
    assert!(!is_built);
    assert_eq!(second.plan, b"plan one");
    assert_eq!(second.sidecar, first.sidecar);
    assert_eq!(second.sidecar.model, facts());
    let mut names: Vec<_> = fs::read_dir(cache.folder())
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name())
        .collect();
    names.sort();
    let key = spec().key();
    assert_eq!(key.len(), 32);
    let expected = ["lock", "plan", "plan.json"].map(|end| format!("{key}.{end}"));
    assert_eq!(
        names,
        expected.map(std::ffi::OsString::from),
        "no file is left over"
    );
}

#[test]
fn whatever_decides_the_plan_makes_another_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = cache(folder.path());
    assert!(get(&cache, &spec(), b"plan").1);
    let changes: [fn(&mut EngineSpec); 9] = [
        |spec| spec.model_sha256 = "cd".repeat(32),
        |spec| spec.tensorrt = "TensorRT 10.3.1".to_owned(),
        |spec| spec.gpu.name = "NVIDIA H100 80GB HBM3".to_owned(),
        |spec| spec.gpu.compute_capability = (8, 6),
        |spec| spec.precision = Precision::Fp32,
        |spec| spec.batch.opt = 16,
        |spec| spec.width = 320,
        |spec| spec.level = Some(1),
        |spec| spec.version_compatible = true,
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut other = spec();
        change(&mut other);
        assert!(get(&cache, &other, b"plan").1, "change {number}");
        assert!(!get(&cache, &other, b"plan").1, "change {number}");
    }
    assert!(!get(&cache, &spec(), b"plan").1);
}

#[test]
fn a_damaged_or_foreign_one_is_built_anew_and_the_reason_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = cache(folder.path());
    let plan = cache.plan_path(&spec());
    let json = sidecar_path(&plan);
    type Damage<'a> = &'a dyn Fn();
    let foreign = || {
        let text = fs::read_to_string(&json).expect("readable");
        fs::write(&json, text.replace("H200", "H100")).expect("writable");
    };
    let schema = || {
        let text = fs::read_to_string(&json).expect("readable");
        fs::write(&json, text.replace("engine/1", "engine/2")).expect("writable");
    };
    let cases: [(Damage<'_>, &str); 7] = [
        (
            &|| fs::write(&plan, b"pla").expect("writable"),
            "has 3 bytes, its sidecar says 4",
        ),
        (
            &|| fs::write(&plan, b"PLAN").expect("writable"),
            "is not the one",
        ),
        (&|| fs::remove_file(&plan).expect("there"), "cannot be read"),
        (&|| fs::remove_file(&json).expect("there"), "no sidecar"),
        (
            &|| fs::write(&json, b"{}").expect("writable"),
            "missing field",
        ),
        (&foreign, "of another model, TensorRT, GPU or profile"),
        (&schema, "'camweave.engine/2'"),
    ];
    for (damage, reason) in cases {
        get(&cache, &spec(), b"plan");
        damage();
        let (found, is_built) = get(&cache, &spec(), b"plan");
        assert!(is_built, "{reason}");
        let why = found.built_because.expect("built");
        assert!(why.contains(reason), "{why} does not say '{reason}'");
        assert!(!get(&cache, &spec(), b"other").1, "it is whole again");
    }
}

#[test]
fn a_build_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = cache(folder.path());
    let failed = cache.get_or_build(&spec(), &facts(), |_| {
        Err(Error::new(ErrorKind::Input, "operator Foo"))
    });
    assert_eq!(failed.expect_err("it fails").to_string(), "operator Foo");
    assert!(!cache.plan_path(&spec()).exists());
    assert!(get(&cache, &spec(), b"plan").1);
}

#[test]
fn several_at_once_build_one_engine() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = cache(folder.path());
    let builds = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let found = cache.get_or_build(&spec(), &facts(), |_| {
                    builds.fetch_add(1, Ordering::SeqCst);
                    // Time for the others to come.
                    std::thread::sleep(std::time::Duration::from_millis(200));
                    Ok(Built {
                        plan: b"plan".to_vec(),
                        timing_cache: Vec::new(),
                    })
                });
                assert_eq!(found.expect("built or found").plan, b"plan");
            });
        }
    });
    assert_eq!(builds.load(Ordering::SeqCst), 1);
}

#[test]
fn measurements_are_kept_for_the_same_tensorrt_and_gpu_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = cache(folder.path());
    let build = |spec: &EngineSpec, measured: &[u8]| {
        let mut seen = Vec::new();
        let found = cache.get_or_build(spec, &facts(), |earlier| {
            seen = earlier.to_vec();
            Ok(Built {
                plan: b"plan".to_vec(),
                timing_cache: measured.to_vec(),
            })
        });
        found.expect("built");
        seen
    };
    assert_eq!(build(&spec(), b"one"), b"");
    let smaller = EngineSpec {
        width: 320,
        ..spec()
    };
    assert_eq!(build(&smaller, b"two"), b"one");
    let elsewhere = EngineSpec {
        tensorrt: "TensorRT 8.6.0".to_owned(),
        ..spec()
    };
    assert_eq!(build(&elsewhere, b"three"), b"");
    let back = EngineSpec {
        width: 960,
        ..spec()
    };
    assert_eq!(build(&back, b""), b"two");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, b"").expect("writable");
    let cache = EngineCache::in_folder(file.join("engines"));
    let error = cache
        .get_or_build(&spec(), &facts(), |_| unreachable!("there is no folder"))
        .expect_err("no folder");
    assert_eq!(error.kind(), ErrorKind::Resource);
    assert!(error.to_string().contains("file/engines"), "{error}");
}

#[test]
fn a_plan_says_where_it_can_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let (found, _) = get(&cache(folder.path()), &spec(), b"plan");
    let here = Version {
        flavor: Flavor::TensorRt,
        major: 10,
        minor: 3,
        patch: 0,
    };
    let gpu = spec().gpu;
    let sidecar = found.sidecar;
    assert_eq!(sidecar.check_place(here, &gpu), Ok(()));
    let newer = Version { minor: 4, ..here };
    let why = sidecar
        .check_place(newer, &gpu)
        .expect_err("another version");
    assert!(
        why.contains("TensorRT 10.3.0") && why.contains("TensorRT 10.4.0"),
        "{why}"
    );
    let small = Gpu {
        name: "NVIDIA RTX A2000".to_owned(),
        compute_capability: (8, 6),
    };
    let why = sidecar.check_place(here, &small).expect_err("another GPU");
    for part in ["NVIDIA H200", "9.0", "NVIDIA RTX A2000", "8.6"] {
        assert!(why.contains(part), "{why}");
    }
}
