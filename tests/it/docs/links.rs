//! Links between the pages have targets.

use std::path::Path;

use super::{read, root, shown, written_pages};

#[test]
fn every_link_of_the_documentation_has_a_target() {
    let mut pages = written_pages();
    pages.push(root().join("CHANGELOG.md"));
    pages.push(root().join("examples/requests/README.md"));
    let broken: Vec<String> = pages.iter().flat_map(|page| broken_links(page)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn broken_links(page: &Path) -> Vec<String> {
    let text = prose(&read(page));
    let folder = page.parent().unwrap();
    let mut broken = Vec::new();
    for target in targets(&text) {
        if target.contains("://") {
            continue;
        }
        let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
        let path = if file.is_empty() { page.to_owned() } else { folder.join(file) };
        if !path.exists() {
            broken.push(format!("{}: there is no {target}", shown(page)));
        } else if !anchor.is_empty() && !anchors(&read(&path)).iter().any(|known| known == anchor) {
            broken.push(format!("{}: {file} has no heading #{anchor}", shown(page)));
        }
    }
    broken
}

/// Returns the text without its code blocks and inline code.
fn prose(text: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside;
        } else if !inside {
            let outside_code: Vec<&str> = line.split('`').step_by(2).collect();
            out.push_str(&outside_code.join("·"));
            out.push('\n');
        }
    }
    out
}

/// Returns the targets of `[words](target)`.
fn targets(text: &str) -> Vec<String> {
    let after = text.split("](").skip(1);
    after.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

/// Returns the anchors of the headings, as the usual viewers create them.
fn anchors(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        inside ^= line.starts_with("```");
        if !inside && line.starts_with('#') {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let stored = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            found.push(stored.map(|c| if c == ' ' { '-' } else { c }).collect());
        }
    }
    found
}
