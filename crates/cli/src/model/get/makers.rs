//! The detectors that can be had by name.

/// How a detector is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Package `rfdetr`.
    Rfdetr,
    /// Package `transformers`.
    Transformers,
    /// Package `ultralytics`.
    Ultralytics,
    /// None: the maker has released an ONNX file.
    Onnx,
}

impl Tool {
    /// The word for it in `export.py`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rfdetr => "rfdetr",
            Self::Transformers => "transformers",
            Self::Ultralytics => "ultralytics",
            Self::Onnx => "onnx",
        }
    }

    /// What it needs of PyPI; versions that are not here are in `constraints.txt`.
    pub const fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Rfdetr => &["rfdetr==1.11.2", "onnx", "onnxscript"],
            Self::Transformers => &["transformers==5.24.0", "torch", "onnx", "onnxscript"],
            Self::Ultralytics => &[
                "ultralytics-opencv-headless==8.4.190",
                "onnx",
                "onnxslim",
                "onnxruntime",
            ],
            Self::Onnx => &[],
        }
    }
}

/// A file of a maker's.
#[derive(Debug)]
pub struct MakerFile {
    /// What it is called here.
    pub name: &'static str,
    /// Where it is.
    pub url: &'static str,
    /// Its SHA-256, hexadecimal, as several who fetched it have published; RF-DETR's files have the MD5
    /// that its package checks as well. `None` of what executes nothing.
    pub sha256: Option<&'static str>,
}

/// A detector, and where it comes from.
#[derive(Debug)]
pub struct Maker {
    /// What it is asked for by.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// The licence of its weights and of the tool.
    pub licence: &'static str,
    /// What that licence asks, where somebody has to accept it first.
    pub terms: Option<&'static str>,
    /// How it is made.
    pub tool: Tool,
    /// The maker's files.
    pub files: &'static [MakerFile],
    /// The `family` of its description; `None` where its file says enough.
    pub family: Option<&'static str>,
}

const AGPL: Option<&str> = Some(
    "AGPL-3.0: who offers a service that uses it must offer the whole service's source under that licence, or buy Ultralytics' Enterprise licence (https://www.ultralytics.com/license)",
);

/// All of them; those of permissive licences first.
pub const MAKERS: &[Maker] = &[
    Maker {
        name: "rf-detr-nano",
        about: "Roboflow's RF-DETR, 384x384, COCO",
        licence: "Apache-2.0",
        terms: None,
        tool: Tool::Rfdetr,
        files: &[MakerFile {
            name: "rf-detr-nano.pth",
            url: "https://storage.googleapis.com/rfdetr/nano_coco/checkpoint_best_regular.pth",
            sha256: Some("d8d6b9ee57d4d0ed2b1f305163624712a0532cb7bce0c747317984fc5457440d"),
        }],
        family: Some("rf_detr"),
    },
    Maker {
        name: "rf-detr-small",
        about: "Roboflow's RF-DETR, 512x512, COCO",
        licence: "Apache-2.0",
        terms: None,
        tool: Tool::Rfdetr,
        files: &[MakerFile {
            name: "rf-detr-small.pth",
            url: "https://storage.googleapis.com/rfdetr/small_coco/checkpoint_best_regular.pth",
            sha256: Some("d81979a9213a2109345158ce9232668df4c1ae52e9b8db3f2ec0a8cbad959b33"),
        }],
        family: Some("rf_detr"),
    },
    Maker {
        name: "d-fine-s",
        about: "D-FINE small, 640x640, COCO",
        licence: "Apache-2.0",
        terms: None,
        tool: Tool::Transformers,
        files: &[
            MakerFile {
                name: "config.json",
                url: "https://huggingface.co/ustc-community/dfine-small-coco/resolve/main/config.json",
                sha256: None,
            },
            MakerFile {
                name: "model.safetensors",
                url: "https://huggingface.co/ustc-community/dfine-small-coco/resolve/main/model.safetensors",
                sha256: None,
            },
        ],
        family: Some("rt_detr_logits"),
    },
    Maker {
        name: "yolox-s",
        about: "Megvii's YOLOX small, 640x640, COCO",
        licence: "Apache-2.0",
        terms: None,
        tool: Tool::Onnx,
        files: &[MakerFile {
            name: "yolox_s.onnx",
            url: "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_s.onnx",
            sha256: Some("c5c2d13e59ae883e6af3b45daea64af4833a4951c92d116ec270d9ddbe998063"),
        }],
        family: Some("yolox"),
    },
    Maker {
        name: "yolo11n",
        about: "Ultralytics' YOLO11 nano, 640x640, COCO",
        licence: "AGPL-3.0",
        terms: AGPL,
        tool: Tool::Ultralytics,
        files: &[MakerFile {
            name: "yolo11n.pt",
            url: "https://github.com/ultralytics/assets/releases/download/v8.4.0/yolo11n.pt",
            sha256: Some("0ebbc80d4a7680d14987a577cd21342b65ecfd94632bd9a8da63ae6417644ee1"),
        }],
        family: None,
    },
    Maker {
        name: "yolo26n",
        about: "Ultralytics' YOLO26 nano, 640x640, COCO",
        licence: "AGPL-3.0",
        terms: AGPL,
        tool: Tool::Ultralytics,
        files: &[MakerFile {
            name: "yolo26n.pt",
            url: "https://github.com/ultralytics/assets/releases/download/v8.4.0/yolo26n.pt",
            sha256: Some("9b09cc8bf347f0fc8a5f7657480587f25db09b34bf33b0652110fb03a8ad4fef"),
        }],
        family: None,
    },
];
