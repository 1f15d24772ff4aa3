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

    /// What it needs of PyPI.
    pub const fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Rfdetr => &["rfdetr==1.11.2", "onnx==1.23.2", "onnxscript"],
            Self::Transformers => &[
                "transformers==5.24.0",
                "torch",
                "onnx==1.23.2",
                "onnxscript",
            ],
            Self::Ultralytics => &[
                "ultralytics-opencv-headless==8.4.190",
                "onnx==1.23.2",
                "onnxslim",
                "onnxruntime",
            ],
            Self::Onnx => &[],
        }
    }
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
    /// The maker's files: what each is called here, and where it is.
    pub files: &'static [(&'static str, &'static str)],
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
        files: &[(
            "rf-detr-nano.pth",
            "https://storage.googleapis.com/rfdetr/nano_coco/checkpoint_best_regular.pth",
        )],
        family: Some("rf_detr"),
    },
    Maker {
        name: "rf-detr-small",
        about: "Roboflow's RF-DETR, 512x512, COCO",
        licence: "Apache-2.0",
        terms: None,
        tool: Tool::Rfdetr,
        files: &[(
            "rf-detr-small.pth",
            "https://storage.googleapis.com/rfdetr/small_coco/checkpoint_best_regular.pth",
        )],
        family: Some("rf_detr"),
    },
    Maker {
        name: "d-fine-s",
        about: "D-FINE small, 640x640, COCO",
        licence: "Apache-2.0",
        terms: None,
        tool: Tool::Transformers,
        files: &[
            (
                "config.json",
                "https://huggingface.co/ustc-community/dfine-small-coco/resolve/main/config.json",
            ),
            (
                "model.safetensors",
                "https://huggingface.co/ustc-community/dfine-small-coco/resolve/main/model.safetensors",
            ),
        ],
        family: Some("rt_detr_logits"),
    },
    Maker {
        name: "yolox-s",
        about: "Megvii's YOLOX small, 640x640, COCO",
        licence: "Apache-2.0",
        terms: None,
        tool: Tool::Onnx,
        files: &[(
            "yolox_s.onnx",
            "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_s.onnx",
        )],
        family: Some("yolox"),
    },
    Maker {
        name: "yolo11n",
        about: "Ultralytics' YOLO11 nano, 640x640, COCO",
        licence: "AGPL-3.0",
        terms: AGPL,
        tool: Tool::Ultralytics,
        files: &[(
            "yolo11n.pt",
            "https://github.com/ultralytics/assets/releases/download/v8.4.0/yolo11n.pt",
        )],
        family: None,
    },
    Maker {
        name: "yolo26n",
        about: "Ultralytics' YOLO26 nano, 640x640, COCO",
        licence: "AGPL-3.0",
        terms: AGPL,
        tool: Tool::Ultralytics,
        files: &[(
            "yolo26n.pt",
            "https://github.com/ultralytics/assets/releases/download/v8.4.0/yolo26n.pt",
        )],
        family: None,
    },
];
