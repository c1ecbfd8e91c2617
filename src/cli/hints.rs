//! Tips for arguments that do not fit: where people expect another form of a command. Knows no
//! command's work.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The form of an argument that a tip is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A value without an option.
    Value,
    /// An option with this name.
    Option(&'static str),
}

/// The tips: the words of the command, the argument that does not fit, and the right form.
const TIPS: &[(&[&str], Form, &str)] = &[
    (&[], Form::Option("-C"), "`-C` stands after the command: `hookgate serve -C FOLDER`"),
    (&["serve"], Form::Value, "the folder is an option: `hookgate serve -C FOLDER`"),
    (&["serve"], Form::Option("-c"), "write `-C`: `hookgate serve -C FOLDER`"),
    (&["send"], Form::Value, "the body is an option: `hookgate send LISTENER --body FILE`"),
    (
        &["keys", "create"],
        Form::Value,
        "the tenant is an option: `hookgate keys create --tenant TENANT`",
    ),
    (
        &["keys", "list"],
        Form::Value,
        "the tenant is an option: `hookgate keys list --tenant TENANT`",
    ),
    (
        &["subscriptions", "list"],
        Form::Value,
        "the tenant is an option: `hookgate subscriptions list --tenant TENANT`",
    ),
    (
        &["deliveries", "list"],
        Form::Value,
        "write `--tenant`, `--subscription`, `--event` or `--state` before it",
    ),
    (&["diverted", "list"], Form::Value, "write `--subscription` before it"),
    (&["requests", "list"], Form::Value, "write `--listener` or `--outcome` before it"),
    (
        &["replay"],
        Form::Value,
        "write `--listener` before a listener, or `--against` before a file",
    ),
    (&["eval"], Form::Value, QUOTE),
    (&["explain"], Form::Value, QUOTE),
    (&["compile"], Form::Value, QUOTE),
];

const QUOTE: &str =
    "quote the whole expression, and write no `-e` before it: `hookgate eval '1 + 1'`";

/// Returns the tip for an argument that a command does not have.
pub(super) fn tip(given: &[OsString], error: &clap::Error) -> Option<&'static str> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let ContextValue::String(argument) = error.get(ContextKind::InvalidArg)? else {
        return None;
    };
    let words: Vec<&str> = given.iter().skip(1).filter_map(|one| one.to_str()).collect();
    let form =
        if argument.starts_with('-') && argument.len() > 1 { None } else { Some(Form::Value) };
    let fits = |(command, wanted, _): &&(&[&str], Form, &str)| {
        let is_command = match command {
            [] => words.first() == Some(&argument.as_str()),
            command => words.starts_with(command),
        };
        let is_form = match wanted {
            Form::Value => form == Some(Form::Value),
            Form::Option(name) => argument == name,
        };
        is_command && is_form
    };
    TIPS.iter().find(fits).map(|(.., tip)| *tip)
}
