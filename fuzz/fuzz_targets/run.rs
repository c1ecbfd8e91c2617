//! A program that passes the verifier never breaks the machine. The program is built from bytes, or
//! compiled from a rule and then damaged. Within its limits it gives a result or stops, with the
//! same outcome as a predicate tree, as instructions and in a set, and no secret escapes.

#![no_main]

use std::ops::ControlFlow;

use hookgate::builtins::{self, Code, Pattern};
use hookgate::engine::{
    Engine, Limits, Machine, OwnedValue, Program, RuleSet, Source, Trap, UndeclaredRoots,
};
use hookgate::program::{Base, Callee, Chunk, Instruction, Key, Loop, Path, Root};
use hookgate::source::Span;
use hookgate_fuzz::{Bytes, Case};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let case = Case::of(input);
    // The end of the input damages the program from its start.
    let mut bytes = Bytes::of(input.iter().rev().copied());
    let (compiled, chunk) = match bytes.pick(3) {
        0 => (None, chunk_of(&mut bytes)),
        ways => {
            let engine = Engine::for_requests().strangers(UndeclaredRoots::Allow);
            let Ok(program) = engine.compile_source(Source::new("fuzz", case.rule.as_str())) else {
                return;
            };
            let mut chunk = program.chunk().clone();
            if ways == 2 {
                damage(&mut chunk, &mut bytes);
                (None, chunk)
            } else {
                (Some(program), chunk)
            }
        }
    };
    let Ok(plain) = Program::new(chunk) else {
        return;
    };
    // Only a compiled program has a predicate tree.
    let program = compiled.unwrap_or_else(|| plain.clone());
    let _ = (program.listing(), program.reads(), program.reads_clock());
    for (steps, memory) in [(50_000, 1 << 20), (30, 1 << 20), (50_000, 300), (0, 0)] {
        let mut machine = Machine::new(Limits { steps, memory, ..Limits::default() });
        assert_equal_outcomes(&mut machine, &program, &plain, &case);
    }
});

/// Every way to run the program has the same outcome.
fn assert_equal_outcomes(machine: &mut Machine, program: &Program, plain: &Program, case: &Case) {
    let context = case.context();
    let mut eval = |program: &Program| {
        comparable(machine.eval(program, &context).map(|answer| answer.to_owned_value()))
    };
    let answer = eval(program);
    assert_ne!(answer, Ok(None), "a secret escapes");
    assert_eq!(answer, eval(program), "a second run differs");
    assert_eq!(answer, eval(plain), "the instructions differ from the predicate tree");
    let truth = comparable(machine.test(program, &context));
    if let Ok(Some(answer)) = &answer {
        assert_eq!(truth, Ok(answer.borrow().is_truthy()));
    }
    let set = RuleSet::new([program.clone(), plain.clone(), program.clone()]);
    machine.test_set(&set, &context, |at, one| {
        assert_eq!(comparable(one), truth, "program {at} of a set differs");
        ControlFlow::<()>::Continue(())
    });
}

fn comparable<T>(answer: Result<T, Trap>) -> Result<T, String> {
    answer.map_err(|trap| format!("{} {:?}", trap.code(), trap.span()))
}

/// A chunk with every part chosen by the input.
fn chunk_of(bytes: &mut Bytes) -> Chunk {
    let mut chunk = Chunk {
        constants: constants(),
        roots: ["parsed_body", "headers", "x", "n", "s", "l"].map(root).to_vec(),
        functions: functions(),
        patterns: Pattern::new("[a-z]+", 1 << 20).into_iter().collect(),
        secrets: vec!["ZOOM".into(), "NONE".into()],
        locals: u16::try_from(bytes.pick(5)).unwrap_or(0),
        ..Chunk::default()
    };
    for _ in 0..bytes.pick(6) {
        chunk.paths.push(path(bytes));
    }
    for _ in 0..bytes.pick(3) {
        chunk.loops.push(a_loop(&chunk, bytes));
    }
    while !bytes.spent() && chunk.code.len() < 64 {
        chunk.code.push(instruction(bytes));
    }
    chunk.code.push(Instruction::Return);
    chunk.spans = vec![Span::default(); chunk.code.len()];
    chunk
}

/// Replaces a few instructions.
fn damage(chunk: &mut Chunk, bytes: &mut Bytes) {
    for _ in 0..1 + bytes.pick(4) {
        let at = bytes.pick(chunk.code.len());
        match bytes.pick(6) {
            0 => chunk.code[at] = instruction(bytes),
            1 => {
                chunk.code.insert(at, instruction(bytes));
                chunk.spans.insert(at, Span::default());
            }
            2 if chunk.code.len() > 1 => {
                chunk.code.remove(at);
                chunk.spans.remove(at);
            }
            3 => chunk.constants.push(bytes.one(&constants()).clone()),
            4 => chunk.loops.push(a_loop(chunk, bytes)),
            5 => chunk.locals = u16::try_from(bytes.pick(8)).unwrap_or(0),
            _ => chunk.paths.push(path(bytes)),
        }
    }
}

