use super::*;

const LIMITS: Limits = Limits {
    max_width: 4096,
    max_height: 4096,
    target: None,
};

const FULL_HD: Coded = Coded {
    codec: Codec::H264,
    width: 1920,
    height: 1088,
    visible: [0, 0, 1920, 1080],
    chroma: sys::cudaVideoChromaFormat_420,
    bit_depth: 8,
    min_surfaces: 5,
    matrix: 2,
    is_full_range: false,
};

#[test]
fn a_picture_comes_out_whole_and_is_cropped_by_the_copy() {
    let plan = Plan::new(FULL_HD, &LIMITS, 4).expect("an ordinary stream");
    assert_eq!(plan.surface, (1920, 1088));
    assert_eq!(plan.picture, [0, 0, 1920, 1080]);
    assert_eq!((plan.scaled_from, plan.surfaces), (None, 9));
    assert_eq!(
        (plan.format, plan.matrix),
        (PixelFormat::Nv12, ColorMatrix::Bt709)
    );
    let cropped = Coded {
        visible: [16, 8, 336, 188],
        width: 352,
        height: 192,
        bit_depth: 10,
        is_full_range: true,
        ..FULL_HD
    };
    let plan = Plan::new(cropped, &LIMITS, 4).expect("an ordinary stream");
    assert_eq!(plan.picture, [16, 8, 320, 180]);
    assert_eq!(
        (plan.format, plan.matrix),
        (PixelFormat::P010, ColorMatrix::Bt601)
    );
    assert_eq!(plan.range, ColorRange::Full);
}

#[test]
fn a_target_scales_down_with_the_pictures_shape_and_never_up() {
    let limits = |target| Limits {
        target: Some(target),
        ..LIMITS
    };
    let plan = |target| Plan::new(FULL_HD, &limits(target), 4).expect("an ordinary stream");
    let scaled = plan((640, 640));
    assert_eq!(
        (scaled.surface, scaled.picture),
        ((640, 360), [0, 0, 640, 360])
    );
    assert_eq!(
        scaled.scaled_from,
        Some([0, 0, 1920, 1080]),
        "without the rows below"
    );
    assert_eq!(plan((640, 180)).surface, (320, 180));
    assert_eq!(plan((1920, 1080)).scaled_from, None);
    assert_eq!(fit((1000, 333), (500, 500)), Some((500, 166)));
    assert_eq!(fit((4096, 2), (64, 64)), Some((64, 2)));
}

#[test]
fn what_is_refused_says_why() {
    let refused = |coded: Coded, limits: &Limits| {
        let error = Plan::new(coded, limits, 4).expect_err("must be refused");
        error.to_string()
    };
    let small = Limits {
        max_width: 1280,
        ..LIMITS
    };
    let text = refused(FULL_HD, &small);
    assert!(
        text.contains("1920x1080") && text.contains("1280x4096"),
        "{text}"
    );
    let text = refused(
        Coded {
            chroma: sys::cudaVideoChromaFormat_422,
            ..FULL_HD
        },
        &LIMITS,
    );
    assert!(
        text.contains("4:2:2") && text.contains("sw-decode"),
        "{text}"
    );
    let twelve = Coded {
        bit_depth: 12,
        ..FULL_HD
    };
    assert!(refused(twelve, &LIMITS).contains("12 bits"));
    let empty = Coded {
        visible: [9, 9, 9, 9],
        ..FULL_HD
    };
    assert!(refused(empty, &LIMITS).contains("0x0"));
}

#[test]
fn the_chips_answer_is_compared() {
    let caps = sys::CUVIDDECODECAPS {
        bIsSupported: 1,
        nMinWidth: 48,
        nMinHeight: 16,
        nMaxWidth: 4096,
        nMaxHeight: 4096,
        nMaxMBCount: 65536,
        ..FULL_HD.caps()
    };
    assert_eq!(FULL_HD.check(&caps), Ok(()));
    let av1 = Coded {
        codec: Codec::Av1,
        ..FULL_HD
    };
    let none = sys::CUVIDDECODECAPS {
        bIsSupported: 0,
        ..caps
    };
    let text = av1.check(&none).expect_err("no AV1").to_string();
    assert!(text.contains("AV1") && text.contains("sw-decode"), "{text}");
    for (width, height) in [(32, 64), (8192, 64), (64, 4112)] {
        let coded = Coded {
            width,
            height,
            ..FULL_HD
        };
        let text = coded.check(&caps).expect_err("outside").to_string();
        assert!(text.contains(&format!("{width}x{height}")), "{text}");
        assert!(text.contains("48x16 to 4096x4096"), "{text}");
    }
}

#[test]
fn a_decoder_is_told_anew_only_where_it_has_room() {
    let plan = |coded| Plan::new(coded, &LIMITS, 4).expect("an ordinary stream");
    let large = plan(FULL_HD);
    let small = plan(Coded {
        width: 640,
        height: 368,
        visible: [0, 0, 640, 360],
        ..FULL_HD
    });
    assert!(large.can_become(&small));
    assert!(!small.can_become(&large));
    let deeper = plan(Coded {
        min_surfaces: 6,
        ..FULL_HD
    });
    assert!(!large.can_become(&deeper));
    let ten_bits = plan(Coded {
        bit_depth: 10,
        ..FULL_HD
    });
    assert!(!large.can_become(&ten_bits));
}
