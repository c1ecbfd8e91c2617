//! The `hookgate` command.

#![forbid(unsafe_code)]

fn main() {}
