//! Third-party parsers with inputs that cause recursion, copies or backtracking: they give a result
//! or an error within a stack of one megabyte. A stack overflow ends the test run.

use hookgate::engine::{Engine, Format, Source};
use hookgate::listener::{ConfigSource, load};

fn on_a_small_stack<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap();
    thread.join().unwrap()
}

/// Compiles a document as a mapper.
fn mapper(text: String, format: Format) -> Result<(), String> {
    on_a_small_stack(move || {
        let read = Engine::for_requests().compile_mapper(Source::new("map", text), format);
        read.map(drop).map_err(|faults| faults.list[0].code.to_string())
    })
}

/// Loads a listener file.
fn listener(text: String) -> bool {
    on_a_small_stack(move || load("open.toml", &text, &ConfigSource::empty()).listener.is_some())
}

#[test]
fn deep_or_large_toml_is_an_error() {
    let deep = 20_000;
    for text in [
        "a = ".to_owned() + &"[".repeat(deep),
        "a = ".to_owned() + &"[".repeat(deep) + &"]".repeat(deep),
        "a = ".to_owned() + &"{ a = ".repeat(deep) + "1" + &" }".repeat(deep),
        "a.".repeat(deep) + "a = 1",
        format!("[{}a]\nb = 1", "a.".repeat(deep)),
        format!("[[{}a]]\nb = 1", "a.".repeat(deep)),
        format!("a = {}", "9".repeat(100_000)),
        format!("a = 1e{}", "9".repeat(10_000)),
        format!("a = {{ {}a = 1 }}", "a.".repeat(deep)),
    ] {
        assert!(!listener(text.clone()), "{}", &text[..40]);
        assert!(mapper(text.clone(), Format::Toml).is_err(), "{}", &text[..40]);
    }
    let many: String = (0..50_000).map(|n| format!("a{n} = 1\n")).collect();
    assert!(!listener(many));
    let tables: String = (0..20_000).map(|n| format!("[a{n}.b]\nc = 1\n[[l]]\nd = 1\n")).collect();
    assert!(!listener(tables));
}

#[test]
fn deep_aliased_or_large_yaml_is_an_error() {
    let deep = 10_000;
    let laughs: String =
        (1..20).map(|n| format!("a{n}: &a{n} [{}]\n", format!("*a{},", n - 1).repeat(9))).collect();
    for text in [
        "[".repeat(deep),
        "[".repeat(deep) + &"]".repeat(deep),
        "{a: ".repeat(deep) + "1" + &"}".repeat(deep),
        "- ".repeat(deep) + "a",
        "? ".repeat(deep) + "a",
        (0..2_000).map(|n| format!("{}a:\n", " ".repeat(n % 30))).collect(),
        "a: &a ['1']\n".to_owned() + &laughs,
        "a: &a { b: '1' }\nc:\n  <<: *a\n".to_owned(),
        "a: !!binary 'x'\n".to_owned(),
        "a: !<".to_owned() + &"x".repeat(50_000),
        "a: \"".to_owned() + &"\\".repeat(50_001),
        "[".to_owned() + &"a,".repeat(20_000) + "[",
        format!("a: {}", "9".repeat(50_000)),
        "'".to_owned() + &"''".repeat(20_000),
        "---\n".repeat(10_000),
        "%TAG ! x\n".repeat(5_000),
    ] {
        assert!(mapper(text.clone(), Format::Yaml).is_err(), "{:.40}", text);
    }
}

#[test]
fn deep_or_large_json_is_an_error() {
    let deep = 20_000;
    for text in [
        "[".repeat(deep),
        "[".repeat(deep) + &"]".repeat(deep),
        "{\"a\":".repeat(10_000) + "1" + &"}".repeat(10_000),
        format!("{{\"a\":1e{}}}", "9".repeat(10_000)),
        "{\"a\":\"".to_owned() + &"\\u".repeat(20_000),
    ] {
        assert!(mapper(text.clone(), Format::Json).is_err(), "{:.40}", text);
    }
}

#[test]
fn nested_or_multiplied_regular_expressions_are_an_error() {
    let code = |pattern: &str| {
        let rule = format!("$MATCH(raw_body, {})", serde_json::Value::from(pattern));
        on_a_small_stack(move || {
            let compiled = Engine::for_requests().compile(&rule);
            compiled.map_or_else(|faults| faults.list[0].code.to_string(), |_| "ok".to_owned())
        })
    };
    let nested = |depth: usize| "(".repeat(depth) + &")".repeat(depth);
    for (pattern, expected) in [
        (r"(\pL{1,100}){1,100}", "E0404"),
        (r"((a{1000}){1000}){1000}", "E0404"),
        (r"(?:(?:\w{100}){100}){100}", "E0404"),
        (r"\w{20}", "ok"),
        (r"[\pL--\pN&&[^\p{Greek}]]{2}", "ok"),
        (&nested(10_000), "E0108"),
        (&"[".repeat(10_000), "E0108"),
        (&"(?i".repeat(5_000), "E0108"),
        (&format!("a{}", "{2}".repeat(5_000)), "E0108"),
        (&format!("(?:a{{0,2}}{})", "|a".repeat(5_000)), "ok"),
    ] {
        assert_eq!(code(pattern), expected, "{pattern:.40}");
    }
}

#[test]
fn the_patterns_of_a_program_share_a_size_limit() {
    let rule = |patterns: usize, engine: Engine| {
        let tests: Vec<String> =
            (0..patterns).map(|n| format!(r#"$MATCH(raw_body, "\w{{12}}x{n}")"#)).collect();
        engine.compile(&tests.join(" OR ")).map(drop)
    };
    rule(10, Engine::for_requests()).unwrap();
    let faults = rule(30, Engine::for_requests()).unwrap_err();
    assert_eq!(faults.list[0].code.to_string(), "E0404");
    assert_eq!(faults.list.len(), 1, "one diagnostic");
    let limits = hookgate::engine::Limits { patterns: 1 << 20, ..Default::default() };
    rule(10, Engine::for_requests().limits(limits)).unwrap_err();
    // The same pattern counts once.
    let same = vec![r#"$MATCH(raw_body, "\w{12}x")"#; 500].join(" OR ");
    Engine::for_requests().compile(&same).unwrap();
}

#[test]
fn long_time_formats_and_templates_meet_the_limits() {
    let outcome = |rule: String| {
        on_a_small_stack(move || {
            let engine = Engine::for_requests();
            let program = match engine.compile(&rule) {
                Ok(program) => program,
                Err(faults) => return faults.list[0].code.to_string(),
            };
            match program.eval(&hookgate::engine::Context::new()) {
                Ok(value) => value.to_string(),
                Err(trap) => trap.code().to_string(),
            }
        })
    };
    let format = |format: &str| {
        outcome(format!("$FORMAT_TIME($TIME(\"2025-08-17T12:30:00Z\"), \"{format}\")"))
    };
    assert!(!format(&"%c".repeat(500)).starts_with("E04"));
    assert!(format(&"%c".repeat(501)).starts_with('E'));
    assert!(format("%9999999999d").starts_with('E'));
    let parse = |text: &str| outcome(format!("$PARSE_TIME(\"{text}\", \"{}\")", "%Y".repeat(100)));
    assert!(parse(&"9".repeat(20_000)).starts_with('E'));
}
