//! Mappers: the cases of `tests/cases/mapper`, the examples of the operators, and the limits.
//!
//! A case is a document, a context, the expected diagnostics, and the expected result or trap.
//! `UPDATE_EXPECT=1` writes the actual results; review the diff.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use hookgate::compile::Options;
use hookgate::diagnostic::{Code, Diagnostic, Setting, all_codes};
use hookgate::engine::{Context, Engine, Format, Source};
use hookgate::mapper::operators;
use hookgate::value::read_json;

#[test]
fn published_mappers_have_the_published_results() {
    run("published.cases");
}

#[test]
fn mapper_operators_have_their_documented_results() {
    run("operators.cases");
}

#[test]
fn mapper_documents_are_equal_in_json_toml_and_yaml() {
    run("documents.cases");
}

#[test]
fn mapper_diagnostics_have_the_span_of_the_error() {
    run("faults.cases");
}

#[test]
fn the_example_of_every_mapper_operator_has_its_result() {
    for operator in operators() {
        let example = operator.example;
        let case = Case {
            name: operator.name.to_owned(),
            options: "json".to_owned(),
            document: example.document.to_owned(),
            context: Some(example.context.to_owned()),
            outcome: String::new(),
        };
        let answer = read_json(example.answer.as_bytes()).unwrap();
        assert_eq!(case.run(), format!("--- answer\n{answer}\n"), "{}", operator.name);
    }
}

#[test]
fn mapper_documents_nest_to_the_depth_limit() {
    let json = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(codes(&json(127), Format::Json), []);
    assert_eq!(codes(&json(129), Format::Json), [Code::E0018]);
    assert_eq!(codes(&json(127), Format::Yaml), []);
    assert_eq!(codes(&json(129), Format::Yaml), [Code::E0018]);
    assert_eq!(codes(&format!("a = {}", json(79)), Format::Toml), []);
    // The TOML parser has a lower depth limit of its own.
    assert_eq!(codes(&format!("a = {}", json(129)), Format::Toml), [Code::E0501]);
}

#[test]
fn the_depth_limit_counts_a_mapper_document_and_its_expressions() {
    let nested =
        |depth: usize, leaf: &str| format!("{}\"{leaf}\"{}", "[".repeat(depth), "]".repeat(depth));
    let leaf = "(".repeat(59) + "1" + &")".repeat(59);
    assert_eq!(codes(&nested(60, &leaf), Format::Json), []);
    assert_eq!(codes(&nested(70, &leaf), Format::Json), [Code::E0018]);
}

#[test]
fn dotted_mapper_keys_nest_to_the_depth_limit() {
    let dots = |depth: usize| format!("{{\"{}\": 1}}", vec!["a"; depth].join("."));
    assert_eq!(codes(&dots(120), Format::Json), []);
    assert_eq!(codes(&dots(30_000), Format::Json), [Code::E0018]);
}

#[test]
fn mapper_operators_nest_to_the_depth_limit() {
    let nested = |depth: usize| {
        let open = r#"{"MAP()": {"items": "xs", "converter": "#;
        format!("{}\"loop.index0\"{}", open.repeat(depth), "}}".repeat(depth))
    };
    assert_eq!(codes(&nested(30), Format::Json), []);
    assert_eq!(codes(&nested(400), Format::Json), [Code::E0018]);
}

#[test]
fn deep_mapper_sources_are_refused_without_recursion() {
    let parts =
        ["[", "{a: ", "- ", "? ", "[[", "{\"a\":", "&a ", "!a ", "a:\n ", "\"", "|\n", "a."];
    for part in parts {
        let text = part.repeat((64 << 10) / part.len());
        for format in [Format::Json, Format::Yaml, Format::Toml] {
            assert!(!codes(&text, format).is_empty(), "{part:?} {format:?}");
        }
    }
}

#[test]
fn a_mapper_has_the_size_limit_of_a_source() {
    let text = format!("'{}'", "x".repeat(64 << 10));
    assert_eq!(codes(&text, Format::Yaml), [Code::E0019]);
}

#[test]
fn a_mapper_condition_over_many_literal_items_is_bounded() {
    let items = vec!["a"; 4_000].join(", ");
    let condition = vec!["item.x == 1"; 2_000].join(" OR ");
    let text = format!("COALESCE(): {{items: [{items}], condition: {condition}}}");
    assert_eq!(codes(&text, Format::Yaml), [Code::E0019]);
    let text = format!("COALESCE(): {{items: [{items}], condition: item == 1}}");
    assert_eq!(codes(&text, Format::Yaml), []);
    let blank = " ".repeat(40_000);
    let text = format!("COALESCE(): {{items: [{items}], condition: 'a {blank} == 1'}}");
    assert_eq!(codes(&text, Format::Yaml), [Code::E0019]);
    let text = format!("COALESCE(): {{items: [{items}], condition: 'a {blank} =='}}");
    assert_eq!(codes(&text, Format::Yaml), [Code::E0010]);
}

