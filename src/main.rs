//! The `hookgate` command.

#![forbid(unsafe_code)]

use std::process::ExitCode;

/// A request makes many small values, each gone when it is answered, on whichever thread it is by
/// then: what the system's allocator does for that was a tenth of its time.
#[cfg(feature = "gateway")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    hookgate::cli::run(std::env::args_os())
}
