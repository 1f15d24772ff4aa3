//! Weights in files beside a model.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::onnx::{GraphProto, TensorProto};
use crate::size::shown;

pub(crate) fn hex_digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// The SHA-256 of a model whose own file has `sha256`: that one, unless weights are in other files.
///
/// # Errors
/// In words that complete 'model ...: '.
pub(crate) fn digest(model: &Path, graph: &GraphProto, sha256: String) -> Result<String, String> {
    let mut names = BTreeSet::new();
    locations(graph, &mut names);
    if names.is_empty() {
        return Ok(sha256);
    }
    let folder = model.parent().unwrap_or(Path::new(""));
    let mut all = sha256;
    for name in names {
        let refuse = |why: String| {
            format!(
                "its weights are in '{}': {why}, expected that file beside it",
                shown(name)
            )
        };
        let is_beside = Path::new(name)
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !is_beside {
            return Err(refuse("a path that leaves the model's folder".to_owned()));
        }
        let path = folder.join(name);
        let digest = (|| -> std::io::Result<String> {
            if !std::fs::metadata(&path)?.is_file() {
                return Err(std::io::Error::other("no regular file"));
            }
            let mut digest = Sha256::new();
            let (mut file, mut piece) = (File::open(&path)?, vec![0; 1 << 20]);
            loop {
                let count = file.read(&mut piece)?;
                if count == 0 {
                    break;
                }
                digest.update(&piece[..count]);
            }
            Ok(HEXLOWER.encode(&digest.finalize()))
        })();
        all.push_str(&digest.map_err(|error| refuse(error.to_string()))?);
    }
    Ok(hex_digest(all.as_bytes()))
}

/// The files that weights of a graph, and of those within it, are in. Deeper graphs than a few have
/// been refused.
pub(crate) fn locations<'a>(graph: &'a GraphProto, names: &mut BTreeSet<&'a str>) {
    let mut add = |tensor: &'a TensorProto| {
        if tensor.data_location == TensorProto::EXTERNAL {
            let named = tensor.external_data.iter().find(|it| it.key == "location");
            names.extend(named.map(|it| it.value.as_str()));
        }
    };
    graph.initializer.iter().for_each(&mut add);
    let attributes = || graph.node.iter().flat_map(|node| &node.attribute);
    attributes().filter_map(|it| it.t.as_ref()).for_each(add);
    for inner in attributes().filter_map(|it| it.g.as_deref()) {
        locations(inner, names);
    }
}
