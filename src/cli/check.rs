//! `hookgate check`: reports errors in expressions, mappers and configurations without running
//! them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::explain_code::unknown_code;
use super::input::{self, SourceArgument, counted};
use super::output::{self, Format};
use super::{Error, Exit};
use crate::diagnostic::Code;
use crate::engine::{Diagnostics, Engine, OwnedValue, RootDeclaration, Source, Type};

/// The arguments of `check`.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Files with expressions, or mapper documents (.json, .toml, .yaml); `-` for standard input; a
    /// folder with `hookgate.toml`, or one of its listeners
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Folder with `hookgate.toml` and `listeners/`. Default without files and expressions: the
    /// current folder
    #[arg(long, short = 'C', value_name = "FOLDER")]
    config: Option<PathBuf>,
    /// An expression
    #[arg(short = 'e', long = "expr", value_name = "EXPR", allow_hyphen_values = true)]
    expr: Vec<String>,
    /// JSON Schema of `parsed_body`, or its shorthand
    #[arg(long, value_name = "FILE", conflicts_with = "sample")]
    schema: Option<PathBuf>,
    /// Sample of `parsed_body`, or of a whole request that contains `parsed_body`
    #[arg(long, value_name = "FILE")]
    sample: Option<PathBuf>,
    /// Additional variable that expressions may read; may be repeated
    #[arg(long = "root", value_name = "NAME")]
    roots: Vec<String>,
    /// Check the expressions as verifications: warn about values that may be missing or in the
    /// future
    #[arg(long)]
    verification: bool,
    /// Exit with 1 for warnings too
    #[arg(long, value_enum, value_name = "WHAT")]
    deny: Option<Deny>,
    /// Code of a warning to suppress; may be repeated
    #[arg(long, value_name = "CODE")]
    allow: Vec<String>,
    /// Output format of diagnostics
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Deny {
    Warnings,
}

impl Check {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let engine = self.engine()?;
        let mut all = Vec::new();
        for (at, expr) in self.expr.iter().enumerate() {
            let name = if self.expr.len() > 1 {
                format!("expression {}", at + 1)
            } else {
                "expression".to_owned()
            };
            all.push(diagnose(
                SourceArgument::Expression(Source::new(name, expr.as_str())),
                &engine,
            ));
        }
        let (mut unread, allowed) = (false, self.allowed()?);
        let is_empty = self.files.is_empty() && self.expr.is_empty();
        let present = is_empty.then(|| PathBuf::from("."));
        for file in self.files.iter().chain(self.config.as_ref().or(present.as_ref())) {
            if let Some(mut found) = super::configuration::check(file)? {
                for one in &mut found {
                    one.list.retain(|one| one.is_error() || !allowed.contains(&one.code));
                }
                all.extend(found);
                continue;
            }
            match SourceArgument::of_file(file) {
                Ok(given) => all.push(diagnose(given, &engine)),
                // The other files are still checked.
                Err(error) => {
                    output::print_error(&error.to_string());
                    unread = true;
                }
            }
        }
        self.print(&all);
        if unread {
            return Ok(Exit::Usage);
        }
        let errors = all.iter().any(Diagnostics::has_errors);
        let warned = self.deny.is_some() && all.iter().any(|one| !one.list.is_empty());
        Ok(if errors || warned { Exit::Fault } else { Exit::Done })
    }

    fn engine(&self) -> Result<Engine, Error> {
        let mut engine = Engine::for_requests()
            .roots(self.roots.iter().map(|name| RootDeclaration::new(name.as_str())))
            .allow(self.allowed()?);
        if self.verification {
            engine = engine.verification();
        }
        if let Some(path) = &self.schema {
            engine =
                engine
                    .roots([RootDeclaration::new("parsed_body")
                        .of(Type::of_schema(&input::json(path)?))]);
        }
        if let Some(path) = &self.sample {
            engine = engine.roots(sampled(&input::json(path)?));
        }
        Ok(engine)
    }

    fn allowed(&self) -> Result<Vec<Code>, Error> {
        let code = |name: &String| Code::find(name).ok_or_else(|| unknown_code(name));
        self.allow.iter().map(code).collect()
    }

    fn print(&self, all: &[Diagnostics]) {
        match self.format {
            Format::Text => all.iter().for_each(|one| output::print_diagnostics(one, Format::Text)),
            Format::Json => output::print_joined_diagnostics(all),
        }
        if self.format == Format::Text {
            let list = || all.iter().flat_map(|one| &one.list);
            let errors = list().filter(|one| one.is_error()).count();
            let more: usize = all.iter().map(|one| one.more).sum();
            let warnings = list().count() - errors;
            output::print_note(&format!(
                "{} checked: {}, {}{}",
                counted(all.len(), "source"),
                counted(errors, "error"),
                counted(warnings, "warning"),
                if more > 0 { format!(", and {more} more") } else { String::new() }
            ));
        }
    }
}

fn diagnose(given: SourceArgument, engine: &Engine) -> Diagnostics {
    match given.check(engine) {
        Ok(checked) => Diagnostics::new(checked.parsed.source, checked.warnings)
            .and_more(checked.more_warnings),
        Err(diagnostics) => diagnostics,
    }
}

/// Returns the declarations that follow from a sample: of the body, or of every variable in it.
fn sampled(sample: &OwnedValue) -> Vec<RootDeclaration> {
    let body = |value: &OwnedValue| Type::of_sample(value).not_null();
    match sample {
        OwnedValue::Object(object) if object.get("parsed_body").is_some() => {
            let known = crate::engine::request_roots();
            let declared = |name: &str| known.iter().find(|root| *root.name == *name).cloned();
            object
                .iter()
                .map(|(name, value)| match declared(name) {
                    // Headers, parameters and similar variables differ from request to request.
                    Some(root) if &**name != "parsed_body" => root,
                    _ => RootDeclaration::new(name.clone()).of(body(value)),
                })
                .collect()
        }
        other => vec![RootDeclaration::new("parsed_body").of(body(other))],
    }
}
