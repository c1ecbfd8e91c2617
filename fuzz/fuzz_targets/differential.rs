//! Differential testing with a rule and a context, written out or made of choices: the machine,
//! with and without folding, with marks, as a predicate tree and in a set, gives the result of the
//! reference evaluator, or fails with the same code at the same span. The results of the checker
//! hold too.

#![no_main]

use hookgate_fuzz::Case;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| Case::of(input).agrees());
