//! The fenced blocks of the pages.
//!
//! - ` ```hookgate `: examples, each ended by `# => <answer>`: JSON, or the codes of diagnostics;
//!   `(W0103)` after the answer is a warning. Lines at the top of the block set the context of its
//!   examples: `# with {…}` sets variables, `# now …` the time, `# secret NAME=VALUE` a secret.
//! - ` ```console `: `$ hookgate …` lines, continued by `> ` lines, and the output on a terminal.
//! - ` ```mapper-yaml `, ` ```mapper-toml `: a document with the same lines as comments;
//!   ` ```mapper-json `: a document, a ` ```json answer ` block after it, and a
//!   ` ```json context ` block before it if it reads one.
//! - ` ```toml `: the file of a listener or of the gateway, which must have no diagnostics, or a
//!   test file, whose tests must pass.
//! - ` ```rust ` blocks are doctests of the crate.

use std::path::Path;
use std::process::Command;

use hookgate::engine::{
    Context, Diagnostics, Engine, Machine, OwnedValue, Secrets, Source, Time, UndeclaredRoots,
};
use hookgate::listener::{ConfigSource, load};
use hookgate::value::read_json;

use super::{read, root, shown, updating, written_pages};

const NOW: &str = "2025-08-20T00:00:00Z";

/// Info strings of blocks that do not run.
const SILENT: &[&str] = &["text", "sh", "json", "json context", "json answer", "rust"];

#[test]
fn code_blocks_of_the_documentation_give_their_documented_results() {
    let mut wrong = Vec::new();
    for path in written_pages() {
        let page = read(&path);
        let updated = check_page(&path, &page, &mut wrong);
        if updating() && updated != page {
            std::fs::write(&path, updated).unwrap();
        }
    }
    if !updating() {
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    }
}

/// A fenced block.
struct Block<'p> {
    info: &'p str,
    lines: Vec<&'p str>,
    /// The line of its first line in the page, counted from 1.
    at: usize,
}

/// Runs the blocks of a page, and returns the page with the actual results.
fn check_page(path: &Path, page: &str, wrong: &mut Vec<String>) -> String {
    let mut out = String::new();
    let mut lines = page.lines().enumerate();
    let mut context = None;
    let mut pending: Option<String> = None;
    while let Some((at, line)) = lines.next() {
        out.push_str(line);
        out.push('\n');
        let Some(info) = line.strip_prefix("```") else {
            if line.trim_start().starts_with("```") {
                wrong.push(format!("{}:{}: an indented block is not run", shown(path), at + 1));
            }
            continue;
        };
        let mut block = Block { info, lines: Vec::new(), at: at + 2 };
        for (_, line) in lines.by_ref().take_while(|(_, line)| *line != "```") {
            block.lines.push(line);
        }
        let body = block.lines.join("\n");
        let really = match info {
            "hookgate" => examples(&block),
            "console" => console(&block),
            "toml" => configuration(&body),
            "mapper-yaml" | "mapper-toml" => commented_mapper(&block),
            "mapper-json" => {
                pending = Some(mapper("json", &body, context.take(), NOW, &[]));
                body.clone()
            }
            "json context" => {
                context = Some(body.clone());
                body.clone()
            }
            "json answer" => pending.take().unwrap_or_else(|| "(no mapper stands before)".into()),
            known if SILENT.contains(&known) => body.clone(),
            _ => panic!("{}:{}: unknown kind of block `{info}`", shown(path), block.at),
        };
        if trimmed(&really) != trimmed(&body) {
            let place = format!("{}:{}", shown(path), block.at);
            wrong.push(format!("--- {place}\n{body}\n--- in truth\n{really}"));
        }
        out.push_str(&really);
        out.push_str("\n```\n");
    }
    out
}

/// Returns the block if its results are as documented, else a description of the difference.
fn configuration(body: &str) -> String {
    let complaint = match body {
        body if body.contains("[[test]]") => tested(body),
        body if body.contains("public_url") => settings(body),
        body => checked(body),
    };
    complaint.unwrap_or_else(|| body.to_owned())
}

fn checked(file: &str) -> Option<String> {
    let secret = |name: &str| match name.starts_with("secrets/") {
        true => Ok(b"s3cret".to_vec()),
        false => Err("there are only secrets here".to_owned()),
    };
    let environment = &|_: &str| Some("s3cret".to_owned());
    let outside = ConfigSource { file: &secret, environment, ..ConfigSource::empty() };
    let loaded = load("listener.toml", file, &outside);
    let report: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    Some(report.join("\n")).filter(|report| !report.is_empty())
}

fn settings(file: &str) -> Option<String> {
    let read = hookgate::gateway::Settings::read("hookgate.toml", file);
    read.err().map(|diagnostics| diagnostics.to_string())
}

fn tested(file: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.test.toml");
    std::fs::write(&path, file).unwrap();
    let output = super::hookgate(&["test", path.to_str().unwrap()]);
    let report = [output.stdout, output.stderr].concat();
    (!output.status.success()).then(|| String::from_utf8_lossy(&report).into_owned())
}

/// Removes trailing spaces, which are invisible.
fn trimmed(text: &str) -> Vec<&str> {
    text.trim_end().lines().map(str::trim_end).collect()
}

/// The settings in the lines at the top of a block.
struct DecisionContext {
    roots: Vec<OwnedValue>,
    now: Time,
    secrets: Secrets,
}

