//! `hookgate functions`: prints the function registry, as a list or as the reference page.

use std::fmt::Write;

use clap::Args;

use super::{Error, Exit, output};
use crate::builtins::{self, Function};
use crate::diagnostic::nearest;

/// The arguments of `functions`.
#[derive(Debug, Args)]
pub(super) struct Functions {
    /// Function to show; without it, lists all functions
    name: Option<String>,
    /// Write the reference page
    #[arg(long, conflicts_with = "name")]
    markdown: bool,
}

impl Functions {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let Some(name) = &self.name else {
            output::print_text(&if self.markdown { page() } else { list() })?;
            return Ok(Exit::Done);
        };
        let name = name.trim_start_matches('$');
        match builtins::find(name) {
            Some(function) => {
                output::print_text(&one(function))?;
                Ok(Exit::Done)
            }
            None => Err(Error::Usage(unknown(name))),
        }
    }
}

fn unknown(name: &str) -> String {
    let upper = name.to_uppercase();
    let near = nearest(&upper, builtins::all().map(|function| function.name));
    match (builtins::foreign(name), near) {
        (Some(advice), _) => format!("there is no function `${upper}`: {advice}"),
        (None, Some(near)) => format!("there is no function `${upper}`; did you mean `${near}`?"),
        (None, None) => {
            format!("there is no function `${upper}`; `hookgate functions` lists them all")
        }
    }
}

/// Returns one line for each function, grouped by family.
fn list() -> String {
    let mut out = String::new();
    let mut family = None;
    for function in builtins::all() {
        if family != Some(function.family) {
            let newline = if family.is_some() { "\n" } else { "" };
            let _ = writeln!(out, "{newline}{}", function.family.title());
            family = Some(function.family);
        }
        let _ = writeln!(out, "  {:<52} {}", function.signature(), function.doc);
    }
    out
}

/// Returns the full description of a function.
fn one(function: &Function) -> String {
    let mut out = format!("{}\n\n{}\n\n", function.signature(), function.doc);
    for param in function.params.iter().filter(|param| !param.is_lambda()) {
        let _ = writeln!(out, "  {:<14} {}", param.name, param.kinds);
    }
    let _ = writeln!(out, "  {:<14} {}\n", "answers", function.result);
    for example in function.examples {
        let _ = writeln!(out, "  {}\n    -> {}", example.source, example.answer);
    }
    out
}

/// Returns the reference page: `docs/functions.md`.
fn page() -> String {
    let mut out = String::from(
        "# Functions\n\n\
         This page is written by `hookgate functions --markdown` from the registry; every example runs as a test.\n\n\
         `$F(x, y)` and `x.$F(y)` are the same call. A parameter with `?` may be left out, or null. The arrow in an\n\
         example leads to its answer as JSON, or to the code of the diagnostic that it gives.\n",
    );
    let mut family = None;
    for function in builtins::all() {
        if family != Some(function.family) {
            let _ = writeln!(out, "\n## {}", function.family.title());
            family = Some(function.family);
        }
        section(function, &mut out);
    }
    out
}

fn section(function: &Function, out: &mut String) {
    let _ = writeln!(out, "\n### `{}`\n\n{}\n", function.signature(), function.doc);
    let params = function.params.iter().filter(|param| !param.is_lambda());
    let kinds: Vec<String> =
        params.map(|param| format!("`{}`: {}", param.name, param.kinds)).collect();
    if !kinds.is_empty() {
        let _ = write!(out, "Takes {}. ", kinds.join("; "));
    }
    let answers = format!("Answers {}. {}", function.result, null_words(function));
    let _ = writeln!(out, "{}\n", answers.trim_end());
    out.push_str("```text\n");
    for example in function.examples {
        let _ = writeln!(out, "{}\n  -> {}", example.source, example.answer);
    }
    out.push_str("```\n");
}

fn null_words(function: &Function) -> &'static str {
    use crate::builtins::NullPropagation;
    if function.params.is_empty() {
        return "";
    }
    match function.null {
        NullPropagation::Null => "Of null, null.",
        NullPropagation::False => "Of null, false.",
        NullPropagation::True => "Of null, true.",
        NullPropagation::Zero => "Of null, 0.",
        NullPropagation::Fault => "Null is an error.",
        NullPropagation::Passed => "",
    }
}
