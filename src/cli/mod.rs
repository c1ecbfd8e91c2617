//! The command line: one file for each command.
//!
//! Answers go to standard output, messages to standard error. Exit codes: see [`Exit`].

mod backup;
mod check;
mod compile;
mod configuration;
mod deliveries;
mod diverted;
mod eval;
mod explain;
mod explain_code;
mod fmt;
mod functions;
mod hints;
mod http_client;
mod init;
mod input;
mod keys;
mod names;
mod output;
mod providers;
mod repl;
mod replay;
mod requests;
mod rotate_encryption;
mod schema;
mod send;
mod serve;
mod session;
mod store;
mod subscriptions;
mod tenants;
mod test;
mod values;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::printable::escape_line;

/// The exit code of a command. Of several, the largest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Success.
    Done = 0,
    /// An error in the input, reported on standard error.
    Fault = 1,
    /// Wrong usage, such as an unknown option or a missing file.
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
    /// Evaluate an expression or a mapper, and print the result as JSON
    Eval(eval::Eval),
    /// Check expressions and mappers without running them
    Check(check::Check),
    /// Show the value of every part of an expression, and the parts that decided the result
    Explain(explain::Explain),
    /// Write expressions in their canonical layout
    Fmt(fmt::Fmt),
    /// Show the tokens, the syntax tree or the bytecode of an expression
    Compile(compile::Compile),
    /// List the functions of the language, or show one
    Functions(functions::Functions),
    /// Explain the code of a diagnostic, with an example
    ExplainCode(explain_code::ExplainCode),
    /// Print the JSON Schema of a configuration file, or the reference of all files
    Schema(schema::Schema),
    /// Evaluate expressions at a prompt
    Repl(repl::Repl),
    /// Run the gateway
    Serve(serve::Serve),
    /// Write a listener for a provider, and print the setup steps
    Init(init::Init),
    /// Run requests through listeners, and compare the results with the expected ones
    Test(test::Test),
    /// Send a request as the provider would, to a running gateway
    Send(send::Send),
    /// List requests with their outcomes and reasons
    Requests(requests::Requests),
    /// Run stored requests through a changed listener, and show the differences
    Replay(replay::Replay),
    /// List subscriptions, end suspensions and rotate secrets
    Subscriptions(subscriptions::Subscriptions),
    /// List deliveries, and send events again
    Deliveries(deliveries::Deliveries),
    /// List dead letters, and send them again
    Diverted(diverted::Diverted),
    /// Create, list and revoke keys of senders and subscribers
    Keys(keys::Keys),
    /// Create and list tenants
    Tenants(tenants::Tenants),
    /// Copy the store while the gateway runs
    Backup(backup::Backup),
}

/// The commands in groups, as `--help` lists them.
const GROUPS: &[(&str, &[&str])] = &[
    ("Rules", &["eval", "check", "explain", "fmt", "compile", "repl", "functions", "explain-code"]),
    ("Listeners", &["init", "test", "send", "schema"]),
    ("Gateway", &["serve", "requests", "replay", "tenants", "keys", "backup"]),
    ("Deliveries", &["subscriptions", "deliveries", "diverted"]),
];

/// Returns the parser of the arguments, whose help lists the commands in groups.
fn command() -> clap::Command {
    let command = Arguments::command();
    let mut list = String::new();
    for (group, names) in GROUPS {
        list.push_str(&format!("{group}:\n"));
        for one in names.iter().filter_map(|name| command.find_subcommand(name)) {
            let about = one.get_about().map(ToString::to_string).unwrap_or_default();
            list.push_str(&format!("  {:<14} {about}\n", one.get_name()));
        }
        list.push('\n');
    }
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{list}Options:\n{{options}}"
    );
    command.help_template(template)
}

fn parse(given: &[OsString]) -> Result<Arguments, clap::Error> {
    Arguments::from_arg_matches(&command().try_get_matches_from(given)?)
}

/// Runs the command that the arguments select. The first argument is the name of the program.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let given: Vec<OsString> = arguments.into_iter().collect();
    let arguments = match parse(&given) {
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
        Command::Serve(command) => command.run(),
        Command::Init(command) => command.run(),
        Command::Test(command) => command.run(),
        Command::Send(command) => command.run(),
        Command::Requests(command) => command.run(),
        Command::Replay(command) => command.run(),
        Command::Subscriptions(command) => command.run(),
        Command::Deliveries(command) => command.run(),
        Command::Diverted(command) => command.run(),
        Command::Keys(command) => command.run(),
        Command::Tenants(command) => command.run(),
        Command::Backup(command) => command.run(),
    };
    ended.unwrap_or_else(|error| error.print()).into()
}

/// Prints a message of the argument parser. Help and version are answers; all other messages report
/// wrong usage.
fn usage(error: &clap::Error, given: &[OsString]) -> ExitCode {
    if error.use_stderr() {
        // The message quotes the arguments, and a script may take them from untrusted input.
        let escaped = given.iter().map(|one| escape_line(&one.to_string_lossy()).into_owned());
        let escaped = parse(&escaped.map(OsString::from).collect::<Vec<_>>()).err();
        output::usage(escaped.as_ref().unwrap_or(error).render().to_string().trim_end());
        if let Some(tip) = hints::tip(given, error) {
            output::usage(&format!("\n  tip: {tip}"));
        }
        return Exit::Usage.into();
    }
    // Nothing can be done if the message cannot be written.
    let _ = error.print();
    Exit::Done.into()
}

/// The reason why a command failed.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// A file or stream that cannot be read.
    #[error("cannot read {name}: {reason}")]
    Read { name: String, reason: String },
    /// A file that cannot be written.
    #[error("cannot write {name}: {reason}")]
    Write { name: String, reason: String },
    /// Wrong usage, or a request that cannot be fulfilled.
    #[error("{0}")]
    Usage(String),
    /// An output that is closed or full.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

impl Error {
    /// Reports the error on standard error. Returns the exit code.
    fn print(self) -> Exit {
        match self {
            // A closed pipe is not an error: its reader needs no more output.
            Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done,
            error => {
                output::print_error(&error.to_string());
                Exit::Usage
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, CommandFactory, GROUPS, command};

    #[test]
    fn help_lists_every_command_in_one_group() {
        let names: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        for one in Arguments::command().get_subcommands() {
            let times = names.iter().filter(|name| **name == one.get_name()).count();
            assert_eq!(times, 1, "{}", one.get_name());
        }
        assert_eq!(names.len(), Arguments::command().get_subcommands().count());
        let help = command().render_help().to_string();
        assert!(help.contains("Deliveries:\n  subscriptions"), "{help}");
    }
}
