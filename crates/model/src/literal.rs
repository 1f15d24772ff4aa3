//! Python literals, with which Ultralytics writes its metadata (`str()`), and JSON.

use std::iter::Peekable;
use std::str::Chars;

/// A Python literal of the kinds that occur in a model's metadata.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Text(String),
    Integer(i64),
    Bool(bool),
    /// `None`, a float, a bare word: of no interest here.
    Other,
    /// A list or tuple.
    List(Vec<Literal>),
    Dict(Vec<(Literal, Literal)>),
}

/// Lists within lists, at most.
const MAX_DEPTH: usize = 8;

impl Literal {
    /// Parses one literal; `None` where `text` is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser {
            rest: text.chars().peekable(),
        };
        let value = parser.value(0)?;
        parser.skip_space();
        parser.rest.next().is_none().then_some(value)
    }
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
}

impl Parser<'_> {
    fn skip_space(&mut self) {
        while self.rest.next_if(|next| next.is_whitespace()).is_some() {}
    }

    fn value(&mut self, depth: usize) -> Option<Literal> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.skip_space();
        match *self.rest.peek()? {
            '{' => self.dict(depth),
            '[' => self.list(']', depth),
            '(' => self.list(')', depth),
            quote @ ('\'' | '"') => {
                self.rest.next();
                self.text(quote).map(Literal::Text)
            }
            _ => self.word(),
        }
    }

    fn list(&mut self, close: char, depth: usize) -> Option<Literal> {
        self.rest.next();
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if self.rest.next_if_eq(&close).is_some() {
                return Some(Literal::List(items));
            }
            items.push(self.value(depth + 1)?);
            self.separator(close)?;
        }
    }

    fn dict(&mut self, depth: usize) -> Option<Literal> {
        self.rest.next();
        let mut entries = Vec::new();
        loop {
            self.skip_space();
            if self.rest.next_if_eq(&'}').is_some() {
                return Some(Literal::Dict(entries));
            }
            let key = self.value(depth + 1)?;
            self.skip_space();
            self.rest.next_if_eq(&':')?;
            entries.push((key, self.value(depth + 1)?));
            self.separator('}')?;
        }
    }

    /// A comma, or nothing before the end.
    fn separator(&mut self, close: char) -> Option<()> {
        self.skip_space();
        if self.rest.next_if_eq(&',').is_some() || self.rest.peek() == Some(&close) {
            return Some(());
        }
        None
    }

    fn text(&mut self, quote: char) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.rest.next()? {
                '\\' => self.escape(&mut text)?,
                end if end == quote => return Some(text),
                other => text.push(other),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Option<()> {
        let escaped = match self.rest.next()? {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'x' => self.code(2)?,
            'u' => self.code_unit()?,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'U' => self.code(8)?,
            // JSON escapes slashes.
            same @ ('\\' | '\'' | '"' | '/') => same,
            // As in Python, a backslash before anything else is a backslash.
            other => {
                text.push('\\');
                other
            }
        };
        text.push(escaped);
        Some(())
    }

    fn code(&mut self, digits: usize) -> Option<char> {
        char::from_u32(self.number(digits)?)
    }

    fn number(&mut self, digits: usize) -> Option<u32> {
        let mut code = 0_u32;
        for _ in 0..digits {
            code = code.checked_mul(16)? + self.rest.next()?.to_digit(16)?;
        }
        Some(code)
    }

    /// Four digits; JSON writes a letter beyond the first 65,536 as two surrogates.
    fn code_unit(&mut self) -> Option<char> {
        let high = self.number(4)?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high);
        }
        self.rest.next_if_eq(&'\\')?;
        self.rest.next_if_eq(&'u')?;
        let low = self
            .number(4)?
            .checked_sub(0xdc00)
            .filter(|low| *low < 0x400)?;
        char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + low)
    }

    fn word(&mut self) -> Option<Literal> {
        let mut word = String::new();
        while let Some(next) = self
            .rest
            .next_if(|next| next.is_alphanumeric() || "+-._".contains(*next))
        {
            word.push(next);
        }
        Some(match word.as_str() {
            "" => return None,
            "True" | "true" => Literal::Bool(true),
            "False" | "false" => Literal::Bool(false),
            number => number.parse().map_or(Literal::Other, Literal::Integer),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_ultralytics_writes() {
        assert_eq!(
            Literal::parse(r#"{0: 'person', 1: "driver's seat", 7: 'caf\xe9 \u26f5'}"#),
            Some(Literal::Dict(vec![
                (Literal::Integer(0), Literal::Text("person".to_owned())),
                (
                    Literal::Integer(1),
                    Literal::Text("driver's seat".to_owned())
                ),
                (
                    Literal::Integer(7),
                    Literal::Text("caf\u{e9} \u{26f5}".to_owned())
                ),
            ]))
        );
        let size = Literal::List(vec![Literal::Integer(640), Literal::Integer(352)]);
        assert_eq!(Literal::parse("[640, 352]"), Some(size.clone()));
        assert_eq!(Literal::parse("(640, 352,)"), Some(size));
        assert_eq!(Literal::parse(" 32 "), Some(Literal::Integer(32)));
        assert_eq!(Literal::parse("False"), Some(Literal::Bool(false)));
        assert_eq!(Literal::parse("None"), Some(Literal::Other));
        assert_eq!(Literal::parse("{}"), Some(Literal::Dict(Vec::new())));
    }

    #[test]
    fn what_is_not_a_literal() {
        let deep = "[".repeat(100_000);
        for text in [
            "",
            "{0 'a'}",
            "{0: 'a'",
            "'a",
            "[1 2]",
            "[1]]",
            "'\\x9'",
            "'\\ud800'",
            &deep,
        ] {
            assert_eq!(Literal::parse(text), None, "{text:.20}");
        }
    }

    /// Python's `repr` of a string.
    fn repr(text: &str) -> String {
        let quote = if text.contains('\'') && !text.contains('"') {
            '"'
        } else {
            '\''
        };
        let mut out = String::from(quote);
        for letter in text.chars() {
            match letter {
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                letter if letter == quote => {
                    out.push('\\');
                    out.push(quote);
                }
                letter if letter.is_control() && u32::from(letter) < 256 => {
                    out.push_str(&format!("\\x{:02x}", u32::from(letter)));
                }
                letter => out.push(letter),
            }
        }
        out.push(quote);
        out
    }

    proptest! {
        #[test]
        fn names_survive(names in proptest::collection::vec(any::<String>(), 0..20)) {
            let entries: Vec<_> =
                names.iter().enumerate().map(|(id, name)| format!("{id}: {}", repr(name))).collect();
            let expected = (0..).zip(names).map(|(id, name)| (Literal::Integer(id), Literal::Text(name)));
            prop_assert_eq!(
                Literal::parse(&format!("{{{}}}", entries.join(", "))),
                Some(Literal::Dict(expected.collect()))
            );
        }

        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = Literal::parse(&text);
        }
    }
}
