//! The formatter: cases of layouts, and properties of every source.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use hookgate::format::{format, show_tree};
use hookgate::source::Source;
use hookgate::syntax::{Parsed, SyntaxLimits, parse, parse_template};
use proptest::prelude::*;

use crate::hostile::processor_time;

fn read(text: &str) -> Option<Parsed> {
    let limits = SyntaxLimits { bytes: usize::MAX, ..SyntaxLimits::default() };
    parse(Source::new("rule", text), limits).ok()
}

fn formatted(text: &str) -> String {
    format(&read(text).unwrap_or_else(|| panic!("does not parse:\n{text}")))
}

/// Returns the comments of a source in alphabetical order, without trailing white space.
fn comments(parsed: &Parsed) -> Vec<&str> {
    let words = parsed.comments.iter().map(|span| parsed.source.slice(*span).trim_end());
    let mut words: Vec<&str> = words.collect();
    words.sort_unstable();
    words
}

/// Asserts the properties of every source: the same tree, the same comments, and a second run
/// changes nothing.
fn assert_formatter_properties(text: &str) {
    let before = read(text).unwrap_or_else(|| panic!("does not parse:\n{text}"));
    let out = format(&before);
    let Some(after) = read(&out) else {
        panic!("the formatted source does not parse:\n{text}\n---\n{out}");
    };
    let fingerprint = |parsed: &Parsed| parsed.tree.fingerprint(parsed.tree.root());
    assert_eq!(fingerprint(&before), fingerprint(&after), "a different tree:\n{text}\n---\n{out}");
    assert_eq!(comments(&before), comments(&after), "different comments:\n{text}\n---\n{out}");
    assert_eq!(format(&after), out, "a second run changes it:\n{text}\n---\n{out}");
    assert!(out.ends_with('\n') && !out.ends_with("\n\n"), "one newline at the end:\n{out}");
}

fn case_files(extension: &str) -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases/format");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Returns the cases of a file. Each starts with a line `=== name`. The text above the first is a
/// description.
fn cases(text: &str) -> Vec<(&str, &str)> {
    let cases = text.split("\n=== ").skip(1);
    cases.map(|case| case.split_once('\n').unwrap_or((case, ""))).collect()
}

/// Runs the cases of a file, and returns the file with the actual results.
fn run_cases(text: &str) -> String {
    let mut actual = text.split("\n=== ").next().unwrap().to_owned();
    for (name, case) in cases(text) {
        let (input, _) = case.split_once("\n---").unwrap_or((case.trim_end(), ""));
        assert_formatter_properties(input);
        write!(actual, "\n=== {name}\n{input}\n---\n{}", formatted(input)).unwrap();
    }
    actual
}

/// Rewrites the files with `UPDATE_EXPECT=1`; review the diff.
#[test]
fn formatter_output_matches_the_cases() {
    for path in case_files("txt") {
        let text = fs::read_to_string(&path).unwrap();
        let actual = run_cases(&text);
        if std::env::var("UPDATE_EXPECT").is_ok() {
            fs::write(&path, actual).unwrap();
        } else {
            assert!(text == actual, "{}:\n{actual}", path.display());
        }
    }
}

#[test]
fn published_expressions_keep_the_formatter_properties() {
    for path in case_files("laws") {
        let text = fs::read_to_string(path).unwrap();
        let cases = cases(&text);
        let readable = cases.iter().filter(|(_, case)| read(case).is_some());
        let read = readable.inspect(|(_, case)| assert_formatter_properties(case)).count();
        assert!(read * 10 >= cases.len() * 9, "{read} of {} read", cases.len());
    }
}

#[test]
fn formatter_keeps_comments_between_any_two_tokens() {
    let source = "if not a . b [ - 1 ] . $F ( x => [ x , ( y ) , ] ) then { 'k' : \"t${ u }\" , } \
                  else if $G ( ( p , q ) => p + q * 2 , [ ] , { } ) [ 1 : 2 ] not in z . [ : ] \
                  and w >= v or null then s else r";
    let words: Vec<&str> = source.split(' ').collect();
    for at in 0..=words.len() {
        let (before, after) = words.split_at(at);
        let (before, after) = (before.join(" "), after.join(" "));
        if before.ends_with("${") || after.starts_with('}') && !after.contains('{') {
            continue;
        }
        for comment in [" # c\n", "\n# c\n", " # c\n# d\n", "\n\n# c\n\n# d\n\n"] {
            let text = format!("{before}{comment}{after}");
            // Inside a string `#` is content, or an error.
            if read(&text).is_some() {
                assert_formatter_properties(&text);
            }
        }
    }
}

