//! The embedding API: compile once, run often. Does not know listeners or the gateway.
//!
//! An [`Engine`] holds the declarations of the host and the limits, and compiles sources to
//! [`Program`]s. A [`Machine`] runs them against [`Context`]s.
//!
//! ```
//! use hookgate::engine::{Context, Engine, Machine};
//!
//! let engine = Engine::for_requests();
//! let rule = engine.compile(r#""hookshot" NOT IN $LOWERCASE(headers.["User-Agent"])"#)?;
//!
//! let headers = serde_json::json!({ "user-agent": "Atlassian-Jira-Hookshot/7.0" });
//! let mut context = Context::new();
//! context.set("headers", &headers);
//!
//! let mut machine = Machine::default();
//! assert!(!machine.test(&rule, &context)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod request;

use std::sync::Arc;

pub use crate::builtins::{Args, Env, Function, Param, PatternPool, PatternShare};
pub(crate) use crate::builtins::{PatternCost, pattern_cost};
pub use crate::check::{Checked, RootDeclaration, Type, UndeclaredRoots};
pub use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
pub use crate::explain::Explanation;
pub use crate::mapper::Format;
pub use crate::program::{Key, Program, Read, RuleSet};
pub use crate::source::{Source, Span};
pub use crate::syntax::Parsed;
pub use crate::value::{
    BigNumber, Fault, FaultKind, Heap, JsonError, Kind, Kinds, Number, OwnedBigNumber, OwnedValue,
    Projection, RepeatedKeys, Time, Value, read_json, read_json_part,
};
pub use crate::vm::{Bound, Context, Limits, Machine, Secrets, Trap};
pub(crate) use crate::vm::{DefinitionCache, DefinitionUses};
pub use request::request_roots;

use crate::check::{Host, check};
use crate::compile::compile;
pub use crate::compile::{Compiled, Options};
use crate::document::Node;
use crate::explain::explain;
use crate::mapper;
use crate::program::Malformed;
use crate::syntax::{DefinitionTree, Definitions, SyntaxLimits, TooLarge, parse, parse_template};

