//! A rule and a context, written out or made of choices: the machine, folded and unfolded, marked, as
//! a tree and in a set, answers what the reference evaluator answers, or fails with the same code
//! at the same place; and what the checker said of the rule holds.

#![no_main]

use hookgate_fuzz::Case;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| Case::of(input).agrees());
