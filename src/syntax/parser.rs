//! The parser: from a source to its syntax tree. Does not know the meaning of names.

use lalrpop_util::lalrpop_mod;

use super::builder::Builder;
use super::error_messages;
use super::lexer::{Lexer, LexicalFindings};
use super::recovery_limit::{MAX_DIAGNOSTICS, RecoveryLimit};
use super::tree::{ExprId, Tree};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::{Source, Span};

lalrpop_mod!(
    #[allow(
        clippy::all,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::allow_attributes_without_reason,
        missing_docs,
        unreachable_pub,
        unused,
        reason = "the generator's code, not ours"
    )]
    grammar,
    "/hookgate.rs"
);

/// The limits on a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntaxLimits {
    /// The maximum size of the source, in bytes.
    pub bytes: usize,
    /// The maximum nesting depth, in levels. Values above 256 count as 256, because code that walks
    /// a tree is recursive.
    pub depth: u16,
}

/// The maximum nesting depth that a host can set, in levels.
const MAX_DEPTH: u16 = 256;

impl SyntaxLimits {
    /// Returns the limits with the depth capped at [`MAX_DEPTH`].
    pub(crate) fn bounded(self) -> Self {
        Self { depth: self.depth.min(MAX_DEPTH), ..self }
    }
}

impl Default for SyntaxLimits {
    fn default() -> Self {
        Self { bytes: 64 << 10, depth: 128 }
    }
}

/// A source without syntax errors: the first stage of a program.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The source.
    pub source: Source,
    /// Syntax tree.
    pub tree: Tree,
    /// The spans of its comments.
    pub comments: Vec<Span>,
}

/// Parses an expression.
///
/// # Errors
/// Returns every error that can be told apart in one run.
///
/// ```
/// use hookgate::source::Source;
/// use hookgate::syntax::{SyntaxLimits, parse};
///
/// let faults = parse(Source::new("rule", "(a == ) OR b = 2"), SyntaxLimits::default()).unwrap_err();
/// assert_eq!(faults.list.len(), 2);
/// ```
pub fn parse(source: Source, limits: SyntaxLimits) -> Result<Parsed, Diagnostics> {
    read(source, limits, false)
}

/// Parses a string template: the content of a string, without its quotes. `\${` is a literal `${`;
/// every other backslash is literal.
///
/// # Errors
/// Returns every error that can be told apart in one run.
pub fn parse_template(source: Source, limits: SyntaxLimits) -> Result<Parsed, Diagnostics> {
    read(source, limits, true)
}

fn read(source: Source, limits: SyntaxLimits, template: bool) -> Result<Parsed, Diagnostics> {
    let limits = limits.bounded();
    if let Some(diagnostic) = refused(&source, limits, template) {
        return Err(Diagnostics::new(source, vec![diagnostic]));
    }
    let (tree, findings) = run(source.text(), limits, template);
    if findings.diagnostics.is_empty() {
        return Ok(Parsed { source, tree, comments: findings.comments });
    }
    let mut diagnostics = Diagnostics::new(source, findings.diagnostics);
    drop_echoes(&mut diagnostics);
    diagnostics.list.truncate(MAX_DIAGNOSTICS);
    Err(diagnostics)
}

/// Drops each unexpected-token error directly after another error: it is a consequence of the
/// first. So is one after a `not` that follows the first, as in `a is not null`.
fn drop_echoes(diagnostics: &mut Diagnostics) {
    let source = &diagnostics.source;
    let mut told: Option<Span> = None;
    diagnostics.list.retain(|one| {
        let span = one.span();
        let between = told.map(|told| source.slice(Span { start: told.end, end: span.start }));
        let echo = one.code == Code::E0010 && between.is_some_and(|text| is_gap(text.trim()));
        told = Some(span);
        !echo
    });
    fn is_gap(between: &str) -> bool {
        between.is_empty() || between.eq_ignore_ascii_case("not")
    }
}

/// Returns the diagnostic for a source that is too large or empty, before it is read.
fn refused(source: &Source, limits: SyntaxLimits, template: bool) -> Option<Diagnostic> {
    let text = source.text();
    if text.len() > limits.bytes {
        let message =
            format!("the source has {} bytes, more than the limit of {}", text.len(), limits.bytes);
        return Some(Diagnostic::new(Code::E0019, Span::default(), message));
    }
    let empty = text.lines().all(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#')
    });
    (empty && !template).then(|| {
        Diagnostic::new(Code::E0013, Span::default(), "there is nothing to evaluate")
            .help("to accept everything, write `TRUE`")
    })
}

fn run(text: &str, limits: SyntaxLimits, template: bool) -> (Tree, LexicalFindings) {
    let depth = usize::from(limits.depth);
    let lexer = if template { Lexer::template(text, depth) } else { Lexer::new(text, depth) };
    let mut lexer = lexer.with_whole_texts();
    let pace = RecoveryLimit::default();
    let mut build = Builder::new(text, &pace, limits.depth);
    let tokens = (&mut lexer).take_while(|(_, token, _)| pace.allows(token)).map(Ok::<_, ()>);
    let root = grammar::SourceParser::new().parse(&mut build, tokens);
    let mut findings = lexer.findings;
    let mut tree = finish(
        &mut build,
        &mut findings,
        root.map_err(|error| error_messages::unexpected(text, &error)),
    );
    tree.order_ladders();
    (tree, findings)
}

/// Combines the results of lexer and parser. If the lexer stopped early, the parser's errors are
/// consequences of that, and are dropped.
fn finish(
    build: &mut Builder<'_>,
    findings: &mut LexicalFindings,
    root: Result<ExprId, Option<Diagnostic>>,
) -> Tree {
    let mut tree = std::mem::take(&mut build.tree);
    let mut found = std::mem::take(&mut build.diagnostics);
    match root {
        Ok(root) => tree.set_root(root),
        // With the token stream cut off, this error would be about the cut.
        Err(diagnostic) if found.len() < MAX_DIAGNOSTICS => found.extend(diagnostic),
        Err(_) => {}
    }
    if !findings.stopped {
        findings.diagnostics.extend(found);
    }
    tree
}
