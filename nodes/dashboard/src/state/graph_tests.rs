use super::*;

struct Counted {
    received: u64,
    sent: u64,
    dropped: &'static [(&'static str, u64)],
}

fn report(stage: &str, takes: &[&str], counted: &Counted) -> StageReport {
    let mut report = StageReport {
        stage: stage.to_owned(),
        kind: stage.to_owned(),
        takes: takes.iter().map(|it| (*it).to_owned()).collect(),
        gives: stage.to_owned(),
        ready: true,
        ..StageReport::default()
    };
    let camera = report.cameras.entry("gate".to_owned()).or_default();
    camera.received = counted.received;
    camera.sent = counted.sent;
    let dropped = counted.dropped.iter();
    camera.dropped = dropped
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect();
    report
}

fn counted(received: u64, sent: u64, dropped: &'static [(&'static str, u64)]) -> Counted {
    Counted {
        received,
        sent,
        dropped,
    }
}

fn graph(first: [&Counted; 2], last: [&Counted; 2]) -> Graph {
    let now = Instant::now();
    let mut rates = Rates::default();
    let reports = |[decode, detect]: [&Counted; 2]| {
        [
            report("detect", &["decode"], detect),
            report("decode", &[], decode),
        ]
    };
    rates.graph(&reports(first), now);
    rates.graph(&reports(last), now + Duration::from_secs(2))
}

#[test]
fn nodes_stand_in_the_order_of_the_pipeline_with_their_rates() {
    let quick = counted(100, 100, &[("not_selected", 50)]);
    let later = counted(150, 140, &[("not_selected", 90), ("corrupt", 4)]);
    let graph = graph([&quick, &quick], [&later, &quick]);
    let ids: Vec<&str> = graph.nodes.iter().map(|it| &*it.id).collect();
    assert_eq!(ids, ["decode", "detect"]);
    assert_eq!(graph.nodes[1].inputs, ["decode"]);
    let decode = &graph.nodes[0];
    assert_eq!((decode.in_per_s, decode.out_per_s), (25.0, 20.0));
    assert_eq!((decode.dropped, decode.dropped_per_s), (4, 2.0));
    assert_eq!(graph.bottleneck, None, "that is no lack of time");
}

#[test]
fn the_bottleneck_drops_for_lack_of_time() {
    let before = counted(100, 100, &[]);
    let after = counted(200, 140, &[("superseded", 60)]);
    let corrupt = counted(200, 0, &[("corrupt", 100)]);
    let found = graph([&before, &before], [&corrupt, &after]).bottleneck;
    let found = found.expect("one is too slow");
    assert_eq!(found.node, "detect");
    assert!(found.why.contains("30.0 frames/s"), "{}", found.why);
}

#[test]
fn or_rows_pile_up_in_it() {
    let quick = counted(1000, 999, &[]);
    let full = counted(1000, 900, &[]);
    let fuller = counted(1100, 1000, &[]);
    let found = graph([&quick, &full], [&quick, &fuller]).bottleneck;
    assert_eq!(found.map(|it| it.node).as_deref(), Some("detect"));
    let once = graph([&quick, &quick], [&quick, &full]).bottleneck;
    assert_eq!(once, None, "a batch is just being worked on");
}

#[test]
fn what_is_said_of_a_camera_is_no_attribute_of_its_node() {
    let mut of_source = report("source", &[], &counted(0, 0, &[]));
    for name in ["client.gate", "engine", "codec.of"] {
        of_source.facts.insert(name.to_owned(), "x".to_owned());
    }
    let found = attributes(&of_source);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["codec.of", "engine"]);
}

#[test]
fn the_process_of_fused_stages_is_no_node() {
    let mut process = report("detect", &[], &counted(0, 0, &[]));
    process.kind = FUSED.to_owned();
    let stage = report("detect.decode", &[], &counted(1, 1, &[]));
    let found = Rates::default().graph(&[process, stage], Instant::now());
    let ids: Vec<&str> = found.nodes.iter().map(|it| &*it.id).collect();
    assert_eq!(ids, ["detect.decode"]);
}
