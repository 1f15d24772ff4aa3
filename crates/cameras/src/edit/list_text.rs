use std::ops::Range;

use super::layout::{Field, Layout, Plain, plain, plain_map, same};
use super::text;
use super::value::Value;

/// A YAML text with one list of mappings, as `cameras.yml` is one, changed as a person would: comments,
/// order and formatting stay.
#[derive(Debug, Clone)]
pub struct ListText {
    text: String,
}

/// The text is written in a way that cannot be changed in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unchangeable;

impl ListText {
    /// A text as it was read.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self { text }
    }

    /// As it is now.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The part of the text that each mapping of the list is.
    #[must_use]
    pub fn items(&self) -> Vec<&str> {
        let layout = Layout::read(&self.text);
        let items = layout.iter().flat_map(|layout| &layout.items);
        let part = |range: &Range<usize>| self.text.get(range.clone());
        items.filter_map(|item| part(&item.range)).collect()
    }

    /// The fields of a mapping, with their values as they would be typed. Without those that refer to
    /// another place of the text.
    #[must_use]
    pub fn fields(&self, index: usize) -> Vec<(String, String)> {
        let layout = Layout::read(&self.text);
        let item = layout.as_ref().and_then(|layout| layout.items.get(index));
        let fields = item.into_iter().flat_map(|item| &item.fields);
        let typed = |field: &Field| Some((field.name.clone(), field.plain.typed()?));
        fields.filter_map(typed).collect()
    }

    /// Sets a field of a mapping, which it may have or not.
    ///
    /// # Errors
    /// There is no such mapping, or it cannot be changed.
    pub fn set(&mut self, index: usize, field: &str, value: &Value) -> Result<(), Unchangeable> {
        let meant = match value {
            Value::Text(text) => Plain::Text(text.expose().to_owned()),
            Value::List(list) => plain(list).ok_or(Unchangeable)?,
            Value::Map(map) => plain_map(map.expose()).ok_or(Unchangeable)?,
        };
        self.change(index, |text, layout, fields| {
            fields.insert(field.to_owned(), meant);
            text::set(text, layout, index, field, value)
        })
    }

    /// Removes a field of a mapping, which it may have or not.
    ///
    /// # Errors
    /// There is no such mapping, or it cannot be changed.
    pub fn unset(&mut self, index: usize, field: &str) -> Result<(), Unchangeable> {
        let layout = Layout::read(&self.text).ok_or(Unchangeable)?;
        let item = layout.items.get(index).ok_or(Unchangeable)?;
        if item.field(field).is_none() {
            return Ok(());
        }
        self.change(index, |text, layout, fields| {
            fields.remove(field);
            text::unset(text, layout, index, field)
        })
    }

    /// Adds a mapping after the others.
    ///
    /// # Errors
    /// It cannot be changed.
    pub fn add(&mut self, fields: &[(&str, Value)]) -> Result<(), Unchangeable> {
        let layout = Layout::read(&self.text).ok_or(Unchangeable)?;
        let mut model = layout.model();
        let meant = fields.iter().map(|(field, value)| {
            let meant = match value {
                Value::Text(text) => Some(Plain::Text(text.expose().to_owned())),
                Value::List(list) => plain(list),
                Value::Map(map) => plain_map(map.expose()),
            };
            Some(((*field).to_owned(), meant?))
        });
        model.push(meant.collect::<Option<_>>().ok_or(Unchangeable)?);
        let text = text::add(&self.text, &layout, fields);
        self.take(text, &model)
    }

    /// Removes a mapping.
    ///
    /// # Errors
    /// There is no such mapping, or it cannot be changed.
    pub fn remove(&mut self, index: usize) -> Result<(), Unchangeable> {
        let layout = Layout::read(&self.text).ok_or(Unchangeable)?;
        let mut model = layout.model();
        if index >= model.len() || layout.is_shared(index) {
            return Err(Unchangeable);
        }
        model.remove(index);
        let text = text::remove(&self.text, &layout, index);
        self.take(text, &model)
    }

    fn change(
        &mut self,
        index: usize,
        change: impl FnOnce(
            &str,
            &Layout,
            &mut std::collections::BTreeMap<String, Plain>,
        ) -> Option<String>,
    ) -> Result<(), Unchangeable> {
        let layout = Layout::read(&self.text).ok_or(Unchangeable)?;
        let mut model = layout.model();
        let fields = model.get_mut(index).ok_or(Unchangeable)?;
        let text = change(&self.text, &layout, fields).filter(|_| !layout.is_shared(index));
        self.take(text, &model)
    }

    /// Takes a text over if it says what was meant.
    fn take(
        &mut self,
        text: Option<String>,
        model: &super::layout::Model,
    ) -> Result<(), Unchangeable> {
        let text = text.ok_or(Unchangeable)?;
        let layout = Layout::read(&text).ok_or(Unchangeable)?;
        if !same(&layout.model(), model) {
            return Err(Unchangeable);
        }
        self.text = text;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "# ours
rules:
  - name: gate # the front one
    kind: crossing
    line: [[0, 0.5], [1, 0.5]]
  - name: yard
    kind: dwell
    zone:
      - [0, 0.4]
      - [1, 0.4]
      - [1, 1]
    after: 10
";

    fn list(text: &str) -> Value {
        Value::List(text.to_owned())
    }

    #[test]
    fn another_list_than_that_of_cameras_is_changed_with_its_comments_kept() {
        let mut rules = ListText::new(RULES.to_owned());
        assert_eq!(rules.items().len(), 2);
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let zone = field("zone", "[[0, 0.4], [1, 0.4], [1, 1]]");
        let fields = [
            field("name", "yard"),
            field("kind", "dwell"),
            zone,
            field("after", "10"),
        ];
        assert_eq!(rules.fields(1), fields);
        assert!(rules.items()[1].starts_with("name: yard"));
        rules
            .set(0, "line", &list("[[0.1, 0.2], [0.3, 0.4]]"))
            .expect("in place");
        let zone = list("[[0, 0], [1, 0], [1, 1]]");
        rules.set(1, "zone", &zone).expect("in place");
        rules
            .set(1, "objects", &list("[car, person]"))
            .expect("in place");
        rules.unset(1, "after").expect("in place");
        rules.unset(1, "after").expect("it has none");
        let expected = "# ours
rules:
  - name: gate # the front one
    kind: crossing
    line: [[0.1, 0.2], [0.3, 0.4]]
  - name: yard
    kind: dwell
    zone: [[0, 0], [1, 0], [1, 1]]
    objects: [car, person]
";
        assert_eq!(rules.text(), expected);
        let fields = [("name", Value::text("hall")), ("zone", zone)];
        rules.add(&fields).expect("in place");
        assert!(
            rules
                .text()
                .ends_with("  - name: hall\n    zone: [[0, 0], [1, 0], [1, 1]]\n")
        );
        rules.remove(0).expect("there");
        assert!(
            rules.text().starts_with("# ours\nrules:\n  - name: yard\n"),
            "{}",
            rules.text()
        );
        assert_eq!(rules.remove(7), Err(Unchangeable));
        assert_eq!(
            rules.set(0, "zone", &list("[[0, 0]")),
            Err(Unchangeable),
            "no list"
        );
    }
}
