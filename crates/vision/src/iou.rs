//! Intersection over union.

macro_rules! intersection_over_union {
    ($(#[$meta:meta])* $name:ident, $float:ty) => {
        $(#[$meta])*
        #[must_use]
        #[inline]
        pub fn $name(a: [$float; 4], b: [$float; 4]) -> $float {
            let side = |low: $float, high: $float| (high - low).max(0.0);
            let width = side(a[0].max(b[0]), a[2].min(b[2]));
            let height = side(a[1].max(b[1]), a[3].min(b[3]));
            let intersection = width * height;
            let area = |c: [$float; 4]| side(c[0], c[2]) * side(c[1], c[3]);
            let union = area(a) + area(b) - intersection;
            // Also false where an edge is not a number, or the areas overflow.
            if union > 0.0 { intersection / union } else { 0.0 }
        }
    };
}

intersection_over_union! {
    /// Intersection over union of two boxes `[x1, y1, x2, y2]`, as `torchvision.ops.box_iou`
    /// computes it in `f32`: `intersection / (area_a + area_b - intersection)`.
    ///
    /// Zero, never NaN, where the union is empty or an edge is not a number. A box with reversed
    /// edges has no area.
    iou, f32
}

intersection_over_union! {
    /// As [`iou()`], in `f64`: for the metrics.
    iou_f64, f64
}
