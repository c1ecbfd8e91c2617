//! Predicate trees: the programs that have one, and their results, steps and memory, which are
//! those of the machine.

use hookgate::compile::Options;
use hookgate::engine::{Context, Engine, Limits, Machine, OwnedValue, Program, Source, Trap};
use hookgate::engine::{UndeclaredRoots, read_json};

fn engine() -> Engine {
    Engine::for_requests().strangers(UndeclaredRoots::Allow)
}

fn compiled(rule: &str) -> Program {
    engine().compile(rule).unwrap()
}

/// Rules that only make tests, in the forms that filters have.
const TESTS: &[&str] = &[
    r#"x.type == "opened""#,
    r#""opened" != x.type"#,
    r#"x.type == NULL AND x.labels != NULL"#,
    r#"x.number > 1 AND (x.number < 9 AND x.number <= 7)"#,
    r#"(x.number >= 1 OR x.type == "a") OR NOT x.draft"#,
    r#"x.type IN ["opened", "closed"] AND "bug" NOT IN x.labels"#,
    r#""open" IN $LOWERCASE(x.type) AND "z" NOT IN x.type.$LOWERCASE()"#,
    r#"$LOWERCASE(x.type) == "opened" AND "opened" == x.type.$LOWERCASE()"#,
    r#"$LOWERCASE(x.type) != "a" AND $LOWERCASE(x.missing) != "a" AND $LOWERCASE(x.type) != NULL"#,
    r#"$LOWERCASE(x.type) IN $LOWERCASE(x.type)"#,
    r#"$STARTS_WITH(x.type, "open") AND x.type.$ENDS_WITH("ed")"#,
    r#"x.created.$PARSE_TIME() > $TIME().$ADD_DATE(0, 0, -7)"#,
    r#"x.labels[0] == "bug" AND x.labels[-1] != "bug""#,
    r#"x.commits[0].author.name == "ann" AND x.commits[1]["files"][0] == "a""#,
    r#"(x.commits)[0].author["name"] == "ann""#,
    r#"x.commits.$ANY(commit => commit.author.name == "ann" OR commit.files[0] == "b")"#,
    r#"$ALL(x.commits, (commit, at) => at < 2 AND commit.files.$ANY(file => file == "a"))"#,
    r#"x.commits.$FILTER(commit => commit.author.name == "ann").$LENGTH() == 1"#,
    r#"$LENGTH($FILTER(x.commits, commit => commit.author.name != "ann")) == 1"#,
    r#"($FILTER(x.labels, label => label)).$LENGTH() == 2"#,
    r#"headers["X-Event"] == "push" AND headers["x-event"][0] == "p""#,
    r#"$COALESCE(x.missing, x.commits[5].id, x.type) == "Opened" AND x.type.$COALESCE() != NULL"#,
    "x.type",
    "TRUE",
];

/// Rules that do more than make tests.
const OTHERS: &[&str] = &[
    r#"IF x.draft THEN "a" ELSE "b""#,
    "x.number + 1 == 2",
    r#"$COALESCE(x.missing, x.number + 1) == 8"#,
    r#"$TRY(x.number < "a", FALSE)"#,
    r#"x.labels.$MAP(label => label) == ["bug"]"#,
    r#"x.labels.$FILTER(label => label == "bug") == ["bug"]"#,
    r#"x.labels.$FILTER(label => label == "bug").$FIRST() == "bug""#,
    r#"x.labels[x.number] == "bug""#,
    r#"x.type[0:2] == "op""#,
    // The machine charges the bytes of a name in brackets after an index.
    r#"x.labels[0]["a name in brackets that is longer than sixty-four bytes, so it costs steps"]"#,
    r#""${x.type}" == "opened""#,
    "[x.type]",
];

#[test]
fn a_rule_that_only_makes_tests_has_a_predicate_tree() {
    for rule in TESTS {
        assert!(compiled(rule).predicate().is_some(), "{rule}");
    }
}

#[test]
fn a_rule_that_does_more_has_no_predicate_tree() {
    for rule in OTHERS {
        assert!(compiled(rule).predicate().is_none(), "{rule}");
    }
}

