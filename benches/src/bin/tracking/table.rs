//! The table, in Markdown.

use crate::gaps::Kept;
use crate::switches::Switches;
use crate::trial::Outcome;

pub const HEAD: &str = "\
| frames/s | gaps | tracker | HOTA | DetA | AssA | IDF1 | MOTA | id switches | seen on both sides | id kept | id stolen |
|---:|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|";

/// Of runs without gaps.
pub const SWITCHES_HEAD: &str = "\
| frames/s | tracker | split, untracked for under 0.25 s | under 1 s | longer | another's id, untracked for under 0.25 s | under 1 s | longer | own earlier id |
|---:|---|---:|---:|---:|---:|---:|---:|---:|";

/// A tracker over all seeds, at one rate.
pub struct Row {
    pub name: &'static str,
    pub fps: f64,
    pub with_gaps: bool,
    pub outcomes: Vec<Outcome>,
}

impl Row {
    /// Scores are mean and standard deviation over the seeds, counts are sums.
    pub fn text(&self) -> String {
        let score = |of: fn(&Outcome) -> f64| {
            let values: Vec<f64> = self.outcomes.iter().map(of).collect();
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            let deviation = (squares / (count - 1.0).max(1.0)).sqrt();
            format!("{mean:.1} ± {deviation:.1}")
        };
        let kept = (self.outcomes.iter()).fold(Kept::default(), |sum, it| sum.sum(it.kept));
        let switches: usize = self.outcomes.iter().map(|it| it.id_switches).sum();
        let (gaps, kept) = if self.with_gaps {
            let Kept { both, kept, stolen } = kept;
            ("0.5 to 3 s", format!("{both} | {kept} | {stolen}"))
        } else {
            ("none", "| |".to_owned())
        };
        format!(
            "| {:.0} | {gaps} | {} | {} | {} | {} | {} | {} | {switches} | {kept} |",
            self.fps,
            self.name,
            score(|it| it.hota),
            score(|it| it.det_a),
            score(|it| it.ass_a),
            score(|it| it.idf1),
            score(|it| it.mota),
        )
    }

    /// Counts of changed ids, in sums.
    pub fn switches(&self) -> String {
        let all = self.outcomes.iter().map(|it| it.switches);
        let Switches {
            split,
            taken,
            returned,
        } = all.fold(Switches::default(), Switches::sum);
        format!(
            "| {:.0} | {} | {} | {} | {} | {} | {} | {} | {} |",
            self.fps,
            self.name,
            split[0],
            split[1],
            split[2],
            taken[0],
            taken[1],
            taken[2],
            returned.iter().sum::<usize>(),
        )
    }
}
