//! The graph that a measurement runs: the user's, with its modules expanded, its paths made
//! absolute, and what comes in and goes out turned to the measurement's folder. It is written
//! beside the results, so that everybody can see, and run, what was measured.

use std::collections::BTreeSet;
use std::path::PathBuf;

use camweave_stage::Exit;
use dora_core::descriptor::Node;
use serde_json::{Map, Value, json};

use super::nodes::inputs;
use super::{Graph, Kind};
use crate::error::CliError;

/// What the graph sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feed {
    /// Cameras in real time.
    Cameras(PathBuf),
    /// Files, again and again, as fast as the graph returns frames.
    Files {
        /// Camera id and file.
        files: Vec<(String, PathBuf)>,
        /// Frames of each that are under way at a time; more than a decoder keeps back to
        /// reorder them.
        window: u32,
        /// They are clips of a recorder, each played once, as what they were recorded of.
        are_recorded: bool,
    },
}

/// What a measurement puts into a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What comes in.
    pub feed: Feed,
    /// Where the sinks write.
    pub out: PathBuf,
    /// Another model than the graph's.
    pub model: Option<PathBuf>,
    /// Values for stages of one kind: kind, name, value.
    pub stages: Vec<(String, String, String)>,
}

impl Graph {
    /// The graph to run, as JSON, which is YAML.
    ///
    /// # Errors
    /// The graph has no source that could show the feed, or no sink that could be measured.
    pub fn derive(&self, settings: &Settings) -> Result<String, CliError> {
        let refuse = |reason: &str| {
            let shown = self.path.display();
            CliError::new(Exit::Configuration, format!("graph '{shown}': {reason}"))
        };
        let sink = self.stages("sink").next().ok_or_else(|| {
            refuse("it has no node whose program is 'sink', which a measurement reads")
        })?;
        let source = ["rtsp-source", "file-source"];
        if !source.iter().any(|kind| self.stages(kind).next().is_some()) {
            return Err(refuse(
                "it has no node whose program is 'rtsp-source' or 'file-source', which a measurement feeds",
            ));
        }
        let mut whole = serde_json::to_value(&self.descriptor)
            .map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
        self.absolute_env(&mut whole);
        if let Feed::Files { window, .. } = settings.feed {
            patient(&mut whole, window, &self.declared);
        }
        let nodes = whole.get_mut("nodes").and_then(Value::as_array_mut);
        for (node, json) in self
            .descriptor
            .nodes
            .iter()
            .zip(nodes.into_iter().flatten())
        {
            self.absolute_path(node, json);
            self.absolute_env(json);
            if let Kind::Stage(kind) = self.kind(node) {
                self.change(kind, sink, settings, json)?;
            }
            self.set(node, settings, json);
        }
        if let Feed::Files { are_recorded, .. } = settings.feed {
            if are_recorded {
                Self::keep_to(sink, &mut whole);
            }
            self.with_one_stream(&mut whole);
        }
        Ok(without_nulls(whole).to_string())
    }

    /// Leaves out the nodes that give nothing to `sink`, by whatever way: what is replayed is neither
    /// recorded, counted nor published again.
    fn keep_to(sink: &Node, whole: &mut Value) {
        let Some(nodes) = whole.get_mut("nodes").and_then(Value::as_array_mut) else {
            return;
        };
        let mut kept = BTreeSet::from([sink.id.to_string()]);
        let mut known = 0;
        while kept.len() > known {
            known = kept.len();
            let sources = nodes
                .iter()
                .filter(|node| node["id"].as_str().is_some_and(|id| kept.contains(id)))
                .filter_map(|node| node.get("inputs")?.as_object())
                .flat_map(Map::values)
                .filter_map(|input| input.as_str().or_else(|| input["source"].as_str()))
                .filter_map(|source| Some(source.split_once('/')?.0.to_owned()));
            let sources: Vec<String> = sources.collect();
            kept.extend(sources);
        }
        nodes.retain(|node| node["id"].as_str().is_none_or(|id| kept.contains(id)));
    }

