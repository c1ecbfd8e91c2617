//! `hookgate explain-code`: prints the explanation of a diagnostic code.

use std::fmt::Write;

use clap::Args;

use super::names::hint_or;
use super::{Error, Exit, output};
use crate::diagnostic::{Code, CodeRow, Setting, all_codes};

/// The arguments of `explain-code`.
#[derive(Debug, Args)]
pub(super) struct ExplainCode {
    /// Code, such as `E0107`; without it, lists all codes
    code: Option<String>,
    /// Write the reference page of the code, or of all codes
    #[arg(long)]
    markdown: bool,
}

impl ExplainCode {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let Some(name) = &self.code else {
            output::print_text(&if self.markdown { index() } else { list() })?;
            return Ok(Exit::Done);
        };
        let Some(row) = Code::find(name).and_then(Code::row) else {
            return Err(unknown_code(name));
        };
        output::print_text(&if self.markdown { page(row) } else { text(row) })?;
        Ok(Exit::Done)
    }
}

/// Returns the error for a code that does not exist.
pub(super) fn unknown_code(name: &str) -> Error {
    let known = all_codes().map(|row| row.code.name());
    let hint = hint_or(&name.to_uppercase(), known, "`hookgate explain-code` lists all codes");
    Error::Usage(format!("there is no code `{name}`{hint}"))
}

fn list() -> String {
    all_codes().fold(String::new(), |mut out, row| {
        let _ = writeln!(out, "{}  {}", row.code, row.title);
        out
    })
}

fn text(row: &CodeRow) -> String {
    let mut out = format!("{}: {}\n\n{}\n", row.code, row.title, row.explanation);
    if !row.example.is_empty() {
        let _ = write!(out, "\nThis gives it:\n\n{}", indented(row.example));
    }
    if let Some(fixed) = row.fixed {
        let _ = write!(out, "\nThis does not:\n\n{}", indented(fixed));
    }
    out
}

fn indented(source: &str) -> String {
    source.trim_end().lines().fold(String::new(), |mut out, line| {
        let _ = writeln!(out, "{}", format!("  {line}").trim_end());
        out
    })
}

/// Returns the page of a code: `docs/errors/E0107.md`.
fn page(row: &CodeRow) -> String {
    let language = match row.setting {
        Setting::Mapper => "json",
        Setting::Listener | Setting::Gateway => "toml",
        _ => "text",
    };
    let mut out = format!("# {}: {}\n\n{}\n", row.code, row.title, row.explanation);
    if !row.example.is_empty() {
        let example = row.example.trim_end();
        let _ = write!(out, "\nThis gives it:\n\n```{language}\n{example}\n```\n");
    }
    if let Some(fixed) = row.fixed {
        let fixed = fixed.trim_end();
        let _ = write!(out, "\nThis does not:\n\n```{language}\n{fixed}\n```\n");
    }
    let _ = write!(out, "\n[All codes](../errors.md)\n");
    out
}

/// Returns the list of all codes: `docs/errors.md`.
fn index() -> String {
    let mut out = String::from(
        "# Diagnostics\n\n\
         Every diagnostic has a code, and keeps it. `E` codes cannot run, or stopped a run; `W` codes are warnings:\n\
         `hookgate check --deny warnings` makes them count, `--allow CODE` silences one.\n\n\
         `hookgate explain-code E0107` prints a page of these. They are written from the table in\n\
         `src/diagnostic/codes.rs`, and a test holds each to its example.\n",
    );
    let groups = [
        ("E00", "Syntax"),
        ("E01", "Names and calls"),
        ("E02", "Kinds and secrets"),
        ("E03", "While running"),
        ("E04", "Limits"),
        ("E05", "Mapper documents"),
        ("E06", "Configuration"),
        ("W", "Warnings"),
    ];
    for (prefix, title) in groups {
        let _ = write!(out, "\n## {title}\n\n| code | meaning |\n|---|---|\n");
        for row in all_codes().filter(|row| row.code.name().starts_with(prefix)) {
            let _ = writeln!(out, "| [{0}](errors/{0}.md) | {1} |", row.code, row.title);
        }
    }
    out
}