#[test]
fn nested_mapper_conditions_are_bounded() {
    let items = vec!["a"; 50].join(", ");
    let open = format!("{{COALESCE(): {{items: [{items}], condition: ");
    let nested = |depth: usize| open.repeat(depth) + "item" + &"}}".repeat(depth);
    assert_eq!(codes(&nested(2), Format::Yaml), []);
    assert_eq!(codes(&nested(12), Format::Yaml), [Code::E0019]);
}

#[test]
fn programs_report_the_variables_of_their_templates() {
    let source = Source::new("m", "RENDER(): {template: '{{a.b}} {{#c}}{{d}}{{/c}}'}");
    let program = Engine::new().compile_mapper(source, Format::Yaml).unwrap();
    let roots: Vec<String> = program.reads().iter().map(ToString::to_string).collect();
    assert_eq!(roots, ["a", "c", "d"]);
}

#[test]
fn the_examples_of_mapper_diagnostics_report_their_code() {
    for row in all_codes().filter(|row| row.setting == Setting::Mapper) {
        let format = |text: &str| Format::of_text(text);
        assert!(codes(row.example, format(row.example)).contains(&row.code), "{}", row.code);
        let fixed = row.fixed.map(|fixed| codes(fixed, format(fixed)));
        assert!(fixed.is_none_or(|codes| codes.is_empty()), "{}", row.code);
    }
}

#[test]
fn the_mapper_format_is_detected_by_name_or_content() {
    let of = |name: &str, text: &str| Format::of_source(&Source::new(name, text));
    assert_eq!(of("x.JSON", "a: 1"), Format::Json);
    assert_eq!(of("dir.toml/x.yml", "{}"), Format::Yaml);
    assert_eq!(of("x.toml", "{}"), Format::Toml);
    assert_eq!(of("body", " {\"a\": 1}\n"), Format::Json);
    assert_eq!(of("body", "{a: 1}"), Format::Yaml);
    assert_eq!(of("body", "a = 1"), Format::Yaml);
}

proptest::proptest! {
    #[test]
    fn mapper_parsers_never_panic(
        parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..40)
    ) {
        let text = parts.concat();
        for format in [Format::Json, Format::Toml, Format::Yaml] {
            codes(&text, format);
        }
    }
}

/// The tokens that documents of all formats consist of.
#[rustfmt::skip]
const PARTS: &[&str] = &[
    "{", "}", "[", "]", ":", ": ", ",", ", ", "\n", "\n  ", "\r\n", " ", "\t", "- ", "? ", "|",
    ">", "|-\n", ">2\n", "\"", "'", "\"\"\"", "'''", "\\", "\\u00e9", "\\ud83d", "\\n", "#",
    " # x", "&a", "*a", "!t", "!!", "%", "---", "...", "=", " = ", "[a]\n", "[[b]]\n", "a",
    "b.c", "a\\.b", "é", "😀", "\u{feff}", "\u{2028}", "\0", "1", "-", "0x", ".5", "1e9",
    "null", "true", "MAP()", "\"MAP()\"", "items", "\"items\"", "converter", "EVAL()",
    "expression", "item", "loop", "{{", "}}", "{{#", "{{/",
];

/// Returns the codes of the diagnostics of a document. Empty if it compiles.
fn codes(text: &str, format: Format) -> Vec<Code> {
    match Engine::new().compile_mapper(Source::new("mapper", text), format) {
        Ok(_) => Vec::new(),
        Err(diagnostics) => {
            let mut codes: Vec<Code> = diagnostics.list.iter().map(|one| one.code).collect();
            codes.dedup();
            codes
        }
    }
}

/// A case of a file.
struct Case {
    name: String,
    /// The format; `request` for the variables of a request.
    options: String,
    document: String,
    context: Option<String>,
    /// The sections that a run writes.
    outcome: String,
}