fn surroundings(block: &Block<'_>) -> DecisionContext {
    let mut found = DecisionContext { roots: vec![], now: time(NOW), secrets: Secrets::default() };
    for line in &block.lines {
        if let Some(roots) = line.strip_prefix("# with ") {
            let roots = read_json(roots.as_bytes());
            found.roots.push(roots.unwrap_or_else(|error| panic!("{line}: {error}")));
        } else if let Some(now) = line.strip_prefix("# now ") {
            found.now = time(now);
        } else if let Some((name, secret)) =
            line.strip_prefix("# secret ").and_then(|secret| secret.split_once('='))
        {
            found.secrets.add(name, secret);
        } else {
            break;
        }
    }
    found
}

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

fn examples(block: &Block<'_>) -> String {
    let surroundings = surroundings(block);
    let mut out = Vec::new();
    let mut example = Vec::new();
    for line in &block.lines {
        if !line.starts_with("# => ") {
            example.push(*line);
            out.push((*line).to_owned());
            continue;
        }
        let really = answer(&example.join("\n"), &surroundings);
        out.push(format!("# => {really}"));
        example.clear();
    }
    if !example.is_empty() {
        out.push("# => ?".to_owned());
    }
    out.join("\n")
}

/// Returns the result of a source as the block has it. Warnings are included if the block includes
/// some.
fn answer(source: &str, surroundings: &DecisionContext) -> String {
    let engine = Engine::for_requests().strangers(UndeclaredRoots::Allow);
    let checked = match engine.check(Source::new("block", source)) {
        Ok(checked) => checked,
        Err(diagnostics) => return codes(&diagnostics),
    };
    let program = engine.lower(&checked).unwrap();
    let mut context = Context::new();
    for (name, value) in surroundings.roots.iter().flat_map(entries) {
        context.set(name, value);
    }
    context.set_now(surroundings.now).set_secrets(&surroundings.secrets);
    let mut answer = match Machine::default().eval(&program, &context) {
        Ok(answer) => answer.to_string(),
        Err(trap) => trap.code().to_string(),
    };
    for warning in &checked.warnings {
        answer.push_str(&format!(" ({})", warning.code));
    }
    answer
}

fn entries(object: &OwnedValue) -> impl Iterator<Item = (&str, &OwnedValue)> {
    let OwnedValue::Object(object) = object else {
        panic!("`# with` takes an object");
    };
    object.iter().map(|(name, value)| (&**name, value))
}

fn codes(diagnostics: &Diagnostics) -> String {
    let errors = diagnostics.list.iter().filter(|one| one.is_error());
    let codes: Vec<String> = errors.map(|one| one.code.to_string()).collect();
    codes.join(", ")
}

/// Runs the commands of a block, and writes their output.
fn console(block: &Block<'_>) -> String {
    let mut out = Vec::new();
    let mut lines = block.lines.iter().peekable();
    while let Some(line) = lines.next() {
        let Some(first) = line.strip_prefix("$ ") else {
            continue;
        };
        let mut command = first.to_owned();
        out.push((*line).to_owned());
        while let Some(more) = lines.peek().and_then(|line| line.strip_prefix("> ")) {
            command.push('\n');
            command.push_str(more);
            out.push(format!("> {more}"));
            lines.next();
        }
        out.push(run(&command));
    }
    out.retain(|line| !line.is_empty());
    out.join("\n")
}

/// Returns the output of a command on a terminal, without colour.
fn run(command: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_hookgate"));
    let mut path = vec![binary.parent().unwrap().to_owned()];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{command}")])
        .current_dir(root())
        .env("PATH", std::env::join_paths(path).unwrap())
        // The prompt writes its history into this file.
        .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// A YAML or TOML document with its expectation as the last comment.
fn commented_mapper(block: &Block<'_>) -> String {
    let kind = block.info.trim_start_matches("mapper-");
    let report = |prefix: &str| block.lines.iter().find_map(|line| line.strip_prefix(prefix));
    let secrets: Vec<&str> =
        block.lines.iter().filter_map(|line| line.strip_prefix("# secret ")).collect();
    let document: Vec<&str> =
        block.lines.iter().copied().filter(|line| !line.starts_with("# => ")).collect();
    let document = document.join("\n");
    let context = report("# with ").map(ToOwned::to_owned);
    let really = mapper(kind, &document, context, report("# now ").unwrap_or(NOW), &secrets);
    format!("{document}\n# => {really}")
}

/// Returns the result of a mapper document, or the codes of its diagnostics.
fn mapper(
    kind: &str,
    document: &str,
    context: Option<String>,
    now: &str,
    secrets: &[&str],
) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(format!("documented.{kind}"));
    let context_file = folder.join("documented-context.json");
    std::fs::write(&file, document).unwrap();
    std::fs::write(&context_file, context.as_deref().unwrap_or("{}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookgate"));
    command.args(["eval", "--format", "json", "--now", now, "--mapper"]).arg(file);
    command.arg("--context").arg(context_file);
    command.args(secrets.iter().flat_map(|secret| ["--secret", secret]));
    let output = command.output().unwrap();
    if output.status.success() {
        return String::from_utf8(output.stdout).unwrap().trim_end().to_owned();
    }
    let report: serde_json::Value = serde_json::from_slice(&output.stderr)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let codes = report.as_array().into_iter().flatten().filter_map(|one| one["code"].as_str());
    let errors: Vec<&str> = codes.filter(|code| code.starts_with('E')).collect();
    errors.join(", ")
}
