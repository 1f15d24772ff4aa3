use camweave_redact::Secret;

use super::quote::scalar;

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Any text, quoted as YAML needs it. It may refer to variables: `${NAME}`.
    Text(Secret),
    /// A list as YAML writes it in one line, such as `[0, 0, 0.5, 1]`.
    List(String),
    /// A mapping as YAML writes it in one line, such as `{detect: 'rtsp://h/sub', record: 'rtsp://h/main'}`.
    Map(Secret),
}

impl Value {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Secret::new(text.into()))
    }

    /// Both streams of a camera, by their URLs.
    #[must_use]
    pub fn streams(detect: &str, record: &str) -> Self {
        let [detect, record] = [detect, record].map(|url| scalar("url", url, true));
        Self::Map(Secret::new(format!(
            "{{detect: {detect}, record: {record}}}"
        )))
    }

    /// What a person has typed for `field`: a list where it begins with a bracket, unless the field
    /// may be a secret, and a mapping of streams where it begins with a brace.
    #[must_use]
    pub fn typed(field: &str, text: impl Into<String>) -> Self {
        let text = text.into();
        if field == "streams" && text.trim_start().starts_with('{') {
            return Self::Map(Secret::new(text.trim().to_owned()));
        }
        let is_text = matches!(field, "id" | "url" | "username" | "password");
        if !is_text && text.trim_start().starts_with('[') {
            return Self::List(text.trim().to_owned());
        }
        Self::text(text)
    }
}
