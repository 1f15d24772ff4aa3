//! Where in the text of a `cameras.yml` its cameras and their fields are.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_saphyr::granit_parser::{Event, Options, Parser, Span, StructureStyle, options};

/// A value without its place, as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plain {
    Text(String),
    Many(Vec<Plain>),
    Alias(usize),
}

/// The cameras, as they are compared: fields by name.
pub(super) type Model = Vec<BTreeMap<String, Plain>>;

/// A field of a camera.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub name: String,
    pub key: Range<usize>,
    /// With its anchor and tag.
    pub value: Range<usize>,
    pub plain: Plain,
}

/// A camera.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// From its first field, anchor or brace to the end of its last field or its brace.
    pub range: Range<usize>,
    /// Between braces.
    pub in_flow: bool,
    pub fields: Vec<Field>,
}

impl Item {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub fn id(&self) -> Option<&str> {
        match &self.field("id")?.plain {
            Plain::Text(id) => Some(id),
            _ => None,
        }
    }
}

/// All of it.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Where the word `cameras` ends.
    pub key_end: usize,
    /// The list stands between brackets.
    pub in_flow: bool,
    pub items: Vec<Item>,
}

impl Layout {
    /// Reads the places; `None`: it is no `cameras.yml`.
    pub fn read(text: &str) -> Option<Self> {
        let mut nodes = Nodes::new(text);
        let Node { kind, .. } = nodes.next()?;
        let Kind::Map { pairs, .. } = kind else {
            return None;
        };
        let [(key, list)] = <[_; 1]>::try_from(pairs).ok()?;
        let (in_flow, nodes) = match list.kind {
            Kind::Sequence { in_flow, items } => (in_flow, items),
            Kind::Scalar(_) if list.range.is_empty() => (false, Vec::new()),
            _ => return None,
        };
        Some(Self {
            key_end: key.range.end,
            in_flow,
            items: nodes.into_iter().map(item).collect::<Option<_>>()?,
        })
    }

    pub fn find(&self, id: &str) -> Option<usize> {
        self.items.iter().position(|item| item.id() == Some(id))
    }

    pub fn ids(&self) -> Vec<&str> {
        self.items.iter().filter_map(Item::id).collect()
    }

    pub fn model(&self) -> Model {
        let fields = |item: &Item| {
            let fields = item.fields.iter();
            fields
                .map(|field| (field.name.clone(), field.plain.clone()))
                .collect()
        };
        self.items.iter().map(fields).collect()
    }
}

/// What a value in one line says; `None`: it is no value, or more than one.
pub(super) fn plain(text: &str) -> Option<Plain> {
    let mut nodes = Nodes::new(text);
    let node = nodes.next()?;
    matches!(node.kind, Kind::Sequence { in_flow: true, .. }).then_some(())?;
    (node.range == (0..text.len())).then(|| node.plain())
}

fn item(node: Node) -> Option<Item> {
    let Kind::Map { in_flow, pairs } = node.kind else {
        return None;
    };
    let field = |(key, value): (Node, Node)| {
        let Kind::Scalar(name) = key.kind else {
            return None;
        };
        Some(Field {
            name,
            key: key.range,
            value: value.range.clone(),
            plain: value.plain(),
        })
    };
    Some(Item {
        range: node.range,
        in_flow,
        fields: pairs.into_iter().map(field).collect::<Option<_>>()?,
    })
}

struct Node {
    range: Range<usize>,
    kind: Kind,
}

enum Kind {
    Scalar(String),
    Alias(usize),
    Sequence {
        in_flow: bool,
        items: Vec<Node>,
    },
    Map {
        in_flow: bool,
        pairs: Vec<(Node, Node)>,
    },
}

impl Node {
    fn plain(&self) -> Plain {
        match &self.kind {
            Kind::Scalar(text) => Plain::Text(text.clone()),
            Kind::Alias(anchor) => Plain::Alias(*anchor),
            Kind::Sequence { items, .. } => Plain::Many(items.iter().map(Self::plain).collect()),
            Kind::Map { pairs, .. } => {
                let both = pairs.iter().flat_map(|(key, value)| [key, value]);
                Plain::Many(both.map(Self::plain).collect())
            }
        }
    }
}

/// The nodes of the first document.
struct Nodes<'a> {
    text: &'a str,
    events: std::iter::Peekable<std::vec::IntoIter<(Event<'a>, Span)>>,
}

impl<'a> Nodes<'a> {
    fn new(text: &'a str) -> Self {
        let options: Options = options! {
            emit_comments: false,
            emit_anchor_events: true,
        };
        let parser = Parser::new_from_str_with_options(text, options);
        // What cannot be parsed ends the list, and the node that lacks its end is none.
        let events: Vec<_> = parser.map_while(Result::ok).collect();
        Self {
            text,
            events: events.into_iter().peekable(),
        }
    }

    fn next(&mut self) -> Option<Node> {
        loop {
            let (event, span) = self.events.next()?;
            let range = span.byte_range()?;
            let start = self.start(&span)?;
            return Some(match event {
                Event::Scalar(text, ..) => Node {
                    range: self.trimmed(start, range),
                    kind: Kind::Scalar(text.into_owned()),
                },
                Event::Alias(anchor) => Node {
                    range: start..range.end,
                    kind: Kind::Alias(anchor),
                },
                Event::SequenceStart(style, ..) => {
                    let mut items = Vec::new();
                    while !matches!(self.events.peek()?.0, Event::SequenceEnd) {
                        items.push(self.next()?);
                    }
                    let last = items.last().map(|it: &Node| it.range.end);
                    let end = self.end(style, last)?;
                    let in_flow = style == StructureStyle::Flow;
                    Node {
                        range: start..end,
                        kind: Kind::Sequence { in_flow, items },
                    }
                }
                Event::MappingStart(style, ..) => {
                    let mut pairs = Vec::new();
                    while !matches!(self.events.peek()?.0, Event::MappingEnd) {
                        pairs.push((self.next()?, self.next()?));
                    }
                    let last = pairs.last().map(|(_, it): &(Node, Node)| it.range.end);
                    let end = self.end(style, last)?;
                    let in_flow = style == StructureStyle::Flow;
                    Node {
                        range: start..end,
                        kind: Kind::Map { in_flow, pairs },
                    }
                }
                Event::SequenceEnd | Event::MappingEnd | Event::StreamEnd => return None,
                _ => continue,
            });
        }
    }

    /// Where a node begins, with its tag and its anchor, whose event follows.
    fn start(&mut self, span: &Span) -> Option<usize> {
        let mut start = span.start.byte_offset()?;
        if let Some(tag) = span.tag_start() {
            start = start.min(tag.byte_offset()?);
        }
        if let Some((Event::Anchor(..), anchor)) = self.events.peek() {
            start = start.min(anchor.start.byte_offset()?);
            self.events.next();
        }
        Some(start)
    }

    /// Takes the end of a collection: its bracket, or what its last node ends with.
    fn end(&mut self, style: StructureStyle, last: Option<usize>) -> Option<usize> {
        let (_, span) = self.events.next()?;
        match style {
            StructureStyle::Flow => span.end.byte_offset(),
            StructureStyle::Block => last.or_else(|| span.start.byte_offset()),
        }
    }

    /// Without what follows the text of a scalar.
    fn trimmed(&self, start: usize, range: Range<usize>) -> Range<usize> {
        let text = self.text.get(range.clone()).unwrap_or_default();
        let end = range.start + text.trim_end().len();
        start..end.max(start)
    }
}
