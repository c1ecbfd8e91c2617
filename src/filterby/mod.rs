//! `filterby` and `orderby`: the filters and sort orders of lists, as awork documents them
//! (<https://developers.awork.com/filtering>, <https://developers.awork.com/ordering>).
//!
//! A language apart from the rule language: LALRPOP parses it with `grammar/filterby.lalrpop`, and
//! filters are evaluated against rows of JSON. Knows nothing of the source of the rows.

mod evaluate;
mod order;
mod token;
mod tree;

use lalrpop_util::lalrpop_mod;

pub use evaluate::FilterContext;
pub use order::Order;
pub use tree::Filter;

lalrpop_mod!(
    #[allow(
        clippy::all,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::allow_attributes_without_reason,
        unreachable_pub,
        unused,
        reason = "generated"
    )]
    grammar,
    "/filterby.rs"
);

/// The reason why a string is no filter or no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// Maximum length of a filter, in bytes.
const MAX_FILTER_BYTES: usize = 4096;

/// Maximum number of opening brackets, and of the letters `not`, in a filter. Bounds the nesting.
const DEEPEST: usize = 50;

impl Filter {
    /// Parses a filter over rows with these members. Member names are case-insensitive.
    ///
    /// ```
    /// use hookgate::filterby::{Filter, FilterContext};
    ///
    /// let filter = Filter::read("isActive eq true and startswith(name,'Post')", &["name", "isActive"])?;
    /// let row = serde_json::json!({ "name": "Post to Slack", "isActive": true });
    /// assert!(filter.holds(&row, &FilterContext::default()));
    /// # Ok::<(), hookgate::filterby::Refused>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if the string is no filter, with the position, or if it names an unknown
    /// member.
    pub fn read(text: &str, members: &[&str]) -> Result<Self, Refused> {
        if text.len() > MAX_FILTER_BYTES {
            return Err(Refused(format!("a filter has at most {MAX_FILTER_BYTES} bytes")));
        }
        let deep = text.bytes().filter(|byte| *byte == b'(').count();
        let nots = text.to_ascii_lowercase().matches("not").count();
        if deep.max(nots) > DEEPEST {
            return Err(Refused(format!("a filter has at most {DEEPEST} brackets")));
        }
        let parsed = grammar::FilterParser::new().parse(text, token::lex(text));
        let mut filter = parsed.map_err(|error| Refused(message(text, error)))?;
        filter.resolve(members, &mut Vec::new()).map(|()| filter)
    }
}

type ParseError<'s> = lalrpop_util::ParseError<usize, token::Token<'s>, token::UnknownCharacter>;

fn message(text: &str, error: ParseError<'_>) -> String {
    let at = |start: usize, end: usize| {
        let found = text.get(start..end).unwrap_or_default();
        format!("`{found}` at {} is not expected there", start + 1)
    };
    match error {
        ParseError::UnrecognizedToken { token: (start, _, end), .. }
        | ParseError::ExtraToken { token: (start, _, end) } => at(start, end),
        ParseError::UnrecognizedEof { .. } => "the filter ends too early".to_owned(),
        ParseError::InvalidToken { location } => at(location, text.len()),
        ParseError::User { error } => error.to_string(),
    }
}