    /// A file is one stream: who takes the record streams of cameras (STREAM of rtsp-source) gets what
    /// the others get, and the source of these streams goes.
    fn with_one_stream(&self, whole: &mut Value) {
        let sources = self.variables("rtsp-source");
        let is_node = |node| matches!(self.kind(node), Kind::Stage("rtsp-source"));
        let (record, detect): (Vec<_>, Vec<_>) = sources
            .iter()
            .filter(|it| is_node(it.node()))
            .partition(|it| it.get("STREAM").as_deref() == Some("record"));
        let output = |node: &Node| Some(format!("{}/{}", node.id, node.outputs.first()?));
        let Some(other) = detect.iter().find_map(|it| output(it.node())) else {
            return;
        };
        let gone: Vec<&Node> = record.iter().map(|it| it.node()).collect();
        let outputs: Vec<String> = gone.iter().filter_map(|it| output(it)).collect();
        let Some(nodes) = whole.get_mut("nodes").and_then(Value::as_array_mut) else {
            return;
        };
        nodes.retain(|node| !gone.iter().any(|it| node["id"] == it.id.to_string()));
        let inputs = nodes
            .iter_mut()
            .filter_map(|node| node.get_mut("inputs")?.as_object_mut());
        for input in inputs.flat_map(Map::values_mut) {
            let is_object = input.is_object();
            let source = if is_object {
                &mut input["source"]
            } else {
                input
            };
            if source
                .as_str()
                .is_some_and(|it| outputs.iter().any(|out| out == it))
            {
                *source = json!(other);
            }
        }
    }

    /// Relative paths in values are as seen from the graph's folder.
    fn absolute_env(&self, holder: &mut Value) {
        let env = holder.get_mut("env").and_then(Value::as_object_mut);
        for value in env.into_iter().flat_map(Map::values_mut) {
            let Some(text) = value.as_str() else {
                continue;
            };
            let path = self.folder().join(text);
            let relative = text.starts_with("./") || text.starts_with("../");
            if relative && path.exists() {
                *value = json!(path);
            }
        }
    }

    fn absolute_path(&self, node: &Node, json: &mut Value) {
        if let (Ok(Some(program)), Some(path)) = (self.program(node), json.get_mut("path")) {
            *path = json!(program);
        }
    }

    /// Sets the values for the node's stages.
    fn set(&self, node: &Node, settings: &Settings, json: &mut Value) {
        let models = ["cpu-infer", "trt-infer"].map(|kind| (kind, "MODEL"));
        let models = settings.model.iter().flat_map(|model| {
            let value = json!(model);
            models.map(|(kind, name)| (kind, name, value.clone()))
        });
        let values = settings.stages.iter();
        let values = values.map(|(kind, name, value)| (&**kind, &**name, json!(value)));
        for (kind, name, value) in models.chain(values) {
            for stage in self.variables(kind) {
                if stage.node().id == node.id {
                    if !json["env"].is_object() {
                        json["env"] = json!({});
                    }
                    json["env"][stage.own(name)] = value.clone();
                }
            }
        }
    }