fn constants() -> Vec<OwnedValue> {
    let json = r#"[null, true, false, 0, 1, -1, 2.5, 18446744073709551615, "", "a", "id", "x-a",
        "[a-z]+", "2025-08-20T00:00:00Z", [], [1, "a", null], {}, {"a": 1, "b": [2]}]"#;
    let list = hookgate::value::read_json(json.as_bytes()).expect("JSON");
    list.borrow()
        .as_list()
        .map(|list| list.iter().filter_map(|item| item.to_owned_value()).collect())
        .unwrap_or_default()
}

fn root(name: &str) -> Root {
    Root { name: name.into(), case_insensitive: name == "headers" }
}

/// Every function of the language. The verifier must refuse those without code of their own.
fn functions() -> Vec<Callee> {
    builtins::all().map(Callee::Builtin).collect()
}

fn path(bytes: &mut Bytes) -> Path {
    let number = u16::try_from(bytes.pick(8)).unwrap_or(0);
    let base = match bytes.pick(8) {
        0 => Base::Shared(number),
        1..=3 => Base::Local(number),
        _ => Base::Root(number),
    };
    let key = |bytes: &mut Bytes| match bytes.pick(4) {
        0 => Key::Index(i64::try_from(bytes.pick(5)).unwrap_or(0) - 2),
        _ => Key::Name((*bytes.one(&["a", "b", "id", "x", "map", "X-A"])).into()),
    };
    let keys: Vec<Key> = (0..bytes.pick(4)).map(|_| key(bytes)).collect();
    Path { base, keys: keys.into() }
}

fn a_loop(chunk: &Chunk, bytes: &mut Bytes) -> Loop {
    let loops: Vec<Callee> = chunk
        .functions
        .iter()
        .cloned()
        .chain(functions())
        .filter(|callee| matches!(callee.code, Code::Loop(_)))
        .collect();
    let callee = bytes.one(&loops).clone();
    let Code::Loop(kind) = callee.code else {
        unreachable!("all of them are loops");
    };
    let small = |bytes: &mut Bytes, most| u8::try_from(bytes.pick(most)).unwrap_or(0);
    let body = bytes.pick(20);
    Loop {
        kind,
        callee,
        arguments: small(bytes, 4),
        slot: u16::from(small(bytes, 5)),
        params: small(bytes, 4),
        body: u32::try_from(body).unwrap_or(0),
        end: u32::try_from(body + bytes.pick(12)).unwrap_or(0),
    }
}

fn instruction(bytes: &mut Bytes) -> Instruction {
    let kind = bytes.pick(36);
    let operand = u32::try_from(bytes.pick(24)).unwrap_or(0);
    let count = operand % 4;
    let slot = u16::try_from(operand).unwrap_or(0);
    match kind {
        0..=2 => Instruction::Constant { constant: operand },
        3 | 4 => Instruction::Path { path: operand % 8 },
        5 => Instruction::Now,
        6 => Instruction::Secret { name: count },
        7 => Instruction::Secrets { name: count },
        8 => Instruction::Store { slot },
        9 => Instruction::Pop,
        10 => Instruction::Member { constant: operand },
        11 => Instruction::Index,
        12 => Instruction::Slice,
        13 => Instruction::Negate,
        14 => Instruction::Not,
        15 => Instruction::Add,
        16 => Instruction::Subtract,
        17 => Instruction::Multiply,
        18 => Instruction::Divide,
        19 => *bytes.one(&[Instruction::Equal, Instruction::NotEqual]),
        20 => *bytes.one(&[
            Instruction::Less,
            Instruction::LessEqual,
            Instruction::Greater,
            Instruction::GreaterEqual,
        ]),
        21 => *bytes.one(&[Instruction::In, Instruction::NotIn]),
        22 => Instruction::List { count },
        23 => Instruction::Object { count },
        24 => Instruction::Interpolate { count },
        25 | 26 => {
            Instruction::Call { function: u16::try_from(bytes.pick(220)).unwrap_or(0), count }
        }
        27 => Instruction::Jump { target: operand },
        28 => Instruction::JumpUnless { target: operand },
        29 => {
            *bytes.one(&[Instruction::And { target: operand }, Instruction::Or { target: operand }])
        }
        30 => Instruction::Coalesce { target: operand },
        31 => Instruction::Try { target: operand },
        32 => Instruction::EndTry { target: operand },
        33 => Instruction::Begin { index: count },
        34 => Instruction::Next { index: count },
        _ => *bytes.one(&[Instruction::Mark { place: operand }, Instruction::Return]),
    }
}
