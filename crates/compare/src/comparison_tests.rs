use rand::RngExt as _;
use rand::SeedableRng as _;

use super::*;
use crate::run::{Node, Quantiles, Span};

/// Runs in the order A B B A ..., with noise of about one percent, in which B's `infer` takes
/// `slower` of its time more.
fn runs(repeat: usize, slower: f64, random: &mut rand_pcg::Pcg64Mcg) -> Vec<Run> {
    let mut noise = || 1.0 + 0.01 * ((0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0);
    (0..2 * repeat)
        .map(|place| {
            let graph = usize::from(place % 4 == 1 || place % 4 == 2);
            let factor = if graph == 1 { 1.0 + slower } else { 1.0 };
            let drift = 1.0 + 0.002 * place as f64;
            let infer = 20.0 * factor * drift * noise();
            let decode = 2.0 * drift * noise();
            let fps = 1000.0 / infer;
            let node = |cpu_ms: f64| Node {
                cpu_ms,
                memory_mib: 50.0,
            };
            let span = Span {
                calls: 100,
                frames: 400,
                busy_ms: infer * 0.9,
                ..Span::default()
            };
            Run {
                graph,
                place,
                seconds: 5.0,
                frames: (5.0 * fps) as u64,
                combined_fps: fps,
                latency_ms: Quantiles {
                    mean: 100.0,
                    p50: 100.0 * noise(),
                    p95: 150.0,
                    p99: 180.0 * noise(),
                },
                nodes: [("infer", infer), ("decode", decode)]
                    .map(|(id, cpu)| (id.to_owned(), node(cpu)))
                    .into(),
                spans: [(
                    "infer".to_owned(),
                    BTreeMap::from([("infer".to_owned(), span)]),
                )]
                .into(),
                ..Run::default()
            }
        })
        .collect()
}

fn compare(runs: Vec<Run>) -> Versus {
    let graphs = vec!["a.yml".to_owned(), "b.yml".to_owned()];
    let mut made = Comparison::new(graphs, BTreeMap::new(), runs, BTreeMap::new());
    made.versus.remove(0)
}

#[test]
fn the_same_graph_twice_shows_no_difference() {
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(1);
    let wrong = (0..200)
        .filter(|_| compare(runs(4, 0.0, &mut random)).differs())
        .count();
    // One in twenty is what the level allows at most.
    assert!(wrong <= 10, "{wrong} of 200");
}

#[test]
fn a_slower_stage_is_found_and_named() {
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(2);
    let found = (0..100)
        .filter(|_| {
            let versus = compare(runs(6, 0.05, &mut random));
            versus.named.as_ref().is_some_and(|(node, millis)| {
                node == "infer" && (0.4..1.6).contains(millis) && versus.headline.contains("infer")
            })
        })
        .count();
    assert!(found >= 95, "{found} of 100");
}

#[test]
fn a_large_difference_is_said_plainly() {
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(3);
    let versus = compare(runs(4, 1.0, &mut random));
    assert!(
        ["1.9", "2.0"].iter().any(|times| {
            versus
                .headline
                .starts_with(&format!("throughput: B is {times}"))
        }) && versus.headline.contains("x slower, 95 % interval 1.9"),
        "{}",
        versus.headline
    );
    let throughput = &versus.verdicts[0];
    let (low, high) = throughput.interval.expect("an interval");
    assert!(low < 0.5 && 0.5 < high && throughput.outcome == Outcome::Worse);
}

#[test]
fn a_run_that_is_not_whole_is_kept_and_not_compared() {
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(4);
    let mut runs = runs(4, 0.0, &mut random);
    runs[3].combined_fps = 0.0;
    runs[3].partial = Some("the graph ended early".to_owned());
    let graphs = vec!["a.yml".to_owned(), "b.yml".to_owned()];
    let made = Comparison::new(graphs, BTreeMap::new(), runs, BTreeMap::new());
    assert_eq!(made.runs.len(), 8);
    assert!(!made.versus[0].differs(), "{}", made.versus[0].headline);
    assert_eq!(
        made.notes,
        ["run 4 (A) is incomplete and was not compared: the graph ended early"]
    );
}

#[test]
fn drops_are_compared_by_difference_and_none_is_said() {
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(5);
    let mut runs = runs(3, 0.0, &mut random);
    let of = |versus: &Versus| {
        let found = versus
            .verdicts
            .iter()
            .find(|it| it.metric.name == "dropped");
        found.cloned().expect("drops are always measured")
    };
    assert_eq!(
        of(&compare(runs.clone())).text,
        "dropped: no difference above 0.5 % of frames"
    );
    for run in &mut runs {
        if run.graph == 1 {
            run.dropped = BTreeMap::from([("infer.superseded".to_owned(), run.frames)]);
        }
    }
    let found = of(&compare(runs));
    assert_eq!(
        (found.a, found.b, found.outcome),
        (0.0, 50.0, Outcome::Worse)
    );
    assert!(
        found.text.contains("B is 50.0 % of frames higher"),
        "{}",
        found.text
    );
}

/// Runs in turns that differ in throughput alone.
fn of_rates(a: &[f64], b: &[f64]) -> Vec<Run> {
    let pairs = a.iter().zip(b).enumerate();
    let run = |place: usize, graph: usize, combined_fps: f64| Run {
        graph,
        place,
        combined_fps,
        frames: 100,
        ..Run::default()
    };
    pairs
        .flat_map(|(index, (a, b))| [run(2 * index, 0, *a), run(2 * index + 1, 1, *b)])
        .collect()
}

#[test]
fn a_large_difference_in_a_noisy_run_is_said_by_its_nearer_end() {
    let versus = compare(of_rates(&[50.0, 60.0, 45.0], &[100.0, 125.0, 90.0]));
    let throughput = &versus.verdicts[0];
    let (low, _) = throughput.interval.expect("an interval");
    assert_eq!(throughput.outcome, Outcome::Better);
    let least = format!(
        "throughput: B is at least {:.1} % faster (2.0",
        100.0 * (low - 1.0)
    );
    assert!((1.3..1.5).contains(&low), "{low}");
    assert!(versus.headline.starts_with(&least), "{}", versus.headline);
}

#[test]
fn a_headline_does_not_contradict_its_interval() {
    // By itself a difference, and not after the correction.
    let versus = compare(of_rates(&[50.0, 60.0, 45.0], &[75.5, 87.0, 71.0]));
    let throughput = &versus.verdicts[0];
    let (low, _) = throughput.interval.expect("an interval");
    assert!(
        low > 1.0 && throughput.outcome == Outcome::Unknown,
        "{throughput:?}"
    );
    assert!(
        versus
            .headline
            .starts_with("throughput: B is probably higher"),
        "{}",
        versus.headline
    );
}

#[test]
fn disturbed_runs_are_marked_and_those_that_were_repeated_are_not_compared() {
    let mut runs = of_rates(&[50.0, 50.5, 49.8, 1.0], &[50.1, 49.9, 50.2, 50.0]);
    runs[6].other_cores = 0.5;
    runs[6].set_aside = Some("disturbed, and repeated".to_owned());
    runs[2].other_cores = 0.25;
    let graphs = vec!["a.yml".to_owned(), "b.yml".to_owned()];
    let made = Comparison::new(graphs, BTreeMap::new(), runs, BTreeMap::new());
    let headline = &made.versus[0].headline;
    assert!(
        (made.versus[0].verdicts[0].a - 50.1).abs() < 0.01,
        "{headline}"
    );
    assert!(
        headline.contains("during 1 of these 7 runs other programs used up to 0.25 cores"),
        "{headline}"
    );
    assert_eq!(
        made.warnings,
        [
            "run 3 (A): other programs used 0.25 cores during it",
            "run 7 (A): other programs used 0.50 cores during it; disturbed, and repeated"
        ]
    );
    assert!(made.notes.is_empty(), "nothing is missing");
}

#[test]
fn a_headline_says_what_else_the_graphs_ran_with() {
    let mut runs = of_rates(&[50.0, 50.5, 49.8], &[75.1, 75.9, 75.2]);
    for run in &mut runs {
        let engine = if run.graph == 0 { "rten" } else { "openvino" };
        let facts = [
            ("infer.engine", engine.to_owned()),
            ("infer.model", "street.onnx".to_owned()),
            ("infer.batch_at_most", run.graph.to_string()),
        ];
        run.facts = facts.map(|(name, value)| (name.to_owned(), value)).into();
    }
    let graphs = vec!["a.yml".to_owned(), "b.yml".to_owned()];
    let said = |runs: &[Run]| {
        let made = Comparison::new(
            graphs.clone(),
            BTreeMap::new(),
            runs.to_vec(),
            BTreeMap::new(),
        );
        made.versus[0].headline.clone()
    };
    let headline = said(&runs);
    assert!(
        headline.ends_with("; infer.engine is 'rten' in A and 'openvino' in B"),
        "{headline}"
    );
    // An engine that changes between the runs of one graph is no difference between the graphs.
    runs[0]
        .facts
        .insert("infer.engine".to_owned(), "openvino".to_owned());
    let headline = said(&runs);
    assert!(!headline.contains("engine"), "{headline}");
}
