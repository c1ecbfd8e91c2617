//! Diagnostic codes: the example of each code reports it, and the fixed example does not.

use hookgate::diagnostic::{Code, CodeRow, Diagnostics, Setting, Severity, all_codes};
use hookgate::engine::{
    Context, Engine, Machine, Number, OwnedValue, RootDeclaration, Secrets, Source, Time, Type,
    UndeclaredRoots,
};
use hookgate::gateway::{Configuration, ConfigurationError};
use hookgate::listener::{ConfigSource, Loaded, load, shared_sources};
use hookgate::mapper;
use hookgate::value::read_json;

const REQUEST: &str = r#"{
    "http_method": "POST",
    "headers": { "Content-Type": "application/json" },
    "query_params": {},
    "parsed_body": { "issue": { "id": 1 } },
    "raw_body": "{\"issue\": {\"id\": 1}}"
}"#;

#[test]
fn every_diagnostic_code_is_reported_for_its_example_and_not_for_the_fixed_one() {
    assert_examples(|row| {
        !matches!(
            row.setting,
            Setting::Mapper | Setting::Listener | Setting::Listeners | Setting::Gateway
        )
    });
}

#[test]
fn every_listener_diagnostic_is_reported_for_its_example_and_not_for_the_fixed_one() {
    assert_examples(|row| {
        matches!(row.setting, Setting::Listener | Setting::Listeners | Setting::Gateway)
    });
}

#[test]
fn every_mapper_diagnostic_is_reported_for_its_example_and_not_for_the_fixed_one() {
    assert_examples(|row| row.setting == Setting::Mapper);
}

fn assert_examples(concerned: fn(&CodeRow) -> bool) {
    let mut wrong = Vec::new();
    for row in all_codes().filter(|row| concerned(row)) {
        let example = match row.setting {
            Setting::Large => "1 + ".repeat(20_000),
            _ => row.example.to_owned(),
        };
        let given = codes_of(row.setting, &example);
        if !given.contains(&row.code) {
            wrong.push(format!("{}: `{}` gives {given:?}", row.code, row.example));
        }
        if let Some(fixed) = row.fixed {
            let given = self::codes_of(row.setting, fixed);
            if given.iter().any(|code| *code == row.code || code.severity() == Severity::Error) {
                wrong.push(format!("{}: the fixed `{fixed}` gives {given:?}", row.code));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns the codes of a source, checked and, without errors, run.
fn codes_of(setting: Setting, source: &str) -> Vec<Code> {
    match setting {
        Setting::Listener => return codes_of_listener(source),
        Setting::Listeners => return codes_of_listeners(source),
        Setting::Gateway => return codes_of_gateway(source),
        _ => {}
    }
    let engine = engine(setting);
    let source = Source::new("example", source);
    let checked = match setting {
        Setting::Mapper => engine.check_mapper(source, mapper::Format::Json),
        _ => engine.check(source),
    };
    let checked = match checked {
        Ok(checked) => checked,
        Err(diagnostics) => return diagnostics.list.iter().map(|one| one.code).collect(),
    };
    let mut given: Vec<Code> = checked.warnings.iter().map(|one| one.code).collect();
    let program = engine.lower(&checked).unwrap();
    let request = read_json(REQUEST.as_bytes()).unwrap();
    let secrets = secrets(setting);
    let mut context = Context::of(&request);
    context.set_secrets(&secrets);
    if setting != Setting::NoClock {
        context.set_now(Time::from_epoch(Number::from(1_755_648_000_i64)).unwrap());
    }
    given.extend(Machine::default().eval(&program, &context).err().map(|trap| trap.code()));
    given
}

/// Returns the codes of a listener file, with the secrets `NAME` and `PADDED` in the environment.
fn codes_of_listener(file: &str) -> Vec<Code> {
    codes(&loaded(file).diagnostics)
}

/// Returns the codes of a `hookgate.toml`, with a listener if another file follows.
fn codes_of_gateway(file: &str) -> Vec<Code> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("listeners")).unwrap();
    let (file, listener) = file.split_once("# Another file:\n").unwrap_or((file, ""));
    std::fs::write(folder.path().join("hookgate.toml"), file).unwrap();
    if !listener.is_empty() {
        std::fs::write(folder.path().join("listeners/a.toml"), listener).unwrap();
    }
    match Configuration::read(folder.path(), false) {
        Ok(configuration) => codes(&configuration.warnings),
        Err(ConfigurationError::Faults(faults)) => codes(&faults),
        Err(error) => panic!("{error}"),
    }
}

/// Returns the codes of several files together.
fn codes_of_listeners(files: &str) -> Vec<Code> {
    let loaded: Vec<Loaded> = files.split("# Another file:\n").map(loaded).collect();
    let mut given: Vec<Code> = loaded.iter().flat_map(|one| codes(&one.diagnostics)).collect();
    let sources: Vec<_> = loaded.into_iter().filter_map(|one| one.sources).collect();
    given.extend(codes(&shared_sources(&sources)));
    given
}

fn loaded(file: &str) -> Loaded {
    let environment = |name: &str| match name {
        "NAME" => Some("s3cret".to_owned()),
        "PADDED" => Some("s3cret ".to_owned()),
        _ => None,
    };
    let outside =
        ConfigSource { environment: &environment, secrets_needed: false, ..ConfigSource::empty() };
    load("listener.toml", file, &outside)
}

fn codes(diagnostics: &[Diagnostics]) -> Vec<Code> {
    diagnostics.iter().flat_map(|one| &one.list).map(|one| one.code).collect()
}

fn engine(setting: Setting) -> Engine {
    let engine = Engine::for_requests();
    match setting {
        Setting::NoSecrets => engine.without_secrets(),
        Setting::Verification => engine.verification(),
        Setting::Shaped => {
            let sample: OwnedValue = read_json(br#"{"issue": {"id": 1}}"#).unwrap();
            let shape = Type::of_sample(&sample).not_null();
            engine.roots([RootDeclaration::new("parsed_body").of(shape)])
        }
        Setting::Open => Engine::new().strangers(UndeclaredRoots::Warn),
        _ => engine,
    }
}

fn secrets(setting: Setting) -> Secrets {
    let mut secrets = Secrets::default();
    if setting == Setting::Secret {
        secrets.add("NAME", "s3cret");
    }
    secrets
}
