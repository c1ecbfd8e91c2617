//! The function registry: every row is complete, and its examples give the documented results.

use std::collections::HashSet;

use hookgate::builtins::{self, Code, Family, Form, Function, Mode, ParamRole};
use hookgate::engine::{Context, Engine, Machine, Secrets, Source, Time, UndeclaredRoots};

/// Returns the result of an example: JSON, or the code of the first error.
fn answer(source: &str) -> String {
    let engine = Engine::for_requests().strangers(UndeclaredRoots::Allow);
    let program = match engine.compile(source) {
        Ok(program) => program,
        Err(found) => {
            let error = found.list.iter().find(|one| one.is_error()).unwrap();
            return error.code.to_string();
        }
    };
    let now = chrono::DateTime::parse_from_rfc3339("2025-08-20T00:00:00Z").unwrap();
    let mut secrets = Secrets::default();
    secrets.add("ZOOM", "zoom-secret");
    secrets.add("NAME", "name-secret");
    secrets.add("RSA_KEY", include_str!("../cases/rsa_private_key.txt"));
    let mut context = Context::new();
    context.set_now(Time::new(now).unwrap()).set_secrets(&secrets);
    let mut machine = Machine::default();
    match machine.eval(&program, &context) {
        Ok(value) => value.to_string(),
        Err(trap) => trap.code().to_string(),
    }
}

fn rows() -> impl Iterator<Item = &'static Function> {
    builtins::all()
}

#[test]
fn every_function_example_has_its_documented_result() {
    let mut wrong = Vec::new();
    for function in rows() {
        for example in function.examples {
            let answer = answer(example.source);
            if answer != example.answer {
                wrong.push(format!("{}: {answer}, not {}", example.source, example.answer));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_function_has_documentation_and_examples() {
    for function in rows() {
        let Function { name, doc, examples, .. } = function;
        assert!(doc.starts_with(char::is_uppercase) && doc.ends_with('.'), "{name}: {doc}");
        assert!(!doc.contains('\n'), "{name}: {doc}");
        assert!(examples.len() >= 2, "{name}");
        let call = format!("${name}(");
        for example in *examples {
            assert!(example.source.contains(&call), "{name}: {}", example.source);
        }
    }
}

#[test]
fn every_function_has_a_unique_upper_case_name() {
    let mut names = HashSet::new();
    for function in rows() {
        let is_word = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        assert!(function.name.chars().all(is_word), "{}", function.name);
        assert!(names.insert(function.name), "{} twice", function.name);
        assert!(builtins::find(&function.name.to_lowercase()).is_some());
        assert!(function.family != Family::Host, "{}", function.name);
    }
}

#[test]
fn optional_parameters_come_last() {
    for function in rows() {
        let optional = function.params.iter().skip_while(|param| param.mode == Mode::Required);
        assert!(optional.clone().all(|param| param.mode != Mode::Required), "{}", function.name);
        let rest = function.params.iter().filter(|param| param.mode == Mode::Rest).count();
        let last = function.params.last().is_some_and(|param| param.mode == Mode::Rest);
        assert!(rest == usize::from(last), "{}", function.name);
    }
}

#[test]
fn every_parameter_has_a_name_and_accepts_a_kind() {
    for function in rows() {
        let mut names = HashSet::new();
        for param in function.params {
            assert!(!param.name.is_empty() && names.insert(param.name), "{}", function.name);
            match param.role {
                ParamRole::Lambda { least, most } => {
                    assert!(param.kinds.is_empty() && (1..=most).contains(&least));
                    let is_loop = matches!(function.code, Code::Loop(_) | Code::Form(Form::With));
                    // A key for each element makes a loop of a function.
                    let is_key = param.name == "key" && param.mode == Mode::Optional;
                    assert!(is_loop || is_key, "{}", function.name);
                }
                _ => assert!(!param.kinds.is_empty(), "{}: {}", function.name, param.name),
            }
        }
        assert!(!function.result.is_empty(), "{}", function.name);
    }
}

#[test]
fn loop_functions_have_a_subject_first_and_one_lambda() {
    for function in rows().filter(|function| matches!(function.code, Code::Loop(_))) {
        let lambdas = function.params.iter().filter(|param| param.is_lambda()).count();
        assert_eq!(lambdas, 1, "{}", function.name);
        assert!(!function.params[0].is_lambda(), "{}", function.name);
    }
}

#[test]
fn function_names_of_other_languages_are_not_defined() {
    for function in rows() {
        assert!(builtins::foreign(function.name).is_none(), "{}", function.name);
    }
    assert!(builtins::foreign("contains").is_some());
}

#[test]
fn a_function_name_of_another_language_is_refused_with_the_name_to_use() {
    for (name, here) in [("UPPER", "$UPPERCASE"), ("CONTAINS", "IN"), ("IF", "THEN")] {
        let refused = Engine::new().compile(&format!("${name}(a)")).unwrap_err();
        let report = format!("{refused:?}");
        assert!(report.contains("E0101") && report.contains(here), "{report}");
    }
}

#[test]
fn every_spelling_suggested_for_a_foreign_function_compiles() {
    let engine = Engine::for_requests().strangers(UndeclaredRoots::Allow);
    let mut names = Vec::new();
    for (words, advice) in builtins::foreign_rows() {
        names.extend(words.split(' '));
        for code in advice.split('`').skip(1).step_by(2) {
            if matches!(code, "IN" | "NOT" | "AND" | "OR" | "*" | ".*" | "\\\\.") {
                continue;
            }
            if let Some(name) = code.strip_prefix('$').filter(|name| !name.contains('(')) {
                assert!(builtins::find(name).is_some(), "{words}: {code}");
                continue;
            }
            let found = engine.diagnose(Source::new("advice", code));
            let errors: Vec<_> = found.list.iter().filter(|one| one.is_error()).collect();
            assert!(errors.is_empty(), "{words}: {code}: {errors:?}");
        }
    }
    assert!(names.len() > 300);
    for name in names {
        assert!(builtins::foreign(name).is_some(), "{name}");
    }
}

#[test]
fn no_function_is_suggested_across_meanings() {
    let engine = Engine::for_requests();
    for (call, wrong) in [
        ("$PARSE_URL(url)", "PARSE_FORM"),
        ("$PARSE_URL(url)", "PARSE_XML"),
        ("$IN(url)", "MIN"),
        ("$NOT(url)", "INT"),
        ("$SET(url, 1)", "SECRET"),
    ] {
        let found = engine.diagnose(Source::new("rule", call));
        let help = found.list.iter().filter_map(|one| one.help.as_deref()).collect::<String>();
        assert!(!help.contains(wrong), "{call}: {help}");
    }
}