#[test]
fn formatter_changes_a_template_only_inside_interpolations() {
    for (text, expected) in [
        ("", ""),
        (" # ${  a.[ 'b' ] } \n", " # ${a['b']} \n"),
        ("${ $hex( x ) }", "${$HEX(x)}"),
        ("\"quoted\"", "\"quoted\""),
        ("'${ a }' \\${ b }", "'${a}' \\${ b }"),
    ] {
        let parsed = parse_template(Source::new("t", text), SyntaxLimits::default()).unwrap();
        assert_eq!(format(&parsed), expected);
    }
}

#[test]
fn the_largest_source_is_formatted_in_linear_time() {
    let deep = format!("{}a{}", "[".repeat(120), ", [b, c]]".repeat(120));
    let long = "x.$F(a == 1 AND [b, c], {\"k\": -2}) # c\nOR ".repeat(1400);
    for text in [format!("{long}{deep}"), format!("[{}]", "1,".repeat(32_000))] {
        let parsed = read(&text).unwrap();
        let started = processor_time();
        let out = format(&parsed);
        let took = processor_time() - started;
        assert!(took.as_millis() < 1000, "{took:?}");
        assert!(out.len() < 64 * text.len());
    }
}

#[test]
fn the_deepest_sources_keep_the_formatter_properties() {
    let nested = |open: &str, close: &str| {
        let turns = (1..128).rev().map(|turns| (open.repeat(turns), close.repeat(turns)));
        let mut sources = turns.map(|(before, after)| format!("{before}a{after}"));
        sources.find(|source| read(source).is_some()).unwrap()
    };
    for (open, close) in [
        ("(a OR b == # c\n", ")"),
        ("not ", ""),
        ("$F(x => [x, ", ", # c\n])"),
        ("a.$F(1).$G(", ")"),
        ("{\"k\": if # c\n b then ", " else c}"),
        ("\"${", "}\""),
    ] {
        let source = nested(open, close);
        assert_formatter_properties(&source);
        assert!(show_tree(&read(&source).unwrap()).lines().count() > 60);
    }
}

#[test]
fn the_syntax_tree_is_rendered_with_a_line_for_each_node() {
    let parsed = read("not a.b[1:] in \"t${c}\"").unwrap();
    let expected = "\
not            0..22 not a.b[1:] in \"t${c}\"
  run          4..22 a.b[1:] in \"t${c}\"
    chain      4..11 a.b[1:]
      name     4..5  a
      member   5..7  .b
      slice    7..11 [1:]
        number 8..9  1
    template   15..22 \"t${c}\"
      text     16..17 t
      name     19..20 c
";
    assert_eq!(show_tree(&parsed), expected);
}

/// A generator of valid sources, controlled by bytes: the same bytes give the same source.
struct Author<'b> {
    bytes: std::slice::Iter<'b, u8>,
    out: String,
    comments: usize,
    texts: usize,
}

impl<'b> Author<'b> {
    fn write(bytes: &'b [u8]) -> String {
        let mut author = Self { bytes: bytes.iter(), out: String::new(), comments: 0, texts: 0 };
        author.expr(5);
        author.trivia();
        author.out
    }

    /// Returns one of `turns` choices, and the first one at the end of the bytes.
    fn pick(&mut self, turns: u8) -> u8 {
        self.bytes.next().map_or(0, |byte| byte % turns)
    }

    /// Writes white space, and comments where they are allowed.
    fn trivia(&mut self) {
        let turn = self.pick(12);
        self.comments += 1;
        let comment = format!("# c{}", self.comments);
        match turn {
            6 => self.out.push('\n'),
            7 => self.out.push_str("  \r\n\t"),
            8 => self.out.push_str("\n\n\n"),
            9 if self.texts == 0 => self.out.push_str(&format!(" {comment} \n")),
            10 if self.texts == 0 => self.out.push_str(&format!("\n {comment}\r\n")),
            11 if self.texts == 0 => self.out.push_str(&format!("{comment}\n\n{comment}b\n")),
            _ => {}
        }
    }

    fn token(&mut self, token: &str) {
        self.trivia();
        let is_word = |last: char| last.is_alphanumeric() || last == '_';
        if self.out.ends_with(is_word) && token.starts_with(is_word) {
            self.out.push(' ');
        }
        self.out.push_str(token);
    }

    fn tokens(&mut self, tokens: &[&str]) {
        tokens.iter().for_each(|token| self.token(token));
    }

    fn one_of(&mut self, tokens: &[&str]) {
        let turn = self.pick(u8::try_from(tokens.len()).unwrap());
        self.token(tokens[usize::from(turn)]);
    }

