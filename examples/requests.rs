//! Runs the rules in `examples/rules` over the requests in `examples/requests`, as the table in
//! `examples/runs.json` says, and prints each answer with the parts of the rule that decided it.
//!
//! `cargo run --example requests` runs all of them; a word after `--` picks those whose rule or
//! request has it in its name. Where an answer differs from the table, it says so and fails.

#![allow(clippy::disallowed_methods, reason = "a host reads files; only the library does not")]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use hookgate::engine::{Context, Engine, Machine, OwnedValue, Secrets, Source, Time, read_json};

/// A line of the table: what the rule should answer for the request.
struct Run<'t> {
    rule: &'t str,
    request: &'t str,
    now: Time,
    answer: &'t OwnedValue,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let table = read("runs.json")?;
    let secrets = secrets(&table)?;
    // The engine knows the names of a request; a machine keeps its memory between runs.
    let engine = Engine::for_requests();
    let mut machine = Machine::default();

    let (mut ran, mut differing) = (0, 0);
    for run in runs(&table)? {
        if !run.rule.contains(&wanted) && !run.request.contains(&wanted) {
            continue;
        }
        ran += 1;
        if !show(&run, &engine, &secrets, &mut machine)? {
            differing += 1;
        }
    }
    println!("{ran} runs, {differing} with another answer than the table expects");
    Ok(if differing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a rule over a request, prints what came out, and says whether it is what the table has.
fn show(
    run: &Run<'_>,
    engine: &Engine,
    secrets: &Secrets,
    machine: &mut Machine,
) -> Result<bool, Box<dyn Error>> {
    let rule = std::fs::read_to_string(file(&format!("rules/{}.rule", run.rule)))?;
    let checked = engine.check(Source::new(run.rule, rule))?;
    let program = engine.lower(&checked)?;

    let request = read(&format!("requests/{}.json", run.request))?;
    let mut context = Context::of(&request);
    context.set_now(run.now).set_secrets(secrets);

    let answer = match machine.eval(&program, &context) {
        Ok(answer) => answer.to_string(),
        Err(trap) => trap.to_string(),
    };
    // An explanation is a run of its own, with every part noted.
    let explanation = engine.explain(&checked, &context, machine)?;

    let expected = run.answer.to_string();
    let differs = answer != expected;
    let note = if differs { format!("   DIFFERS: expected {expected}") } else { String::new() };
    println!("{} over {}: {answer}{note}", run.rule, run.request);
    for line in explanation.to_string().lines() {
        println!("    {line}");
    }
    println!();
    Ok(!differs)
}

/// The lines of the table. A line may have a time of its own.
fn runs(table: &OwnedValue) -> Result<Vec<Run<'_>>, Box<dyn Error>> {
    let OwnedValue::List(runs) = member(table, "runs")? else {
        return Err("`runs` is a list".into());
    };
    let default = text(table, "now")?;
    let one = |run| -> Result<Run<'_>, Box<dyn Error>> {
        let now = text(run, "now").unwrap_or(default);
        Ok(Run {
            rule: text(run, "rule")?,
            request: text(run, "request")?,
            now: now.parse::<Time>()?,
            answer: member(run, "answer")?,
        })
    };
    runs.iter().map(one).collect()
}

fn secrets(table: &OwnedValue) -> Result<Secrets, Box<dyn Error>> {
    let mut secrets = Secrets::default();
    if let OwnedValue::Object(named) = member(table, "secrets")? {
        for (name, secret) in named.iter() {
            secrets.add(name, secret.borrow().as_text().ok_or("a secret is text")?);
        }
    }
    Ok(secrets)
}

fn read(name: &str) -> Result<OwnedValue, Box<dyn Error>> {
    let content = std::fs::read(file(name)).map_err(|error| format!("{name}: {error}"))?;
    Ok(read_json(&content).map_err(|error| format!("{name}: {error}"))?)
}

/// A file among the examples, wherever the program is run from.
fn file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

fn member<'v>(value: &'v OwnedValue, key: &str) -> Result<&'v OwnedValue, Box<dyn Error>> {
    let OwnedValue::Object(object) = value else {
        return Err(format!("`{key}` is looked for in {value}").into());
    };
    Ok(object.get(key).ok_or_else(|| format!("there is no `{key}` in {value}"))?)
}

fn text<'v>(value: &'v OwnedValue, key: &str) -> Result<&'v str, Box<dyn Error>> {
    let member = member(value, key)?.borrow();
    Ok(member.as_text().ok_or_else(|| format!("`{key}` is text"))?)
}
