//! Parses any text as a source: it is accepted, or gets diagnostics with valid spans. Formatting an
//! accepted source keeps its tree, and a second run changes nothing.

#![no_main]

use hookgate::engine::{Engine, Source};
use hookgate::format::format;
use hookgate_fuzz::diagnostics::{holds, lies_in};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let engine = Engine::for_requests();
    let parsed = match engine.parse(Source::new("fuzz", text)) {
        Ok(parsed) => parsed,
        Err(diagnostics) => {
            assert!(diagnostics.has_errors());
            return holds(&diagnostics);
        }
    };
    for (id, _) in parsed.tree.iter() {
        lies_in(&parsed.source, parsed.tree.span(id));
    }
    let formatted = format(&parsed);
    if let Ok(again) = engine.parse(Source::new("formatted", formatted.as_str())) {
        assert_eq!(
            parsed.tree.fingerprint(parsed.tree.root()),
            again.tree.fingerprint(again.tree.root())
        );
        assert_eq!(format(&again), formatted, "formatting twice changes nothing");
    } else {
        // Formatting may exceed the size limit of a source; no other failure is allowed.
        assert!(formatted.len() > 64 << 10, "a formatted source parses");
    }
});