/// The declarations of a host and the limits for its programs. Cheap to clone.
///
/// ```
/// use hookgate::engine::{Context, Engine, Function, Kinds, Param, Value};
///
/// const TEXT: &[Param] = &[Param::new("text", Kinds::TEXT)];
/// let engine = Engine::new().function(Function::host(
///     "SHOUT",
///     TEXT,
///     Kinds::TEXT,
///     "The text in capitals, with an exclamation mark.",
///     |env, args| Ok(Value::Text(env.heap.text(&format!("{}!", args.text(0)?.to_uppercase()))?)),
/// ));
/// let program = engine.compile("name.$SHOUT()")?;
/// let name = serde_json::json!("ada");
/// let mut context = Context::new();
/// context.set("name", &name);
/// assert_eq!(program.eval(&context)?.to_string(), r#""ADA!""#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Engine {
    host: Host,
    syntax: SyntaxLimits,
    limits: Limits,
    patterns: Option<PatternShare>,
    definitions: Arc<Definitions>,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// Returns an engine that accepts any name. A name that the context does not contain is null.
    pub fn new() -> Self {
        Self {
            host: Host {
                roots: Vec::new(),
                strangers: UndeclaredRoots::Allow,
                functions: Vec::new(),
                repeated_keys: RepeatedKeys::Refuse,
                secrets: true,
                verification: false,
                fragment: false,
                unverified: false,
                pattern_bytes: Limits::default().pattern,
                patterns_bytes: Limits::default().patterns,
                allowed: Vec::new(),
            },
            syntax: SyntaxLimits::default(),
            limits: Limits::default(),
            patterns: None,
            definitions: Arc::default(),
        }
    }

    /// Returns an engine for rules over webhook requests. The request variables are declared; any
    /// other name is an error.
    pub fn for_requests() -> Self {
        Self::new().roots(request_roots())
    }

    /// Declares variables of the context. Any other name is then an error.
    #[must_use]
    pub fn roots(mut self, roots: impl IntoIterator<Item = RootDeclaration>) -> Self {
        for root in roots {
            self.host.roots.retain(|known| known.name != root.name);
            self.host.roots.push(root);
        }
        self.host.strangers = UndeclaredRoots::Deny;
        self
    }

    /// Sets the handling of undeclared names.
    #[must_use]
    pub fn strangers(mut self, strangers: UndeclaredRoots) -> Self {
        self.host.strangers = strangers;
        self
    }

    /// Adds a function of the host. It takes precedence over a built-in function of the same name.
    #[must_use]
    pub fn function(mut self, function: Function) -> Self {
        self.host.functions.push(Arc::new(function));
        self
    }

    /// Disables `$SECRET` and `$SECRETS`, for programs of authors who may not read secrets.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        self.host.secrets = false;
        self
    }

    /// Enables the checks for verifications: an `==` whose sides may both be missing, timestamps in
    /// the future, tokens that are read without a verification. The programs read
    /// [unverified](Self::unverified) requests.
    #[must_use]
    pub fn verification(mut self) -> Self {
        self.host.verification = true;
        self.unverified(true)
    }

    /// Sets the state of the requests that programs read: `true` if no verification has accepted
    /// them. `$DECRYPT_AES_CBC` is then an error, because its failures would reveal the plaintext of
    /// forged ciphertexts (a padding oracle).
    ///
    /// ```
    /// use hookgate::engine::Engine;
    ///
    /// let source = "$DECRYPT_AES_CBC($SECRET('KEY'), raw_body[:16], raw_body[16:]).$TEXT()";
    /// assert!(Engine::new().compile(source).is_ok());
    /// assert!(Engine::new().unverified(true).compile(source).is_err());
    /// ```
    #[must_use]
    pub fn unverified(mut self, unverified: bool) -> Self {
        self.host.unverified = unverified;
        self
    }

    /// Suppresses warnings with these codes.
    #[must_use]
    pub fn allow(mut self, codes: impl IntoIterator<Item = Code>) -> Self {
        self.host.allowed.extend(codes);
        self
    }

    /// Sets the handling of repeated keys by `$PARSE_JSON`, so that a rule reads them as the host
    /// reads a body. Without this they are a fault. Tokens always refuse them.
    ///
    /// ```
    /// use hookgate::engine::{Context, Engine, RepeatedKeys};
    ///
    /// let source = r#"$PARSE_JSON('{"a": 1, "a": 2}').a"#;
    /// assert!(Engine::new().compile(source)?.eval(&Context::new()).is_err());
    /// let program = Engine::new().repeated_keys(RepeatedKeys::LastCounts).compile(source)?;
    /// assert_eq!(program.eval(&Context::new())?.to_string(), "2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn repeated_keys(mut self, repeated: RepeatedKeys) -> Self {
        self.host.repeated_keys = repeated;
        self
    }

    /// Accepts sources that are parts of other programs. Their results may be secrets.
    #[must_use]
    pub(crate) fn fragment(mut self) -> Self {
        self.host.fragment = true;
        self
    }

    /// Gives a name to an expression. A program that has the name is checked and compiled as if the
    /// expression were written there.
    #[must_use]
    pub(crate) fn define(mut self, name: &str, definition: &Checked) -> Self {
        let tree = definition.parsed.tree.clone();
        let number = u16::try_from(self.definitions.len()).unwrap_or(u16::MAX);
        let definition = DefinitionTree { tree, number };
        Arc::make_mut(&mut self.definitions).insert(name.into(), definition);
        self
    }

    /// Puts the definitions in place of their names, and checks the result.
    pub(crate) fn check_parsed(&self, parsed: Parsed) -> Result<Checked, Diagnostics> {
        if self.definitions.is_empty() {
            return check(parsed, &self.host);
        }
        let Parsed { source, tree, comments } = parsed;
        match tree.spliced(&self.definitions) {
            Ok(tree) => check(Parsed { source, tree, comments }, &self.host),
            Err(limit) => Err(Diagnostics::new(source, vec![too_large_with_definitions(limit)])),
        }
    }

    /// Sets the limits on sources.
    #[must_use]
    pub fn syntax_limits(mut self, limits: SyntaxLimits) -> Self {
        self.syntax = limits;
        self
    }

    /// Sets the limits of one evaluation and of its regular expressions. [`Engine::machine`]
    /// returns machines with these limits.
    ///
    /// ```
    /// use hookgate::engine::{Context, Engine, Limits};
    ///
    /// let engine = Engine::new().limits(Limits { steps: 100, ..Limits::default() });
    /// let program = engine.compile("$RANGE(1000).$LENGTH()")?;
    /// let mut machine = engine.machine();
    /// let trap = machine.eval(&program, &Context::new()).unwrap_err();
    /// assert_eq!(trap.code().name(), "E0401");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.host.pattern_bytes = limits.pattern;
        self.host.patterns_bytes = limits.patterns;
        self.limits = limits;
        self
    }

    /// Keeps the compiled forms of literal regular expressions in a pool. The pool bounds their
    /// total size for many programs.
    ///
    /// ```
    /// use hookgate::engine::{Engine, PatternPool};
    ///
    /// let pool = PatternPool::new(8 << 20, 1 << 20);
    /// let engine = Engine::new().patterns_in(&pool.share("acme"));
    /// let rule = engine.compile(r#"$MATCH("PROJ-17", "^[A-Z]+-[0-9]+$")"#)?;
    /// assert_eq!(pool.bytes(), 0);
    /// assert!(engine.machine().test(&rule, &Default::default())?);
    /// assert!(pool.bytes() > 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn patterns_in(mut self, share: &PatternShare) -> Self {
        self.patterns = Some(share.clone());
        self
    }

    /// Returns a machine with the engine's limits.
    pub fn machine(&self) -> Machine {
        Machine::new(self.limits)
    }

    /// Returns the declarations of the host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Compiles an expression.
    ///
    /// # Errors
    /// Returns the diagnostics if at least one is an error.
    pub fn compile(&self, source: &str) -> Result<Program, Diagnostics> {
        self.compile_source(Source::new("rule", source))
    }

    /// Compiles an expression from a named source. Diagnostics show the name.
    ///
    /// # Errors
    /// Returns the diagnostics if at least one is an error.
    pub fn compile_source(&self, source: Source) -> Result<Program, Diagnostics> {
        let checked = self.check(source)?;
        self.lower(&checked)
    }

    /// Compiles a string template: the content of a string, without its quotes.
    ///
    /// # Errors
    /// Returns the diagnostics if at least one is an error.
    ///
    /// ```
    /// use hookgate::engine::{Context, Engine};
    ///
    /// let program = Engine::new().compile_template("sha256=${$SHA256(raw_body).$HEX()}")?;
    /// let body = serde_json::json!("");
    /// let mut context = Context::new();
    /// context.set("raw_body", &body);
    /// assert!(program.eval(&context)?.to_string().starts_with(r#""sha256=e3b0c44298fc"#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn compile_template(&self, source: &str) -> Result<Program, Diagnostics> {
        let checked = self.check_template(Source::new("template", source))?;
        self.lower(&checked)
    }

    /// Checks a string template. The result includes its warnings.
    ///
    /// # Errors
    /// Returns the diagnostics if at least one is an error.
    pub fn check_template(&self, source: Source) -> Result<Checked, Diagnostics> {
        self.check_parsed(parse_template(source, self.syntax)?)
    }

    /// Compiles a mapper document, whose leaves are expressions.
    ///
    /// # Errors
    /// Returns the diagnostics if at least one is an error.
    ///
    /// ```
    /// use hookgate::engine::{Context, Engine, Format, Source};
    ///
    /// let document = "
    /// id: parsed_body.issue.id
    /// labels:
    ///   MAP():
    ///     items: parsed_body.issue.labels
    ///     converter: item.name.$LOWERCASE()
    /// ";
    /// let source = Source::new("event.yaml", document);
    /// let program = Engine::for_requests().compile_mapper(source, Format::Yaml)?;
    ///
    /// let body = serde_json::json!({ "issue": { "id": 7, "labels": [{ "name": "Bug" }] } });
    /// let mut context = Context::new();
    /// context.set("parsed_body", &body);
    /// assert_eq!(program.eval(&context)?.to_string(), r#"{"id":7,"labels":["bug"]}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn compile_mapper(&self, source: Source, format: Format) -> Result<Program, Diagnostics> {
        let checked = self.check_mapper(source, format)?;
        self.lower(&checked)
    }

    /// Checks a mapper document. The result includes its warnings.
    ///
    /// # Errors
    /// Returns the diagnostics if at least one is an error.
    pub fn check_mapper(&self, source: Source, format: Format) -> Result<Checked, Diagnostics> {
        self.check_document(mapper::parse(source, format, self.syntax)?)
    }

    /// Checks a mapper that is a part of a document. Its spans refer to the document.
    pub(crate) fn check_mapper_part(
        &self,
        source: Source,
        part: &Node,
    ) -> Result<Checked, Diagnostics> {
        self.check_document(mapper::parse_part(source, part, self.syntax)?)
    }

    fn check_document(&self, parsed: Parsed) -> Result<Checked, Diagnostics> {
        self.check_parsed(parsed).map_err(|mut diagnostics| {
            advise_in_document(&mut diagnostics);
            diagnostics
        })
    }

    /// Runs a checked source and explains the result.
    ///
    /// # Errors
    /// Returns an error if the program exceeds the size of a program.
    pub fn explain(
        &self,
        checked: &Checked,
        context: &Context<'_>,
        machine: &mut Machine,
    ) -> Result<Explanation, Diagnostics> {
        explain(checked, context, machine).map_err(|malformed| too_large(checked, &malformed))
    }

    /// Parses an expression without checking it.
    ///
    /// # Errors
    /// Returns the syntax errors.
    pub fn parse(&self, source: Source) -> Result<Parsed, Diagnostics> {
        parse(source, self.syntax).map_err(|mut diagnostics| {
            self.name_functions(&mut diagnostics);
            diagnostics
        })
    }

    /// Adds advice to calls without `$`. The parser cannot, because it does not know the functions.
    fn name_functions(&self, diagnostics: &mut Diagnostics) {
        for one in &mut diagnostics.list {
            if one.code == Code::E0015 {
                let name = diagnostics.source.slice(one.span());
                one.help = Some(self.host.function_advice(name).unwrap_or_else(|| {
                    "functions have a dollar sign: `$NAME(…)`; `hookgate functions` lists them"
                        .to_owned()
                }));
            }
        }
    }

    /// Checks an expression. The result includes its warnings.
    ///
    /// # Errors
    /// Returns the diagnostics if at least one is an error.
    pub fn check(&self, source: Source) -> Result<Checked, Diagnostics> {
        self.check_parsed(self.parse(source)?)
    }

    /// Checks an expression, and returns all its diagnostics.
    pub fn diagnose(&self, source: Source) -> Diagnostics {
        match self.check(source) {
            Ok(checked) => Diagnostics::new(checked.parsed.source, checked.warnings)
                .and_more(checked.more_warnings),
            Err(diagnostics) => diagnostics,
        }
    }

    /// Compiles a checked source.
    ///
    /// # Errors
    /// Returns an error if the program exceeds the size of a program.
    pub fn lower(&self, checked: &Checked) -> Result<Program, Diagnostics> {
        self.lower_with(checked, Options::default()).map(|compiled| compiled.program)
    }

    /// Compiles a checked source with other options: without folding, or with marks for an
    /// explanation. The limits on patterns are the engine's.
    ///
    /// # Errors
    /// Returns an error if the program exceeds the size of a program.
    pub fn lower_with(&self, checked: &Checked, options: Options) -> Result<Compiled, Diagnostics> {
        let Host { pattern_bytes, patterns_bytes, .. } = self.host;
        let options = Options { pattern_bytes, patterns_bytes, ..options };
        let compiled =
            compile(checked, options).map_err(|malformed| too_large(checked, &malformed))?;
        Ok(match &self.patterns {
            Some(share) => Compiled { program: compiled.program.pooled(share), ..compiled },
            None => compiled,
        })
    }
}

