//! The functions of the language: one registry with a row for each function.
//!
//! A row contains everything about a function: its name, parameters and kinds, its documentation,
//! its examples and its code. The checker, the compiler, the VM, completion, `hookgate functions`
//! and the reference page use the row. A test runs its examples.
//!
//! To add a function, write its row and its code in the file of its family. For a new family, add a
//! file and list it in `FAMILIES`. Nothing else changes.
//!
//! Knows only values: no source text, no program, no clock.

mod crypto;
mod currency;
mod encoding;
mod foreign;
mod function;
mod general;
mod html;
mod invoke;
mod list;
mod mapper;
mod members;
mod mustache;
mod network;
mod nfa_states;
mod number;
mod number_format;
mod object;
mod pattern;
mod pattern_cost;
mod pattern_pool;
mod set_path;
#[cfg(test)]
mod testing;
mod text;
mod time;

#[cfg(feature = "listener")]
pub(crate) use crypto::{Jwk, KeyType, key_type, read_certificate, read_jwks};
pub(crate) use encoding::PARSE_JSON_LAST_KEY;
pub use foreign::{foreign, rows as foreign_rows};
pub use function::{
    Args, Code, Env, Example, Family, Form, Function, HostFunction, LoopKind, Mode, Native,
    NullPropagation, Param, ParamRole, Role, conversion, example,
};
pub use invoke::{invoke, null_answer};
pub(crate) use list::{Total, unique_by_key, with_key};
pub use mustache::{Template, TemplateError, TemplateRead};
pub use pattern::{Pattern, PatternCache};
pub(crate) use pattern_cost::{PatternCost, pattern_cost};
pub use pattern_pool::{PatternPool, PatternShare};
pub(crate) use time::{literal_fault as time_literal_fault, usual_time};

/// The rows of every family, in the order of the reference page.
const FAMILIES: [&[Function]; 9] = [
    text::FUNCTIONS,
    list::FUNCTIONS,
    object::FUNCTIONS,
    number::FUNCTIONS,
    time::FUNCTIONS,
    encoding::FUNCTIONS,
    crypto::FUNCTIONS,
    network::FUNCTIONS,
    general::FUNCTIONS,
];

/// Returns every function of the language, family by family.
pub fn all() -> impl Iterator<Item = &'static Function> {
    FAMILIES.into_iter().flatten()
}

/// Returns the function with a name, in upper or lower case, without its `$`. Also finds the
/// looping operators of mappers, under names that no expression can write: `MAP()`.
///
/// ```
/// let function = hookgate::builtins::find("lowercase").unwrap();
/// assert_eq!(function.name, "LOWERCASE");
/// ```
pub fn find(name: &str) -> Option<&'static Function> {
    all().chain(mapper::OPERATORS).find(|function| function.name.eq_ignore_ascii_case(name))
}
