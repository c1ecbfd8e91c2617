//! The path of a place in a JSON text, for messages. Runs only after an error.

use std::fmt::Write;

/// A step of a path: the key or the index that was read last.
enum KeyOrIndex<'j> {
    Key(&'j str),
    Index(usize),
}

/// Returns the path of the object or list that contains an offset: `user.roles[2]`. Empty for the
/// outermost one. The text must be JSON up to the offset.
pub(super) fn path_at(text: &str, offset: usize) -> String {
    let mut steps: Vec<KeyOrIndex<'_>> = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < offset {
        match bytes.get(at) {
            Some(b'{') => steps.push(KeyOrIndex::Key("")),
            Some(b'[') => steps.push(KeyOrIndex::Index(0)),
            Some(b'}' | b']') => drop(steps.pop()),
            Some(b',') => {
                if let Some(KeyOrIndex::Index(index)) = steps.last_mut() {
                    *index += 1;
                }
            }
            Some(b'"') => {
                let end = end_of_string(bytes, at + 1);
                note_key(&mut steps, text, at + 1..end);
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
    // The last step is inside of the innermost object.
    steps.pop();
    written(&steps)
}

/// Takes a string as the key of the innermost object, if a colon follows.
fn note_key<'j>(steps: &mut [KeyOrIndex<'j>], text: &'j str, range: std::ops::Range<usize>) {
    let behind = text.get(range.end + 1..).unwrap_or("").trim_start();
    if let (Some(KeyOrIndex::Key(key)), true) = (steps.last_mut(), behind.starts_with(':')) {
        *key = text.get(range).unwrap_or("");
    }
}

/// Returns the offset of the closing quote.
fn end_of_string(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    loop {
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') | None => return at,
            Some(_) => at += 1,
        }
    }
}

fn written(steps: &[KeyOrIndex<'_>]) -> String {
    let mut path = String::new();
    for step in steps {
        // Writing to a string does not fail.
        let _ = match step {
            KeyOrIndex::Key(key) if path.is_empty() => write!(path, "{key}"),
            KeyOrIndex::Key(key) => write!(path, ".{key}"),
            KeyOrIndex::Index(index) => write!(path, "[{index}]"),
        };
    }
    path
}

#[cfg(test)]
mod tests {
    use super::path_at;

    #[test]
    fn the_path_leads_to_the_innermost_object_or_list() {
        let text = r#"{"a": "}\"{", "user": {"roles": [1, {"x": ":"}, {"deep": {} }]}}"#;
        assert_eq!(path_at(text, text.find(":\"}").unwrap()), "user.roles[1]");
        assert_eq!(path_at(text, text.find("deep").unwrap()), "user.roles[2]");
        assert_eq!(path_at(text, text.len() - 1), "");
        assert_eq!(path_at(text, text.find("{} }").unwrap() + 1), "user.roles[2].deep");
    }
}
