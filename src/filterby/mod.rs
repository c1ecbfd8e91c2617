//! `filterby` and `orderby`, the filters and orders of lists as awork documents them
//! (<https://developers.awork.com/filtering>, <https://developers.awork.com/ordering>).
//!
//! A language of its own beside that of rules: parsed by LALRPOP over `grammar/filterby.lalrpop`,
//! and held against rows of JSON. Knows nothing of where rows come from.

mod evaluate;
mod order;
mod token;
mod tree;

use lalrpop_util::lalrpop_mod;

pub use evaluate::Surroundings;
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

/// Why a text is no filter or no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// A filter is at most so long.
const LONGEST: usize = 4096;

/// Brackets in a filter are at most so deep.
const DEEPEST: usize = 50;

impl Filter {
    /// Reads a filter over rows with these members; names are found in any case.
    ///
    /// ```
    /// use hookgate::filterby::{Filter, Surroundings};
    ///
    /// let filter = Filter::read("isActive eq true and startswith(name,'Post')", &["name", "isActive"])?;
    /// let row = serde_json::json!({ "name": "Post to Slack", "isActive": true });
    /// assert!(filter.holds(&row, &Surroundings::default()));
    /// # Ok::<(), hookgate::filterby::Refused>(())
    /// ```
    ///
    /// # Errors
    /// Where it is none: what stands where, or which member there is not.
    pub fn read(text: &str, members: &[&str]) -> Result<Self, Refused> {
        if text.len() > LONGEST {
            return Err(Refused(format!("a filter has at most {LONGEST} bytes")));
        }
        let deep = text.bytes().filter(|byte| *byte == b'(').count();
        let nots = text.to_ascii_lowercase().matches("not").count();
        if deep.max(nots) > DEEPEST {
            return Err(Refused(format!("a filter has at most {DEEPEST} brackets")));
        }
        let parsed = grammar::FilterParser::new().parse(text, token::lex(text));
        let mut filter = parsed.map_err(|error| Refused(told(text, error)))?;
        filter.resolve(members, &mut Vec::new()).map(|()| filter)
    }
}

type ParseError<'s> = lalrpop_util::ParseError<usize, token::Token<'s>, token::Unknown>;

fn told(text: &str, error: ParseError<'_>) -> String {
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
