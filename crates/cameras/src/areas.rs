//! Which parts of a camera's frames are looked at: `region` and `ignore`.

use camweave_message::limits::MAX_IGNORED;
use camweave_message::{Areas, Ignored, Polygon, Region};
use camweave_redact::printable;
use serde_saphyr::{Location, Spanned};

use super::expand::{Variables, expand};

/// A list, and where it is.
type List<T> = Spanned<Vec<T>>;
/// Numbers, as text: they may come from variables.
type Numbers = List<Spanned<String>>;

/// The field `region`: `[x1, y1, x2, y2]`.
pub(super) type RawRegion = Numbers;
/// The field `ignore`: polygons, points of each, `[x, y]` of each.
pub(super) type RawIgnored = List<List<Numbers>>;

/// What stands for a part that needs a variable of another process: the whole frame's edges.
const STAND_INS: [f32; 4] = [0.0, 0.0, 1.0, 1.0];

/// What is wrong, and where.
type Wrong = (Location, String);

/// What the fields say.
pub(super) fn read_areas(
    region: Option<&RawRegion>,
    ignored: Option<&RawIgnored>,
    variables: Variables<'_>,
) -> Result<Areas, Wrong> {
    Ok(Areas {
        region: region.map(|it| read_region(it, variables)).transpose()?,
        ignored: ignored.map_or(Ok(Ignored::default()), |it| read_ignored(it, variables))?,
    })
}

fn read_region(region: &RawRegion, variables: Variables<'_>) -> Result<Region, Wrong> {
    let parts = parts("region", region, variables)?;
    let corners: [f32; 4] = parts.try_into().map_err(|parts: Vec<f32>| {
        let found = parts.len();
        let message = format!("region of {found} numbers, expected [x1, y1, x2, y2]");
        (region.referenced, message)
    })?;
    Region::new(corners).ok_or_else(|| {
        // As it is in the file: a variable's value is not for printing.
        let shown: Vec<_> = region.value.iter().map(|it| printable(&it.value)).collect();
        let shown = shown.join(", ");
        let message = format!("region [{shown}], expected x1 < x2 and y1 < y2");
        (region.referenced, message)
    })
}

fn read_ignored(ignored: &RawIgnored, variables: Variables<'_>) -> Result<Ignored, Wrong> {
    let polygons = ignored.value.iter().map(|it| read_polygon(it, variables));
    Ignored::new(polygons.collect::<Result<_, _>>()?).ok_or_else(|| {
        let found = ignored.value.len();
        let message = format!("ignore has {found} polygons, expected at most {MAX_IGNORED}");
        (ignored.referenced, message)
    })
}

fn read_polygon(polygon: &List<Numbers>, variables: Variables<'_>) -> Result<Polygon, Wrong> {
    let mut values = Vec::with_capacity(2 * polygon.value.len());
    for point in &polygon.value {
        let parts = parts("ignore", point, variables)?;
        if parts.len() != 2 {
            let found = parts.len();
            let message = format!("ignore has a point of {found} numbers, expected [x, y]");
            return Err((point.referenced, message));
        }
        values.extend(parts);
    }
    Polygon::new(&values).ok_or_else(|| {
        let (found, most) = (polygon.value.len(), Polygon::MAX_POINTS);
        let message = format!("ignore has a polygon of {found} points, expected 3 to {most}");
        (polygon.referenced, message)
    })
}

/// Parts of the frame.
fn parts(field: &str, numbers: &Numbers, variables: Variables<'_>) -> Result<Vec<f32>, Wrong> {
    let part = |(index, number): (usize, &Spanned<String>)| {
        let wrong = |message| (number.referenced, message);
        if variables.lacks(&number.value) {
            return Ok(STAND_INS.get(index).copied().unwrap_or_default());
        }
        let part = expand(number.value.trim(), variables.lookup).map_err(wrong)?;
        let part = part.parse().unwrap_or(f32::NAN);
        if (0.0..=1.0).contains(&part) {
            return Ok(part);
        }
        let shown = printable(&number.value);
        Err(wrong(format!(
            "{field} '{shown}', expected a part of the frame, 0 to 1"
        )))
    };
    numbers.value.iter().enumerate().map(part).collect()
}
