//! `hookgate repl`: evaluates expressions at a prompt.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{IsTerminal, stdin};
use std::path::{Path, PathBuf};

use clap::Args;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Editor, Helper};

use super::input::{ContextArguments, EvaluationContext, SourceArgument};
use super::session::Session;
use super::{Error, Exit, output};
use crate::builtins;
use crate::diagnostic::Code;
use crate::engine::{Diagnostics, Engine, Source, Value};

/// The arguments of `repl`.
#[derive(Debug, Args)]
pub(super) struct Repl {
    #[command(flatten)]
    context: ContextArguments,
    /// File that keeps the entered lines
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
}

const HELP: &str = "\
An expression is evaluated. An open bracket or text goes on in the next line. Tab completes
functions and the members of the context.
  :explain EXPR   the value of every part
  :functions      the functions of the language
  :help           this
  :quit           leave (also Ctrl-D)";

impl Repl {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let surroundings = self.context.read()?;
        let format = self.context.format;
        let history = self.history.or_else(default_history);
        let mut editor =
            editor(Completions { names: names(&surroundings), unfinished: RefCell::default() })?;
        if let Some(history) = &history {
            // The first start has no history.
            let _ = editor.load_history(history);
        }
        output::print_note("Hookgate. `:help` tells what can be typed, Ctrl-D leaves.");
        let ended = converse(&mut editor, &mut Session::new(&surroundings, format))?;
        if let Some(history) = &history {
            keep_history(&mut editor, history);
        }
        // A user at a terminal sees the errors; a script needs the exit code.
        Ok(if stdin().is_terminal() { Exit::Done } else { ended })
    }
}

fn editor(completions: Completions) -> Result<Editor<Completions, FileHistory>, Error> {
    let mut editor = Editor::new().map_err(|error| terminal(&error))?;
    editor.set_helper(Some(completions));
    Ok(editor)
}

fn terminal(error: &ReadlineError) -> Error {
    Error::Read { name: "the terminal".to_owned(), reason: error.to_string() }
}

/// Answers each line until the input ends. Returns the largest exit code of all lines.
fn converse(
    editor: &mut Editor<Completions, FileHistory>,
    session: &mut Session<'_>,
) -> Result<Exit, Error> {
    let mut exit = Exit::Done;
    loop {
        let line = match editor.readline("> ") {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(exit.max(unfinished_input(editor, session)?)),
            Err(error) => return Err(terminal(&error)),
        };
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        // An error of the history does not stop the prompt.
        let _ = editor.add_history_entry(line);
        let given = |text: &str| SourceArgument::Expression(Source::new("input", text));
        let ended = match line.split_once(char::is_whitespace).unwrap_or((line, "")) {
            (":quit" | ":q" | ":exit", _) => return Ok(exit),
            (":help" | ":h", _) => output::print_line(HELP).map(|()| Exit::Done),
            (":functions" | ":f", _) => list_functions(),
            (":explain" | ":e", expr) => session.explain(given(expr)),
            (command, _) if command.starts_with(':') => {
                output::print_note(&format!(
                    "there is no `{command}`; `:help` lists what there is"
                ));
                Ok(Exit::Usage)
            }
            _ => session.eval(given(line)),
        };
        exit = exit.max(ended?);
    }
}

/// Evaluates an expression that the end of the input cut off, so that its error is reported.
fn unfinished_input(
    editor: &Editor<Completions, FileHistory>,
    session: &mut Session<'_>,
) -> Result<Exit, Error> {
    let text = editor.helper().map(|helper| helper.unfinished.take()).unwrap_or_default();
    if text.trim().is_empty() {
        return Ok(Exit::Done);
    }
    session.eval(SourceArgument::Expression(Source::new("input", text.trim())))
}

fn list_functions() -> Result<Exit, Error> {
    for function in builtins::all() {
        output::print_line(&function.signature())?;
    }
    Ok(Exit::Done)
}

fn default_history() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    Some(state.or_else(home)?.join("hookgate/history"))
}

fn keep_history(editor: &mut Editor<Completions, FileHistory>, path: &Path) {
    let folder = path.parent().map(std::fs::create_dir_all).transpose();
    let saved = folder.is_ok() && editor.save_history(path).is_ok();
    if !saved {
        output::print_error(&format!("cannot keep the history in {}", path.display()));
    }
}

/// Depth in levels to which members of the context are completed, and the number of names to
/// complete.
const COMPLETED_DEPTH: usize = 6;
const COMPLETED_NAMES: usize = 2_000;

/// Returns the names to complete: the functions, and the paths of the context.
fn names(surroundings: &EvaluationContext) -> Vec<String> {
    let mut names: Vec<String> =
        builtins::all().map(|function| format!("${}(", function.name)).collect();
    if let Value::Object(roots) = surroundings.roots() {
        roots
            .iter()
            .for_each(|(name, value)| paths(name.to_owned(), value, COMPLETED_DEPTH, &mut names));
    }
    names
}

fn paths(path: String, value: Value<'_>, depth: usize, names: &mut Vec<String>) {
    if names.len() >= COMPLETED_NAMES {
        return;
    }
    if let (Value::Object(object), Some(depth)) = (value, depth.checked_sub(1)) {
        for (key, value) in object.iter() {
            let word = key.chars().all(|c| c.is_alphanumeric() || c == '_')
                && !key.starts_with(|c: char| c.is_numeric());
            let step = if word {
                format!("{path}.{key}")
            } else {
                format!("{path}[{}]", Value::Text(key))
            };
            paths(step, value, depth, names);
        }
    }
    names.push(path);
}

struct Completions {
    names: Vec<String>,
    /// The input so far of an expression that is not finished.
    unfinished: RefCell<String>,
}

impl Completer for Completions {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let typed = line.get(..at).unwrap_or(line);
        let part =
            |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | '[' | '"' | '-' | ']');
        let start = typed
            .char_indices()
            .rev()
            .take_while(|(_, c)| part(*c))
            .last()
            .map_or(at, |(start, _)| start);
        let word = typed.get(start..).unwrap_or("");
        // After a dot, a function is completed on its own. Its name begins at the dollar sign.
        let (start, word) = match word.rfind('$') {
            Some(dollar) => (start + dollar, word.get(dollar..).unwrap_or("")),
            None => (start, word),
        };
        let fits = |name: &&String| {
            let begin = name.get(..word.len());
            begin.is_some_and(|begin| {
                begin == word || (word.starts_with('$') && begin.eq_ignore_ascii_case(word))
            })
        };
        Ok((start, self.names.iter().filter(fits).cloned().collect()))
    }
}

impl Validator for Completions {
    /// Continues an unfinished expression in the next line.
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let input = context.input();
        self.unfinished.take();
        if input.starts_with(':') || input.trim().is_empty() || input.ends_with("\n\n") {
            return Ok(ValidationResult::Valid(None));
        }
        Ok(match Engine::new().parse(Source::new("input", input)) {
            Err(diagnostics) if unfinished(&diagnostics) => {
                self.unfinished.replace(input.to_owned());
                ValidationResult::Incomplete
            }
            _ => ValidationResult::Valid(None),
        })
    }
}

fn unfinished(diagnostics: &Diagnostics) -> bool {
    let end = diagnostics.source.text().trim_end().len();
    diagnostics.list.iter().all(|one| {
        let at_end = one.span().start as usize >= end;
        matches!(one.code, Code::E0002) || (matches!(one.code, Code::E0010 | Code::E0011) && at_end)
    })
}

impl Hinter for Completions {
    type Hint = String;
}

impl Highlighter for Completions {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Borrowed(hint)
    }
}

impl Helper for Completions {}
