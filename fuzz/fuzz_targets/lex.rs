//! Any text as tokens: they come in order, lie in the text between its letters, and say what stands
//! there.

#![no_main]

use hookgate::source::Source;
use hookgate::syntax::{Token, tokens};
use hookgate_fuzz::told::lies_in;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let source = Source::new("fuzz", text);
    let mut before = 0;
    let mut open = 0usize;
    for (span, token) in tokens(text) {
        lies_in(&source, span);
        // A bracket that is missing is put in where it is missed.
        if !span.range().is_empty() {
            assert!(before <= span.range().start, "{token:?} comes before the one before it");
            before = span.range().end;
        }
        let words = &text[span.range()];
        match token {
            Token::Name(name) => assert_eq!(name, words),
            // A number that is none was told, and stands as 0.
            Token::Number(number) => assert!(number == words || number == "0", "{number}, {words}"),
            Token::Function(name) => assert_eq!(format!("${name}"), words),
            Token::TextStart | Token::InterpolationStart => open += 1,
            // What was not closed is told by the parser; what was not opened cannot be closed.
            Token::TextEnd | Token::InterpolationEnd => {
                open = open.checked_sub(1).expect("it was opened")
            }
            _ => {}
        }
    }
});
