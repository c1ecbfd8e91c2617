//! Words of faults that more than one family uses.

/// How many characters of a text a message shows.
const SHOWN: usize = 60;

/// A text in a message: in quotes, and no more than the start of a long one.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or("")),
        None => format!("{text:?}"),
    }
}
