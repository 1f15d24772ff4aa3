//! A stage's settings: one structure, from which defaults, ranges, `--help`, `--describe` and the
//! documents' tables come. Its values are what the graph declares.

use std::ops::Deref;

use camweave_redact::printable;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use crate::{Declared, StageError};

/// What a stage takes from its graph.
///
/// Each field is a variable of the node's `env:`: its name in capitals, its doc comment the meaning,
/// `#[schemars(range(...))]` the numbers that are accepted, `#[schemars(extend("unit" = "ms"))]` the
/// unit, and the value in [`Default`] the default. A field that the graph must set is [`Required`].
/// Fields are integers, `f64`, `String`, paths, `Option` of these, and enums without fields.
///
/// ```
/// use camweave_stage::{Declared, Settings};
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize, Serialize, JsonSchema)]
/// #[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
/// struct CountSettings {
///     /// boxes after which counting starts again
///     #[schemars(range(min = 1, max = 1000))]
///     count_to: u32,
/// }
///
/// impl Default for CountSettings {
///     fn default() -> Self {
///         Self { count_to: 10 }
///     }
/// }
///
/// impl Settings for CountSettings {}
///
/// let declared = Declared::of([("COUNT_TO", "12")]);
/// assert_eq!(CountSettings::read(&declared)?.count_to, 12);
/// let declared = Declared::of([("COUNT_TO", "0")]);
/// assert!(CountSettings::read(&declared).is_err());
/// # Ok::<(), camweave_stage::StageError>(())
/// ```
pub trait Settings: DeserializeOwned + JsonSchema {
    /// Checks what no single setting shows.
    ///
    /// # Errors
    /// Names the variable, its value and what was expected.
    fn check(&self) -> Result<(), StageError> {
        Ok(())
    }

    /// Checks the files that the settings name. `camweave check` calls it: it changes nothing and uses
    /// no device.
    ///
    /// # Errors
    /// A file that is missing or cannot be used.
    fn check_files(&self) -> Result<(), StageError> {
        Ok(())
    }

    /// The settings that the graph declares, checked.
    ///
    /// # Errors
    /// Names the variable, its value and what was expected.
    fn read(declared: &Declared) -> Result<Self, StageError> {
        let read: Self = parse(&described::<Self>(), declared)?;
        read.check()?;
        Ok(read)
    }
}

/// The settings of a stage that has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct NoSettings {}

impl Settings for NoSettings {}

/// A setting without a default: the graph must declare it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Required<T>(pub T);

impl<T> Deref for Required<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Marks a [`Required`] setting in a schema.
const REQUIRED: &str = "x-required";

impl<T: JsonSchema> JsonSchema for Required<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Required{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = json_schema!({ REQUIRED: true });
        if let (Some(own), Some(inner)) = (
            schema.as_object_mut(),
            generator.subschema_for::<T>().as_object(),
        ) {
            own.extend(inner.clone());
        }
        schema
    }
}

/// What a setting's text is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingKind {
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Any text; what it may be is in the help.
    Text,
    /// One of these words.
    OneOf(Vec<String>),
}

/// One setting of a stage, as `--describe` gives it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Setting {
    /// The variable's name, in capitals.
    pub name: String,
    /// What it means.
    pub help: String,
    /// What its text is.
    pub kind: SettingKind,
    /// The unit of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The least number that is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Number>,
    /// The greatest number that is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<Number>,
    /// The value where the graph declares none; absent where nothing is set then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Whether the graph must declare it.
    pub required: bool,
}

impl Setting {
    fn of(name: &str, schema: &Map<String, Value>) -> Self {
        let text = |key: &str| schema.get(key)?.as_str().map(str::to_owned);
        let number = |key: &str| schema.get(key)?.as_number().cloned();
        let default = match schema.get("default") {
            Some(Value::String(text)) if text.is_empty() => None,
            Some(Value::String(text)) => Some(text.clone()),
            None | Some(Value::Null) => None,
            Some(other) => Some(other.to_string()),
        };
        let required = schema.contains_key(REQUIRED);
        Self {
            name: name.to_owned(),
            // A doc comment's lines are one sentence.
            help: text("description").unwrap_or_default().replace('\n', " "),
            kind: kind(schema),
            unit: text("unit"),
            minimum: number("minimum"),
            maximum: number("maximum"),
            default: default.filter(|_| !required),
            required,
        }
    }

    /// Range, unit and default, for `--help`.
    #[must_use]
    pub fn accepted(&self) -> String {
        let default = match (&self.default, self.required) {
            (Some(default), _) => format!("default {default}"),
            (None, true) => "required".to_owned(),
            (None, false) => "not set".to_owned(),
        };
        match self.range() {
            Some(range) => format!("{range}; {default}"),
            None => default,
        }
    }

