//! The `hookgate` command. All of its code is in `hookgate::cli`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

/// Allocator of the program. A request creates many small values and frees them when it is
/// answered, often on another thread. The system allocator took a tenth of a request's time for
/// this.
#[cfg(feature = "gateway")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    hookgate::cli::run(std::env::args_os())
}
