//! The variables of a graph's stages, as they will reach them.

use camweave_stage::{Declared, Setting, fused};
use dora_core::descriptor::Node;

use super::{Graph, Kind};

/// The stage of a node, or one of several in a fused node.
#[derive(Clone)]
pub struct StageVariables<'a> {
    graph: &'a Graph,
    node: &'a Node,
    /// The stage's name within a fused node.
    seat: Option<String>,
}

impl Graph {
    /// The kinds of stages in a node: several in a fused one, none in somebody else's.
    pub fn kinds_in(&self, node: &Node) -> Vec<String> {
        match self.kind(node) {
            Kind::Stage("fused") => {
                let all = StageVariables {
                    graph: self,
                    node,
                    seat: None,
                };
                let list = all.get("STAGES").unwrap_or_default();
                fused::listed(&list)
                    .map(|(_, kind)| kind.to_owned())
                    .collect()
            }
            Kind::Stage(kind) => vec![kind.to_owned()],
            Kind::Other => Vec::new(),
        }
    }

    /// The stages of one kind, also those in fused nodes.
    pub fn variables(&self, kind: &str) -> Vec<StageVariables<'_>> {
        let mut found = Vec::new();
        for node in &self.descriptor.nodes {
            let of = |seat| StageVariables {
                graph: self,
                node,
                seat,
            };
            match self.kind(node) {
                Kind::Stage("fused") => {
                    let list = of(None).get("STAGES").unwrap_or_default();
                    let seats = fused::listed(&list).filter(|(_, its)| *its == kind);
                    found.extend(seats.map(|(name, _)| of(Some(name.to_owned()))));
                }
                Kind::Stage(its) if its == kind => found.push(of(None)),
                _ => {}
            }
        }
        found
    }
}

impl StageVariables<'_> {
    /// For people: the node, and the stage in it.
    pub fn name(&self) -> String {
        match &self.seat {
            Some(seat) => format!("{}.{seat}", self.node.id),
            None => self.node.id.to_string(),
        }
    }

    /// The node that has the stage.
    pub fn node(&self) -> &Node {
        self.node
    }

    /// What a variable is called in the node's environment for this stage alone.
    pub fn own(&self, name: &str) -> String {
        match &self.seat {
            Some(seat) => fused::own_variable(seat, name),
            None => name.to_owned(),
        }
    }

    /// A variable's value: the stage's own, else the node's, else the graph's.
    pub fn get(&self, name: &str) -> Option<String> {
        let own = self.of_node(&self.own(name));
        let own = own.filter(|text| !text.trim().is_empty());
        own.or_else(|| self.of_node(name))
    }

    fn of_node(&self, name: &str) -> Option<String> {
        let node = self.node.env.as_ref().and_then(|env| env.get(name));
        let graph = self.graph.descriptor.env.as_ref();
        let given = node.or_else(|| graph.and_then(|env| env.get(name)));
        given.map(ToString::to_string)
    }

    /// What the graph declares of these settings.
    pub fn declared(&self, settings: &[Setting]) -> Declared {
        let pair = |setting: &Setting| Some((setting.name.clone(), self.get(&setting.name)?));
        Declared::of(settings.iter().filter_map(pair))
    }

    /// A path, as seen from the graph's folder.
    pub fn path(&self, name: &str) -> Option<String> {
        let path = self.graph.folder().join(self.get(name)?);
        Some(path.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::Variables;
    use super::*;

    #[test]
    fn a_stages_own_value_wins_over_the_nodes_and_that_over_the_graphs() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("graph.yml");
        let text = "\
env: {MODEL: models/a.onnx, MAX_BATCH: 8, LEVEL: 1}
nodes:
  - {id: one, path: bin/trt-infer, env: {MAX_BATCH: 16}}
  - id: all
    path: bin/fused
    env: {STAGES: 'decode=nvdec, infer = trt-infer,gpu-nms', MAX_BATCH: 4, INFER__MAX_BATCH: 2, INFER__LEVEL: ''}
  - {id: other, path: bin/fused, env: {STAGES: 'batcher,cpu-infer'}}
";
        fs::write(&path, text).expect("writable");
        let graph = Graph::read(&path, &Variables::new()).expect("a graph");
        let stages = graph.variables("trt-infer");
        let names: Vec<String> = stages.iter().map(StageVariables::name).collect();
        assert_eq!(names, ["one", "all.infer"]);
        let values = |name: &str| -> Vec<Option<String>> {
            stages.iter().map(|stage| stage.get(name)).collect()
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(values("MAX_BATCH"), [some("16"), some("2")]);
        // One that is empty is not set.
        assert_eq!(values("LEVEL"), [some("1"), some("1")]);
        assert_eq!(values("NOWHERE_TO_BE_FOUND"), [None, None]);
        let model = stages[0].path("MODEL").expect("the graph says it");
        let folder = graph.folder().join("models/a.onnx");
        assert_eq!(model, folder.display().to_string());
        assert!(graph.variables("cpu-nms").is_empty());
        assert_eq!(graph.variables("cpu-infer").len(), 1);
    }
}
