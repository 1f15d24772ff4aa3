//! The description of a program, for people and for programs.

use std::fmt::Write as _;

use camweave_message::Row as _;
use serde::{Deserialize, Serialize};

use crate::drop_reason;
use crate::settings::{Setting, described};
use crate::stage::schemas;
use crate::{Declared, DropReason, Fact, Settings, Stage, StageError, common_env};

/// What `--describe` prints, as JSON.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Description {
    /// The kind of stage, which is also its program's name.
    pub kind: String,
    /// What it does, in a sentence.
    pub about: String,
    /// The program's version.
    pub version: String,
    /// The schema of the rows that come in, such as `camweave.frames/1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The schemas of other rows that may come in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_also: Vec<String>,
    /// Whether it can do without them.
    #[serde(default)]
    pub input_is_optional: bool,
    /// The schema of the rows that go out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Its variables, in the order of the documentation.
    pub settings: Vec<Setting>,
    /// Why it drops frames.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drop_reasons: Vec<Described>,
    /// What it says of itself in its report and in `summary.json`; `<camera>` in a name is a camera's
    /// id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Described>,
    /// The stages that it can run, where it runs others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Self>,
}

/// A name in reports.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Described {
    /// The name.
    pub name: String,
    /// What it means.
    pub help: String,
}

impl From<DropReason> for Described {
    fn from(DropReason { name, help }: DropReason) -> Self {
        let (name, help) = (name.to_owned(), help.to_owned());
        Self { name, help }
    }
}

impl From<Fact> for Described {
    fn from(Fact { name, help }: Fact) -> Self {
        let (name, help) = (name.to_owned(), help.to_owned());
        Self { name, help }
    }
}

impl Description {
    /// Of the stage `S`.
    #[must_use]
    pub fn of<S: Stage>() -> Self {
        let [input, output] = schemas::<S>().map(|schema| schema.map(str::to_owned));
        Self {
            kind: S::KIND.to_owned(),
            about: S::ABOUT.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            input,
            input_also: S::In::ALSO.iter().map(|&it| it.to_owned()).collect(),
            input_is_optional: S::OPTIONAL_INPUT,
            output,
            settings: described::<S::Settings>(),
            drop_reasons: drops::<S>(),
            attributes: S::FACTS.iter().copied().map(Described::from).collect(),
            stages: Vec::new(),
        }
    }

    /// The text of `--help`.
    #[must_use]
    pub fn help(&self) -> String {
        let port = |schema: &Option<String>| schema.clone().unwrap_or_else(|| "none".to_owned());
        let mut text = format!(
            "{}\n\n{}\n\nA node of a dora dataflow: set it as 'path' of a node and run the graph.\n\
             '{} --describe' prints the same, and why frames are dropped, as JSON.\n",
            self.kind, self.about, self.kind
        );
        // Writing to a string does not fail.
        if self.stages.is_empty() {
            let (input, output) = (port(&self.input), port(&self.output));
            let also = self.input_also.iter().map(|it| format!(" and {it}"));
            let input = input + &also.collect::<String>();
            let _ = write!(text, "\nInput:  {input}\nOutput: {output}\n");
        }
        text += "\nSettings (the node's 'env:' in the graph, or the graph's root 'env:'):\n";
        let names = self.settings.iter().map(|setting| setting.name.len());
        let width = names.max().unwrap_or(0);
        for setting in &self.settings {
            // Backticks are for the documents.
            let (name, help) = (&setting.name, setting.help.replace('`', ""));
            let _ = writeln!(text, "  {name:<width$}  {help} ({})", setting.accepted());
        }
        if !self.stages.is_empty() {
            text += "\nA stage's own setting is '<STAGE>__<NAME>', such as CPU_INFER__THREADS; without a prefix\n\
                     it goes to all stages that know it.\n\nStages:\n";
        }
        for stage in &self.stages {
            let (input, output) = (port(&stage.input), port(&stage.output));
            let _ = writeln!(text, "  {:<12} {input} -> {output}", stage.kind);
            let names: Vec<&str> = stage.settings.iter().map(|it| &*it.name).collect();
            let _ = writeln!(text, "  {:<12}   {}", "", names.join(", "));
        }
        text + &common_env::help()
    }

