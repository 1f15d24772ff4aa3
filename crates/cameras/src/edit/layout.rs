//! Where in the text of a `cameras.yml` its cameras and their fields are.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_saphyr::granit_parser::{Event, Options, Parser, Span, StructureStyle, options};

/// A value without its place, as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plain {
    Text(String),
    Many(Vec<Plain>),
    /// What aliases refer to by this number.
    Anchored(usize, Box<Plain>),
    Alias(usize),
}

impl Plain {
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Anchored(_, value) => value.text(),
            Self::Many(_) | Self::Alias(_) => None,
        }
    }

    /// As a person would type it; `None`: it refers to another place.
    pub fn typed(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Anchored(_, value) => value.typed(),
            Self::Many(values) => {
                let values: Option<Vec<_>> = values.iter().map(Self::typed).collect();
                Some(format!("[{}]", values?.join(", ")))
            }
            Self::Alias(_) => None,
        }
    }

    /// Whether this is so of any text in it.
    pub fn any_text(&self, is: impl Fn(&str) -> bool + Copy) -> bool {
        match self {
            Self::Text(text) => is(text),
            Self::Anchored(_, value) => value.any_text(is),
            Self::Many(values) => values.iter().any(|it| it.any_text(is)),
            Self::Alias(_) => false,
        }
    }

    /// Which anchors it refers to.
    fn aliases(&self, found: &mut BTreeSet<usize>) {
        match self {
            Self::Text(_) => {}
            Self::Many(values) => values.iter().for_each(|it| it.aliases(found)),
            Self::Anchored(_, value) => value.aliases(found),
            Self::Alias(anchor) => {
                found.insert(*anchor);
            }
        }
    }

    fn has_anchors(&self) -> bool {
        match self {
            Self::Text(_) => false,
            Self::Many(values) => values.iter().any(Self::has_anchors),
            Self::Anchored(..) | Self::Alias(_) => true,
        }
    }

    /// With other numbers for the anchors that are `used`, and without the others.
    fn numbered(&self, used: &BTreeSet<usize>, numbers: &mut BTreeMap<usize, usize>) -> Self {
        let number = |anchor: usize, numbers: &mut BTreeMap<usize, usize>| {
            let next = numbers.len();
            *numbers.entry(anchor).or_insert(next)
        };
        match self {
            Self::Text(text) => Self::Text(text.clone()),
            Self::Many(values) => {
                let values = values.iter().map(|it| it.numbered(used, numbers));
                Self::Many(values.collect())
            }
            Self::Anchored(anchor, value) if used.contains(anchor) => {
                let anchor = number(*anchor, numbers);
                Self::Anchored(anchor, Box::new(value.numbered(used, numbers)))
            }
            Self::Anchored(_, value) => value.numbered(used, numbers),
            Self::Alias(anchor) => Self::Alias(number(*anchor, numbers)),
        }
    }
}

/// The cameras, as they are compared: fields by name.
pub(super) type Model = Vec<BTreeMap<String, Plain>>;

/// Whether two say the same. The parser's numbers of anchors depend on what is before them, and
/// anchors that nobody refers to say nothing.
pub(super) fn same(one: &Model, other: &Model) -> bool {
    numbered(one) == numbered(other)
}

/// With the anchors numbered as they come.
fn numbered(model: &Model) -> Model {
    let mut used = BTreeSet::new();
    for value in model.iter().flat_map(BTreeMap::values) {
        value.aliases(&mut used);
    }
    let mut numbers = BTreeMap::new();
    let cameras = model.iter().map(|camera| {
        let fields = camera.iter();
        fields
            .map(|(name, value)| (name.clone(), value.numbered(&used, &mut numbers)))
            .collect()
    });
    cameras.collect()
}

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
    anchor: Option<usize>,
}

