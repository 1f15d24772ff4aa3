//! What comes of more and more offered load.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::html::{page, plot, settings_list, table};
use super::svg::{Anchor, LEFT, RIGHT, Svg, TOP, tick_text, ticks};
use super::tables::Table;
use crate::comparison::short;

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
    let curve = |of: fn(&LoadPoint) -> f64| -> Vec<(f64, f64)> {
        points.iter().map(|it| (it.offered_fps, of(it))).collect()
    };
    let detected = [("detected", curve(|it| it.detected_fps))];
    let latency = [
        ("p50", curve(|it| it.p50_ms)),
        ("p99", curve(|it| it.p99_ms)),
    ];
    let mut all = Table::new(
        "All loads",
        &[
            "load",
            "frames/s offered",
            "detected",
            "dropped",
            "p50 ms",
            "p99 ms",
        ],
    );
    all.rows.extend(points.iter().map(|point| {
        let dropped = (1.0 - point.detected_fps / point.offered_fps.max(1e-9)).max(0.0);
        vec![
            point.load.to_string(),
            short(point.offered_fps),
            short(point.detected_fps),
            format!("{:.1} %", 100.0 * dropped),
            short(point.p50_ms),
            short(point.p99_ms),
        ]
    }));
    let none = html! {};
    let body = html! {
        h1 { "Offered load" }
        p {
            code { (graph) }
            "; with files as fast as it can it does " (short(limit)) " frames/s (the line across)"
        }
        (plot("Detected frames per second, of all cameras", &none,
            &curves("Detected against offered frames", &detected, Some(limit))))
        (plot("Latency in milliseconds, from capture to the sink", &none,
            &curves("Latency against offered frames", &latency, None)))
        (table(&all))
        (settings_list(settings))
    };
    page("Offered load", &body)
}

/// Curves over the offered frames per second; `across`: a value that is marked.
fn curves(about: &str, curves: &[(&str, Vec<(f64, f64)>)], across: Option<f64>) -> Markup {
    let all = || curves.iter().flat_map(|(_, points)| points.iter());
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let y_ticks = ticks(most(&mut all().map(|it| it.1).chain(across)));
    let y_end = y_ticks.last().copied().unwrap_or(1.0);
    let y = |value: f64| BOTTOM - (BOTTOM - TOP) * value / y_end;
    let mut svg = Svg::new(BOTTOM);
    let x = svg.scale(
        most(&mut all().map(|it| it.0)),
        "offered frames per second, all cameras",
    );
    for tick in y_ticks {
        svg.across(y(tick), &tick_text(tick));
    }
    if let Some(across) = across {
        svg.line((LEFT, y(across)), (RIGHT, y(across)), "thread");
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
    svg.finish(about)
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
