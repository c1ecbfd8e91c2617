//! The documentation holds: every block runs as it says, every link leads somewhere, and the
//! generated pages are what the program writes.
//!
//! With `UPDATE_EXPECT=1` the answers in blocks and the generated pages are rewritten; the diff
//! is then read.

mod blocks;
mod codes;
mod links;
mod pages;
mod requests;
mod schemas;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pages that people write: the README and `docs/*.md`.
fn written_pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md")];
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    pages
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// Whether expectations are to be rewritten.
fn updating() -> bool {
    std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1")
}

/// The path as people write it, from the root of the repository.
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
