//! The command line: one file a command.
//!
//! Answers go to standard output, everything said about them to standard error. Exit codes: see
//! [`Exit`].

#[cfg(feature = "gateway")]
mod backup;
mod check;
mod compile;
#[cfg(feature = "gateway")]
mod configuration;
#[cfg(feature = "gateway")]
mod deliveries;
#[cfg(feature = "gateway")]
mod diverted;
mod eval;
mod explain;
mod explain_code;
mod fmt;
mod functions;
#[cfg(feature = "gateway")]
mod init;
mod input;
#[cfg(feature = "gateway")]
mod keys;
mod output;
#[cfg(feature = "gateway")]
mod providers;
mod repl;
#[cfg(feature = "gateway")]
mod replay;
#[cfg(feature = "gateway")]
mod requests;
#[cfg(feature = "gateway")]
mod rotate_encryption;
mod schema;
#[cfg(feature = "gateway")]
mod send;
#[cfg(feature = "gateway")]
mod serve;
mod session;
#[cfg(feature = "gateway")]
mod store;
#[cfg(feature = "gateway")]
mod subscriptions;
#[cfg(feature = "gateway")]
mod tenants;
#[cfg(feature = "gateway")]
mod test;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::printable::escape_line;

/// How a command ended; of several ends the worst counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// It did what it was asked.
    Done = 0,
    /// What it was given has a fault, told on standard error.
    Fault = 1,
    /// It was called in a way that means nothing: an unknown option, a file that is not there.
    Usage = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A rule language for webhooks.
#[derive(Debug, Parser)]
#[command(name = "hookgate", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Evaluate an expression or a mapper, and print the answer as JSON
    Eval(eval::Eval),
    /// Check expressions and mappers without running them
    Check(check::Check),
    /// Show the value of every part of an expression, and which parts decided
    Explain(explain::Explain),
    /// Write expressions in their canonical layout
    Fmt(fmt::Fmt),
    /// Show what an expression becomes: its tokens, its tree, its bytecode
    Compile(compile::Compile),
    /// List the functions of the language, or show one
    Functions(functions::Functions),
    /// Tell what the code of a diagnostic means, with an example
    ExplainCode(explain_code::ExplainCode),
    /// Print the JSON Schema of a kind of configuration file, or the reference of all
    Schema(schema::Schema),
    /// Try expressions at a prompt
    Repl(repl::Repl),
    /// Run the gateway
    #[cfg(feature = "gateway")]
    Serve(serve::Serve),
    /// Write a listener for a provider, and say what to do there
    #[cfg(feature = "gateway")]
    Init(init::Init),
    /// Run requests through listeners, and compare what becomes of them
    #[cfg(feature = "gateway")]
    Test(test::Test),
    /// Send a request as the provider would, to a gateway that runs
    #[cfg(feature = "gateway")]
    Send(send::Send),
    /// Look at requests: what came, what became of it, and why
    #[cfg(feature = "gateway")]
    Requests(requests::Requests),
    /// Run stored requests through a changed listener, and show what would differ
    #[cfg(feature = "gateway")]
    Replay(replay::Replay),
    /// Look at subscriptions, and mend them
    #[cfg(feature = "gateway")]
    Subscriptions(subscriptions::Subscriptions),
    /// Look at deliveries, and send them again
    #[cfg(feature = "gateway")]
    Deliveries(deliveries::Deliveries),
    /// Look at events that were given up and are kept, and send them again
    #[cfg(feature = "gateway")]
    Diverted(diverted::Diverted),
    /// Make, list and revoke the keys of senders and of those who subscribe
    #[cfg(feature = "gateway")]
    Keys(keys::Keys),
    /// Make and list tenants
    #[cfg(feature = "gateway")]
    Tenants(tenants::Tenants),
    /// Copy the store, while the gateway runs
    #[cfg(feature = "gateway")]
    Backup(backup::Backup),
}

/// Runs the command that the arguments ask for; the first is the name of the program.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let given: Vec<OsString> = arguments.into_iter().collect();
    let arguments = match Arguments::try_parse_from(&given) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error, &given),
    };
    let ended = match arguments.command {
        Command::Eval(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Fmt(command) => command.run(),
        Command::Compile(command) => command.run(),
        Command::Functions(command) => command.run(),
        Command::ExplainCode(command) => command.run(),
        Command::Schema(command) => command.run(),
        Command::Repl(command) => command.run(),
        #[cfg(feature = "gateway")]
        Command::Serve(command) => command.run(),
        #[cfg(feature = "gateway")]
        Command::Init(command) => command.run(),
        #[cfg(feature = "gateway")]
        Command::Test(command) => command.run(),
        #[cfg(feature = "gateway")]
        Command::Send(command) => command.run(),
        #[cfg(feature = "gateway")]
        Command::Requests(command) => command.run(),
        #[cfg(feature = "gateway")]
        Command::Replay(command) => command.run(),
        #[cfg(feature = "gateway")]
        Command::Subscriptions(command) => command.run(),
        #[cfg(feature = "gateway")]
        Command::Deliveries(command) => command.run(),
        #[cfg(feature = "gateway")]
        Command::Diverted(command) => command.run(),
        #[cfg(feature = "gateway")]
        Command::Keys(command) => command.run(),
        #[cfg(feature = "gateway")]
        Command::Tenants(command) => command.run(),
        #[cfg(feature = "gateway")]
        Command::Backup(command) => command.run(),
    };
    ended.unwrap_or_else(|error| error.tell()).into()
}

/// Help and version are answers; anything else that the parser says is about wrong usage.
fn usage(error: &clap::Error, given: &[OsString]) -> ExitCode {
    if error.use_stderr() {
        // It quotes the arguments, which a script may have from anywhere.
        let shown = given.iter().map(|one| escape_line(&one.to_string_lossy()).into_owned());
        let escaped = Arguments::try_parse_from(shown).err();
        output::usage(escaped.as_ref().unwrap_or(error).render().to_string().trim_end());
        return Exit::Usage.into();
    }
    // Nothing is left to do where the message cannot be written.
    let _ = error.print();
    Exit::Done.into()
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// A file or stream could not be read.
    #[error("cannot read {name}: {reason}")]
    Read { name: String, reason: String },
    /// A file could not be written.
    #[error("cannot write {name}: {reason}")]
    Write { name: String, reason: String },
    /// Something was asked that means nothing.
    #[error("{0}")]
    Usage(String),
    /// The reader of our output went away, or the output is full.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

impl Error {
    /// Tells it on standard error.
    fn tell(self) -> Exit {
        match self {
            // Whoever closed the pipe has seen enough.
            Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done,
            error => {
                output::complain(&error.to_string());
                Exit::Usage
            }
        }
    }
}
