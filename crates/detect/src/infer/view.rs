//! What the network sees of a frame.

use camweave_message::Frame;
use camweave_stage::Refusal;
use camweave_vision::{Letterbox, PictureLayout};

use super::{ModelInfo, malformed};

/// The part of a frame that the network sees, as a picture of its own, and its place in the
/// network's input.
#[derive(Debug, Clone)]
pub struct View {
    /// Where it is in the frame's slot.
    pub layout: PictureLayout,
    /// How it lies in the network's input.
    pub letterbox: Letterbox,
}

impl View {
    /// What this network sees of a frame: its region, or all of it.
    ///
    /// # Errors
    /// The picture's size or layout cannot be.
    pub fn of(frame: &Frame, model: &ModelInfo) -> Result<Self, Refusal> {
        let whole = &frame.picture.layout;
        let layout = match frame.crop() {
            Some(crop) => crop.layout(whole).map_err(malformed)?,
            None => *whole,
        };
        let source = (layout.width, layout.height);
        let letterbox = Letterbox::fit(source, model.size, model.input.fit).map_err(malformed)?;
        Ok(Self { layout, letterbox })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use camweave_message::{PictureRef, Region};
    use camweave_pool::{PoolSpec, Producer};
    use camweave_testing::frame;
    use camweave_vision::{ColorMatrix, ColorRange, HeadFormat, InputFormat, PixelFormat, Plane};

    use super::*;

    #[test]
    fn a_region_is_a_picture_of_its_own_in_the_same_slot() {
        let model = ModelInfo {
            id: Arc::from("net.onnx@0123456789ab"),
            class_names: Vec::new(),
            format: HeadFormat::yolov8(2, 64),
            size: (320, 320),
            input: InputFormat::default(),
            is_of_rendered_streets: false,
        };
        let spec = PoolSpec {
            name: "frames".to_owned(),
            slots: 1,
            slot_bytes: 64,
        };
        let pool = Producer::create(&spec).expect("a small pool");
        let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Full);
        let layout = PictureLayout::packed(640, 360, PixelFormat::Nv12, matrix, range);
        let slot = pool.begin().expect("a free slot").publish();
        let mut frame = frame("cam1", 0, PictureRef { layout, slot });
        let whole = View::of(&frame, &model).expect("a picture");
        assert_eq!((whole.layout, whole.letterbox.source), (layout, (640, 360)));
        frame.areas.region = Region::new([0.25, 0.5, 0.75, 1.0]);
        let part = View::of(&frame, &model).expect("a part of it");
        let planes = [160 + 180 * 640, 640 * 360 + 160 + 90 * 640];
        let planes = planes.map(|offset| Plane {
            offset,
            stride: 640,
        });
        assert_eq!((part.layout.width, part.layout.height), (320, 180));
        assert_eq!(part.layout.planes[..], planes);
        assert_eq!(
            (part.letterbox.source, part.letterbox.scale_x),
            ((320, 180), 1.0)
        );
        let expected = part.layout.required_bytes().expect("possible");
        assert_eq!(expected, layout.required_bytes().expect("possible") - 160);
    }
}
