//! What the commands are given: sources, contexts, secrets, the time.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use clap::Args;

use super::Error;
use super::output::Format;
use crate::check::Checked;
use crate::engine::{
    Context, Diagnostics, Engine, Number, OwnedValue, RootDeclaration, Secrets, Source, Strangers,
    Time, Value,
};
use crate::mapper;
use crate::value::read_json;

/// Where a source comes from.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct SourceArguments {
    /// The expression
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    expr: Option<String>,
    /// A file with the expression; `-` is standard input
    #[arg(long, short = 'f', value_name = "FILE")]
    file: Option<PathBuf>,
    /// A Data Mapper document: JSON, TOML or YAML
    #[arg(long, short = 'm', value_name = "FILE")]
    mapper: Option<PathBuf>,
}

/// What a source is run against.
#[derive(Debug, Args)]
pub(super) struct ContextArguments {
    /// A JSON object whose keys are the names that the expression reads; `-` is standard input
    #[arg(long, short = 'c', value_name = "FILE")]
    context: Option<PathBuf>,
    /// The time of the evaluation, RFC 3339; the clock's, if it is left out
    #[arg(long, value_name = "TIME")]
    now: Option<String>,
    /// A secret for trying out; may be repeated, also with one name
    #[arg(long = "secret", value_name = "NAME=VALUE")]
    secrets: Vec<String>,
    /// How diagnostics are told
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: Format,
}

/// A source that is an expression or a mapper document.
pub(super) enum Given {
    Expression(Source),
    Mapper(Source, mapper::Format),
}

impl SourceArguments {
    /// Reads the source.
    pub(super) fn read(&self) -> Result<Given, Error> {
        match (&self.expr, &self.file, &self.mapper) {
            (_, Some(file), _) => Ok(Given::Expression(source(file)?)),
            (_, _, Some(file)) => mapper_source(file),
            (expr, _, _) => {
                let expr = expr.as_deref().unwrap_or("");
                refuse_option(expr)?;
                Ok(Given::Expression(Source::new("expression", expr)))
            }
        }
    }
}

impl SourceArguments {
    /// Reads the source, and what it is run against; standard input is read only once.
    pub(super) fn with_context(
        &self,
        context: &ContextArguments,
    ) -> Result<(Given, Surroundings), Error> {
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

impl Given {
    /// Reads a file: a document by its name is a mapper, anything else an expression.
    pub(super) fn of_file(path: &Path) -> Result<Self, Error> {
        match mapper::Format::of_path(path) {
            Some(_) => mapper_source(path),
            None => Ok(Self::Expression(source(path)?)),
        }
    }

    /// Checks it.
    pub(super) fn check(self, engine: &Engine) -> Result<Checked, Diagnostics> {
        match self {
            Self::Expression(source) => engine.check(source),
            Self::Mapper(source, format) => engine.check_mapper(source, format),
        }
    }
}

fn mapper_source(path: &Path) -> Result<Given, Error> {
    let source = source(path)?;
    let format =
        mapper::Format::of_path(path).unwrap_or_else(|| mapper::Format::of_text(source.text()));
    Ok(Given::Mapper(source, format))
}

/// Reads a file as a source; `-` is standard input.
pub(super) fn source(path: &Path) -> Result<Source, Error> {
    let name = name(path);
    let text = String::from_utf8(bytes(path)?).map_err(|_| Error::Read {
        name: name.clone(),
        reason: "it is not UTF-8 text".to_owned(),
    })?;
    // Some editors put a mark in front that says the file is UTF-8.
    let text = text.strip_prefix('\u{feff}').map(ToOwned::to_owned).unwrap_or(text);
    Ok(Source::new(name, text))
}

/// An expression may begin with a minus sign, and a mistyped option looks like one.
fn refuse_option(expr: &str) -> Result<(), Error> {
    let option = expr.strip_prefix("--").is_some_and(|rest| rest.starts_with(char::is_alphabetic));
    if option {
        let name = expr.split(['=', ' ']).next().unwrap_or(expr);
        return Err(Error::Usage(format!("there is no option `{name}`; `--help` lists them")));
    }
    Ok(())
}

/// Reads a file; `-` is standard input.
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
    // Some editors put a mark in front that says the file is UTF-8.
    read_json(content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content))
        .map_err(|error| Error::Read { name: name(path), reason: error.to_string() })
}

/// What a source is run against, read.
pub(super) struct Surroundings {
    roots: OwnedValue,
    now: Option<Time>,
    secrets: Secrets,
}

impl ContextArguments {
    /// Reads what is asked for.
    pub(super) fn read(&self) -> Result<Surroundings, Error> {
        let roots = match &self.context {
            Some(path) => json(path)?,
            None => OwnedValue::Object(Default::default()),
        };
        if !matches!(roots, OwnedValue::Object(_)) {
            return Err(Error::Usage(
                "the context is a JSON object whose keys are the names".to_owned(),
            ));
        }
        Ok(Surroundings { roots, now: self.now()?, secrets: self.secrets()? })
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
            // The value is not repeated in the complaint: it may be half a secret.
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

impl Surroundings {
    /// The context to run against.
    pub(super) fn context(&self) -> Context<'_> {
        let mut context = Context::of(&self.roots);
        context.set_secrets(&self.secrets);
        if let Some(now) = self.now {
            context.set_now(now);
        }
        context
    }

    /// The roots of the context.
    pub(super) fn roots(&self) -> Value<'_> {
        self.roots.borrow()
    }

    /// An engine that knows the names of the context: any other is null, with a warning.
    pub(super) fn engine(&self) -> Engine {
        let names = self.roots().as_object().into_iter().flat_map(|object| object.iter());
        let roots = names.map(|(name, _)| {
            let root = RootDeclaration::new(name);
            // HTTP header names match in any case, in whatever context they are given.
            if name == "headers" { root.case_blind() } else { root }
        });
        Engine::new().roots(roots).strangers(Strangers::Warned)
    }
}

/// A number of the command line's own, so that messages can count.
pub(super) fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", Number::count(count))
}
