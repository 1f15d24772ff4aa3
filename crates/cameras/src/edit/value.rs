use camweave_redact::Secret;

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Any text, quoted as YAML needs it. It may refer to variables: `${NAME}`.
    Text(Secret),
    /// A list as YAML writes it in one line, such as `[0, 0, 0.5, 1]`.
    List(String),
}

impl Value {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Secret::new(text.into()))
    }

    /// What a person has typed for `field`: a list where it begins with a bracket, unless the field
    /// may be a secret.
    #[must_use]
    pub fn typed(field: &str, text: impl Into<String>) -> Self {
        let text = text.into();
        let is_text = matches!(field, "id" | "url" | "username" | "password");
        if !is_text && text.trim_start().starts_with('[') {
            return Self::List(text.trim().to_owned());
        }
        Self::text(text)
    }
}
