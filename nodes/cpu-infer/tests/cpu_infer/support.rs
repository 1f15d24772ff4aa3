//! Small networks whose output is known: twice the input, in another shape.

use std::path::{Path, PathBuf};

use camweave_cpu_infer::onnx::{
    DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, data_type,
};
use camweave_cpu_infer::{DetectorOptions, EngineChoice, EngineKind, Libraries};
use half::f16;
use prost::Message;
use prost::bytes::Bytes;

/// What the network does with its input.
pub const FACTOR: f32 = 2.0;

/// A network to be written: `output0 = reshape(FACTOR * images)`.
#[derive(Clone)]
pub struct Net {
    /// The input's shape, `None` for a dynamic dimension.
    pub input: Vec<Option<i64>>,
    /// The input's and output's element type.
    pub element_type: i32,
    /// The output's shape; 0 takes over the input's dimension, -1 is what is left.
    pub output: Vec<i64>,
    /// The operator that multiplies.
    pub operator: &'static str,
    /// Lines of metadata.
    pub metadata: Vec<(&'static str, String)>,
    /// Inputs without use.
    pub more_inputs: Vec<&'static str>,
}

/// Two classes and 512 anchors: as many values as a 32x32 picture has.
pub fn yolov8() -> Net {
    Net {
        input: vec![None, Some(3), Some(32), Some(32)],
        element_type: data_type::FLOAT,
        output: vec![0, 6, 512],
        operator: "Mul",
        metadata: vec![
            ("names", "{0: 'person', 1: 'car'}".to_owned()),
            ("imgsz", "[32, 32]".to_owned()),
            ("stride", "32".to_owned()),
            ("task", "detect".to_owned()),
        ],
        more_inputs: Vec::new(),
    }
}

/// 512 detections of 6 values.
pub fn end_to_end() -> Net {
    Net {
        output: vec![0, 512, 6],
        ..yolov8()
    }
}

impl Net {
    /// The network with another line of metadata, or without one.
    pub fn with(mut self, key: &'static str, value: Option<&str>) -> Self {
        self.metadata.retain(|(name, _)| *name != key);
        self.metadata
            .extend(value.map(|value| (key, value.to_owned())));
        self
    }

    /// The bytes of its ONNX file.
    pub fn bytes(&self) -> Vec<u8> {
        let factor = match self.element_type {
            data_type::FLOAT16 => f16::from_f32(FACTOR).to_le_bytes().to_vec(),
            _ => FACTOR.to_le_bytes().to_vec(),
        };
        let shape = self
            .output
            .iter()
            .flat_map(|size| size.to_le_bytes())
            .collect::<Vec<_>>();
        let node = |name: &str, op_type: &str, input: [&str; 2], output: &str| NodeProto {
            input: input.map(str::to_owned).to_vec(),
            output: vec![output.to_owned()],
            name: name.to_owned(),
            op_type: op_type.to_owned(),
            ..NodeProto::default()
        };
        let tensor = |name: &str, dims: Vec<i64>, data_type: i32, values: Vec<u8>| TensorProto {
            dims,
            data_type,
            name: name.to_owned(),
            raw_data: Bytes::from(values),
            ..TensorProto::default()
        };
        let value = |name: &str, sizes: &[Option<i64>]| ValueInfoProto {
            name: name.to_owned(),
            r#type: Some(TypeProto {
                tensor_type: Some(TensorTypeProto {
                    elem_type: self.element_type,
                    shape: Some(TensorShapeProto {
                        dim: sizes.iter().enumerate().map(dimension).collect(),
                    }),
                }),
            }),
        };
        let outputs: Vec<_> = self
            .output
            .iter()
            .map(|size| (*size > 0).then_some(*size))
            .collect();
        let mut input = vec![value("images", &self.input)];
        input.extend(self.more_inputs.iter().map(|name| value(name, &[Some(1)])));
        let graph = GraphProto {
            node: vec![
                node("/scale", self.operator, ["images", "factor"], "scaled"),
                node("/shape", "Reshape", ["scaled", "shape"], "output0"),
            ],
            name: "net".to_owned(),
            initializer: vec![
                tensor("factor", Vec::new(), self.element_type, factor),
                tensor(
                    "shape",
                    vec![self.output.len() as i64],
                    data_type::INT64,
                    shape,
                ),
            ],
            input,
            output: vec![value("output0", &outputs)],
            ..GraphProto::default()
        };
        let metadata = self
            .metadata
            .iter()
            .map(|(key, value)| StringStringEntryProto {
                key: (*key).to_owned(),
                value: value.clone(),
            });
        let model = ModelProto {
            ir_version: 8,
            producer_name: "camweave tests".to_owned(),
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto {
                domain: String::new(),
                version: 17,
            }],
            metadata_props: metadata.collect(),
            ..ModelProto::default()
        };
        model.encode_to_vec()
    }

    /// Writes its ONNX file, and that it is what its shape says: its boxes are none of any picture.
    pub fn write(&self, folder: &tempfile::TempDir) -> PathBuf {
        let path = folder.path().join("net.onnx");
        std::fs::write(&path, self.bytes()).expect("the folder can be written to");
        untried(&path);
        path
    }
}

/// Says beside a model that it is not to be tried on pictures.
pub fn untried(model: &Path) {
    std::fs::write(model.with_extension("yml"), "trial: false\n")
        .expect("the folder can be written to");
}

fn dimension((index, size): (usize, &Option<i64>)) -> DimensionProto {
    DimensionProto {
        dim_value: *size,
        dim_param: size.is_none().then(|| format!("dim{index}")),
    }
}

/// The folder that a test writes into.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Options that open a file with rten.
pub fn options(model: PathBuf) -> DetectorOptions {
    DetectorOptions {
        model,
        engine: EngineChoice::Only(EngineKind::Rten),
        libraries: Libraries::default(),
        threads: 1,
        side: 0,
        max_batch: 32,
        family: None,
    }
}

/// Values from 0 to 1 that differ from frame to frame and from place to place.
pub fn pattern(seed: usize, index: usize) -> f32 {
    ((index * 31 + seed * 977) % 1021) as f32 / 1021.0
}
