//! Diagnostics of listener files: files in `tests/cases/configuration/*.toml`, each with the
//! expected messages in a file beside it. `UPDATE_EXPECT=1` rewrites these files; review the diff.

use std::path::PathBuf;

use hookgate::diagnostic::{Colour, render_all};
use hookgate::listener::{ConfigSource, Loaded, load};

/// The files that a case may refer to.
const FILES: &[(&str, &str)] = &[
    ("issue.json", r#"{ "issue": { "id": 1, "labels": ["bug"] } }"#),
    ("broken.json", r#"{ "issue": "#),
];

/// The secrets in the environment. No message may contain one.
const SECRETS: &[(&str, &str)] = &[
    ("KEY", "s3cret-of-today"),
    ("PADDED", " s3cret-of-today\n"),
    ("MARKED", "\u{feff}s3cret-of-today"),
    ("LISTED", "v1,whsec_czNjcmV0LW9mLXRvZGF5LWFuZC1sb25n"),
    ("WHSEC", "whsec_czNjcmV0LW9mLXRvZGF5LWFuZC1sb25n"),
    ("SHORT", "whsec_czNjcmV0"),
];

fn cases() -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir("tests/cases/configuration")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    assert!(files.len() > 40);
    files
}

/// Loads a case. With a first line `# [unset]`, missing secrets are warnings.
fn loaded(name: &str, text: &str) -> Loaded {
    let outside = ConfigSource {
        file: &|name| {
            let found = FILES.iter().find(|(known, _)| *known == name);
            found.map(|(_, text)| text.as_bytes().to_vec()).ok_or("there is none".to_owned())
        },
        environment: &|name| {
            let found = SECRETS.iter().find(|(known, _)| *known == name);
            found.map(|(_, secret)| (*secret).to_owned())
        },
        secrets_needed: !text.starts_with("# [unset]"),
        ..ConfigSource::empty()
    };
    load(name, text, &outside)
}

#[test]
fn diagnostics_of_listener_files_match_their_expected_files() {
    let mut wrong = Vec::new();
    for file in cases() {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let loaded = loaded(name, &text);
        let report: String =
            loaded.diagnostics.iter().map(|one| render_all(one, Colour::Off)).collect();
        for shown in ["s3cret-of-today", "czNjcmV0"] {
            assert!(!report.contains(shown), "{report}");
        }
        assert_eq!(loaded.listener.is_none(), loaded.has_errors(), "{name}: {report}");
        let expected = file.with_extension("txt");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&expected, &report).unwrap();
        } else if std::fs::read_to_string(&expected).ok().as_deref() != Some(&report) {
            wrong.push(format!("{name}:\n{report}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_fixed_listener_file_has_no_diagnostics() {
    let mut tried = 0;
    for file in cases() {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let Some(fault) = name.strip_suffix("_fixed") else { continue };
        let count = |name: &str| {
            let text =
                std::fs::read_to_string(file.with_file_name(format!("{name}.toml"))).unwrap();
            loaded(name, &text).diagnostics.iter().map(|one| one.list.len()).sum::<usize>()
        };
        assert_eq!(count(&name), 0, "{name}");
        assert_ne!(count(fault), 0, "{fault}");
        tried += 1;
    }
    assert!(tried > 5, "{tried}");
}
