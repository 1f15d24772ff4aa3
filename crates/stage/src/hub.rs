//! A stage's manifest for dora's hub (`dora-node.yml`).

use std::fmt::Write as _;

use crate::{Description, SettingKind};

/// The namespace of camweave's nodes and types.
const NAMESPACE: &str = "camweave";

impl Description {
    /// The text of the node's `dora-node.yml`, which `dora validate --node-manifest` accepts. A node
    /// that runs other stages has none: what it takes and gives is not known before.
    #[must_use]
    pub fn hub_manifest(&self) -> String {
        let mut text = format!(
            "# Made of `{kind} --describe`; nodes/fused/tests/documents.rs writes it.\n\
             apiVersion: 1\nname: camweave-{kind}\nnamespace: {NAMESPACE}\ndescription: {about}\n\
             keywords: [video, cameras, rtsp, detection, tracking]\nruntime: rust\n\
             entrypoint: target/release/{kind}\n\
             build: cargo build --release -p {package}\n\
             platforms: [linux-x86_64, linux-aarch64]\ndora: \">=1.1\"\n",
            kind = self.kind,
            about = quoted(&self.about),
            package = self.package(),
        );
        // Writing to a string does not fail.
        let mut port = |title: &str, name: &str, schema: &Option<String>, more: &str| match schema {
            Some(schema) => {
                let _ = writeln!(text, "{title}:\n  {name}:\n    type: {}{more}", urn(schema));
            }
            None => {
                let _ = writeln!(text, "{title}: {{}}");
            }
        };
        let optional = if self.input_is_optional {
            "\n    required: false"
        } else {
            ""
        };
        let mut more = String::new();
        for (index, schema) in self.input_also.iter().enumerate() {
            // Ports have names; of the graph's inputs any name may have any of the types.
            let number = if index == 0 {
                String::new()
            } else {
                (index + 1).to_string()
            };
            let _ = write!(more, "\n  also{number}:\n    type: {}", urn(schema));
        }
        more += optional;
        port("inputs", "in", &self.input, &more);
        port("outputs", "out", &self.output, "");
        text += if self.settings.is_empty() {
            "env: {}\n"
        } else {
            "env:\n"
        };
        for setting in &self.settings {
            let of = match &setting.kind {
                SettingKind::Integer => "int",
                SettingKind::Number => "float",
                SettingKind::Text | SettingKind::OneOf(_) => "string",
            };
            let _ = writeln!(text, "  {}:\n    type: {of}", setting.name);
            if let Some(default) = &setting.default {
                let default = if of == "string" {
                    quoted(default)
                } else {
                    default.clone()
                };
                let _ = writeln!(text, "    default: {default}");
            }
            let help = match setting.range() {
                Some(range) => format!("{} ({range})", setting.help),
                None => setting.help.clone(),
            };
            let _ = writeln!(text, "    description: {}", quoted(&help));
        }
        let schemas = self
            .input
            .iter()
            .chain(&self.input_also)
            .chain(&self.output);
        let mut types: Vec<String> = schemas.map(|schema| urn(schema)).collect();
        types.sort();
        types.dedup();
        text += if types.is_empty() {
            "types: {}\n"
        } else {
            "types:\n"
        };
        for of in types {
            let about = "a struct array with one row per access unit, frame, output, frame of detections or event (docs/messages.md)";
            let _ = writeln!(
                text,
                "  {of}:\n    arrow: Struct\n    description: {}",
                quoted(about)
            );
        }
        text
    }

    /// The package that has the program.
    fn package(&self) -> String {
        // Library crates have the shorter names.
        let more = match &*self.kind {
            "nvdec" | "metrics" => "-node",
            _ => "",
        };
        format!("camweave-{}{more}", self.kind)
    }
}

/// `camweave.frames/1` as dora names types: `camweave/rows/v1/Frames`.
fn urn(schema: &str) -> String {
    let (name, version) = schema.rsplit_once('/').unwrap_or((schema, "1"));
    let name = name.rsplit('.').next().unwrap_or(name);
    let mut letters = name.chars();
    let first = letters.next().map(|it| it.to_uppercase().to_string());
    format!(
        "{NAMESPACE}/rows/v{version}/{}{}",
        first.unwrap_or_default(),
        letters.as_str()
    )
}

/// A text as YAML reads it whatever is in it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
