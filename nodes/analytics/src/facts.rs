//! What the stage says of itself.

use camweave_stage::Fact;

pub(crate) const RULES_FILE: Fact = Fact {
    name: "rules_file",
    help: "`valid`, or `refused: ` and why the file as it is now cannot be used: the rules are those that it had before",
};

pub(crate) const FACTS: &[Fact] = &[RULES_FILE];