    /// Writes an expression of the lowest precedence. `fuel` limits its depth.
    fn expr(&mut self, fuel: u8) {
        if fuel == 0 || self.pick(8) != 1 {
            return self.or(fuel);
        }
        self.token("iF");
        self.expr(fuel - 1);
        self.token("THEN");
        // An inner conditional without its own `ELSE` would take this one.
        self.or(fuel - 1);
        if self.pick(4) != 1 {
            self.token("else");
            self.expr(fuel - 1);
        }
    }

    fn or(&mut self, fuel: u8) {
        self.and(fuel);
        while self.pick(5) == 1 {
            self.one_of(&["OR", "or"]);
            self.and(fuel);
        }
    }

    fn and(&mut self, fuel: u8) {
        self.not(fuel);
        while self.pick(4) == 1 {
            self.one_of(&["AND", "and"]);
            self.not(fuel);
        }
    }

    fn not(&mut self, fuel: u8) {
        if self.pick(8) == 1 {
            self.token("not");
        }
        self.sum(fuel);
        if self.pick(3) == 1 {
            match self.pick(4) {
                0 => self.tokens(&["not", "In"]),
                _ => self.one_of(&["==", "!=", "<", ">=", "IN"]),
            }
            self.sum(fuel);
        }
    }

    fn sum(&mut self, fuel: u8) {
        self.chain(fuel);
        while self.pick(6) == 1 {
            self.one_of(&["+", "-", "*", "/"]);
            self.chain(fuel);
        }
    }

    fn chain(&mut self, fuel: u8) {
        if self.pick(8) == 1 {
            self.token("-");
        }
        self.atom(fuel);
        while fuel > 0 && self.pick(3) == 1 {
            match self.pick(4) {
                0 => self.tokens(&[".", "If"]),
                1 => self.tokens(&[".", "headers_of_a_name_that_is_rather_long"]),
                2 => {
                    self.token(".");
                    self.call(fuel - 1);
                }
                _ => self.index(fuel - 1),
            }
        }
    }

    fn index(&mut self, fuel: u8) {
        if self.pick(2) == 1 {
            self.token(".");
        }
        self.token("[");
        match self.pick(4) {
            0 => self.expr(fuel),
            1 => self.token(":"),
            turn => {
                self.expr(fuel);
                self.token(":");
                if turn == 2 {
                    self.expr(fuel);
                }
            }
        }
        self.token("]");
    }

    fn atom(&mut self, fuel: u8) {
        match if fuel == 0 { self.pick(4) } else { self.pick(9) } {
            0 | 1 => self.one_of(&["a", "é", "parsed_body", "True", "null"]),
            2 => self.one_of(&["1", "2.50", "1E3", "18446744073709551615"]),
            3 => self.one_of(&["\"two\n # lines\"", "'\\u00e9\\\"'", "\"\"", "'\\${x}'"]),
            4 => self.text(fuel - 1),
            5 => self.items("[", fuel - 1, "]", Self::expr),
            6 => self.items("{", fuel - 1, "}", Self::entry),
            7 => self.call(fuel - 1),
            _ => {
                self.token("(");
                self.expr(fuel - 1);
                self.token(")");
            }
        }
    }

    fn text(&mut self, fuel: u8) {
        self.token("\"a long beginning, with a \\\" \n and # no comment ${");
        self.texts += 1;
        self.expr(fuel);
        self.token("}");
        self.texts -= 1;
        self.out.push_str(" end\"");
    }

    fn call(&mut self, fuel: u8) {
        self.one_of(&["$f", "$Starts_With"]);
        self.items("(", fuel, ")", Self::argument);
    }

    fn items(&mut self, open: &str, fuel: u8, close: &str, each: fn(&mut Self, u8)) {
        self.token(open);
        let count = self.pick(4);
        for at in 0..count {
            each(self, fuel);
            if at + 1 < count || self.pick(2) == 1 {
                self.token(",");
            }
        }
        self.token(close);
    }

    fn entry(&mut self, fuel: u8) {
        self.expr(fuel);
        self.token(":");
        self.expr(fuel);
    }

    fn argument(&mut self, fuel: u8) {
        match self.pick(6) {
            1 => self.tokens(&["x", "=>"]),
            2 => self.tokens(&["(", "(", "x", ")", ")", "=>"]),
            3 => self.tokens(&["(", "a", ",", "b", ",", ")", "=>"]),
            _ => {}
        }
        self.expr(fuel);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_sources_keep_the_formatter_properties(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        assert_formatter_properties(&Author::write(&bytes));
    }
}
