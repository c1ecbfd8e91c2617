//! Any text as a source: it is read, checked, compiled, formatted and run without a panic, and
//! formatting keeps its tree.

#![no_main]

use hookgate::engine::{Context, Engine, Machine, Source};
use hookgate::format::format;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let engine = Engine::for_requests();
    let Ok(parsed) = engine.parse(Source::new("fuzz", text)) else {
        return;
    };
    let formatted = format(&parsed);
    if let Ok(again) = engine.parse(Source::new("formatted", formatted.as_str())) {
        assert_eq!(parsed.tree.shape(parsed.tree.root()), again.tree.shape(again.tree.root()));
        assert_eq!(format(&again), formatted, "formatting twice changes nothing");
    } else {
        // Layout may carry a source past the limit on its size, and nothing else may fail.
        assert!(formatted.len() > 64 << 10, "what was formatted still reads");
    }
    if let Ok(program) = engine.compile(text) {
        let _ = Machine::default().eval(&program, &Context::new());
    }
});