#[test]
fn a_program_with_marks_has_no_predicate_tree() {
    let checked = engine().check(Source::new("rule", r#"x.type == "opened""#)).unwrap();
    let options = Options { mark: true, ..Options::default() };
    assert!(engine().lower_with(&checked, options).unwrap().program.predicate().is_none());
}

#[test]
fn operands_of_one_operator_are_one_level_of_the_tree() {
    let tree = |rule: &str| format!("{:?}", compiled(rule).predicate().unwrap());
    for operator in ["AND", "OR"] {
        let flat = tree(&format!("x.a {operator} x.b {operator} x.c {operator} x.d"));
        assert_eq!(tree(&format!("(x.a {operator} x.b) {operator} (x.c {operator} x.d)")), flat);
        assert_eq!(tree(&format!("x.a {operator} ((x.b {operator} x.c) {operator} x.d)")), flat);
    }
}

/// Returns a rule with `AND` and `OR` nested to a depth, in levels.
fn nested(depth: usize) -> String {
    (1..depth).fold("x.a".to_owned(), |rule, at| {
        let operator = if at % 2 == 0 { "AND" } else { "OR" };
        format!("({rule}) {operator} x.b")
    })
}

#[test]
fn the_depth_of_a_predicate_tree_is_bounded() {
    let has_tree = |rule: String| compiled(&rule).predicate().is_some();
    assert!(has_tree(nested(32)) && !has_tree(nested(33)));
    // Parentheses and operators of one precedence add no level.
    assert!(has_tree(format!("{}x.a{} == 1", "(".repeat(60), ")".repeat(60))));
    assert!(has_tree(vec!["x.a"; 500].join(" AND ")));
    assert!(has_tree(format!("{}x.b{}", "x.a OR (".repeat(60), ")".repeat(60))));
    // Calls and comparisons from left to right add one each.
    assert!(has_tree(format!("x.a{}", ".$ABS()".repeat(31))));
    assert!(!has_tree(format!("x.a{}", ".$ABS()".repeat(32))));
}

/// Nothing says that the tree of a chunk belongs to it, so only the compiler gives one.
#[test]
fn program_built_from_a_chunk_has_no_predicate_tree_and_the_same_result() {
    let body = body();
    for rule in TESTS {
        let program = compiled(rule);
        let plain = Program::new(program.chunk().clone()).unwrap();
        assert!(plain.predicate().is_none(), "{rule}");
        let run = |program: &Program| {
            Machine::default().eval(program, &context(&body)).map(|value| value.to_string())
        };
        assert_eq!(told(run(&program)), told(run(&plain)), "{rule}");
    }
}

fn body() -> OwnedValue {
    read_json(
        br#"{"x": {
            "type": "Opened", "number": 7, "draft": false, "labels": ["bug", "ui"],
            "created": "2025-08-17T12:30:00Z",
            "commits": [
                {"author": {"name": "ann"}, "files": ["a", "b"]},
                {"author": {"name": "bob"}, "files": ["a"]}
            ]
        }, "headers": {"X-Event": "push"}}"#,
    )
    .unwrap()
}

fn context(body: &OwnedValue) -> Context<'_> {
    let mut context = Context::of(body);
    context.set_now("2025-08-20T00:00:00Z".parse().unwrap());
    context
}

fn told<T>(answer: Result<T, Trap>) -> Result<T, String> {
    answer.map_err(|trap| format!("{} {:?}", trap.code(), trap.span()))
}

/// One step, or one byte, less than a rule needs stops both forms of it, and never only one.
#[test]
fn a_predicate_tree_stops_at_the_limits_at_which_the_machine_stops() {
    let body = body();
    for rule in TESTS {
        let program = compiled(rule);
        let plain = Program::new(program.chunk().clone()).unwrap();
        let steps = (0..80).map(|steps| Limits { steps, ..Limits::default() });
        let memory = (0..200).map(|memory| Limits { memory, ..Limits::default() });
        for limits in steps.chain(memory) {
            let mut machine = Machine::new(limits);
            let tree = told(machine.test(&program, &context(&body)));
            assert_eq!(tree, told(machine.test(&plain, &context(&body))), "{rule}: {limits:?}");
        }
    }
}
