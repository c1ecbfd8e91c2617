//! The functions of the language: one registry, a row a function.
//!
//! A row holds all there is to know of a function: its name, parameters and kinds, its words,
//! its examples, and its code. The checker, the compiler, the machine, completion,
//! `hookgate functions` and the reference page read the row; a test runs its examples.
//!
//! To add a function: write its row and its code in the file of its family, or a new family's
//! file and name that in `FAMILIES`. Nothing else changes.
//!
//! Knows values and nothing else: no source text, no program, no clock.

mod crypto;
mod encoding;
mod html;
mod invoke;
mod list;
mod mapper;
mod mustache;
mod network;
mod number;
mod object;
mod pattern;
mod pattern_cost;
mod pattern_pool;
mod places;
mod registry;
#[cfg(test)]
mod testing;
mod text;
mod time;

pub use invoke::{Args, Env, conversion, invoke, null_answer};
pub use mustache::{Template, TemplateError, TemplateRead};
pub use pattern::{Pattern, PatternCache};
pub(crate) use pattern_cost::{PatternCost, pattern_cost};
pub use pattern_pool::{PatternPool, PatternShare};
pub use registry::{
    Code, Example, Family, Form, Function, HostFunction, LoopKind, Mode, Native, NullSubject,
    Param, Role, example,
};
pub(crate) use time::usual_time;

/// Every family's rows, in the order the reference page shows them.
const FAMILIES: [&[Function]; 9] = [
    text::FUNCTIONS,
    list::FUNCTIONS,
    object::FUNCTIONS,
    number::FUNCTIONS,
    time::FUNCTIONS,
    encoding::FUNCTIONS,
    crypto::FUNCTIONS,
    network::FUNCTIONS,
    registry::GENERAL,
];

/// Every function of the language, family by family.
pub fn all() -> impl Iterator<Item = &'static Function> {
    FAMILIES.into_iter().flatten()
}

/// The function of a name, in any case, without its `$`. A mapper's operators that loop are found
/// too, under names that no expression can write: `MAP()`.
///
/// ```
/// let function = hookgate::builtins::find("lowercase").unwrap();
/// assert_eq!(function.name, "LOWERCASE");
/// ```
pub fn find(name: &str) -> Option<&'static Function> {
    all().chain(mapper::OPERATORS).find(|function| function.name.eq_ignore_ascii_case(name))
}

/// What people type from other languages, and what it is called here.
const FOREIGN: &[(&str, &str)] = &[
    ("CONTAINS", "`part IN text` searches a text or a list"),
    ("INCLUDES", "`part IN text` searches a text or a list"),
    ("IF", "`IF condition THEN a ELSE b` chooses"),
    ("UPPER", "`$UPPERCASE` writes a text in capitals"),
    ("TOUPPER", "`$UPPERCASE` writes a text in capitals"),
    ("LOWER", "`$LOWERCASE` writes a text in small letters"),
    ("TOLOWER", "`$LOWERCASE` writes a text in small letters"),
    ("LEN", "`$LENGTH` counts"),
    ("SIZE", "`$LENGTH` counts"),
    ("COUNT", "`$LENGTH` counts; `$FILTER` first to count some"),
    ("NOW", "`$TIME()` is the time of the evaluation"),
    ("NUMBER", "`$INTEGER` or `$DECIMAL` turns a text into a number"),
    ("INT", "`$INTEGER` turns a text into an integer"),
    ("FLOAT", "`$DECIMAL` turns a text into a decimal"),
    ("STRING", "`$TEXT` turns a value into text"),
    ("STR", "`$TEXT` turns a value into text"),
    ("TYPE", "`$KIND` names the kind of a value"),
    ("TYPEOF", "`$KIND` names the kind of a value"),
    ("SOME", "`$ANY` asks whether one passes"),
    ("EVERY", "`$ALL` asks whether all pass"),
    ("SUBSTR", "`$SUBSTRING(text, start, length)`, or a slice: `text[0:5]`"),
    ("SLICE", "a slice is written `list[1:3]`"),
    ("JOIN", "`$CONCAT(list, separator)` joins"),
    ("REGEX", "`$MATCH(text, regex)` tests, `$EXTRACT` takes a part out"),
    ("TEST", "`$MATCH(text, regex)` tests a regular expression"),
    ("HMAC", "`$HMAC_SHA256(secret, message)`, or `_SHA1`, `_SHA384`, `_SHA512`"),
    ("LOOKUP", "in a rule, an object does it: `{ \"a\": 1 }[key]`; `LOOKUP()` is for mappers"),
    ("CONDITIONAL", "`IF condition THEN a ELSE b` chooses; `CONDITIONAL()` is for mappers"),
    ("LAMBDA", "a lambda is written `x => …`"),
    ("ISNULL", "`x == NULL` tests for null"),
    ("DATE", "`$PARSE_TIME` reads a date"),
    ("FORMAT_DATE", "`$FORMAT_TIME` writes a time"),
];

/// What to write instead of a function that other languages have and this one does not.
pub fn foreign(name: &str) -> Option<&'static str> {
    let row = FOREIGN.iter().find(|(foreign, _)| foreign.eq_ignore_ascii_case(name));
    row.map(|(_, advice)| *advice)
}
