//! Invalid programs: the verifier rejects them, and names the invalid instruction.

use hookgate::builtins::{self, LoopKind};
use hookgate::engine::{Engine, OwnedValue};
use hookgate::program::{Base, Callee, Chunk, Instruction, Loop, Path, Program};
use hookgate::source::Span;

/// Returns a chunk with two constants, a string and null; a local; a function; and a loop with its
/// body from 3 to 4.
fn chunk(code: &[Instruction]) -> Chunk {
    let map = Callee::Builtin(builtins::find("MAP").unwrap());
    let body = Loop {
        kind: LoopKind::Map,
        callee: map.clone(),
        arguments: 1,
        slot: 0,
        params: 1,
        body: 2,
        end: 4,
    };
    Chunk {
        code: code.to_vec(),
        spans: vec![Span::default(); code.len()],
        constants: vec![OwnedValue::Text("key".into()), OwnedValue::Null],
        paths: vec![Path { base: Base::Root(0), keys: [].into() }],
        functions: vec![Callee::Builtin(builtins::find("LENGTH").unwrap()), map],
        loops: vec![body],
        locals: 1,
        ..Chunk::default()
    }
}

/// Returns the index of the invalid instruction, and the violated rule.
fn malformed(code: &[Instruction]) -> (usize, &'static str) {
    let malformed = Program::new(chunk(code)).unwrap_err();
    (malformed.at, malformed.what)
}

use Instruction::{
    And, Begin, Call, Coalesce, Constant, EndTry, Jump, JumpUnless, List, Member, Next, Or,
    Path as Read, Pop, Return, Secret, Slice, Store, Try,
};

const PUSH: Instruction = Constant { constant: 0 };

#[test]
fn the_verifier_accepts_a_valid_program() {
    assert!(Program::new(chunk(&[PUSH, Return])).is_ok());
    let looped = [PUSH, Begin { index: 0 }, PUSH, Next { index: 0 }, Return];
    assert_eq!(Program::new(chunk(&looped)).unwrap().chunk().stack, 1);
}

#[test]
fn the_verifier_refuses_backward_jumps() {
    for target in [0, 1] {
        for jump in [
            Jump { target },
            JumpUnless { target },
            And { target },
            Or { target },
            Coalesce { target },
            Try { target },
            EndTry { target },
        ] {
            assert_eq!(malformed(&[PUSH, jump, PUSH, Return]), (1, "it leads back"), "{jump:?}");
        }
    }
    assert_eq!(malformed(&[Jump { target: 0 }]), (0, "it leads back"));
}

#[test]
fn the_verifier_refuses_a_loop_whose_body_is_elsewhere() {
    let (begin, next) = (Begin { index: 0 }, Next { index: 0 });
    let apart = (2, "the body of the loop is not the code after it");
    assert_eq!(malformed(&[PUSH, PUSH, begin, next, Return]), apart);
    let elsewhere = malformed(&[PUSH, begin, PUSH, PUSH, next, Return]);
    assert_eq!(elsewhere, (4, "the loop does not end here"));
    let mut empty = chunk(&[PUSH, begin, PUSH, next, Return]);
    empty.loops[0].end = 2;
    assert_eq!(Program::new(empty).unwrap_err().at, 1);
}

#[test]
fn the_verifier_refuses_pops_from_an_empty_stack() {
    for code in [
        vec![Return],
        vec![Pop, PUSH, Return],
        vec![PUSH, Slice, Return],
        vec![PUSH, List { count: 2 }, Return],
        vec![List { count: u32::MAX }, Return],
        vec![PUSH, Store { slot: 0 }, Return],
    ] {
        assert_eq!(malformed(&code).1, "the stack is empty", "{code:?}");
    }
    assert_eq!(malformed(&[Jump { target: 1 }, Begin { index: 0 }]).0, 1);
}

#[test]
fn the_verifier_refuses_stack_heights_that_depend_on_the_path() {
    let code = [PUSH, JumpUnless { target: 3 }, PUSH, PUSH, Return];
    assert_eq!(malformed(&code).1, "the stack's height depends on the way");
}

#[test]
fn the_verifier_refuses_operands_out_of_range() {
    for wrong in [
        Constant { constant: 2 },
        Member { constant: 1 },
        Member { constant: 9 },
        Read { path: 0 },
        Read { path: 1 },
        Secret { name: 0 },
        Store { slot: 1 },
        Call { function: 2, count: 1 },
        Call { function: 1, count: 1 },
        Begin { index: 1 },
        Next { index: 1 },
    ] {
        let found = malformed(&[PUSH, wrong, Return]);
        assert_eq!(found, (1, "an operand names nothing"), "{wrong:?}");
    }
}

#[test]
fn the_verifier_refuses_code_that_ends_without_a_result() {
    let out = "it leads out of the code";
    assert_eq!(malformed(&[]).1, out);
    assert_eq!(malformed(&[PUSH]).1, out);
    assert_eq!(malformed(&[Jump { target: u32::MAX }]).1, out);
    let mut short = chunk(&[PUSH, Return]);
    short.spans.clear();
    assert!(Program::new(short).is_err());
}

#[test]
fn compiled_programs_pass_the_verifier() {
    let sources = [
        "IF a THEN b ELSE IF c THEN d",
        "a AND (b OR c) AND $COALESCE(a, b, $TRY(1/a, c))",
        "a.$MAP(x => x.$FILTER(y => y AND x).$REDUCE(0, (s, z) => s + z))",
        "$SORT(a, x => IF x THEN 1 ELSE 2)",
    ];
    for source in sources {
        assert!(Engine::new().compile(source).is_ok(), "{source}");
    }
}

#[test]
fn a_named_path_is_read_where_its_name_is() {
    for (source, expected) in [
        ("$WITH(o.issue, i => i.key)", vec!["o.issue.key"]),
        ("$WITH(o.issue, i => [i, i.key])", vec!["o.issue", "o.issue.key"]),
        ("$WITH(o.a, a => $WITH(a.b, b => b.c))", vec!["o.a.b.c"]),
        ("$WITH(o.a, a => $WITH(a.b, b => 1))", vec!["o.a.b"]),
        ("$WITH(o.a, a => 1)", vec!["o.a"]),
        ("$WITH(o.a, o.b, (b, a) => [a.x, b.y])", vec!["o.b.x", "o.a.y"]),
        ("$WITH(o.list, l => l.$MAP(x => x.id))", vec!["o.list"]),
        ("[$WITH(o.a, x => x.b), $WITH(o.c, x => x.d)]", vec!["o.a.b", "o.c.d"]),
    ] {
        let program = Engine::new().compile(source).unwrap();
        let reads: Vec<String> = program.reads().iter().map(ToString::to_string).collect();
        assert_eq!(reads, expected, "{source}");
    }
}
