//! dora accepts sends on undeclared outputs and inputs that nobody writes; camweave does not.

use crate::StageError;

/// Checks a node's ports against what the stage has, and gives the name of its output.
///
/// A stage has one output. The graph names it, `out` by custom; inside a dora
/// module two nodes need two names, because a module's outputs are found by name.
///
/// # Errors
/// Names the port and what to write in the graph.
pub(crate) fn check(
    takes: Option<&str>,
    gives: Option<&str>,
    inputs: &[String],
    outputs: &[String],
) -> Result<String, StageError> {
    if let Some(schema) = takes
        && inputs.is_empty()
    {
        return Err(StageError::configuration(format!(
            "the node has no input, expected at least one of {schema} (inputs: {{in: <node>/out}})"
        )));
    }
    match (gives, outputs) {
        (Some(_), [output]) => Ok(output.clone()),
        (Some(schema), _) => Err(StageError::configuration(format!(
            "the node declares the outputs [{}], expected one ({schema}): write 'outputs: [out]'",
            outputs.join(", ")
        ))),
        (None, []) => Ok(String::new()),
        (None, [output, ..]) => Err(StageError::configuration(format!(
            "the node declares the output '{output}', expected none: it ends the graph"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn ports_are_checked() {
        let (takes, gives) = (Some("frames"), Some("heads"));
        assert_eq!(
            check(takes, gives, &names(&["in"]), &names(&["out"])),
            Ok("out".into())
        );
        assert_eq!(
            check(takes, gives, &names(&["a", "b"]), &names(&["heads"])),
            Ok("heads".into())
        );
        assert_eq!(check(takes, None, &names(&["in"]), &[]), Ok(String::new()));
        assert_eq!(check(None, gives, &[], &names(&["out"])), Ok("out".into()));
        for (inputs, outputs, word) in [
            (vec![], names(&["out"]), "no input"),
            (names(&["in"]), vec![], "outputs: [out]"),
            (names(&["in"]), names(&["out", "extra"]), "[out, extra]"),
        ] {
            let error = check(takes, gives, &inputs, &outputs)
                .expect_err("wrong ports")
                .message;
            assert!(error.contains(word), "{error}");
        }
        assert!(check(takes, None, &names(&["in"]), &names(&["out"])).is_err());
    }
}
