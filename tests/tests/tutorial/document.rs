//! What the tutorial has its reader type, and what it shows as the answer.
//!
//! Fenced blocks of `sh` are typed, a block of `text` after one is its output. A comment before a block says how it is
//! typed; readers of the page do not see it:
//!
//! - `<!-- test: in terminal NAME -->`: in a terminal of its own, where it goes on. The tutorial continues once what is
//!   shown is printed.
//! - `<!-- test: ctrl-c in terminal NAME -->`: no block follows.
//! - `<!-- test: until it succeeds -->`: again and again, as a reader would look once more.
//! - `<!-- test: exit code N -->`
//! - `<!-- test: not run: REASON -->`
//!
//! `<!-- test: exact -->` is before an output whose numbers are the same on every machine.

/// What the reader does next.
#[derive(Debug, PartialEq)]
pub enum Step {
    Type(Block),
    Interrupt { terminal: String },
}

/// A block of commands.
#[derive(Debug, PartialEq)]
pub struct Block {
    /// The line of its fence, from 1.
    pub line: usize,
    pub code: String,
    pub how: How,
    /// What is shown as its output.
    pub shown: Option<String>,
    /// Whether its numbers are those that are printed.
    pub is_exact: bool,
}

/// How a block is typed.
#[derive(Clone, Debug, PartialEq)]
pub enum How {
    Here { exit_code: i32 },
    UntilItSucceeds,
    InTerminal { name: String },
    NotRun { reason: String },
}

/// A comment for the test.
enum Note {
    How(How),
    Interrupt(String),
    Exact,
}

/// The steps of a document, in order.
///
/// # Panics
/// If the document cannot be read in this way, with the line.
pub fn steps(document: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let (mut how, mut is_exact) = (None, false);
    let mut lines = document.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let place = format!("line {}: '{line}'", index + 1);
        if let Some(text) = line.strip_prefix("<!-- test: ") {
            let text = text.strip_suffix(" -->");
            let text = text.unwrap_or_else(|| panic!("{place}: expected ' -->' at its end"));
            assert!(how.is_none(), "{place}: another comment is before it");
            match note(text).unwrap_or_else(|| panic!("{place}: unknown")) {
                Note::How(found) => how = Some(found),
                Note::Interrupt(terminal) => steps.push(Step::Interrupt { terminal }),
                Note::Exact => is_exact = true,
            }
        } else if let Some(language) = line.strip_prefix("```") {
            let block = lines.by_ref().map(|(_, line)| line);
            let code: Vec<_> = block.take_while(|line| *line != "```").collect();
            let code = code.join("\n");
            match language {
                "sh" => steps.push(Step::Type(Block {
                    line: index + 1,
                    code,
                    how: how.take().unwrap_or(How::Here { exit_code: 0 }),
                    shown: None,
                    is_exact: false,
                })),
                "text" => match steps.last_mut() {
                    Some(Step::Type(block)) if block.shown.is_none() => {
                        block.shown = Some(code);
                        block.is_exact = std::mem::take(&mut is_exact);
                    }
                    _ => panic!("{place}: expected commands before it"),
                },
                _ => {}
            }
        }
    }
    assert!(how.is_none(), "a comment is before no block: {how:?}");
    assert!(!is_exact, "'exact' is before no output");
    steps
}

fn note(text: &str) -> Option<Note> {
    if let Some(terminal) = text.strip_prefix("ctrl-c in terminal ") {
        return Some(Note::Interrupt(terminal.to_owned()));
    }
    if text == "exact" {
        return Some(Note::Exact);
    }
    if text == "until it succeeds" {
        return Some(Note::How(How::UntilItSucceeds));
    }
    if let Some(reason) = text.strip_prefix("not run: ") {
        let reason = reason.to_owned();
        return Some(Note::How(How::NotRun { reason }));
    }
    if let Some(code) = text.strip_prefix("exit code ") {
        let exit_code = code.parse().ok()?;
        return Some(Note::How(How::Here { exit_code }));
    }
    let name = text.strip_prefix("in terminal ")?.to_owned();
    Some(Note::How(How::InTerminal { name }))
}

#[test]
fn comments_say_how_blocks_are_typed() {
    let document = "\
# A tutorial
<!-- test: in terminal cameras -->
```sh
serve --now
```
```text
ready
```
Then:
```sh
look
```
<!-- test: exact -->
```text
seen
```
<!-- test: ctrl-c in terminal cameras -->
```yaml
not: typed
```
<!-- test: not run: it takes an hour -->
```sh
wait
```
";
    let block = |line, code: &str, how, shown: Option<&str>, is_exact| {
        let (code, shown) = (code.to_owned(), shown.map(str::to_owned));
        Step::Type(Block {
            line,
            code,
            how,
            shown,
            is_exact,
        })
    };
    let in_terminal = How::InTerminal {
        name: "cameras".to_owned(),
    };
    let not_run = How::NotRun {
        reason: "it takes an hour".to_owned(),
    };
    let expected = [
        block(3, "serve --now", in_terminal, Some("ready"), false),
        block(10, "look", How::Here { exit_code: 0 }, Some("seen"), true),
        Step::Interrupt {
            terminal: "cameras".to_owned(),
        },
        block(22, "wait", not_run, None, false),
    ];
    assert_eq!(steps(document), expected);
}

#[test]
#[should_panic(expected = "line 1: '<!-- test: sometimes -->': unknown")]
fn a_misspelt_comment_is_no_comment() {
    steps("<!-- test: sometimes -->\n```sh\ntrue\n```\n");
}
