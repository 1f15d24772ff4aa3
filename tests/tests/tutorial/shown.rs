//! Whether a program printed what the tutorial shows.

/// The first line of `shown` that is not in `output`, after the lines before it.
///
/// Numbers may be others unless it `is_exact`, blanks may be more or fewer, and `...` stands for any text; a line of it
/// for any lines. Lines between those that are shown may be left out.
pub fn first_missing<'a>(shown: &'a str, output: &str, is_exact: bool) -> Option<&'a str> {
    let normalized = if is_exact {
        single_blanks
    } else {
        without_numbers
    };
    let mut printed = output.lines().map(normalized);
    shown
        .lines()
        .filter(|line| !matches!(line.trim(), "" | "..."))
        .find(|line| {
            let line = normalized(line);
            !printed.any(|printed| is_like(&line, &printed))
        })
}

fn single_blanks(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A line with `#` in place of each number, and single blanks. Digits of a word (`cam1`, `h264`) are no number.
fn without_numbers(line: &str) -> String {
    let line = single_blanks(line);
    let mut result = String::new();
    let mut rest = line.as_str();
    while let Some(first) = rest.chars().next() {
        let is_in_word = result.ends_with(char::is_alphanumeric);
        let length = match number(rest) {
            0 => first.len_utf8(),
            length => length,
        };
        let (part, after) = rest.split_at(length);
        let is_number = first.is_ascii_digit() && !is_in_word;
        result.push_str(if is_number { "#" } else { part });
        rest = after;
    }
    result
}

/// The bytes of the number that a text begins with: digits, with points and commas between them.
fn number(text: &str) -> usize {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut length = digits(text);
    while length > 0 && text[length..].starts_with(['.', ',']) {
        match digits(&text[length + 1..]) {
            0 => break,
            more => length += 1 + more,
        }
    }
    length
}

/// Whether a line is as shown, where `...` stands for any text.
fn is_like(shown: &str, printed: &str) -> bool {
    let Some((first, rest)) = shown.split_once("...") else {
        return shown == printed;
    };
    let Some(mut printed) = printed.strip_prefix(first) else {
        return false;
    };
    let (between, last) = rest.rsplit_once("...").unwrap_or(("", rest));
    for part in between.split("...") {
        match printed.split_once(part) {
            Some((_, after)) => printed = after,
            None => return false,
        }
    }
    printed.ends_with(last)
}

#[test]
fn numbers_blanks_and_omitted_lines_may_differ() {
    let output = "camera   sent    fps\ncam1      240    8.1\nother\ncam2      240   10.0  x\nall 480.\nall 480, 3\n";
    for shown in [
        "camera sent fps\ncam1 17 1,024.5",
        "camera sent fps\n...\ncam2 1 1 x",
        "cam1 ... 5.3\ncam2 ... x\nall 3.",
        "c...a sent ...s",
        "all 1,...",
    ] {
        assert_eq!(first_missing(shown, output, false), None, "{shown}");
    }
    for (shown, missing) in [
        ("camera sent fps\ncam3 1 1", "cam3 1 1"),
        ("cam2 1 1 x\ncam1 1 1", "cam1 1 1"),
        ("cam1 1 1\ncam1 1 1", "cam1 1 1"),
        ("cam1 ... y", "cam1 ... y"),
        ("cam1 many 1", "cam1 many 1"),
    ] {
        assert_eq!(
            first_missing(shown, output, false),
            Some(missing),
            "{shown}"
        );
    }
}

#[test]
fn numbers_are_compared_where_they_are_exact() {
    let output = "which has  3 cameras\nother\n\"batch_at_most\": \"16\",\n";
    for (shown, missing) in [
        ("which has 3 cameras\n...", None),
        ("... 3 cameras", None),
        ("which has 4 cameras", Some("which has 4 cameras")),
        (
            "\"batch_at_most\": \"1\",",
            Some("\"batch_at_most\": \"1\","),
        ),
    ] {
        assert_eq!(first_missing(shown, output, true), missing, "{shown}");
    }
}
