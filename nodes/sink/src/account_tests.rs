use super::*;

fn stage(name: &str, kind: &str, takes: &[&str]) -> StageReport {
    StageReport {
        stage: name.to_owned(),
        kind: kind.to_owned(),
        takes: takes.iter().map(|it| (*it).to_owned()).collect(),
        gives: if kind == "sink" { "" } else { name }.to_owned(),
        starts: 1,
        closed: true,
        ..StageReport::default()
    }
}

fn count(stage: &mut StageReport, received: u64, sent: u64, dropped: &[(&str, u64)]) {
    let dropped = dropped.iter().map(|(name, n)| ((*name).to_owned(), *n));
    let counters = CameraCounters {
        received,
        sent,
        dropped: dropped.collect(),
        ..CameraCounters::default()
    };
    stage.cameras.insert("a".to_owned(), counters);
}

fn line() -> [StageReport; 4] {
    [
        stage("sink", "sink", &["infer"]),
        stage("infer", "cpu-infer", &["decode"]),
        stage("decode", "sw-decode", &["source"]),
        stage("source", "rtsp-source", &[]),
    ]
}

fn map(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
    let counts = counts.iter().map(|(name, n)| ((*name).to_owned(), *n));
    counts.collect()
}

fn closes(account: &Account) -> bool {
    let dropped: u64 = account.dropped.values().sum();
    let lost: u64 = account.lost.values().sum();
    account.sent == account.detected + dropped + lost + account.under_way
}

#[test]
fn what_is_between_and_inside_is_under_way_until_the_end() {
    let [mut sink, mut infer, mut decode, mut source] = line();
    count(&mut source, 100, 98, &[("source_backlog", 1)]);
    count(&mut decode, 95, 90, &[("corrupt", 3)]);
    count(&mut infer, 88, 80, &[("superseded", 4)]);
    count(&mut sink, 79, 79, &[]);
    let reports = [source, decode, infer];
    let way = Way::to(&sink, &reports);
    let account = way.account("a", Moment::Running);
    let dropped = map(&[
        ("decode.corrupt", 3),
        ("infer.superseded", 4),
        ("source.source_backlog", 1),
    ]);
    assert_eq!((&account.dropped, &account.lost), (&dropped, &map(&[])));
    assert_eq!(
        (account.sent, account.detected, account.under_way),
        (100, 79, 13)
    );
    let account = way.account("a", Moment::Ended);
    assert_eq!(account.dropped, dropped);
    // Between: 3 before decode, 2 before infer, 1 before the sink; inside: 1, 2 and 4.
    let lost = map(&[("decode", 5), ("infer", 6), ("sink", 1), ("source", 1)]);
    assert_eq!((&account.lost, account.under_way), (&lost, 0));
    assert!(closes(&account), "{account:?}");
}

#[test]
fn what_a_stop_cuts_off_is_stopped_unless_a_process_died() {
    let [mut sink, mut infer, mut decode, mut source] = line();
    count(&mut source, 100, 99, &[("stopped", 1)]);
    count(&mut decode, 97, 96, &[("stopped", 1)]);
    count(&mut infer, 93, 90, &[("stopped", 3)]);
    count(&mut sink, 90, 90, &[]);
    for stage in [&mut sink, &mut infer, &mut decode, &mut source] {
        stage.stopped = true;
    }
    infer.starts = 2;
    let reports = [source, decode, infer];
    let account = Way::to(&sink, &reports).account("a", Moment::Ended);
    let dropped = map(&[
        ("decode.stopped", 3),
        ("infer.stopped", 3),
        ("source.stopped", 1),
    ]);
    assert_eq!(
        (&account.dropped, &account.lost),
        (&dropped, &map(&[("infer", 3)]))
    );
    assert!(closes(&account), "{account:?}");
}

