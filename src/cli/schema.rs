//! `hookgate schema`: prints the schema of a configuration file, for editors and for people.

use std::fmt::Write as _;

use clap::Args;

use super::{Error, Exit, output};
use crate::config::{Table, quoted_list, reference, schema};
use crate::listener::{LISTENER, RECIPE, all_outcomes, all_reason_codes};

/// The kinds of files, each with its root table.
const FILES: &[(&str, &Table)] = &[
    ("gateway", &crate::gateway::GATEWAY),
    ("listener", &LISTENER),
    ("recipe", &RECIPE),
    ("test", &crate::gateway::TEST_FILE),
];

/// The arguments of `schema`.
#[derive(Debug, Args)]
pub(super) struct Schema {
    /// Kind of file: gateway, listener, recipe or test
    #[arg(value_name = "KIND")]
    kind: Option<String>,
    /// Write the reference page instead of the JSON Schema; without a kind, of all kinds
    #[arg(long)]
    markdown: bool,
}

impl Schema {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let names: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        let names = quoted_list(&names);
        let Some(kind) = &self.kind else {
            if !self.markdown {
                return Err(Error::Usage(format!("name a kind of file: {names}")));
            }
            output::print_text(&page(FILES.iter().map(|(_, table)| *table)))?;
            return Ok(Exit::Done);
        };
        let Some((_, table)) = FILES.iter().find(|(name, _)| name == kind) else {
            return Err(Error::Usage(format!(
                "there is no kind of file `{kind}`; there are {names}"
            )));
        };
        if self.markdown {
            output::print_text(&page([*table].into_iter()))?;
        } else {
            output::print_line(&format!("{:#}", schema::of(table)))?;
        }
        Ok(Exit::Done)
    }
}

/// Returns the reference page: `docs/configuration.md`.
fn page(roots: impl Iterator<Item = &'static Table>) -> String {
    let mut tables: Vec<&'static Table> = Vec::new();
    for table in roots.flat_map(Table::all) {
        if !tables.iter().any(|known| std::ptr::eq(*known, table)) {
            tables.push(table);
        }
    }
    let mut page = String::from(
        "# Configuration files\n\n\
         Every table and key that may stand in a configuration file; `hookgate schema --markdown` writes this page.\n\
         For editors there are JSON Schemas in [schemas](schemas): `hookgate schema listener` prints one.\n\
         A key that is not here is refused, with the nearest one that is.\n",
    );
    page.push_str(&reference::sections(&tables));
    page.push_str(&outcomes());
    page
}

/// Returns the tables of outcomes and of reason codes.
fn outcomes() -> String {
    let mut out = String::from(
        "\n## Outcomes\n\nWhat may become of a request.\n\n\
         | outcome | status | retry | meaning |\n|---|---|---|---|\n",
    );
    for row in all_outcomes() {
        let again = if row.retry { "yes" } else { "no" };
        let _ = writeln!(out, "| `{}` | {} | {again} | {} |", row.name, row.status, row.doc);
    }
    out.push_str(
        "\n## Reason codes\n\nThe results of a step.\n\n| reason code | meaning |\n|---|---|\n",
    );
    for code in all_reason_codes() {
        let _ = writeln!(out, "| `{}` | {} |", code.name(), code.doc());
    }
    out
}
