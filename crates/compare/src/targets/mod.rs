//! What was measured on a GPU machine against what was to be reached there: the table at the end of
//! a record of `scripts/gpu-check.sh`.

mod figures;
mod memory;
mod parts;
mod table;
#[cfg(test)]
mod tests;

pub use figures::{Decoded, Engine, EngineRow, Figures, Kernel, Record, Sample};
pub use table::Table;

use figures::CAMERA_FPS;

/// Of the limit that has been measured, so much is what cameras may offer for a long time.
const OFFERED: f64 = 0.8;

/// The table, as Markdown; `nvdec_engines` is how many decoding engines the device has.
#[must_use]
pub fn table(figures: &Figures, nvdec_engines: u32) -> String {
    let mut table = Table::default();
    parts::kernels(figures, &mut table);
    parts::alone(figures, nvdec_engines, &mut table);
    parts::one(figures, &mut table);
    parts::many(figures, &mut table);
    parts::live(figures, &mut table);
    parts::broken(figures, &mut table);
    table.to_string()
}

/// How many cameras of 30 frames/s offer 80 % of the lowest limit that has been measured; `None`
/// without any.
#[must_use]
pub fn cameras(figures: &Figures) -> Option<u32> {
    let fused = figures.many.iter();
    let fused = fused.filter(|(name, _)| !name.ends_with("hevc"));
    let fused = fused.filter_map(|(_, record)| parts::rate(&record.whole(0)));
    let known = [
        figures.decode_rate("h264", None),
        figures.engine_rate(),
        fused.reduce(f64::max),
    ];
    let known = known.into_iter().flatten().filter(|rate| *rate > 0.0);
    let least = known.reduce(f64::min)?;
    Some((OFFERED * least / CAMERA_FPS).clamp(1.0, 400.0) as u32)
}
