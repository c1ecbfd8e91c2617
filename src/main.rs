//! The `hookgate` command.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    hookgate::cli::run(std::env::args_os())
}
