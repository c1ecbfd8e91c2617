//! The text family: its rows in the order of the reference page. Each row is next to its code, in
//! the file of its topic.

mod boolean;
mod case;
mod convert;
mod cut;
mod escape;
mod glob;
mod lookahead;
mod matches;
mod parts;
mod search;

use super::function::Function;

pub(super) const FUNCTIONS: &[Function] = &[
    case::LOWERCASE,
    case::UPPERCASE,
    case::TITLECASE,
    parts::TRIM,
    parts::CONCAT,
    parts::SPLIT,
    search::REPLACE,
    search::STARTS_WITH,
    search::ENDS_WITH,
    search::MATCH,
    search::EXTRACT,
    parts::LENGTH,
    parts::SUBSTRING,
    parts::PAD_LEFT,
    convert::TEXT,
    convert::STRIP_HTML,
    convert::RENDER,
    boolean::BOOLEAN,
    cut::REPLACE_STRING,
    cut::TRUNCATE,
    escape::ESCAPE,
    glob::GLOB,
    matches::EXTRACT_ALL,
    matches::EXTRACT_GROUPS,
];
