//! Runs beside which other programs ran.

use camweave_compare::Run;

/// The graphs of the runs that are to be repeated, in the order of those.
pub fn to_repeat(runs: &[Run]) -> Vec<usize> {
    let disturbed = runs.iter().filter(|run| run.is_compared());
    let disturbed = disturbed.filter(|run| run.is_disturbed());
    disturbed.map(|run| run.graph).collect()
}

/// Of a graph whose disturbed runs were repeated, `count` runs are compared: those beside which
/// other programs did least, whatever they measured.
pub fn set_aside(runs: &mut [Run], graph: usize, count: usize) {
    let of_graph = runs.iter_mut().filter(|run| run.graph == graph);
    let mut whole: Vec<&mut Run> = of_graph.filter(|run| run.is_compared()).collect();
    whole.sort_by(|a, b| a.other_cores.total_cmp(&b.other_cores));
    for run in whole.into_iter().skip(count) {
        run.set_aside = Some("disturbed, and repeated".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(place: usize, graph: usize, other_cores: f64) -> Run {
        Run {
            place,
            graph,
            other_cores,
            ..Run::default()
        }
    }

    #[test]
    fn a_disturbed_run_is_repeated_and_the_quietest_are_compared() {
        let mut runs = vec![
            run(0, 0, 0.01),
            run(1, 1, 0.02),
            run(2, 1, 0.50),
            run(3, 0, 0.30),
            run(4, 0, 0.70),
        ];
        runs[4].partial = Some("it ended".to_owned());
        assert_eq!(to_repeat(&runs), [1, 0]);
        // B's repetition was quiet, A's was not quieter than the run that it repeats.
        runs.extend([run(5, 1, 0.03), run(6, 0, 0.40)]);
        for graph in [0, 1] {
            set_aside(&mut runs, graph, 2);
        }
        let compared: Vec<usize> = runs
            .iter()
            .filter(|run| run.is_compared())
            .map(|run| run.place)
            .collect();
        assert_eq!(compared, [0, 1, 3, 5]);
        assert!(runs[3].is_disturbed() && runs[4].set_aside.is_none());
    }
}
