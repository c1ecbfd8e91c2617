//! Splits any text into tokens: they are in order, their spans are character boundaries in the
//! text, and each matches its span.

#![no_main]

use hookgate::source::Source;
use hookgate::syntax::{Token, tokens};
use hookgate_fuzz::diagnostics::lies_in;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let source = Source::new("fuzz", text);
    let mut before = 0;
    let mut open = 0usize;
    for (span, token) in tokens(text) {
        lies_in(&source, span);
        // A missing bracket is inserted where it is expected.
        if !span.range().is_empty() {
            assert!(
                before <= span.range().start,
                "{token:?} starts before the end of the previous token"
            );
            before = span.range().end;
        }
        let words = &text[span.range()];
        match token {
            Token::Name(name) => assert_eq!(name, words),
            // An invalid number has a diagnostic and the value 0.
            Token::Number(number) => assert!(number == words || number == "0", "{number}, {words}"),
            Token::Function(name) => assert_eq!(format!("${name}"), words),
            Token::TextStart | Token::InterpolationStart => open += 1,
            // The parser reports unclosed brackets; a bracket that was never opened cannot be
            // closed.
            Token::TextEnd | Token::InterpolationEnd => {
                open = open.checked_sub(1).expect("a closed bracket was opened")
            }
            _ => {}
        }
    }
});
