//! Documentation tests: every code block runs with its documented result, every link has a target,
//! and the generated pages are up to date.
//!
//! With `UPDATE_EXPECT=1` the results in blocks and the generated pages are rewritten; review the
//! diff.

mod blocks;
mod codes;
mod links;
mod pages;
mod requests;
mod schemas;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Returns the root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the pages of the repository and of the book, without those of single errors.
fn written_pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    for folder in ["docs", "docs/how-to"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// Returns true if expectations are to be rewritten.
fn updating() -> bool {
    std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1")
}

/// Returns the path from the root of the repository.
fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Runs the program from the root of the repository.
fn hookgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hookgate"))
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap()
}
