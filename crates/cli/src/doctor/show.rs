//! The report as text.

use super::report::{Need, Report, State};

/// One line per part; what it is for, what goes without and how to get it where it lacks.
pub fn table(report: &Report) -> String {
    let mut text = String::new();
    for row in &report.rows {
        let state = match row.state {
            State::Ok => "ok",
            State::Missing => "missing",
            State::Broken => "broken",
        };
        text += &format!("{state:<8} {:<14} {}\n", row.name, row.found);
        if row.state != State::Ok {
            let need = match row.need {
                Need::Cpu => "needed for",
                Need::Gpu => "GPU graphs",
                Need::Optional => "optional",
            };
            for (name, value) in [
                (need, row.used_for),
                ("without it", row.without),
                ("get it", row.get),
            ] {
                text += &format!("{:<8} {:<14} {name}: {value}\n", "", "");
            }
        }
    }
    let verdict = |serves: bool| if serves { "can run" } else { "cannot run" };
    text += &format!(
        "\nCPU graphs {}, GPU graphs {}\n",
        verdict(report.cpu),
        verdict(report.gpu)
    );
    text
}
