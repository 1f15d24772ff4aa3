use std::path::{Path, PathBuf};

use camweave_model::ClassifierFamily;
use camweave_model::onnx::{
    DimensionProto, GraphProto, ModelProto, StringStringEntryProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto, data_type,
};
use camweave_stage::{Declared, Exit};
use camweave_vision::{CropFit, Element, InputFormat, Range};
use prost::Message;

use super::*;

const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// A file of three classes. What it computes is of no interest before a GPU has it.
struct Net {
    element: i32,
    side: Option<i64>,
    metadata: &'static [(&'static str, &'static str)],
    settings: Option<&'static str>,
}

const ULTRALYTICS: Net = Net {
    element: data_type::FLOAT,
    side: Some(64),
    metadata: &[("task", "classify")],
    settings: None,
};
const TIMM: Net = Net {
    metadata: &[],
    settings: Some("family: timm\n"),
    ..ULTRALYTICS
};

fn value(name: &str, element: i32, sizes: &[Option<i64>]) -> ValueInfoProto {
    let dim = sizes.iter().map(|&dim_value| DimensionProto {
        dim_value,
        dim_param: None,
    });
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: element,
                shape: Some(TensorShapeProto { dim: dim.collect() }),
            }),
        }),
    }
}

impl Net {
    fn write(&self, folder: &Path) -> PathBuf {
        let input = [None, Some(3), self.side, self.side];
        let metadata = self.metadata.iter().map(|(key, value)| {
            let (key, value) = ((*key).to_owned(), (*value).to_owned());
            StringStringEntryProto { key, value }
        });
        let model = ModelProto {
            graph: Some(GraphProto {
                input: vec![value("images", self.element, &input)],
                output: vec![value("output0", data_type::FLOAT, &[None, Some(3)])],
                ..GraphProto::default()
            }),
            metadata_props: metadata.collect(),
            ..ModelProto::default()
        };
        let path = folder.join("kinds.onnx");
        std::fs::write(&path, model.encode_to_vec()).expect("written");
        if let Some(settings) = self.settings {
            std::fs::write(folder.join("kinds.yml"), settings).expect("written");
        }
        path
    }

    fn source(&self, values: &[(&str, &str)]) -> Result<Source, StageError> {
        let folder = tempfile::tempdir().expect("a folder");
        let model = self.write(folder.path()).display().to_string();
        let declared = Declared::of(values.iter().copied().chain([("MODEL", model.as_str())]));
        TrtClassifySettings::read(&declared)?.source()
    }

    fn refused(&self, values: &[(&str, &str)]) -> StageError {
        match self.source(values) {
            Ok(source) => panic!("{source:?}"),
            Err(error) => error,
        }
    }
}

#[test]
fn what_a_crop_becomes_is_what_the_file_and_its_description_say() {
    let input = |net: &Net| {
        let draft = net.source(&[]).expect("a model").draft;
        (draft.family, draft.fit, draft.input)
    };
    let plain = InputFormat {
        fit: CropFit::CentreCrop.fit(),
        ..InputFormat::default()
    };
    assert_eq!(
        input(&ULTRALYTICS),
        (ClassifierFamily::Classify, CropFit::CentreCrop, plain)
    );
    let imagenet = InputFormat {
        mean: MEAN,
        deviation: DEVIATION,
        ..plain
    };
    assert_eq!(
        input(&TIMM),
        (ClassifierFamily::Timm, CropFit::CentreCrop, imagenet)
    );
    // What takes bytes subtracts and divides itself.
    let bytes = Net {
        element: data_type::UINT8,
        ..TIMM
    };
    let of_bytes = InputFormat {
        element: Element::Uint8,
        range: Range::Byte,
        ..plain
    };
    assert_eq!(input(&bytes).2, of_bytes);
    // MODEL.yml overrides.
    let other = Net {
        settings: Some("family: embedding\ninput: {fit: letterbox, mean: [0.5, 0.5, 0.5]}\n"),
        ..TIMM
    };
    let (family, fit, found) = input(&other);
    assert_eq!(
        (family, fit),
        (ClassifierFamily::Embedding, CropFit::Letterbox)
    );
    assert_eq!((found.mean, found.deviation), ([0.5; 3], DEVIATION));
}

#[test]
fn what_is_wrong_with_a_model_is_said_before_a_gpu_is_looked_at() {
    let nothing = Net {
        settings: None,
        ..TIMM
    };
    let error = nothing.refused(&[]);
    assert_eq!(error.exit, Exit::Input);
    assert!(error.message.contains("'family: timm'"), "{error}");
    let error = ULTRALYTICS.refused(&[("CLASSIFIER_SIZE", "32")]);
    assert_eq!(error.exit, Exit::Configuration);
    assert!(
        error
            .message
            .contains("CLASSIFIER_SIZE='32', expected 0 or 64"),
        "{error}"
    );
    let dynamic = Net {
        side: None,
        ..ULTRALYTICS
    };
    let error = dynamic.refused(&[]);
    assert!(error.message.contains("CLASSIFIER_SIZE='0'"), "{error}");
    let source = dynamic.source(&[("CLASSIFIER_SIZE", "96")]);
    assert_eq!(source.expect("a size").size, (96, 96));
    let said = Net {
        settings: Some("family: timm\ninput: {layout: nhwc}\n"),
        ..TIMM
    };
    let error = said.refused(&[]);
    assert!(error.message.contains("input.layout is said"), "{error}");
}

#[test]
fn settings_that_contradict_are_refused() {
    for (values, part) in [
        ([("NAME", "a\u{7}b")], "env NAME='a"),
        ([("CLASSES", "car,,bus")], "env CLASSES='car,,bus'"),
        ([("MAX_BATCH", "257")], "MAX_BATCH"),
        ([("PRECISION", "fp8")], "PRECISION"),
        ([("DEVICE", "256")], "DEVICE"),
        // Of the CPU's node alone.
        ([("ENGINE", "rten")], "ENGINE"),
    ] {
        let error = ULTRALYTICS.refused(&values);
        assert_eq!(error.exit, Exit::Configuration, "{error}");
        assert!(error.message.contains(part), "{error}");
    }
}

#[test]
fn an_engine_is_built_for_as_many_crops_as_are_asked_about_at_once() {
    let declared = Declared::of([("MODEL", "kinds.onnx"), ("MAX_BATCH", "12")]);
    let settings = TrtClassifySettings::read(&declared).expect("valid");
    let wishes = settings.wishes((64, 32));
    assert_eq!((wishes.max_batch, wishes.opt_batch), (12, 12));
    assert_eq!(wishes.size, (64, 32));
    assert_eq!(wishes.precision, Precision::Fp16);
}
