//! The formats of bodies, and the choice of one. Among listed formats the bytes choose: a header that
//! no signature covers must not change how a signed body is read. `auto` looks at the content type
//! too, where the bytes are neither JSON nor XML.

/// A format of bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::listener) enum Format {
    /// JSON.
    Json,
    /// JSON values, one on each line.
    JsonLines,
    /// XML.
    Xml,
    /// `multipart/form-data`.
    Multipart,
    /// A web form of keys and values.
    Form,
    /// Text that is not parsed.
    Text,
}

impl Format {
    /// Every format, in the order in which the bytes are tried. Almost every text can be read as a
    /// form, and every text as text, so these come last.
    pub(in crate::listener) const ALL: [Self; 6] =
        [Self::Json, Self::JsonLines, Self::Xml, Self::Multipart, Self::Form, Self::Text];

    /// The names in a configuration, in the order of `ALL`.
    pub(in crate::listener) const NAMES: [&'static str; 6] =
        ["json", "ndjson", "xml", "multipart", "form", "text"];

    /// Returns the name in a configuration.
    pub(in crate::listener) fn name(self) -> &'static str {
        Self::NAMES.get(self as usize).copied().unwrap_or("")
    }

    /// Returns the format with a name.
    pub(in crate::listener) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Returns the format that a content type declares. Its parameters and its case do not count. A
    /// repeated type is one type: proxies join repeated headers.
    pub(super) fn declared(content_type: Option<&str>) -> Option<Self> {
        let essence = essence(content_type?);
        match essence.as_str() {
            "application/json" | "text/json" => Some(Self::Json),
            "application/x-ndjson" | "application/jsonl" | "application/x-jsonlines" => {
                Some(Self::JsonLines)
            }
            "application/x-www-form-urlencoded" => Some(Self::Form),
            "multipart/form-data" => Some(Self::Multipart),
            "application/xml" | "text/xml" => Some(Self::Xml),
            other if other.ends_with("+json") => Some(Self::Json),
            other if other.ends_with("+xml") => Some(Self::Xml),
            other if other.starts_with("text/") => Some(Self::Text),
            _ => None,
        }
    }

    /// Returns true if a body with this start can be of the format.
    pub(super) fn may_be(self, bytes: &[u8]) -> bool {
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        match self {
            Self::Json | Self::JsonLines => matches!(first, Some(b'{' | b'[')),
            Self::Xml => first == Some(&b'<'),
            Self::Multipart => bytes.starts_with(b"--"),
            // A form is written in printable ASCII, and has a key with a value.
            Self::Form => bytes.contains(&b'=') && bytes.iter().all(|byte| *byte > b' '),
            Self::Text => true,
        }
    }
}

/// Returns the media type of a content type, in lower case.
fn essence(content_type: &str) -> String {
    let first = content_type.split([';', ',']).next().unwrap_or("");
    first.trim().to_ascii_lowercase()
}

/// Returns a parameter of a content type: the charset of `text/xml; charset="latin1"`.
pub(super) fn parameter<'t>(content_type: Option<&'t str>, name: &str) -> Option<&'t str> {
    let parameters = content_type?.split(',').next()?.split(';').skip(1);
    let mut named = parameters.filter_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    });
    named.next()
}

/// The formats that a listener reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::listener) enum Formats {
    /// JSON or XML if the bytes are, otherwise the declared format.
    #[default]
    Auto,
    /// Some of the formats: a bit for each.
    Listed(u8),
}

impl Formats {
    /// Returns the formats with these names.
    pub(in crate::listener) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let bits = names.into_iter().filter_map(Format::find).map(|format| 1 << format as u8);
        Self::Listed(bits.fold(0, |all, bit: u8| all | bit))
    }

    /// Returns true if the listener reads a format in a body that declares it.
    pub(in crate::listener) fn has(self, format: Format) -> bool {
        match self {
            Self::Auto => true,
            Self::Listed(bits) => bits & (1 << format as u8) != 0,
        }
    }

    /// Returns the listed formats, in the order in which they are tried. Empty for `auto`.
    pub(in crate::listener) fn iter(self) -> impl Iterator<Item = Format> {
        Format::ALL.into_iter().filter(move |format| self != Self::Auto && self.has(*format))
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, Formats, parameter};

    #[test]
    fn content_types_declare_formats_whatever_their_case_and_parameters() {
        for (declared, format) in [
            ("application/json", Some(Format::Json)),
            ("Application/JSON; charset=utf-8", Some(Format::Json)),
            ("application/json, application/json", Some(Format::Json)),
            ("application/vnd.github+json", Some(Format::Json)),
            ("application/x-ndjson", Some(Format::JsonLines)),
            ("application/soap+xml", Some(Format::Xml)),
            ("text/plain", Some(Format::Text)),
            ("application/octet-stream", None),
            ("", None),
        ] {
            assert_eq!(Format::declared(Some(declared)), format, "{declared}");
        }
        assert_eq!(parameter(Some("text/xml; CharSet=\"latin1\"; x=1"), "charset"), Some("latin1"));
        assert_eq!(parameter(Some("text/xml"), "charset"), None);
    }

    #[test]
    fn listed_formats_are_tried_in_a_fixed_order() {
        let formats = Formats::listed(["form", "json"]);
        assert!(formats.iter().eq([Format::Json, Format::Form]));
        assert!(formats.has(Format::Form) && !formats.has(Format::Xml));
        assert_eq!(Formats::Auto.iter().count(), 0);
    }
}
