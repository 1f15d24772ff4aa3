//! The metrics of a real graph: every one is documented, promtool finds nothing, and a real Prometheus
//! scrapes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use camweave_tests::{Cameras, Pipeline, wait_for, workspace};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(90);
/// What to do where Prometheus is missing.
const SETUP: &str = "scripts/setup.sh --tests installs it";

fn get(address: &str, path: &str, accept: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

fn scrape(address: &str) -> String {
    get(address, "/metrics", "text/plain").expect("a page")
}

/// The names of the families of a page.
fn families(page: &str) -> BTreeSet<String> {
    let types = page.lines().filter_map(|it| it.strip_prefix("# TYPE "));
    types
        .filter_map(|it| Some(it.split_once(' ')?.0.to_owned()))
        .collect()
}

/// Names and types in the table of `docs/metrics.md`.
fn documented() -> BTreeMap<String, String> {
    let text = fs::read_to_string(workspace().join("docs/metrics.md")).expect("the document");
    let rows = text.lines().filter(|it| it.starts_with("| `camweave_"));
    rows.map(|row| {
        let mut cells = row.split('|').map(str::trim).skip(1);
        let name = cells
            .next()
            .unwrap_or_default()
            .trim_matches('`')
            .to_owned();
        (name, cells.next().unwrap_or_default().to_owned())
    })
    .collect()
}

/// The value of a sample, by the start of its line.
fn sample(page: &str, start: &str) -> f64 {
    let line = page.lines().find(|it| it.starts_with(start));
    let line = line.unwrap_or_else(|| panic!("{start} is not in:\n{page}"));
    let value = line.rsplit_once(' ').expect("a value").1;
    value.parse().expect("a number")
}

fn promtool(page: &str) {
    let mut process = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("promtool: {error}: {SETUP}"));
    let mut input = process.stdin.take().expect("a pipe");
    input.write_all(page.as_bytes()).expect("it reads");
    drop(input);
    let output = process.wait_with_output().expect("it ends");
    let lines = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && lines.is_empty(), "{lines}");
}

#[test]
fn alerts_are_what_promtool_and_their_own_tests_expect() {
    let folder = workspace().join("packaging/prometheus");
    for arguments in [
        ["check", "rules", "camweave.rules.yml"],
        ["check", "config", "prometheus.yml"],
        ["test", "rules", "camweave.rules.test.yml"],
    ] {
        let output = Command::new("promtool")
            .args(arguments)
            .current_dir(&folder)
            .output();
        let output = output.unwrap_or_else(|error| panic!("promtool: {error}: {SETUP}"));
        let text = String::from_utf8_lossy(&output.stderr);
        let more = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{arguments:?}: {more}{text}");
    }
}

/// A Prometheus that scrapes an address every second.
struct Prometheus {
    process: Child,
    address: String,
}

impl Prometheus {
    fn start(folder: &Path, target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("an address").to_string();
        drop(listener);
        let config = folder.join("prometheus.yml");
        let rules: PathBuf = workspace().join("packaging/prometheus/camweave.rules.yml");
        let text = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\n\
             scrape_configs: [{{job_name: camweave, static_configs: [{{targets: ['{target}']}}]}}]\n",
            rules.display()
        );
        fs::write(&config, text).expect("writable");
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("prometheus: {error}: {SETUP}"));
        Self { process, address }
    }

    /// The values that a query has now, by the label `by`.
    fn query(&self, query: &str, by: &str) -> Option<BTreeMap<String, f64>> {
        let path = format!("/api/v1/query?query={query}");
        let body = get(&self.address, &path, "application/json")?;
        // Chunked: the JSON is one of its lines.
        let json = body.lines().find(|it| it.starts_with('{'))?;
        let answer: Value = serde_json::from_str(json).ok()?;
        let results = answer["data"]["result"].as_array()?;
        results
            .iter()
            .map(|it| {
                let label = it["metric"][by].as_str()?.to_owned();
                Some((label, it["value"][1].as_str()?.parse().ok()?))
            })
            .collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn a_graph_is_scraped_and_every_metric_is_documented() {
    let cameras = Cameras::endless(2);
    let mut run = Pipeline::of("cpu-metrics.yml")
        .cameras(cameras.yml())
        .env("METRICS_LISTEN", "127.0.0.1:0")
        .start();
    let listens = |run: &Pipeline| {
        let report = run.report("metrics").filter(|it| it.ready)?;
        report.facts.get("listens").cloned()
    };
    run.wait_until("metrics", |run| listens(run).is_some());
    let url = listens(&run).expect("it listens");
    let address = url
        .trim_start_matches("http://")
        .trim_end_matches("/metrics")
        .to_owned();
    run.wait_until("frames of both", |run| {
        run.detected("cam1") > 20 && run.detected("cam2") > 20
    });

    let received = |run: &Pipeline| {
        let report = run.report("source").expect("the source reports");
        report.cameras["cam1"].received as f64
    };
    let before = received(&run);
    let page = scrape(&address);
    let after = received(&run);
    let source = r#"stage="source",kind="rtsp-source",camera="cam1""#;
    let counted = sample(&page, &format!("camweave_rows_received_total{{{source}}}"));
    assert!(
        before > 0.0 && before <= counted && counted <= after,
        "{before} {counted} {after}"
    );
    assert!(
        (sample(&page, r#"camweave_camera_up{stage="source",camera="cam2"}"#) - 1.0).abs() < 1e-9
    );
    for rows in ["units", "detections"] {
        let start = format!(r#"camweave_frame_age_seconds_count{{camera="cam1",rows="{rows}"}}"#);
        assert!(sample(&page, &start) > 0.0);
    }
    // This machine's clock and the camera's are the same one.
    let offset = sample(
        &page,
        r#"camweave_capture_clock_offset_seconds{camera="cam1""#,
    );
    assert!((0.0..5.0).contains(&offset), "{offset}");

    let documented = documented();
    let undocumented: Vec<_> = families(&page)
        .into_iter()
        .filter(|it| !documented.contains_key(it))
        .collect();
    assert!(undocumented.is_empty(), "{undocumented:?}");
    for line in page.lines().filter_map(|it| it.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').expect("a type");
        assert_eq!(documented[name], kind, "{name}");
    }
    promtool(&page);

    let folder = tempfile::tempdir().expect("a folder");
    let prometheus = Prometheus::start(folder.path(), &address);
    let query = "camweave_rows_received_total%7Bkind%3D%22rtsp-source%22%7D";
    let scraped = wait_for("two scrapes", PATIENCE, || {
        let found = prometheus.query(query, "camera")?;
        (found.len() == 2).then_some(found)
    });
    assert!(scraped.values().all(|it| *it > 0.0), "{scraped:?}");
    let up = prometheus.query("up", "job").expect("an answer");
    assert_eq!(up, BTreeMap::from([("camweave".to_owned(), 1.0)]));
    // A camera that goes is seen there.
    drop(cameras);
    wait_for("both are offline", PATIENCE, || {
        let up = prometheus.query("camweave_camera_up", "camera")?;
        (up.len() == 2 && up.values().all(|it| *it == 0.0)).then_some(())
    });
    wait_for("an alert is pending", PATIENCE, || {
        let query = "ALERTS%7Balertname%3D%22CamweaveCameraOffline%22%7D";
        let alerts = prometheus.query(query, "camera")?;
        (alerts.len() == 2).then_some(())
    });
    drop(prometheus);
    let results = run.stop();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
}