#[test]
fn what_died_with_a_process_is_lost_at_once() {
    let [mut sink, mut infer, mut decode, mut source] = line();
    for stage in [&mut source, &mut decode, &mut infer, &mut sink] {
        count(stage, 10, 10, &[]);
    }
    let counters = infer.cameras.get_mut("a").expect("counted");
    (counters.sent, counters.lost) = (8, 2);
    count(&mut sink, 8, 8, &[]);
    let reports = [source, decode, infer];
    let account = Way::to(&sink, &reports).account("a", Moment::Running);
    assert_eq!((account.lost, account.under_way), (map(&[("infer", 2)]), 0));
}

#[test]
fn a_second_sink_is_not_on_the_way() {
    let [mut sink, mut infer, mut decode, mut source] = line();
    for stage in [&mut source, &mut decode, &mut infer, &mut sink] {
        count(stage, 10, 10, &[]);
    }
    let mut other = stage("other", "sink", &["infer"]);
    count(&mut other, 10, 4, &[("queue_full", 6)]);
    let reports = [other, source, decode, infer];
    let way = Way::to(&sink, &reports);
    assert_eq!(way.upstream().len(), 3);
    let account = way.account("a", Moment::Ended);
    assert_eq!((account.sent, account.detected), (10, 10));
    assert!(
        closes(&account) && account.dropped.is_empty(),
        "{account:?}"
    );
}

#[test]
fn two_ways_to_the_sink_add_up() {
    let [mut sink, mut infer, mut decode, mut source] = line();
    let mut source_b = stage("source-b", "file-source", &[]);
    let mut decode_b = stage("decode-b", "nvdec", &["source-b"]);
    infer.takes.push("decode-b".to_owned());
    count(&mut source, 10, 10, &[]);
    count(&mut source_b, 20, 20, &[]);
    count(&mut decode, 9, 9, &[]);
    count(&mut decode_b, 20, 18, &[("corrupt", 2)]);
    count(&mut infer, 26, 26, &[]);
    count(&mut sink, 26, 26, &[]);
    let reports = [source, source_b, decode, decode_b, infer];
    let account = Way::to(&sink, &reports).account("a", Moment::Ended);
    assert_eq!((account.sent, account.detected), (30, 26));
    assert_eq!(account.dropped, map(&[("decode-b.corrupt", 2)]));
    assert_eq!(account.lost, map(&[("decode", 1), ("infer", 1)]));
    assert!(closes(&account), "{account:?}");
}

#[test]
fn a_node_that_is_not_ours_loses_what_does_not_come_out_of_it() {
    let [mut sink, mut infer, mut decode, mut source] = line();
    infer.takes = vec!["filter".to_owned()];
    count(&mut source, 10, 10, &[]);
    count(&mut decode, 10, 10, &[]);
    count(&mut infer, 7, 7, &[]);
    count(&mut sink, 7, 7, &[]);
    let reports = [source, decode, infer];
    let account = Way::to(&sink, &reports).account("a", Moment::Ended);
    assert_eq!((account.sent, &account.lost), (10, &map(&[("infer", 3)])));
    assert!(closes(&account), "{account:?}");
}

#[test]
fn a_loop_in_the_graph_ends() {
    let [sink, mut infer, decode, source] = line();
    infer.takes.push("infer".to_owned());
    infer.takes.push("decode".to_owned());
    let mut decode = decode;
    decode.takes.push("infer".to_owned());
    let reports = [source, decode, infer];
    assert_eq!(Way::to(&sink, &reports).upstream().len(), 3);
}

#[test]
fn while_running_no_more_is_detected_than_sent() {
    let [mut sink, infer, decode, mut source] = line();
    // The source's report is older than the sink's: it has no ledger.
    count(&mut source, 90, 90, &[]);
    count(&mut sink, 95, 95, &[]);
    let reports = [source, decode, infer];
    let account = Way::to(&sink, &reports).account("a", Moment::Running);
    assert_eq!(
        (account.sent, account.detected, account.under_way),
        (95, 95, 0)
    );
}
