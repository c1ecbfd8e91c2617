//! Compiles any text as a rule and as a template, for every kind of host. The text compiles, or
//! gets diagnostics with valid spans. A compiled program passes the verifier and can be listed.

#![no_main]

use hookgate::engine::{Engine, Program, Source};
use hookgate_fuzz::diagnostics::{holds, lies_in};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let source = || Source::new("fuzz", text);
    let hosts = [
        Engine::new(),
        Engine::for_requests(),
        Engine::for_requests().verification(),
        Engine::for_requests().without_secrets(),
    ];
    for engine in hosts {
        holds(&engine.diagnose(source()));
        for checked in [engine.check(source()), engine.check_template(source())] {
            let lowered = checked.and_then(|checked| engine.lower(&checked));
            match lowered {
                Ok(program) => listed(&program),
                Err(diagnostics) => {
                    assert!(diagnostics.has_errors());
                    holds(&diagnostics);
                }
            }
        }
    }
});

fn listed(program: &Program) {
    let chunk = program.chunk();
    let source = program.source().expect("a program has a source");
    for span in &chunk.spans {
        lies_in(source, *span);
    }
    assert!(program.listing().lines().count() >= chunk.code.len());
    let reads = program.reads();
    let again = Program::new(chunk.clone()).expect("the program passes the verifier again");
    assert_eq!(again.reads(), reads);
    assert_eq!(again.chunk().stack, chunk.stack);
}
