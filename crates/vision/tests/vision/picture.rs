use camweave_vision::{
    ColorMatrix, ColorRange, Picture, PictureError, PictureLayout, PixelFormat, Plane, Planes,
};
use proptest::prelude::*;

use crate::reference::{pictures, rgb_at};

fn packed(width: u32, height: u32, format: PixelFormat) -> PictureLayout {
    PictureLayout::packed(
        width,
        height,
        format,
        ColorMatrix::Bt709,
        ColorRange::Limited,
    )
}

#[test]
fn names_are_read_back_and_others_refused() {
    for &format in PixelFormat::ALL {
        assert_eq!(format.as_str().parse(), Ok(format));
    }
    for &matrix in ColorMatrix::ALL {
        assert_eq!(matrix.to_string().parse(), Ok(matrix));
    }
    for &range in ColorRange::ALL {
        assert_eq!(range.as_str().parse(), Ok(range));
    }
    let error = "NV12".parse::<PixelFormat>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "pixel format \"NV12\" is unknown: expected one of i420, nv12, p010, rgb8"
    );
    assert_eq!(
        serde_json::to_string(&PixelFormat::P010).unwrap(),
        "\"p010\""
    );
}

#[test]
fn packed_sizes_by_hand() {
    let bytes = |w, h, format| packed(w, h, format).required_bytes().unwrap();
    assert_eq!(bytes(640, 360, PixelFormat::I420), 640 * 360 * 3 / 2);
    assert_eq!(bytes(640, 360, PixelFormat::Nv12), 640 * 360 * 3 / 2);
    assert_eq!(bytes(640, 360, PixelFormat::P010), 640 * 360 * 3);
    assert_eq!(bytes(640, 360, PixelFormat::Rgb8), 640 * 360 * 3);
    // 5x3 luma, 3x2 chroma.
    assert_eq!(bytes(5, 3, PixelFormat::I420), 15 + 6 + 6);
    assert_eq!(bytes(5, 3, PixelFormat::Nv12), 15 + 12);
    assert_eq!(bytes(5, 3, PixelFormat::P010), 30 + 24);
    assert_eq!(bytes(1, 1, PixelFormat::I420), 3);
    assert_eq!(bytes(32_768, 32_768, PixelFormat::P010), 3 << 30);
}

#[test]
fn the_last_row_needs_no_whole_stride() {
    let planes = Planes::from([Plane {
        offset: 7,
        stride: 100,
    }]);
    let layout = PictureLayout {
        planes,
        ..packed(10, 4, PixelFormat::Rgb8)
    };
    assert_eq!(layout.required_bytes(), Ok(7 + 300 + 30));
    assert!(Picture::new(&layout, &[0; 337]).is_ok());
    let error = Picture::new(&layout, &[0; 336]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "336 bytes of data: a rgb8 picture of 10x4 laid out so needs 337"
    );
}

#[test]
fn impossible_layouts_are_refused_by_value() {
    for (width, height) in [
        (0, 4),
        (4, 0),
        (32_769, 1),
        (1, u32::MAX),
        (u32::MAX, u32::MAX),
    ] {
        let error = packed(width, height, PixelFormat::Nv12)
            .required_bytes()
            .unwrap_err();
        assert_eq!(error, PictureError::Size { width, height });
    }
    let nv12 = packed(640, 360, PixelFormat::Nv12);
    let count = PictureLayout {
        format: PixelFormat::I420,
        ..nv12
    }
    .required_bytes()
    .unwrap_err();
    assert_eq!(count.to_string(), "2 planes: i420 has 3");
    let narrow = Planes::from([
        nv12.planes[0],
        Plane {
            offset: 230_400,
            stride: 639,
        },
    ]);
    let narrow = PictureLayout {
        planes: narrow,
        ..nv12
    }
    .required_bytes()
    .unwrap_err();
    assert_eq!(
        narrow.to_string(),
        "plane 1 has a stride of 639 bytes: a row of nv12 at width 640 has 640"
    );
    let p010 = packed(8, 8, PixelFormat::P010);
    let odd = Planes::from([
        p010.planes[0],
        Plane {
            offset: 129,
            stride: 16,
        },
    ]);
    let odd = PictureLayout {
        planes: odd,
        ..p010
    }
    .required_bytes()
    .unwrap_err();
    assert_eq!(
        odd.to_string(),
        "plane 1 of p010 has offset 129: expected an even number of bytes"
    );
    assert!(Planes::try_from(vec![]).is_err());
    assert!(Planes::try_from(vec![Plane::default(); 4]).is_err());
}

#[test]
fn extreme_places_do_not_overflow() {
    let planes = Planes::from([Plane {
        offset: u32::MAX,
        stride: u32::MAX,
    }]);
    let layout = PictureLayout {
        planes,
        ..packed(32_768, 32_768, PixelFormat::Rgb8)
    };
    let expected = u64::from(u32::MAX) * 32_768 + 3 * 32_768;
    assert_eq!(
        layout.required_bytes().map(|bytes| bytes as u64),
        Ok(expected)
    );
    assert!(matches!(
        Picture::new(&layout, &[0; 64]),
        Err(PictureError::DataTooShort { .. })
    ));
}

#[test]
fn layouts_survive_serialisation() {
    let layout = packed(641, 361, PixelFormat::I420);
    let text = serde_json::to_string(&layout).unwrap();
    assert_eq!(
        serde_json::from_str::<PictureLayout>(&text).unwrap(),
        layout
    );
    let text = text.replace("\"planes\":[", "\"planes\":[{\"offset\":0,\"stride\":0},");
    assert!(serde_json::from_str::<PictureLayout>(&text).is_err());
}

#[test]
fn primaries_of_bt601_and_bt709() {
    // Code values of saturated red, in limited range, from the two recommendations.
    for (matrix, yuv) in [
        (ColorMatrix::Bt601, [81, 90, 240]),
        (ColorMatrix::Bt709, [63, 102, 240]),
    ] {
        let layout = PictureLayout {
            matrix,
            ..packed(1, 1, PixelFormat::I420)
        };
        let rgb = Picture::new(&layout, &yuv).unwrap().to_rgb8();
        assert!(
            rgb[0] >= 253 && rgb[1] <= 2 && rgb[2] <= 2,
            "{matrix}: {rgb:?}"
        );
    }
    let layout = packed(1, 1, PixelFormat::I420);
    assert_eq!(
        Picture::new(&layout, &[235, 128, 128]).unwrap().to_rgb8(),
        [255; 3]
    );
    assert_eq!(
        Picture::new(&layout, &[16, 128, 128]).unwrap().to_rgb8(),
        [0; 3]
    );
    let full = PictureLayout {
        range: ColorRange::Full,
        ..layout
    };
    assert_eq!(
        Picture::new(&full, &[200, 128, 128]).unwrap().to_rgb8(),
        [200; 3]
    );
}

proptest! {
    #[test]
    fn rgb_is_the_reference_rounded((layout, data) in pictures(12)) {
        let rgb = Picture::new(&layout, &data).unwrap().to_rgb8();
        prop_assert_eq!(rgb.len(), (3 * layout.width * layout.height) as usize);
        let mut found = rgb.chunks_exact(3);
        for y in 0..layout.height {
            for x in 0..layout.width {
                let expected = rgb_at(&layout, &data, f64::from(x), f64::from(y));
                for (&found, expected) in found.next().unwrap().iter().zip(expected) {
                    // Half a code, and the rounding of f32.
                    prop_assert!((f64::from(found) - expected * 255.0).abs() < 0.5005);
                }
            }
        }
    }
}
