//! The inputs of commands: sources, contexts, secrets and the time. Knows no command.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use clap::Args;

use super::Error;
use super::output::Format;
use crate::check::Checked;
use crate::engine::{
    Context, Diagnostics, Engine, Number, OwnedValue, RootDeclaration, Secrets, Source, Time,
    UndeclaredRoots, Value,
};
use crate::mapper;
use crate::value::{OwnedObject, read_json};

/// The arguments that select a source.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct SourceArguments {
    /// Expression
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    expr: Option<String>,
    /// File with the expression; `-` for standard input
    #[arg(long, short = 'f', value_name = "FILE")]
    file: Option<PathBuf>,
    /// Mapper document: JSON, TOML or YAML
    #[arg(long, short = 'm', value_name = "FILE")]
    mapper: Option<PathBuf>,
}

/// The arguments that set the context of an evaluation.
#[derive(Debug, Args)]
pub(super) struct ContextArguments {
    /// JSON object whose keys are the variables of the expression; `-` for standard input
    #[arg(long, short = 'c', value_name = "FILE")]
    context: Option<PathBuf>,
    /// Time of the evaluation, RFC 3339; default: the current time
    #[arg(long, value_name = "TIME")]
    now: Option<String>,
    /// Secret for this evaluation; may be repeated, also with the same name
    #[arg(long = "secret", value_name = "NAME=VALUE")]
    secrets: Vec<String>,
    /// Output format of diagnostics
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: Format,
}

/// A source: an expression or a mapper document.
pub(super) enum SourceArgument {
    Expression(Source),
    Mapper(Source, mapper::Format),
}

impl SourceArguments {
    /// Reads the source.
    pub(super) fn read(&self) -> Result<SourceArgument, Error> {
        match (&self.expr, &self.file, &self.mapper) {
            (_, Some(file), _) => Ok(SourceArgument::Expression(source(file)?)),
            (_, _, Some(file)) => mapper_source(file),
            (expr, _, _) => {
                let expr = expr.as_deref().unwrap_or("");
                refuse_option(expr)?;
                Ok(SourceArgument::Expression(Source::new("expression", expr)))
            }
        }
    }
}

impl SourceArguments {
    /// Reads the source and its context. Only one of them can be standard input.
    pub(super) fn with_context(
        &self,
        context: &ContextArguments,
    ) -> Result<(SourceArgument, EvaluationContext), Error> {
        let is_stdin = |path: &PathBuf| path.as_os_str() == "-";
        let source = self.file.iter().chain(&self.mapper).any(is_stdin);
        if source && context.context.as_ref().is_some_and(is_stdin) {
            return Err(Error::Usage(
                "the source and the context cannot both be standard input".to_owned(),
            ));
        }
        Ok((self.read()?, context.read()?))
    }
}

impl SourceArgument {
    /// Reads a file: a mapper if its extension is that of a document, otherwise an expression.
    pub(super) fn of_file(path: &Path) -> Result<Self, Error> {
        match mapper::Format::of_path(path) {
            Some(_) => mapper_source(path),
            None => Ok(Self::Expression(source(path)?)),
        }
    }

    /// Checks the source.
    pub(super) fn check(self, engine: &Engine) -> Result<Checked, Diagnostics> {
        match self {
            Self::Expression(source) => engine.check(source),
            Self::Mapper(source, format) => engine.check_mapper(source, format),
        }
    }
}

fn mapper_source(path: &Path) -> Result<SourceArgument, Error> {
    let source = source(path)?;
    let format =
        mapper::Format::of_path(path).unwrap_or_else(|| mapper::Format::of_text(source.text()));
    Ok(SourceArgument::Mapper(source, format))
}

/// Reads a file as a source; `-` for standard input.
pub(super) fn source(path: &Path) -> Result<Source, Error> {
    let name = name(path);
    let text = String::from_utf8(bytes(path)?).map_err(|_| Error::Read {
        name: name.clone(),
        reason: "it is not UTF-8 text".to_owned(),
    })?;
    // Some editors write a byte order mark at the start of a UTF-8 file.
    let text = text.strip_prefix('\u{feff}').map(ToOwned::to_owned).unwrap_or(text);
    Ok(Source::new(name, text))
}

/// Refuses a mistyped option. An expression may begin with a minus sign, so the parser accepts
/// options as expressions.
fn refuse_option(expr: &str) -> Result<(), Error> {
    let option = expr.strip_prefix("--").is_some_and(|rest| rest.starts_with(char::is_alphabetic));
    if option {
        let name = expr.split(['=', ' ']).next().unwrap_or(expr);
        return Err(Error::Usage(format!("there is no option `{name}`; `--help` lists them")));
    }
    Ok(())
}

