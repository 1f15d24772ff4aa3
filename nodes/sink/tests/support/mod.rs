//! A sink outside of a graph, pictures for it, and its files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use camweave_image::Image;
use camweave_message::{DetectedBox, Detections, Never, PictureRef};
use camweave_pool::{PoolSpec, Producer, Reference};
use camweave_sink::annotate;
use camweave_stage::{Context, Declared, Output, Stage};
use camweave_testing::{detections, person};
use camweave_vision::{ColorMatrix, ColorRange, Picture, PictureLayout, PixelFormat, Plane};

/// A sink with an empty folder. Each row's picture is due.
pub struct Sink {
    pub stage: camweave_sink::Sink,
    pub context: Context,
    pub folder: tempfile::TempDir,
}

impl Sink {
    /// With these variables and no tables.
    pub fn open(values: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().display().to_string();
        let mut all: BTreeMap<_, _> = values.iter().copied().collect();
        all.insert("OUT", &out);
        all.insert("TABLE_EVERY_MS", "0");
        let context = Context::for_tests("sink", &folder.path().join("stats"));
        let stage = camweave_sink::Sink::open_declared(&Declared::of(all), &context);
        Self {
            stage: stage.expect("a folder that can be written"),
            context,
            folder,
        }
    }

    pub fn take(&mut self, row: Detections) {
        let taken = self.stage.rows(vec![row], &mut Output::<Never>::default());
        taken.expect("the sink goes on");
    }

    /// Frames in `detections.jsonl`.
    pub fn lines(&self) -> usize {
        let path = self.folder.path().join("detections.jsonl");
        let text = std::fs::read_to_string(path).expect("the sink's file");
        text.lines().count()
    }

    /// The errors that belong to no camera, by kind.
    pub fn errors(&self) -> BTreeMap<String, u64> {
        self.context.counters.report().errors
    }

    /// A camera's picture, if there is one.
    pub fn snapshot(&self, camera: &str) -> Option<Image> {
        let path = self.folder.path().join(format!("{camera}.png"));
        path.exists().then(|| read_png(&path))
    }
}

fn read_png(path: &Path) -> Image {
    let file = BufReader::new(File::open(path).expect("the snapshot"));
    let mut reader = png::Decoder::new(file).read_info().expect("a PNG file");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
    let info = reader.next_frame(&mut pixels).expect("a whole picture");
    assert_eq!(info.color_type, png::ColorType::Rgb);
    Image {
        width: info.width,
        height: info.height,
        rgb: pixels,
    }
}

/// A picture with padded rows, another one for each format.
pub fn picture(format: PixelFormat) -> (PictureLayout, Vec<u8>) {
    let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
    let mut layout = PictureLayout::packed(322, 182, format, matrix, range);
    if matches!(format, PixelFormat::Nv12 | PixelFormat::P010) {
        // As a hardware decoder lays it out.
        let stride = 1024;
        let plane = |offset| Plane { offset, stride };
        layout.planes = [plane(0), plane(stride * layout.height)].into();
    }
    let bytes = layout.required_bytes().expect("a possible layout");
    let value = |index: usize| (index % 1024 / 5 + index / 1024) as u8;
    (layout, (0..bytes).map(value).collect())
}

/// A pool for a few of these pictures.
pub fn pool(layout: &PictureLayout) -> PoolSpec {
    PoolSpec {
        name: "pictures".to_owned(),
        slots: 2,
        slot_bytes: layout.required_bytes().expect("a possible layout"),
    }
}

/// A frame of a camera, with one box.
pub fn row(camera: &str, layout: PictureLayout, slot: Reference) -> Detections {
    Detections {
        image_size: (layout.width, layout.height),
        picture: Some(PictureRef { layout, slot }),
        boxes: vec![DetectedBox {
            track_id: Some(7),
            ..person([40.0, 50.0, 200.0, 150.0], 0.9)
        }],
        ..detections(camera, 0)
    }
}

/// What the sink should draw of a picture with [`row`]'s box.
pub fn expected(layout: &PictureLayout, data: &[u8]) -> Image {
    let picture = Picture::new(layout, data).expect("pixels of this layout");
    let mut canvas = Image {
        width: layout.width,
        height: layout.height,
        rgb: picture.to_rgb8(),
    };
    let plain = canvas.clone();
    annotate(&mut canvas, &row("any", *layout, made_up()).boxes);
    assert_ne!(canvas, plain, "the box is in the picture");
    canvas
}

/// A reference to device memory that nobody has.
pub fn made_up() -> Reference {
    let (layout, _) = picture(PixelFormat::Rgb8);
    let producer = Producer::create(&pool(&layout)).expect("memory");
    let reference = producer.begin().expect("a free slot").publish();
    let id = reference.pool.as_str().replacen("host:", "cuda:", 1);
    Reference {
        pool: id.parse().expect("an id as pools have it"),
        ..reference
    }
}
