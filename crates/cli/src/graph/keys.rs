//! Misspelt keys of inputs, which dora passes over: it then connects them with its defaults.

use std::fs;
use std::path::Path;

use camweave_stage::similar;
use serde_json::Value;

/// The keys of an input that is written as a mapping.
const OF_AN_INPUT: [&str; 4] = ["source", "queue_size", "input_timeout", "queue_policy"];
/// Modules within modules, as deep as dora reads them.
const MOST_DEPTH: usize = 8;

/// The unknown keys in the inputs of a graph or module and of the modules in it, a line each.
pub(super) fn unknown_keys(text: &str, folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    look(text, folder, 0, &mut found);
    found
}

fn look(text: &str, folder: &Path, depth: usize, found: &mut Vec<String>) {
    // What is no YAML has been refused by dora's own reader.
    let Ok(whole) = serde_saphyr::from_str::<Value>(text) else {
        return;
    };
    let nodes = whole.get("nodes").and_then(Value::as_array);
    for node in nodes.into_iter().flatten() {
        let id = node.get("id").and_then(Value::as_str).unwrap_or("?");
        let inputs = node.get("inputs").and_then(Value::as_object);
        for (name, input) in inputs.into_iter().flatten() {
            let keys = input.as_object().into_iter().flatten();
            for (key, _) in keys.filter(|(key, _)| !OF_AN_INPUT.contains(&key.as_str())) {
                let meant = similar(key, &OF_AN_INPUT);
                let meant = meant.map_or_else(String::new, |it| format!("did you mean '{it}'? "));
                found.push(format!(
                    "node '{id}', input '{name}': unknown key '{key}': {meant}expected {}",
                    OF_AN_INPUT.join(", ")
                ));
            }
        }
        let module = node.get("module").and_then(Value::as_str);
        let module = module.map(|module| folder.join(module));
        if let Some(module) = module.filter(|_| depth < MOST_DEPTH)
            && let Ok(text) = fs::read_to_string(&module)
        {
            look(&text, module.parent().unwrap_or(folder), depth + 1, found);
        }
    }
}