impl Item {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub fn id(&self) -> Option<&str> {
        self.field("id")?.plain.text()
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
    comments: Vec<Range<usize>>,
}

impl Layout {
    /// Reads the places; `None`: it is no `cameras.yml`.
    pub fn read(text: &str) -> Option<Self> {
        let mut nodes = Nodes::new(text);
        let Node { kind, .. } = nodes.next()?;
        let comments = std::mem::take(&mut nodes.comments);
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
            comments,
        })
    }

    pub fn find(&self, id: &str) -> Option<usize> {
        self.items.iter().position(|item| item.id() == Some(id))
    }

    /// Whether a comment begins in a part of the text.
    pub fn has_comment(&self, range: &Range<usize>) -> bool {
        let mut comments = self.comments.iter();
        comments.any(|comment| range.contains(&comment.start))
    }

    /// Whether something refers to a camera as a whole, and changes with it.
    pub fn is_shared(&self, index: usize) -> bool {
        let mut used = BTreeSet::new();
        let fields = self.items.iter().flat_map(|item| &item.fields);
        fields.for_each(|field| field.plain.aliases(&mut used));
        let anchor = self.items[index].anchor;
        anchor.is_some_and(|anchor| used.contains(&anchor))
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

/// What a list in one line says; `None`: it is none, or more than one value.
pub(super) fn plain(text: &str) -> Option<Plain> {
    plain_of(text, |kind| {
        matches!(kind, Kind::Sequence { in_flow: true, .. })
    })
}

/// The same of a mapping.
pub(super) fn plain_map(text: &str) -> Option<Plain> {
    plain_of(text, |kind| matches!(kind, Kind::Map { in_flow: true, .. }))
}

fn plain_of(text: &str, is_meant: impl Fn(&Kind) -> bool) -> Option<Plain> {
    let mut nodes = Nodes::new(text);
    let node = nodes.next()?;
    is_meant(&node.kind).then_some(())?;
    // What an anchor or alias is called may be taken in the file.
    let value = (node.range == (0..text.len())).then(|| node.plain());
    value.filter(|it| !it.has_anchors())
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
        anchor: node.anchor,
        in_flow,
        fields: pairs.into_iter().map(field).collect::<Option<_>>()?,
    })
}

struct Node {
    range: Range<usize>,
    anchor: Option<usize>,
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
        let value = match &self.kind {
            Kind::Scalar(text) => Plain::Text(text.clone()),
            Kind::Alias(anchor) => Plain::Alias(*anchor),
            Kind::Sequence { items, .. } => Plain::Many(items.iter().map(Self::plain).collect()),
            Kind::Map { pairs, .. } => {
                let both = pairs.iter().flat_map(|(key, value)| [key, value]);
                Plain::Many(both.map(Self::plain).collect())
            }
        };
        match self.anchor {
            Some(anchor) => Plain::Anchored(anchor, Box::new(value)),
            None => value,
        }
    }
}

/// The nodes of the first document.
struct Nodes<'a> {
    text: &'a str,
    events: std::iter::Peekable<std::vec::IntoIter<(Event<'a>, Span)>>,
    /// Where they are.
    comments: Vec<Range<usize>>,
}

impl<'a> Nodes<'a> {
    fn new(text: &'a str) -> Self {
        let options: Options = options! {
            emit_comments: true,
            emit_anchor_events: true,
        };
        let parser = Parser::new_from_str_with_options(text, options);
        // What cannot be parsed ends the list, and the node that lacks its end is none.
        let events = parser.map_while(Result::ok);
        let (comments, events): (Vec<_>, Vec<_>) =
            events.partition(|(event, _)| matches!(event, Event::Comment(..)));
        let comments = comments.iter().filter_map(|(_, span)| span.byte_range());
        Self {
            text,
            comments: comments.collect(),
            events: events.into_iter().peekable(),
        }
    }

    fn next(&mut self) -> Option<Node> {
        loop {
            let (event, span) = self.events.next()?;
            let range = span.byte_range()?;
            let (start, anchor) = self.start(&span)?;
            return Some(match event {
                Event::Scalar(text, ..) => Node {
                    range: self.trimmed(start, range),
                    anchor,
                    kind: Kind::Scalar(text.into_owned()),
                },
                Event::Alias(target) => Node {
                    range: start..range.end,
                    anchor,
                    kind: Kind::Alias(target),
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
                        anchor,
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
                        anchor,
                        kind: Kind::Map { in_flow, pairs },
                    }
                }
                Event::SequenceEnd | Event::MappingEnd | Event::StreamEnd => return None,
                _ => continue,
            });
        }
    }

    /// Where a node begins, with its tag and its anchor, whose event follows; and the anchor's number.
    fn start(&mut self, span: &Span) -> Option<(usize, Option<usize>)> {
        let mut start = span.start.byte_offset()?;
        if let Some(tag) = span.tag_start() {
            start = start.min(tag.byte_offset()?);
        }
        let Some((Event::Anchor(number, _), anchor)) = self.events.peek() else {
            return Some((start, None));
        };
        let number = *number;
        start = start.min(anchor.start.byte_offset()?);
        self.events.next();
        Some((start, Some(number)))
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
