//! A network that says which of red, green and blue there is most of in a crop, and frames for it.

use std::path::PathBuf;

use camweave_message::PictureRef;
use camweave_model::onnx::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto, data_type,
};
use camweave_pool::{PoolSpec, Producer, WriteSlot};
use camweave_vision::{ColorMatrix, ColorRange, PictureLayout, PixelFormat};
use prost::Message;

pub const COLORS: [&str; 3] = ["red", "green", "blue"];
/// What the means of red, green and blue are multiplied by: logits, unless a softmax follows.
const GAIN: f32 = 40.0;

/// The network: means of the channels, times [`GAIN`].
pub struct Net {
    /// Frames of one inference; `None`: any number.
    pub batch: Option<i64>,
    /// Whether it gives probabilities.
    pub softmax: bool,
    pub metadata: Vec<(&'static str, &'static str)>,
    pub settings: Option<&'static str>,
}

impl Default for Net {
    fn default() -> Self {
        Self {
            batch: None,
            softmax: true,
            metadata: vec![("task", "classify"), ("names", "['red', 'green', 'blue']")],
            settings: None,
        }
    }
}

impl Net {
    pub fn write(&self, folder: &tempfile::TempDir) -> PathBuf {
        let node = |kind: &str, input: &[&str], output: &str, axis: Option<i64>| NodeProto {
            op_type: kind.to_owned(),
            name: format!("/{output}"),
            input: input.iter().map(|&it| it.to_owned()).collect(),
            output: vec![output.to_owned()],
            attribute: (axis.into_iter())
                .map(|axis| AttributeProto {
                    name: "axis".to_owned(),
                    i: axis,
                    // INT of ONNX's AttributeProto.
                    r#type: 2,
                    ..AttributeProto::default()
                })
                .collect(),
            ..NodeProto::default()
        };
        let last = if self.softmax { "logits" } else { "output0" };
        let mut nodes = vec![
            node("GlobalAveragePool", &["images"], "means", None),
            node("Flatten", &["means"], "flat", Some(1)),
            node("Mul", &["flat", "gain"], last, None),
        ];
        if self.softmax {
            nodes.push(node("Softmax", &["logits"], "output0", Some(1)));
        }
        let value = |name: &str, sizes: &[Option<i64>]| ValueInfoProto {
            name: name.to_owned(),
            r#type: Some(TypeProto {
                tensor_type: Some(TensorTypeProto {
                    elem_type: data_type::FLOAT,
                    shape: Some(TensorShapeProto {
                        dim: (sizes.iter())
                            .map(|&size| DimensionProto {
                                dim_value: size,
                                dim_param: size.is_none().then(|| "batch".to_owned()),
                            })
                            .collect(),
                    }),
                }),
            }),
        };
        let graph = GraphProto {
            node: nodes,
            name: "net".to_owned(),
            initializer: vec![TensorProto {
                name: "gain".to_owned(),
                data_type: data_type::FLOAT,
                float_data: vec![GAIN],
                ..TensorProto::default()
            }],
            input: vec![value("images", &[self.batch, Some(3), Some(16), Some(16)])],
            output: vec![value("output0", &[self.batch, Some(3)])],
            ..GraphProto::default()
        };
        let metadata = self
            .metadata
            .iter()
            .map(|(key, value)| StringStringEntryProto {
                key: (*key).to_owned(),
                value: (*value).to_owned(),
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
        let path = folder.path().join("colors.onnx");
        std::fs::write(&path, model.encode_to_vec()).expect("a writable folder");
        if let Some(settings) = self.settings {
            std::fs::write(path.with_extension("yml"), settings).expect("a writable folder");
        }
        path
    }
}

/// Frames of 320x180 whose left, middle and right thirds are red, green and blue.
pub struct Camera {
    pub layout: PictureLayout,
    pub pool: Producer,
}

impl Camera {
    pub fn new(slots: u32) -> Self {
        let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Full);
        let layout = PictureLayout::packed(320, 180, PixelFormat::Rgb8, matrix, range);
        let spec = PoolSpec {
            name: "north".to_owned(),
            slots,
            slot_bytes: layout.required_bytes().expect("a possible layout"),
        };
        Self {
            layout,
            pool: Producer::create(&spec).expect("memory for a pool"),
        }
    }

    pub fn picture(&self) -> PictureRef {
        let mut slot: WriteSlot = self.pool.begin().expect("a free slot");
        for (index, pixel) in slot.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let third = (index % 320) / 107;
            *pixel = std::array::from_fn(|channel| if channel == third { 230 } else { 40 });
        }
        PictureRef {
            layout: self.layout,
            slot: slot.publish(),
        }
    }
}
