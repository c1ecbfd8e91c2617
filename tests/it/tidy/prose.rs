//! The prose of the code: comments in plain English, and test names with the term that a reader
//! searches for.

use std::path::{Path, PathBuf};

/// Words that no comment or test name starts with: a first line is a noun phrase or a verb, and a
/// test name starts with its subject.
const OPENINGS: &[&str] =
    &["What", "Whether", "How", "It", "Who", "Whoever", "So many", "Those", "These", "Its"];

/// Phrases without a noun, which a reader cannot search for.
const INDEFINITE: &[&str] =
    &["whoever", "so many", "what came", "is none", "what is told", "what became", "for want of"];

/// Words of test names with a better term beside each.
const NAME_WORDS: &[(&str, &str)] = &[
    ("told", "reported"),
    ("tells", "reports"),
    ("said", "reported"),
    ("says", "reports"),
    ("made", "created"),
    ("kept", "stored"),
    ("came", "received"),
    ("comes", "arrives"),
    ("shown", "rendered"),
    ("things", "the noun"),
    ("stranger", "unauthenticated client"),
    ("strangers", "unauthenticated clients"),
    ("nobody", "the noun"),
    ("whoever", "the noun"),
    ("who", "the noun"),
];

/// Limits for the comments of a folder.
struct Folder {
    name: &'static str,
    /// The least number of comments; fewer would mean that they were not found.
    blocks: usize,
    /// The allowed percentage of comments with one of [`OPENINGS`].
    openings: usize,
    /// The allowed number of comments with a phrase of [`INDEFINITE`].
    indefinite: usize,
}

const FOLDERS: &[Folder] = &[
    Folder { name: "src", blocks: 3000, openings: 3, indefinite: 10 },
    Folder { name: "tests", blocks: 900, openings: 0, indefinite: 0 },
    Folder { name: "fuzz", blocks: 80, openings: 0, indefinite: 0 },
    Folder { name: "benches", blocks: 50, openings: 0, indefinite: 0 },
];

/// Returns the source files in a folder. Skips build directories.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut all = Vec::new();
    super::files(Path::new(folder), &mut all);
    all.retain(|path| !path.components().any(|part| part.as_os_str() == "target"));
    all
}

/// Returns the doc comments and comments of a file, a block of lines each, with the line of each
/// block.
fn comments(text: &str) -> Vec<(usize, String)> {
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let mut last = 0;
    for (at, line) in text.lines().enumerate() {
        let Some(comment) = line.trim_start().strip_prefix("//") else {
            continue;
        };
        let words = comment.trim_start_matches(['/', '!']).trim();
        match blocks.last_mut() {
            Some((_, block)) if last + 1 == at => {
                block.push(' ');
                block.push_str(words);
            }
            _ => blocks.push((at + 1, words.to_owned())),
        }
        last = at;
    }
    blocks
}

fn has_opening(text: &str) -> bool {
    OPENINGS.iter().any(|opening| {
        let rest = text.strip_prefix(opening);
        rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    })
}

fn is_indefinite(text: &str) -> bool {
    let lower = text.to_lowercase();
    INDEFINITE.iter().any(|phrase| lower.contains(phrase))
}

#[test]
fn comments_are_plain_english_with_standard_terms() {
    for folder in FOLDERS {
        let (mut blocks, mut openings, mut indefinite) = (0, Vec::new(), Vec::new());
        for path in sources(folder.name) {
            for (line, block) in comments(&std::fs::read_to_string(&path).unwrap()) {
                blocks += 1;
                let place = || format!("{}:{line}: {block}", path.display());
                if has_opening(&block) {
                    openings.push(place());
                }
                if is_indefinite(&block) {
                    indefinite.push(place());
                }
            }
        }
        assert!(blocks >= folder.blocks, "{blocks} comments in {}", folder.name);
        assert!(openings.len() * 100 <= blocks * folder.openings, "{}", openings.join("\n"));
        assert!(indefinite.len() <= folder.indefinite, "{}", indefinite.join("\n"));
    }
}

/// Returns the names of the tests in a file.
fn test_names(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        if let Some((name, _)) = function.filter(|_| is_test).and_then(|rest| rest.split_once('('))
        {
            names.push(name);
            is_test = false;
        }
    }
    names
}

/// Returns the defects of a test name.
fn name_defects(name: &str) -> Vec<String> {
    let mut defects = Vec::new();
    let words: Vec<&str> = name.split('_').collect();
    for (word, better) in NAME_WORDS.iter().filter(|(word, _)| words.contains(word)) {
        defects.push(format!("{name}: instead of `{word}` write {better}"));
    }
    let mut sentence = words.join(" ");
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if has_opening(&sentence) || is_indefinite(&sentence) {
        defects.push(format!("{name}: name the subject"));
    }
    if name.len() > 90 {
        defects.push(format!("{name}: longer than 90 characters"));
    }
    defects
}

#[test]
fn test_names_have_a_subject_and_standard_terms() {
    let files = FOLDERS.iter().flat_map(|folder| sources(folder.name));
    let texts: Vec<String> = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let names: Vec<&str> = texts.iter().flat_map(|text| test_names(text)).collect();
    assert!(names.len() > 700, "{}", names.len());
    let defects: Vec<String> = names.into_iter().flat_map(name_defects).collect();
    assert!(defects.is_empty(), "{}", defects.join("\n"));
}

#[test]
fn a_test_name_without_a_subject_is_reported() {
    assert!(name_defects("disk_full_answers_503_and_recovers").is_empty());
    assert_eq!(name_defects("what_failed_is_in_the_log").len(), 1);
    assert_eq!(name_defects("whoever_is_told_so_many_things").len(), 4);
    assert_eq!(
        test_names("#[test]\nfn a() {}\nfn b() {}\n#[tokio::test]\nasync fn c() {}"),
        ["a", "c"]
    );
}
