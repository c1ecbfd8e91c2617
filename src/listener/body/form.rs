//! Web forms and queries: keys and values. Knows no listeners.

use std::borrow::Cow;

use super::charset::Charset;
use crate::engine::OwnedValue;
use crate::value::OwnedObject;

/// Maximum number of fields of a form.
pub(in crate::listener) const MAX_FORM_FIELDS: usize = 10_000;

/// Parses a query to an object. The value of a repeated key is a list. `None` for too many fields.
pub(in crate::listener) fn query(bytes: &[u8]) -> Option<OwnedValue> {
    form(bytes, Charset::of(None))
}

/// Parses a form to an object. The value of a repeated key is a list.
///
/// Returns `None` for more than `MAX_FORM_FIELDS` fields: each field costs far more memory than its
/// bytes, before the sender is verified.
pub(super) fn form(bytes: &[u8], charset: Charset) -> Option<OwnedValue> {
    if memchr::memchr_iter(b'&', bytes).count() >= MAX_FORM_FIELDS {
        return None;
    }
    let mut fields = Fields::default();
    for pair in bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let mut half = || decoded(halves.next().unwrap_or_default(), charset);
        let (key, value) = (half(), half());
        fields.add(&key, OwnedValue::Text(value));
    }
    Some(fields.finish())
}

/// Decodes a key or a value (`application/x-www-form-urlencoded`, URL Standard, section 5.1).
fn decoded(bytes: &[u8], charset: Charset) -> Box<str> {
    let spaced: Vec<u8> =
        bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let raw: Cow<'_, [u8]> = percent_encoding::percent_decode(&spaced).into();
    charset.decode(&raw).into()
}

/// The fields of a form in the order of their first values.
#[derive(Default)]
pub(super) struct Fields {
    entries: Vec<(Box<str>, Vec<OwnedValue>)>,
    places: std::collections::HashMap<Box<str>, usize>,
}

impl Fields {
    /// Adds a value of a key.
    pub(super) fn add(&mut self, key: &str, value: OwnedValue) {
        let at = *self.places.entry(key.into()).or_insert_with(|| {
            self.entries.push((key.into(), Vec::new()));
            self.entries.len() - 1
        });
        if let Some((_, values)) = self.entries.get_mut(at) {
            values.push(value);
        }
    }

    /// Returns the object. The value of a key with several values is a list.
    pub(super) fn finish(self) -> OwnedValue {
        let entries = self.entries.into_iter().map(|(key, mut values)| {
            let only = if values.len() == 1 { values.pop() } else { None };
            (key, only.unwrap_or(OwnedValue::List(values)))
        });
        OwnedValue::Object(OwnedObject::new(entries.collect()).0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Charset, MAX_FORM_FIELDS, form, query};
    use crate::engine::OwnedValue;

    #[test]
    fn a_form_with_too_many_fields_is_not_parsed() {
        let fields = |count: usize| vec!["a=1"; count].join("&");
        assert!(matches!(query(fields(MAX_FORM_FIELDS).as_bytes()), Some(OwnedValue::Object(_))));
        assert!(query(fields(MAX_FORM_FIELDS + 1).as_bytes()).is_none());
    }

    #[test]
    fn keys_and_values_are_decoded() {
        let read = |text: &[u8]| query(text).unwrap().to_string();
        assert_eq!(
            read(b"a=1+2%26&b=%C3%A9&a=x&c&&=y"),
            r#"{"a":["1 2&","x"],"b":"é","c":"","":"y"}"#
        );
        let latin = form(b"a=%E9&b=%C3%A9", Charset::of(Some("latin1"))).unwrap();
        assert_eq!(latin.to_string(), r#"{"a":"é","b":"é"}"#);
    }
}
