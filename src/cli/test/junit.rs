//! Test results as JUnit XML, which most build servers read.

use std::fmt::Write as _;

use super::Outcome;
use crate::printable::{escape_line, escape_lines};

/// Returns the report of all tests, with one suite for each file.
pub(super) fn report(outcomes: &[Outcome]) -> String {
    let mut files: Vec<&str> = outcomes.iter().map(|one| one.file.as_str()).collect();
    files.dedup();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for file in files {
        let tests: Vec<&Outcome> = outcomes.iter().filter(|one| one.file == file).collect();
        let failures = tests.iter().filter(|one| !one.mismatches.is_empty()).count();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\">",
            attribute(file),
            tests.len()
        );
        for one in tests {
            test(&mut out, one);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn test(out: &mut String, one: &Outcome) {
    let (name, file) = (attribute(&one.name), attribute(&one.file));
    let _ = write!(
        out,
        "    <testcase name=\"{name}\" classname=\"{file}\" time=\"{:.3}\"",
        one.seconds
    );
    if one.mismatches.is_empty() {
        out.push_str("/>\n");
        return;
    }
    let what: Vec<&str> = one.mismatches.iter().map(|one| one.what.as_str()).collect();
    let _ = writeln!(
        out,
        ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
        attribute(&what.join(", ")),
        escaped(&one.to_text())
    );
}

/// Escapes a text for XML. XML cannot represent control characters, so they are written as escapes.
fn escaped(text: &str) -> String {
    html_escape::encode_safe(&escape_lines(text)).into_owned()
}

/// Escapes a text for an attribute, on one line.
fn attribute(text: &str) -> String {
    html_escape::encode_safe(&escape_line(text)).into_owned()
}