    /// Why frames are dropped, as a table in Markdown, for the documents.
    #[must_use]
    pub fn drops_table(&self) -> String {
        table("reason", &self.drop_reasons)
    }

    /// What it says of itself, as a table in Markdown, for the documents.
    #[must_use]
    pub fn facts_table(&self) -> String {
        table("fact", &self.attributes)
    }

    /// The settings as a table in Markdown, for the documents.
    #[must_use]
    pub fn settings_table(&self) -> String {
        let mut text = "| name | default | accepted | means |\n|---|---|---|---|\n".to_owned();
        for setting in &self.settings {
            let default = match (&setting.default, setting.required) {
                (Some(default), _) => format!("`{default}`"),
                (None, true) => "required".to_owned(),
                (None, false) => String::new(),
            };
            let accepted = setting.range().unwrap_or_default();
            let help = setting.help.replace('|', "\\|");
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "| `{}` | {default} | {accepted} | {help} |",
                setting.name
            );
        }
        text
    }
}

/// A stage's own reasons, and those of all.
fn drops<S: Stage>() -> Vec<Described> {
    let [takes, gives] = schemas::<S>().map(|schema| schema.is_some());
    // What comes back to a source is not counted again.
    let takes = takes && !S::OPTIONAL_INPUT;
    let own = S::DROPS.iter().copied();
    let common = drop_reason::common(takes, gives);
    let common = common.filter(|it| !S::DROPS.iter().any(|own| own.name == it.name));
    own.chain(common).map(Described::from).collect()
}

fn table(head: &str, rows: &[Described]) -> String {
    let mut text = format!("| {head} | means |\n|---|---|\n");
    for Described { name, help } in rows {
        // Writing to a string does not fail.
        let _ = writeln!(text, "| `{name}` | {help} |");
    }
    text
}

/// What a program is asked on its command line, in place of being a node.
pub(crate) enum Question {
    /// None: it is to be a node.
    None,
    /// Answered, with this text.
    Text(String),
    /// Whether it takes these variables.
    Check(Declared, CheckDepth),
}

/// What is checked before anything runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckDepth {
    /// The settings, but not the files that they name: a measurement sets others.
    Settings,
    /// The files, too.
    Files,
}

impl CheckDepth {
    /// The argument that asks a node's program for it, before the names of variables.
    #[must_use]
    pub fn argument(self) -> &'static str {
        match self {
            Self::Settings => "--check",
            Self::Files => "--check-files",
        }
    }
}

/// Reads the command line.
pub(crate) fn question(
    kind: &str,
    describe: impl FnOnce() -> Description,
) -> Result<Question, StageError> {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    let first = first.map(|first| first.to_string_lossy().into_owned());
    Ok(match first.as_deref() {
        None => Question::None,
        Some("--version" | "-V") => {
            Question::Text(format!("{kind} {}\n", env!("CARGO_PKG_VERSION")))
        }
        Some("--help" | "-h") => Question::Text(describe().help()),
        Some("--describe") => {
            let text = serde_json::to_string_pretty(&describe())
                .map_err(|error| StageError::internal(error.to_string()))?;
            Question::Text(text + "\n")
        }
        Some("--check") => {
            Question::Check(Declared::of_arguments(arguments)?, CheckDepth::Settings)
        }
        Some("--check-files") => {
            Question::Check(Declared::of_arguments(arguments)?, CheckDepth::Files)
        }
        Some(other) => {
            return Err(StageError::configuration(format!(
                "unexpected argument '{other}', expected --help, --describe, --check, --check-files, --version or none"
            )));
        }
    })
}

/// Whether the stage `S` takes these variables.
pub(crate) fn check<S: Stage>(declared: &Declared, depth: CheckDepth) -> Result<(), StageError> {
    let settings = S::Settings::read(declared)?;
    match depth {
        CheckDepth::Settings => Ok(()),
        CheckDepth::Files => settings.check_files(),
    }
}
