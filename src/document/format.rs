//! The formats that a mapper is written in, and how to tell which one it is.

use std::path::Path;

use serde_json::value::RawValue;

use crate::source::Source;

/// A format of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON.
    Json,
    /// TOML.
    Toml,
    /// YAML 1.2 with its core schema: `yes`, `no` and `on` are text. No anchors, aliases and tags.
    Yaml,
}

impl Format {
    /// The format that a file's extension says.
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

    /// The format that the name of a file says.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::of_path(Path::new(name))
    }

    /// The format of a text without a name: JSON where it parses as JSON, else YAML. TOML is
    /// never guessed, since much of it is YAML too, with another meaning.
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

    /// The format of a source: by its name, or else by its text.
    pub fn of_source(source: &Source) -> Self {
        Self::of_name(source.name()).unwrap_or_else(|| Self::of_text(source.text()))
    }
}