    /// The numbers or words that are accepted, with the unit; none for a text.
    #[must_use]
    pub fn range(&self) -> Option<String> {
        let range = match (&self.kind, &self.minimum, &self.maximum) {
            (SettingKind::Text, ..) => return None,
            (SettingKind::OneOf(words), ..) => return Some(words.join(", ")),
            (_, Some(least), Some(most)) => format!("{} to {}", shown(least), shown(most)),
            (_, Some(least), None) => format!("from {}", shown(least)),
            _ => return self.unit.clone(),
        };
        let unit = self.unit.as_ref();
        Some(unit.map_or(range.clone(), |unit| format!("{range} {unit}")))
    }

    /// What is accepted, to complete 'expected …'.
    #[must_use]
    pub fn expected(&self) -> String {
        let a = match &self.kind {
            SettingKind::Integer => "a whole number",
            SettingKind::Number => "a number",
            SettingKind::Text => return self.help.clone(),
            SettingKind::OneOf(words) => return format!("one of {}", words.join(", ")),
        };
        let unit = self.unit.as_ref();
        let unit = unit.map_or_else(String::new, |unit| format!(" ({unit})"));
        match (&self.minimum, &self.maximum) {
            (Some(least), Some(most)) => {
                format!("{a} from {} to {}{unit}", shown(least), shown(most))
            }
            (Some(least), None) => format!("{a} of at least {}{unit}", shown(least)),
            _ => format!("{a}{unit}"),
        }
    }

    /// The text as the structure's field takes it.
    fn value(&self, text: &str, called: &str) -> Result<Value, StageError> {
        let value = match &self.kind {
            SettingKind::Text => return Ok(Value::String(text.to_owned())),
            SettingKind::OneOf(words) => {
                let is_known = words.iter().any(|word| word == text);
                is_known.then(|| Value::String(text.to_owned()))
            }
            SettingKind::Integer => {
                let number = text.parse::<u64>().map(Number::from);
                let number = number.or_else(|_| text.parse::<i64>().map(Number::from));
                number.ok().filter(|it| self.holds(it)).map(Value::Number)
            }
            SettingKind::Number => {
                let number = text.parse::<f64>().ok().and_then(Number::from_f64);
                number.filter(|it| self.holds(it)).map(Value::Number)
            }
        };
        value.ok_or_else(|| self.refuse(text, called))
    }

    /// Whether a number is in the range.
    fn holds(&self, number: &Number) -> bool {
        let within = |limit: &Option<Number>, order: fn(f64, f64) -> bool| {
            let pair = limit.as_ref().and_then(Number::as_f64);
            pair.zip(number.as_f64())
                .is_none_or(|(limit, it)| order(it, limit))
        };
        within(&self.minimum, |it, least| it >= least)
            && within(&self.maximum, |it, most| it <= most)
    }

    fn refuse(&self, text: &str, called: &str) -> StageError {
        StageError::configuration(format!(
            "env {called}='{}', expected {}",
            printable(text),
            self.expected()
        ))
    }
}

/// A number as people write it: 1, not 1.0.
fn shown(number: &Number) -> String {
    match number.as_f64() {
        Some(value) if !number.is_u64() && !number.is_i64() => value.to_string(),
        _ => number.to_string(),
    }
}

fn kind(schema: &Map<String, Value>) -> SettingKind {
    let words = |list: &Vec<Value>| -> Vec<String> {
        let word = |it: &Value| {
            it.as_str()
                .or_else(|| it.get("const")?.as_str())
                .map(str::to_owned)
        };
        list.iter().filter_map(word).collect()
    };
    let listed = schema.get("enum").or_else(|| schema.get("oneOf"));
    if let Some(list) = listed.and_then(Value::as_array) {
        return SettingKind::OneOf(words(list));
    }
    // An optional one is a list: its type, and null.
    let of = schema.get("type");
    let of = of.and_then(|it| it.as_str().or_else(|| it.get(0)?.as_str()));
    match of {
        Some("integer") => SettingKind::Integer,
        Some("number") => SettingKind::Number,
        _ => SettingKind::Text,
    }
}

/// The settings of a structure, in the order of its fields.
#[must_use]
pub fn described<S: JsonSchema>() -> Vec<Setting> {
    let settings = schemars::generate::SchemaSettings::default();
    let settings = settings.with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<S>();
    let properties = schema.get("properties").and_then(Value::as_object);
    let of = |(name, schema): (&String, &Value)| Some(Setting::of(name, schema.as_object()?));
    properties.into_iter().flatten().filter_map(of).collect()
}

fn parse<S: DeserializeOwned>(known: &[Setting], declared: &Declared) -> Result<S, StageError> {
    let names: Vec<&str> = known.iter().map(|setting| &*setting.name).collect();
    declared.refuse_unknown(&names)?;
    let mut values = Map::new();
    for setting in known {
        match declared.get(&setting.name) {
            Some(text) => {
                let value = setting.value(text, declared.called(&setting.name))?;
                values.insert(setting.name.clone(), value);
            }
            None if setting.required => {
                return Err(StageError::configuration(format!(
                    "env {} is not set, expected {}",
                    setting.name,
                    setting.expected()
                )));
            }
            None => {}
        }
    }
    serde_json::from_value(Value::Object(values))
        .map_err(|error| StageError::configuration(format!("the node's env: {error}")))
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
