use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{charts, method, tables, timeline};
use crate::Comparison;
use crate::comparison::letter;

/// Colours that are told apart with all usual kinds of colour vision, on light and dark ground.
const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#5b6470;--line:#d9dee4;--ground:#fff;--card:#f6f8fa}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#9aa4b0;--line:#39424d;--ground:#14181d;--card:#1c2229}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1000px;padding:2rem 1.25rem 4rem;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif}
h1{font-size:1.7rem;margin:0 0 .5rem}
h2{font-size:1.15rem;margin:2.4rem 0 .6rem}
p.lead{font-size:1.05rem;background:var(--card);border-left:4px solid #3b78c2;padding:.8rem 1rem;border-radius:0 6px 6px 0}
p.note{border-left:4px solid #d98c21;padding:.5rem 1rem;background:var(--card)}
ul.graphs{list-style:none;padding:0}
.key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.45em;vertical-align:-.05em}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;color:var(--soft);font-size:.87rem;margin:.2rem 0 .6rem}
.table{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.88rem;font-variant-numeric:tabular-nums}
th,td{padding:.32rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--soft);font-weight:600}
th:first-child,td:first-child,td:nth-child(2),th:nth-child(2){text-align:left}
td.good{color:#1a7f4b;font-weight:600}td.bad{color:#c0392b;font-weight:600}
@media(prefers-color-scheme:dark){td.good{color:#56c288}td.bad{color:#f0806f}}
.plot{overflow-x:auto}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1.2rem;font-size:.9rem}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
svg{width:100%;height:auto;display:block}
svg text{font:12px system-ui,-apple-system,'Segoe UI',sans-serif;fill:var(--soft)}
svg .name{font-weight:600;fill:var(--ink);font-size:13px}
svg .inside{fill:#fff;font-weight:600}
svg .grid{stroke:var(--line);stroke-width:1}
svg .thread{stroke:var(--line);stroke-width:2}
svg .curve{fill:none;stroke-width:2.5;stroke-linejoin:round}
svg .run{fill:var(--ground);stroke:var(--ink);stroke-width:1.5}
svg .wait{opacity:.35}
@media(max-width:720px){
body{padding:1rem .75rem 2.5rem}
h1{font-size:1.35rem}
svg{width:720px}
dl{display:block}dt{margin-top:.4rem}
th,td{padding:.3rem .4rem}
}
@media print{
:root{--ink:#000;--soft:#333;--line:#bbb;--ground:#fff;--card:#f4f4f4}
body{max-width:none;padding:0;font-size:10pt;print-color-adjust:exact;-webkit-print-color-adjust:exact}
h2,.legend{break-after:avoid}
.plot,tr,p.lead,p.note{break-inside:avoid}
.plot,.table{overflow:visible}
table{font-size:7.5pt}th,td{padding:.15rem .3rem;white-space:normal;overflow-wrap:anywhere}
td.good{color:#14683c}td.bad{color:#a02a1e}
}
";
const GRAPHS: [&str; 6] = [
    "#3b78c2", "#d98c21", "#2a9d74", "#b8478f", "#7a5bd1", "#6b7683",
];
const STAGES: [&str; 10] = [
    "#4477aa", "#66a5c9", "#228833", "#8a9a2e", "#cc8a1a", "#d1495b", "#aa3377", "#7a5bd1",
    "#6b7683", "#9c6b4a",
];

/// A page that needs nothing else, no script and no network.
pub fn page(title: &str, body: &Markup) -> String {
    let graphs = GRAPHS.iter().enumerate().map(|(index, colour)| {
        format!(
            ".key.g{index}{{background:{colour}}}svg .g{index}{{fill:{colour}}}svg .curve.g{index}{{stroke:{colour};fill:none}}"
        )
    });
    let stages = STAGES.iter().enumerate().map(|(index, colour)| {
        format!(".key.s{index}{{background:{colour}}}svg .s{index}{{fill:{colour}}}")
    });
    let colours: String = graphs.chain(stages).collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) (PreEscaped(colours)) }
            }
            body { (body) }
        }
    };
    page.into_string()
}

/// What it was measured with.
pub fn settings_list(settings: &BTreeMap<String, String>) -> Markup {
    html! {
        h2 { "The measurement" }
        dl {
            @for (name, value) in settings {
                dt { (name) }
                dd { (value) }
            }
        }
    }
}

/// `report.html`.
#[must_use]
pub fn html(comparison: &Comparison) -> String {
    let body = html! {
        h1 { "Comparison of graphs" }
        ul.graphs {
            @for (graph, name) in comparison.graphs.iter().enumerate() {
                li {
                    span class={ "key " (charts::graph_class(graph)) } {}
                    strong { (letter(graph)) } " " code { (name) }
                }
            }
        }
        @for versus in &comparison.versus {
            p.lead { (versus.headline) "." }
        }
        @for note in comparison.notes.iter().chain(&comparison.warnings) {
            p.note { (note) }
        }
        (plots(comparison))
        @for table in tables::all(comparison) {
            (self::table(&table))
        }
        (settings_list(&comparison.settings))
        h2 { "How to read it" }
        ul {
            @for line in method(comparison) {
                li { (line) }
            }
        }
    };
    page("Comparison of graphs", &body)
}

fn plots(comparison: &Comparison) -> Markup {
    let (none, stages) = (html! {}, charts::stages(comparison));
    let legend = html! {
        div.legend {
            @for stage in &stages {
                span { span class={ "key " (charts::stage_class(&stages, stage)) } {} (stage) }
            }
        }
    };
    html! {
        (plot("Throughput", &none, &charts::throughput(comparison)))
        @if !comparison.is_sliced() {
            (plot("Latency: the share of frames within a time", &none, &charts::latency(comparison)))
        }
        (plot("What a frame costs", &legend, &charts::cpu(comparison)))
        @if comparison.runs.iter().any(|run| !run.stops.is_empty()) {
            (plot("Where a frame's time goes", &legend, &charts::way(comparison)))
        }
        @for graph in 0..comparison.graphs.len() {
            @if let Some(drawing) = timeline::timeline(comparison, graph) {
                @let name = letter(graph);
                @let title = format!("Timeline of {name}: a line per frame, from the source to the sink");
                (plot(&title, &legend, &drawing))
            }
        }
    }
}

pub fn plot(title: &str, legend: &Markup, drawing: &Markup) -> Markup {
    html! {
        h2 { (title) }
        (legend)
        div.plot { (drawing) }
    }
}

pub fn table(table: &tables::Table) -> Markup {
    let class = |cell: &str| match cell {
        "**better**" => Some("good"),
        "**worse**" => Some("bad"),
        _ => None,
    };
    html! {
        h2 { (table.title) }
        div.table {
            table {
                tr { @for cell in &table.head { th { (cell) } } }
                @for row in &table.rows {
                    tr { @for cell in row { td class=[class(cell)] { (cell.trim_matches('*')) } } }
                }
            }
        }
    }
}
