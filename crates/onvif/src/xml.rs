//! XML of strangers.

use std::borrow::Cow;

use roxmltree::{Document, ParsingOptions};

use crate::limits::TEXT_CHARACTERS;

pub(crate) type Node<'a, 'input> = roxmltree::Node<'a, 'input>;

/// Attributes of an element that are taken; gSOAP declares 50 to 80 namespaces in each envelope.
const ATTRIBUTES: usize = 256;
const DECLARATION: &str = "xmlns";

/// What of a document is taken. The parser compares each attribute with all others of its element,
/// and copies an element's namespaces for each child that declares one of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub nodes: u32,
    /// Namespaces that are declared, in all elements together.
    pub declarations: usize,
}

/// Why a document is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum XmlError {
    #[error("more than {0} namespaces are declared")]
    Declarations(usize),
    #[error("an element has more than {ATTRIBUTES} attributes")]
    Attributes,
    #[error(transparent)]
    Parse(#[from] roxmltree::Error),
}

/// Parses a document. One with a document type is refused: that is where entities are defined.
pub(crate) fn parse(text: &str, bounds: Bounds) -> Result<Document<'_>, XmlError> {
    if text.matches(DECLARATION).count() > bounds.declarations {
        return Err(XmlError::Declarations(bounds.declarations));
    }
    // Up to the next element, since a value may have a '>' in it.
    let has_many = |part: &str| part.bytes().filter(|it| *it == b'=').count() > ATTRIBUTES;
    if text.split('<').any(has_many) {
        return Err(XmlError::Attributes);
    }
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: bounds.nodes,
        ..ParsingOptions::default()
    };
    Ok(Document::parse_with_options(text.trim(), options)?)
}

/// The children of this name.
pub(crate) fn children<'a, 'input: 'a>(
    node: Node<'a, 'input>,
    name: &'a str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children()
        .filter(move |it| it.tag_name().name() == name)
}

/// The first one at the end of this path.
pub(crate) fn at<'a, 'input: 'a>(
    node: Node<'a, 'input>,
    path: &[&str],
) -> Option<Node<'a, 'input>> {
    path.iter().try_fold(node, |node, name| {
        node.children().find(|it| it.tag_name().name() == *name)
    })
}

/// The text at the end of this path, trimmed; `None`: empty, or too long to be used.
pub(crate) fn text<'a, 'input: 'a>(node: Node<'a, 'input>, path: &[&str]) -> Option<&'a str> {
    let text = at(node, path)?.text()?.trim();
    (!text.is_empty() && text.len() <= TEXT_CHARACTERS).then_some(text)
}

/// `text` as an element's content.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>']) {
        return Cow::Borrowed(text);
    }
    let text = text.replace('&', "&amp;");
    Cow::Owned(text.replace('<', "&lt;").replace('>', "&gt;"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn parse(text: &str, nodes: u32) -> Result<Document<'_>, XmlError> {
        let bounds = Bounds {
            nodes,
            declarations: 16,
        };
        super::parse(text, bounds)
    }

    #[test]
    fn what_costs_the_parser_much_is_refused_before() {
        let attributes = |count: usize| -> String {
            let all = (0..count).map(|it| format!(" a{it}='>'"));
            format!("<a><b{}/></a>", all.collect::<String>())
        };
        assert!(parse(&attributes(ATTRIBUTES), 100).is_ok());
        let many = attributes(ATTRIBUTES + 1);
        let error = parse(&many, 100);
        assert!(matches!(error, Err(XmlError::Attributes)), "{error:?}");
        let namespaces = |count: usize| format!("<a>{}</a>", "<b xmlns:z='u'/>".repeat(count));
        assert!(parse(&namespaces(16), 100).is_ok());
        let many = namespaces(17);
        let error = parse(&many, 100);
        assert!(
            matches!(error, Err(XmlError::Declarations(16))),
            "{error:?}"
        );
    }

    #[test]
    fn no_entity_is_expanded() {
        let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>";
        assert!(parse(bomb, 100).is_err());
        assert!(parse("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", 100).is_err());
        assert!(parse("<a>&b;</a>", 100).is_err());
        let document = parse("<a>&lt;&#x41;&amp;</a>", 100).expect("those of XML itself");
        assert_eq!(document.root_element().text(), Some("<A&"));
    }

    #[test]
    fn elements_are_bounded() {
        let many = format!("<a>{}</a>", "<b/>".repeat(200));
        assert!(parse(&many, 100).is_err());
        assert!(parse(&many, 1000).is_ok());
        let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
        assert!(parse(&deep, 1000).is_err());
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = "a<b&\"c\">'";
        let written = format!("<x>{}</x>", escaped(text));
        let document = parse(&written, 10).expect("well-formed");
        assert_eq!(document.root_element().text(), Some(text));
    }
}