fn too_large_with_definitions(limit: TooLarge) -> Diagnostic {
    let message = match limit {
        TooLarge::Nodes(most) => format!("this has more than {most} parts with its definitions"),
        TooLarge::Levels(most) => {
            format!("this is nested more than {most} deep with its definitions")
        }
    };
    Diagnostic::new(Code::E0019, Span::default(), message)
}

fn too_large(checked: &Checked, malformed: &Malformed) -> Diagnostics {
    let message = format!("the program is too large: {malformed}");
    let diagnostic = Diagnostic::new(Code::E0019, Span::default(), message);
    Diagnostics::new(checked.parsed.source.clone(), vec![diagnostic])
}

/// Adds the likely cause of an unknown name in a document: a constant, which needs quotes of its
/// own inside those of the document, or an operator without its `()`.
fn advise_in_document(diagnostics: &mut Diagnostics) {
    for one in &mut diagnostics.list {
        let word = diagnostics.source.slice(one.span());
        if one.code == Code::E0102 && matches!(word, "item" | "loop") {
            one.help = Some(format!(
                "`{word}` is known inside an operator; its name ends in `()`: `MAP()`"
            ));
        }
        if let Some(help) = &mut one.help
            && let Some(at) = help.find("a string has quotes:")
        {
            help.truncate(at);
            help.push_str(&format!(
                "a constant has quotes of its own inside those of the document: `\"'{word}'\"`"
            ));
        }
    }
}

#[cfg(test)]
mod tests;
