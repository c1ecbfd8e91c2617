//! The formats of mapper documents, and their detection. Does not read any of them.

use std::path::Path;

use serde_json::value::RawValue;

use crate::source::Source;

/// A document format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON.
    Json,
    /// TOML.
    Toml,
    /// YAML 1.2 with its core schema: `yes`, `no` and `on` are strings. Anchors, aliases and tags
    /// are not supported.
    Yaml,
}

impl Format {
    /// Returns the format for a file extension.
    ///
    /// ```
    /// use hookgate::document::Format;
    ///
    /// assert_eq!(Format::of_path("maps/body.YML".as_ref()), Some(Format::Yaml));
    /// assert_eq!(Format::of_path("maps/body".as_ref()), None);
    /// ```
    pub fn of_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        let known =
            [("json", Self::Json), ("toml", Self::Toml), ("yaml", Self::Yaml), ("yml", Self::Yaml)];
        known
            .into_iter()
            .find_map(|(name, format)| extension.eq_ignore_ascii_case(name).then_some(format))
    }

    /// Returns the format for the extension of a file name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::of_path(Path::new(name))
    }

    /// Detects the format of a text without a file name: JSON if it parses as JSON, otherwise YAML.
    /// TOML is never detected: much TOML is also valid YAML with a different meaning.
    ///
    /// ```
    /// use hookgate::document::Format;
    ///
    /// assert_eq!(Format::of_text(r#"{ "id": "issue.id" }"#), Format::Json);
    /// assert_eq!(Format::of_text("id: issue.id"), Format::Yaml);
    /// ```
    pub fn of_text(text: &str) -> Self {
        if serde_json::from_str::<&RawValue>(text).is_ok() { Self::Json } else { Self::Yaml }
    }

    /// Returns the format of a source: from its name, or otherwise from its text.
    pub fn of_source(source: &Source) -> Self {
        Self::of_name(source.name()).unwrap_or_else(|| Self::of_text(source.text()))
    }
}
