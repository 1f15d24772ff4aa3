//! Every format that may be.

use camweave_vision::{
    Activation, Background, BoxCoding, BoxSpace, HeadFormat, Order, Scores, Task,
};
use proptest::prelude::*;
use proptest::sample::select;

/// Places of each head: the cells of the grid.
pub(super) const PLACES: u32 = 42;

fn scores() -> impl Strategy<Value = Scores> {
    let background = select(vec![Background::None, Background::First, Background::Last]);
    prop_oneof![
        (2..5_u32, background)
            .prop_map(|(values, background)| Scores::PerClass { values, background }),
        (1..4_u32).prop_map(|classes| Scores::Objectness { classes }),
        Just(Scores::Labelled),
    ]
}

/// A format that is sound.
pub(super) fn any_format() -> impl Strategy<Value = HeadFormat> {
    let order = select(vec![
        Order::Planes,
        Order::Rows,
        Order::Parts,
        Order::PartsByClass,
    ]);
    let boxes = select(vec![
        BoxCoding::Centre,
        BoxCoding::Corners,
        BoxCoding::CornersYx,
        BoxCoding::Grid,
    ]);
    let space = select(vec![BoxSpace::Pixels, BoxSpace::Normalised]);
    let activation = select(vec![
        Activation::None,
        Activation::Sigmoid,
        Activation::Softmax,
        Activation::Percent,
    ]);
    let rest = (0..3_u32, any::<bool>(), any::<bool>());
    (order, scores(), boxes, space, activation, rest)
        .prop_map(
            |(order, scores, boxes, space, activation, (extra, multi_label, overlaps))| {
                HeadFormat {
                    order,
                    anchors: PLACES,
                    scores,
                    boxes,
                    space,
                    activation,
                    extra,
                    multi_label,
                    overlaps,
                    task: Task::Detect,
                }
            },
        )
        .prop_filter("sound", |format| format.validate().is_ok())
}