#[track_caller]
fn run(file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/mapper").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, cases) = text.split_at(text.find("===").unwrap_or(text.len()));
    let cases: Vec<Case> = cases.split("=== ").skip(1).map(Case::read).collect();
    let mut written = head.to_owned();
    let mut wrong = String::new();
    for case in &cases {
        let outcome = case.run();
        if outcome != case.outcome {
            let _ = writeln!(wrong, "{}: expected\n{}got\n{outcome}", case.name, case.outcome);
        }
        case.write(&outcome, &mut written);
    }
    finish(path, &written, &wrong);
}

fn finish(path: PathBuf, written: &str, wrong: &str) {
    if std::env::var("UPDATE_EXPECT").is_ok() {
        std::fs::write(path, written).unwrap();
    } else {
        assert!(wrong.is_empty(), "\n{wrong}");
    }
}

impl Case {
    fn read(text: &str) -> Self {
        let (title, body) = text.split_once('\n').unwrap();
        let (name, options) = title.strip_suffix(')').and_then(|it| it.rsplit_once(" (")).unwrap();
        let body = format!("{}\n", body.trim_end());
        let mut sections = body.split("--- ");
        let document = sections.next().unwrap().to_owned();
        let mut case = Self {
            name: name.to_owned(),
            options: options.to_owned(),
            document,
            context: None,
            outcome: String::new(),
        };
        for section in sections {
            match section.strip_prefix("context\n") {
                Some(context) => case.context = Some(context.trim_end().to_owned()),
                None => {
                    let _ = write!(case.outcome, "--- {section}");
                }
            }
        }
        case
    }

    fn write(&self, outcome: &str, out: &mut String) {
        let Self { name, options, document, context, .. } = self;
        let _ = write!(out, "=== {name} ({options})\n{document}");
        if let Some(context) = context {
            let _ = writeln!(out, "--- context\n{context}");
        }
        let _ = writeln!(out, "{outcome}");
    }

    fn run(&self) -> String {
        let has = |option: &str| self.options.split(", ").any(|one| one == option);
        let engine = if has("request") { Engine::for_requests() } else { Engine::new() };
        let format = match self.options.split(", ").next().unwrap() {
            "json" => Format::Json,
            "toml" => Format::Toml,
            "yaml" => Format::Yaml,
            other => panic!("{}: no format `{other}`", self.name),
        };
        let source = Source::new("mapper", self.document.as_str());
        let mut out = String::new();
        let checked = match engine.check_mapper(source.clone(), format) {
            Ok(checked) => checked,
            Err(diagnostics) => {
                write_diagnostics(&source, &diagnostics.list, &mut out);
                return out;
            }
        };
        write_diagnostics(&source, &checked.warnings, &mut out);
        let program = engine.lower(&checked).unwrap();
        let plain = engine
            .lower_with(&checked, Options { fold: false, mark: true, ..Options::default() })
            .unwrap()
            .program;
        let context = read_json(self.context.as_deref().unwrap_or("{}").as_bytes()).unwrap();
        let context = Context::of(context.borrow());
        let outcome = outcome(&source, program.eval(&context));
        assert_eq!(outcome, self::outcome(&source, plain.eval(&context)), "{}: folded", self.name);
        out + &outcome
    }
}

fn outcome(
    source: &Source,
    result: Result<hookgate::engine::OwnedValue, hookgate::engine::Trap>,
) -> String {
    match result {
        Ok(answer) => format!("--- answer\n{answer}\n"),
        Err(trap) => {
            let diagnostic = trap.diagnostic();
            let mut out = "--- trap\n".to_owned();
            line(source, &diagnostic, &mut out);
            out
        }
    }
}

fn write_diagnostics(source: &Source, diagnostics: &[Diagnostic], out: &mut String) {
    if !diagnostics.is_empty() {
        out.push_str("--- diagnostics\n");
    }
    for one in diagnostics {
        line(source, one, out);
    }
}

/// Writes `E0502 1:3 "MAPP()" there is no operator …`, followed by the other labels and the help.
fn line(source: &Source, diagnostic: &Diagnostic, out: &mut String) {
    let at = source.position(diagnostic.span().start as usize);
    let (code, message) = (diagnostic.code, &diagnostic.message);
    let shown = source.slice(diagnostic.span());
    let _ = writeln!(out, "{code} {}:{} {shown:?}: {message}", at.line, at.column);
    for label in diagnostic.labels.iter().skip(1) {
        let at = source.position(label.span.start as usize);
        let _ = writeln!(
            out,
            "  {}:{} {:?}: {}",
            at.line,
            at.column,
            source.slice(label.span),
            label.text
        );
    }
    if let Some(help) = &diagnostic.help {
        let _ = writeln!(out, "  help: {help}");
    }
}