/// Reads a file; `-` for standard input.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let read = if path.as_os_str() == "-" {
        let mut content = Vec::new();
        std::io::stdin().lock().read_to_end(&mut content).map(|_| content)
    } else {
        std::fs::read(path)
    };
    read.map_err(|error| {
        let reason = match error.kind() {
            std::io::ErrorKind::IsADirectory => "it is a folder; name the files in it".to_owned(),
            _ => error.to_string(),
        };
        Error::Read { name: name(path), reason }
    })
}

fn name(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() }
}

/// Reads a file as JSON.
pub(super) fn json(path: &Path) -> Result<OwnedValue, Error> {
    let content = bytes(path)?;
    read_json(&content).map_err(|error| Error::Read { name: name(path), reason: error.to_string() })
}

/// Returns a context whose header names are in lower case, as those of a received request.
fn with_lower_headers(context: OwnedValue) -> OwnedValue {
    let OwnedValue::Object(roots) = context else {
        return context;
    };
    let roots = roots.iter().map(|(name, value)| match value {
        OwnedValue::Object(headers) if **name == *"headers" => (name.clone(), lower_keys(headers)),
        _ => (name.clone(), value.clone()),
    });
    OwnedValue::Object(OwnedObject::new(roots.collect()).0)
}

fn lower_keys(object: &OwnedObject) -> OwnedValue {
    let entries = object.iter().map(|(name, value)| match value {
        // The headers of a log entry stand one level deeper.
        OwnedValue::Object(map) if **name == *"map" => (name.clone(), lower_keys(map)),
        _ => (name.to_ascii_lowercase().into(), value.clone()),
    });
    OwnedValue::Object(OwnedObject::new(entries.collect()).0)
}

/// The context of an evaluation, after it was read.
pub(super) struct EvaluationContext {
    roots: OwnedValue,
    now: Option<Time>,
    secrets: Secrets,
}

impl ContextArguments {
    /// Reads the context.
    pub(super) fn read(&self) -> Result<EvaluationContext, Error> {
        let roots = match &self.context {
            Some(path) => with_lower_headers(json(path)?),
            None => OwnedValue::Object(Default::default()),
        };
        if !matches!(roots, OwnedValue::Object(_)) {
            return Err(Error::Usage(
                "the context is a JSON object whose keys are the names".to_owned(),
            ));
        }
        Ok(EvaluationContext { roots, now: self.now()?, secrets: self.secrets()? })
    }

    fn now(&self) -> Result<Option<Time>, Error> {
        let Some(text) = &self.now else {
            return Ok(clock());
        };
        let refused =
            |_| Error::Usage(format!("`{text}` is no time in RFC 3339, as `2025-08-17T12:30:00Z`"));
        text.parse().map(Some).map_err(refused)
    }

    fn secrets(&self) -> Result<Secrets, Error> {
        let mut secrets = Secrets::default();
        for given in &self.secrets {
            // The message does not repeat the value: it may be part of a secret.
            let (name, value) =
                given.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
                    Error::Usage("a secret is given as `--secret NAME=VALUE`".to_owned())
                })?;
            secrets.add(name, value);
        }
        Ok(secrets)
    }
}

fn clock() -> Option<Time> {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let now = chrono::DateTime::from_timestamp(
        i64::try_from(since.as_secs()).ok()?,
        since.subsec_nanos(),
    )?;
    Time::new(now.fixed_offset())
}

impl EvaluationContext {
    /// Returns the context for a run.
    pub(super) fn context(&self) -> Context<'_> {
        let mut context = Context::of(&self.roots);
        context.set_secrets(&self.secrets);
        if let Some(now) = self.now {
            context.set_now(now);
        }
        context
    }

    /// Returns the variables of the context.
    pub(super) fn roots(&self) -> Value<'_> {
        self.roots.borrow()
    }

    /// Returns an engine that knows the variables of the context. Any other variable is null, with
    /// a warning.
    pub(super) fn engine(&self) -> Engine {
        let names = self.roots().as_object().into_iter().flat_map(|object| object.iter());
        let roots = names.map(|(name, _)| {
            let root = RootDeclaration::new(name);
            // HTTP header names are case-insensitive in every context.
            if name == "headers" { root.case_insensitive() } else { root }
        });
        Engine::new().roots(roots).strangers(UndeclaredRoots::Warn)
    }
}

/// Formats a count with its noun, in singular or plural.
pub(super) fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", Number::count(count))
}