    fn change(
        &self,
        kind: &str,
        sink: &Node,
        settings: &Settings,
        json: &mut Value,
    ) -> Result<(), CliError> {
        let mut set = |name: &str, value: Value| {
            if !json["env"].is_object() {
                json["env"] = json!({});
            }
            json["env"][name] = value;
        };
        match (kind, &settings.feed) {
            ("sink", _) => {
                set("OUT", json!(settings.out));
                set("SNAPSHOT_EVERY_MS", json!(0));
                // All that was found is in one file.
                set("SEGMENT_MIB", json!(0));
                set("SEGMENT_MINUTES", json!(0));
                set("TABLE_EVERY_MS", json!(0));
            }
            ("rtsp-source", Feed::Cameras(cameras)) => set("CAMERAS", json!(cameras)),
            ("file-source", Feed::Cameras(_)) => {
                return Err(CliError::new(
                    Exit::Configuration,
                    format!(
                        "graph '{}': it plays files, so it is measured with --pace fast",
                        self.path.display()
                    ),
                ));
            }
            (
                "rtsp-source" | "file-source",
                Feed::Files {
                    files,
                    window,
                    are_recorded,
                },
            ) => {
                let files: Vec<String> = files
                    .iter()
                    .map(|(id, path)| {
                        // Quotes keep commas together (docs/files.md).
                        let path = path.display().to_string().replace('"', "\"\"");
                        format!("{id}=\"{path}\"")
                    })
                    .collect();
                let done = inputs(sink).next().map(|(_, mapping)| {
                    json!({
                        "source": format!("{}/{}", mapping.source, mapping.output),
                        "queue_size": 1024,
                        "queue_policy": "backpressure",
                    })
                });
                json["env"] = json!({
                    "FILES": files.join(","),
                    "PACE": "fast",
                    "LOOP": i32::from(*are_recorded),
                    "TIMES": if *are_recorded { "recorded" } else { "played" },
                    "WINDOW": window,
                    "RETURN_TIMEOUT_MS": 30_000,
                });
                json["inputs"] = json!({ "done": done });
                let program = camweave_runner::places::sibling("file-source")?;
                json["path"] = json!(program);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Of a file every frame counts, and none is too old. Names in the root `env` are for those
/// stages that know them; what a node has in its own `env` stays, and so does what was declared for
/// the measurement.
fn patient(whole: &mut Value, window: u32, declared: &BTreeSet<String>) {
    if !whole["env"].is_object() {
        whole["env"] = json!({});
    }
    for (name, value) in [
        ("MAX_WAIT_MS", 60_000),
        ("QUEUE", window.max(32)),
        // What the source has under way, and what the decoder itself holds.
        ("SLOTS", window + 24),
        // So many of a large picture; what all cameras may have stays bounded.
        ("CAMERA_MB", 4096),
    ] {
        if !declared.contains(name) {
            whole["env"][name] = json!(value);
        }
    }
}

/// Optional fields that are not set are left out, as people would write it.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Variables;
    use super::*;

    #[test]
    fn a_model_and_values_reach_stages_in_nodes_of_their_own_and_in_fused_ones() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("graph.yml");
        let text = "\
nodes:
  - {id: source, path: bin/rtsp-source, outputs: [out]}
  - {id: all, path: bin/fused, inputs: {in: source/out}, outputs: [out], env: {STAGES: 'decode=nvdec,batcher,infer=trt-infer,gpu-nms'}}
  - {id: infer, path: bin/cpu-infer, inputs: {in: all/out}, outputs: [out]}
  - {id: sink, path: bin/sink, inputs: {in: infer/out}}
";
        std::fs::write(&path, text).expect("writable");
        let graph = Graph::read(&path, &Variables::new()).expect("a graph");
        let settings = Settings {
            feed: Feed::Cameras(PathBuf::from("/c.yml")),
            out: PathBuf::from("/out"),
            model: Some(PathBuf::from("/m.onnx")),
            stages: vec![("batcher".to_owned(), "MAX_BATCH".to_owned(), "4".to_owned())],
        };
        let derived = graph.derive(&settings).expect("a source and a sink");
        let derived: Value = serde_json::from_str(&derived).expect("JSON");
        let env = |index: usize| derived["nodes"][index]["env"].clone();
        assert_eq!(
            env(1),
            json!({
                "STAGES": "decode=nvdec,batcher,infer=trt-infer,gpu-nms",
                "INFER__MODEL": "/m.onnx",
                "BATCHER__MAX_BATCH": "4",
            })
        );
        assert_eq!(env(2), json!({"MODEL": "/m.onnx"}));
    }

    #[test]
    fn files_have_one_stream() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("graph.yml");
        let text = "\
nodes:
  - {id: record, path: bin/rtsp-source, outputs: [out], env: {STREAM: record}}
  - {id: source, path: bin/rtsp-source, outputs: [out], env: {STREAM: detect}}
  - {id: sink, path: bin/sink, inputs: {in: source/out}}
  - {id: recorder, path: bin/recorder, inputs: {units: {source: record/out, queue_size: 9}, again: record/out, detections: source/out}}
";
        std::fs::write(&path, text).expect("writable");
        let graph = Graph::read(&path, &Variables::new()).expect("a graph");
        let mut whole = serde_json::to_value(&graph.descriptor).expect("JSON");
        graph.with_one_stream(&mut whole);
        let nodes = whole["nodes"].as_array().expect("nodes").iter();
        let ids: Vec<_> = nodes
            .map(|it| it["id"].as_str().unwrap_or_default())
            .collect();
        assert_eq!(ids, ["source", "sink", "recorder"]);
        let inputs = &whole["nodes"][2]["inputs"];
        assert_eq!(inputs["units"]["source"], "source/out");
        assert!(!whole.to_string().contains("record/out"), "{whole}");
    }
}
