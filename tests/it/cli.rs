//! The command line as a user calls it: results on standard output, messages on standard error;
//! exit status 0 for success, 1 for an error, 2 for wrong usage.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn hookgate(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hookgate"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may close it first.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// A temporary file of one test, removed on drop.
struct File(std::path::PathBuf);

impl File {
    fn new(name: &str, content: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hookgate-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn content(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn eval_prints_its_result_as_json_on_standard_output() {
    for (args, input, answer) in [
        (vec!["eval", "1 + 1"], "", "2\n"),
        (vec!["eval", "-5"], "", "-5\n"),
        (
            vec!["eval", "a.b", "--context", "-"],
            r#"{"a": {"b": [1, 2.50, "é"]}}"#,
            "[1,2.5,\"é\"]\n",
        ),
        (
            vec!["eval", "--now", "2025-08-17T12:30:00Z", "$TIME()"],
            "",
            "\"2025-08-17T12:30:00Z\"\n",
        ),
        (
            vec!["eval", "--now", "2025-08-17T12:30:00+02:00", "$TIME()"],
            "",
            "\"2025-08-17T12:30:00+02:00\"\n",
        ),
        (vec!["eval", "$SHA256(\"\")[0:4]"], "", "\"e3b0c442\"\n"),
        (vec!["eval", "$SECRET('A') == \"x=y\"", "--secret", "A=x=y"], "", "true\n"),
        (
            vec![
                "eval",
                "$SECRETS('A').$ANY(s => s == \"2\")",
                "--secret",
                "A=1",
                "--secret",
                "A=2",
            ],
            "",
            "true\n",
        ),
        (vec!["eval", "--file", "-"], "# a rule\n\"é\"", "\"é\"\n"),
        (vec!["eval", "headers[\"x-a\"]", "-c", "-"], r#"{"headers": {"X-A": "1"}}"#, "\"1\"\n"),
        (vec!["eval", "$KEYS(headers)", "-c", "-"], r#"{"headers": {"X-A": "1"}}"#, "[\"x-a\"]\n"),
    ] {
        let output = hookgate(&args, input);
        assert_eq!((stdout(&output), code(&output)), (answer, 0), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn eval_reports_a_fault_on_standard_error_and_prints_no_result() {
    for (expression, wanted) in [
        ("1 +", "E0010"),
        ("1 / 0", "E0304"),
        ("$INTEGER(\"x\")", "E0307"),
        ("$SECRET('NONE') == 1", "E0311"),
    ] {
        let output = hookgate(&["eval", expression, "--format", "json"], "");
        assert_eq!((stdout(&output), code(&output)), ("", 1), "{expression}");
        let report: serde_json::Value = serde_json::from_str(stderr(&output)).unwrap();
        let mut errors = report.as_array().unwrap().iter().filter(|one| one["severity"] == "error");
        let last = errors.next_back().unwrap();
        assert_eq!(last["code"], wanted);
        let label = &last["labels"][0];
        for key in ["start", "end", "line", "column"] {
            assert!(label[key].is_u64(), "{key} in {label}");
        }
        assert!(
            label["text"].is_string() && last["message"].is_string() && last.get("help").is_some()
        );
    }
}

#[test]
fn eval_prints_a_warning_and_the_result() {
    let output = hookgate(&["eval", "hedaers == NULL", "-c", "-"], r#"{"headers": {}}"#);
    assert_eq!((stdout(&output), code(&output)), ("true\n", 0));
    assert!(
        stderr(&output).contains("W0101") && stderr(&output).contains("did you mean `headers`?")
    );
}

#[test]
fn invalid_usage_has_exit_code_2_and_a_fault_has_1() {
    let bad = File::new("bad.json", "{\"a\": 1, \"a\": 2}");
    for args in [
        vec!["eval"],
        vec!["eval", "1", "--bogus"],
        vec!["eval", "--contxt"],
        vec!["eval", "--file", "-", "--context", "-"],
        vec!["eval", "1", "--context", "no/such/file"],
        vec!["eval", "1", "--context", bad.path()],
        vec!["eval", "1", "--now", "yesterday"],
        vec!["eval", "1", "--secret", "nothing"],
        vec!["eval", "1", "--file", "also"],
        vec!["frobnicate"],
        vec!["explain-code", "E9999"],
        vec!["functions", "NOPE"],
        vec!["check"],
    ] {
        let output = hookgate(&args, "");
        assert_eq!((code(&output), stdout(&output)), (2, ""), "{args:?}");
        assert!(!stderr(&output).is_empty());
        assert!(!stderr(&output).contains("nothing`"), "a secret is not repeated");
    }
}

#[test]
fn a_context_that_nests_too_deeply_is_passed_on_and_not_read() {
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let output = hookgate(&["eval", "a == a", "-c", "-"], &deep);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("nested more than 128 deep"), "{}", stderr(&output));
    let output = hookgate(&["eval", "a", "-c", "-"], &deep);
    assert!(stdout(&output).trim_end() == "[".repeat(10_000) + &"]".repeat(10_000));
}

#[test]
fn colours_are_for_terminals_only() {
    let output = hookgate(&["eval", "1 +"], "");
    assert!(!stderr(&output).contains('\u{1b}'));
}

#[test]
fn check_and_fmt_continue_after_an_unreadable_file() {
    let rule = File::new("other.rule", "nope");
    let output = hookgate(&["check", "no/such/file", rule.path()], "");
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("no/such/file") && stderr(&output).contains("E0102"));
    let layout = File::new("layout.rule", "a   AND b");
    let output = hookgate(&["fmt", "no/such/file", layout.path()], "");
    assert_eq!((code(&output), layout.content().as_str()), (2, "a AND b\n"));
}

#[test]
fn a_utf8_byte_order_mark_is_ignored() {
    let rule = File::new("bom.rule", "\u{feff}a + 1");
    let output = hookgate(&["eval", "-f", rule.path(), "-c", "-"], "\u{feff}{\"a\": 1}");
    assert_eq!((stdout(&output), code(&output)), ("2\n", 0));
}

#[test]
fn check_reports_every_diagnostic_and_denied_warnings_fail() {
    let rule = File::new("a.rule", "parsed_body.x == 1\nAND raw_body == 1\n");
    let ok = hookgate(&["check", rule.path()], "");
    assert_eq!(code(&ok), 0);
    assert!(stderr(&ok).contains("W0103") && stderr(&ok).contains(":2:5"));
    assert_eq!(code(&hookgate(&["check", rule.path(), "--deny", "warnings"], "")), 1);
    let allowed = hookgate(&["check", rule.path(), "--deny", "warnings", "--allow", "W0103"], "");
    assert_eq!(code(&allowed), 0);
    let json = hookgate(&["check", "-e", "nope", "-e", "raw_body.$NOPE()", "--format", "json"], "");
    assert_eq!(code(&json), 1);
    let report: serde_json::Value = serde_json::from_str(stderr(&json)).unwrap();
    assert_eq!(
        (report[0]["code"].as_str(), report[1]["code"].as_str()),
        (Some("E0102"), Some("E0101"))
    );
    assert_eq!(report[1]["source"], "expression 2");
}

#[test]
fn check_uses_the_type_of_the_body_from_a_schema_or_sample() {
    let schema = File::new(
        "schema.json",
        r##"{"type": "object", "required": ["issue"], "properties": {"issue": {"$ref": "#/definitions/issue"}},
            "definitions": {"issue": {"type": "object", "properties": {"id": {"type": "integer"}, "state": {"enum": ["open"]}}}}}"##,
    );
    let shorthand = File::new("short.json", r#"{"issue": {"id": "integer", "state": "string"}}"#);
    let sample = File::new("sample.json", r#"{"issue": {"id": 7, "state": "open"}}"#);
    let request = File::new(
        "request.json",
        r#"{"parsed_body": {"issue": {"id": 7, "state": "open"}}, "headers": {}}"#,
    );
    for args in [
        ["--schema", schema.path()],
        ["--schema", shorthand.path()],
        ["--sample", sample.path()],
        ["--sample", request.path()],
    ] {
        let expression = "parsed_body.isue.id == 1 OR parsed_body.issue.id == \"7\" OR parsed_body.issue.state == \"open\"";
        let output =
            hookgate(&["check", "-e", expression, "--format", "json", args[0], args[1]], "");
        let report: serde_json::Value = serde_json::from_str(stderr(&output)).unwrap();
        let codes: Vec<_> =
            report.as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
        assert_eq!(codes, ["W0102", "W0103"], "{args:?}");
        assert_eq!(report[0]["help"], "did you mean `issue`?");
    }
}

#[test]
fn fmt_formats_files_and_standard_input() {
    let file = File::new("fmt.rule", "a   and b # why\n");
    let check = hookgate(&["fmt", "--check", file.path()], "");
    assert_eq!(code(&check), 1);
    assert!(stdout(&check).contains("fmt.rule"));
    assert_eq!(code(&hookgate(&["fmt", file.path()], "")), 0);
    assert_eq!(file.content(), "a AND b # why\n");
    assert_eq!(code(&hookgate(&["fmt", "--check", file.path()], "")), 0);
    let piped = hookgate(&["fmt"], "$lowercase( x )==  1");
    assert_eq!((stdout(&piped), code(&piped)), ("$LOWERCASE(x) == 1\n", 0));
    let broken = hookgate(&["fmt", "-"], "a ==");
    assert_eq!((stdout(&broken), code(&broken)), ("", 1));
}

#[test]
fn compile_emits_tokens_syntax_tree_and_bytecode() {
    for (stage, part) in [("tokens", "Name(\"a\")"), ("ast", "1.."), ("bytecode", "reads a.b")] {
        let output = hookgate(&["compile", "a.b == 1", "--emit", stage], "");
        assert_eq!(code(&output), 0, "{stage}");
        if stage != "ast" {
            assert!(stdout(&output).contains(part), "{stage}: {}", stdout(&output));
        }
    }
}

#[test]
fn functions_and_diagnostic_codes_are_explained() {
    let all = hookgate(&["functions"], "");
    assert!(stdout(&all).contains("$LOWERCASE(text)"));
    let one = hookgate(&["functions", "$split"], "");
    assert!(stdout(&one).contains("$SPLIT(text, separator)"));
    let code_page = hookgate(&["explain-code", "e0107"], "");
    assert!(stdout(&code_page).contains("$STARTS_WITH(headers[\"x-jira-event\"])"));
}

#[test]
fn repl_evaluates_lines_and_continues_unfinished_ones() {
    let history = File::new("history", "");
    let output = hookgate(&["repl", "--history", history.path(), "-c", "/dev/null"], "");
    assert_eq!(code(&output), 2, "an empty file is no context");
    let output = hookgate(
        &["repl", "--history", history.path()],
        "1 + 1\n[1,\n2]\n1 / 0\n:explain 2 > 1\n:nope\n:quit\n",
    );
    assert_eq!(code(&output), 2, "a script has the exit code of its worst line");
    assert!(stdout(&output).starts_with("2\n[1,2]\n"), "{}", stdout(&output));
    assert!(stderr(&output).contains("E0304") && stderr(&output).contains("there is no `:nope`"));
    assert!(history.content().contains("1 + 1"));
    let cut = hookgate(&["repl", "--history", history.path()], "(1 +");
    assert_eq!(code(&cut), 1, "an expression that the end of the input cuts off is an error");
    assert!(stderr(&cut).contains("E0010") || stderr(&cut).contains("E0011"), "{}", stderr(&cut));
}

#[test]
fn commands_never_print_secrets() {
    let secret = "s3cr3t-value";
    let given = format!("KEY={secret}");
    for expression in [
        "$SECRET('KEY')",
        "$INTEGER($SECRET('KEY')) > 1",
        "raw_body OR $LENGTH($SECRET('KEY')) > 1",
        "$UNHEX($SECRET('KEY')) == raw_body",
        "$PARSE_TIME($SECRET('KEY')) > 1",
        "$SECRET('KEY') - 1",
        "[$SECRET('KEY')].$FIND(x => 1 / 0)",
        "$SECRET('KEY') == 'x' OR $SECRET('KEY')[0] == 'y'",
        "$HMAC_SHA256($SECRET('KEY'), NULL)",
        "$JWT_VERIFY('a.b.c', $SECRET('KEY'), 'HS256')",
        "$MATCH('x', $SECRET('KEY') + '(')",
        "$TRY($SECRET('KEY'), 1) == 2",
    ] {
        for command in ["eval", "explain"] {
            for format in ["text", "json"] {
                let output =
                    hookgate(&[command, expression, "--secret", &given, "--format", format], "");
                let message = format!("{}{}", stdout(&output), stderr(&output));
                assert!(!message.contains(secret), "{command} {expression}: {message}");
                assert!(!message.contains("s3cr3t"), "{command} {expression}: {message}");
            }
        }
    }
}
