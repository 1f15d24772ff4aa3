use std::fmt::{Display, Formatter, Result};

/// A row of the table.
#[derive(Debug, Clone, Default)]
pub struct Row {
    pub what: String,
    pub measured: String,
    pub reach: String,
    pub met: Option<bool>,
    /// GPU and NVDEC, in percent.
    pub busy: [Option<f64>; 2],
    pub note: String,
}

/// A share of another rate that is to be reached; the rate may be unknown.
#[derive(Debug, Clone, Copy)]
pub struct Share<'a> {
    pub share: f64,
    pub of: &'a str,
    pub rate: Option<f64>,
}

/// What was measured, and what was to be reached.
#[derive(Debug, Clone, Default)]
pub struct Table(Vec<Row>);

impl Table {
    pub(super) fn add(&mut self, row: Row) {
        self.0.push(row);
    }

    /// A row of a rate, with whether it reaches a share of another.
    pub(super) fn ratio(&mut self, row: Row, value: f64, share: Share<'_>) {
        let Share { share, of, rate } = share;
        let percent = 100.0 * share;
        self.add(match rate.filter(|rate| *rate != 0.0) {
            None => Row {
                measured: format!("{value:.0} frames/s"),
                reach: format!(">= {percent:.0}% of {of}, not measured"),
                ..row
            },
            Some(rate) => Row {
                measured: format!("{value:.0} frames/s, {:.1}%", 100.0 * value / rate),
                reach: format!(">= {percent:.0}% of {of} ({rate:.0})"),
                met: Some(value >= share * rate),
                ..row
            },
        });
    }
}

impl Display for Table {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        writeln!(out, "## What was to be reached\n")?;
        writeln!(
            out,
            "| what | measured | to reach | met | GPU busy | NVDEC busy | and |"
        )?;
        writeln!(out, "|---|---:|---|---|---:|---:|---|")?;
        for row in &self.0 {
            let met = match row.met {
                None => "",
                Some(true) => "yes",
                Some(false) => "**no**",
            };
            let percent = |busy: Option<f64>| busy.map_or(String::new(), |it| format!("{it:.0} %"));
            let [gpu, nvdec] = row.busy.map(percent);
            let Row {
                what,
                measured,
                reach,
                note,
                ..
            } = row;
            writeln!(
                out,
                "| {what} | {measured} | {reach} | {met} | {gpu} | {nvdec} | {note} |"
            )?;
        }
        if self.0.is_empty() {
            writeln!(out, "| nothing has been measured yet | | | | | | |")?;
        }
        Ok(())
    }
}
