//! Results as JUnit XML, which most build servers read.

use std::fmt::Write as _;

use super::Outcome;

/// The report of all tests, a suite a file.
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
            escaped(file),
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
    let (name, file) = (escaped(&one.name), escaped(&one.file));
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
        escaped(&what.join(", ")),
        escaped(&one.to_text())
    );
}

/// Text as XML has it; what XML cannot say, not even escaped, is left out.
fn escaped(text: &str) -> String {
    let allowed = |c: &char| !c.is_control() || matches!(c, '\n' | '\t' | '\r');
    let text: String = text.chars().filter(allowed).collect();
    html_escape::encode_safe(&text).into_owned()
}
