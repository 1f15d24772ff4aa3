//! What comes of more and more offered load.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::html::{head, settings_list};
use super::svg::{Anchor, Svg, escape, tick_text, ticks};
use crate::comparison::short;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 120.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 268.0;

/// One offered load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoadPoint {
    /// In parts of what the graph does as fast as it can.
    pub load: f64,
    /// Frames per second of all cameras.
    pub offered_fps: f64,
    /// Detected frames per second of all cameras.
    pub detected_fps: f64,
    /// Median time from capture to the sink, in milliseconds.
    pub p50_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
}

/// A page with both plots and the table, one file that needs nothing else.
#[must_use]
pub fn load_page(
    graph: &str,
    settings: &BTreeMap<String, String>,
    limit: f64,
    points: &[LoadPoint],
) -> String {
    let mut page = head("Offered load");
    let _ = write!(
        page,
        "<h1>Offered load</h1><p><code>{}</code>; with files as fast as it can it does {} frames/s (the line across)</p>",
        escape(graph),
        short(limit)
    );
    let detected: Vec<(f64, f64)> = points
        .iter()
        .map(|it| (it.offered_fps, it.detected_fps))
        .collect();
    page.push_str("<h2>Detected frames per second, of all cameras</h2>");
    plot(
        &mut page,
        "Detected against offered frames",
        &[("detected", &detected)],
        Some(limit),
    );
    let latency = |of: fn(&LoadPoint) -> f64| -> Vec<(f64, f64)> {
        points.iter().map(|it| (it.offered_fps, of(it))).collect()
    };
    let (p50, p99) = (latency(|it| it.p50_ms), latency(|it| it.p99_ms));
    page.push_str("<h2>Latency in milliseconds, from capture to the sink</h2>");
    plot(
        &mut page,
        "Latency against offered frames",
        &[("p50", &p50), ("p99", &p99)],
        None,
    );
    page.push_str(
        "<h2>All loads</h2><div class=\"table\"><table><tr><th>load</th><th>frames/s offered</th><th>detected</th><th>dropped</th><th>p50 ms</th><th>p99 ms</th></tr>",
    );
    for point in points {
        let _ = write!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{:.1} %</td><td>{}</td><td>{}</td></tr>",
            point.load,
            short(point.offered_fps),
            short(point.detected_fps),
            100.0 * (1.0 - point.detected_fps / point.offered_fps.max(1e-9)).max(0.0),
            short(point.p50_ms),
            short(point.p99_ms)
        );
    }
    page.push_str("</table></div>");
    settings_list(&mut page, settings);
    page.push_str("</body></html>\n");
    page
}

/// Curves over the offered frames per second; `across`: a value that is marked.
fn plot(page: &mut String, about: &str, curves: &[(&str, &Vec<(f64, f64)>)], across: Option<f64>) {
    let all = || curves.iter().flat_map(|(_, points)| points.iter());
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let x_ticks = ticks(most(&mut all().map(|it| it.0)));
    let y_ticks = ticks(most(&mut all().map(|it| it.1).chain(across)));
    let end = |ticks: &[f64]| ticks.last().copied().unwrap_or(1.0);
    let (x_end, y_end) = (end(&x_ticks), end(&y_ticks));
    let x = |value: f64| LEFT + (WIDTH - LEFT - RIGHT) * value / x_end;
    let y = |value: f64| BOTTOM - (BOTTOM - TOP) * value / y_end;
    let mut svg = Svg::new(WIDTH, BOTTOM + 44.0);
    for tick in x_ticks {
        svg.line((x(tick), TOP), (x(tick), BOTTOM), "grid");
        svg.text(
            (x(tick), BOTTOM + 16.0),
            Anchor::Middle,
            "tick",
            &tick_text(tick),
        );
    }
    for tick in y_ticks {
        svg.line((LEFT, y(tick)), (WIDTH - RIGHT, y(tick)), "grid");
        svg.text(
            (LEFT - 10.0, y(tick) + 4.0),
            Anchor::End,
            "tick",
            &tick_text(tick),
        );
    }
    let middle = (f64::midpoint(LEFT, WIDTH - RIGHT), BOTTOM + 34.0);
    svg.text(
        middle,
        Anchor::Middle,
        "axis",
        "offered frames per second, all cameras",
    );
    if let Some(across) = across {
        svg.line((LEFT, y(across)), (WIDTH - RIGHT, y(across)), "thread");
    }
    for (index, (name, points)) in curves.iter().enumerate() {
        let placed: Vec<(f64, f64)> = points.iter().map(|(a, b)| (x(*a), y(*b))).collect();
        svg.path(&placed, &format!("curve g{index}"));
        for ((offered, value), at) in points.iter().zip(&placed) {
            let title = format!("{name}: {} at {} offered", short(*value), short(*offered));
            svg.dot(*at, "run", &title);
        }
        if let Some((at_x, at_y)) = placed.last() {
            svg.text((at_x - 6.0, at_y - 9.0), Anchor::End, "name", name);
        }
    }
    let _ = writeln!(page, "<div class=\"plot\">{}</div>", svg.finish(about));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_else_and_has_all_numbers() {
        let point = |load: f64, detected_fps: f64| LoadPoint {
            load,
            offered_fps: 100.0 * load,
            detected_fps,
            p50_ms: 20.0,
            p99_ms: 400.0 * load,
        };
        let points = [point(0.5, 50.0), point(1.0, 90.0), point(3.0, 88.0)];
        let page = load_page("<graph>.yml", &BTreeMap::new(), 95.0, &points);
        assert!(page.contains("&lt;graph&gt;.yml") && !page.contains("<graph>"));
        assert_eq!(page.matches("<svg").count(), 2);
        assert_eq!(page.matches("<polyline").count(), 3);
        assert!(
            page.contains("<td>70.7 %</td><td>20.0</td><td>1200</td>"),
            "{page}"
        );
        for outside in ["http://", "https://", "src=", "href=", "<script"] {
            assert!(!page.contains(outside), "{outside}");
        }
        let empty = load_page("g", &BTreeMap::new(), 0.0, &[]);
        assert!(!empty.contains("NaN") && !empty.contains("inf"));
    }
}
