//! The programs of a listener: checks and compiles expressions, mappers and templates, and reports
//! their errors at their positions in the file. Knows no secrets' values.

use super::Assembly;
use super::part::Part;
use crate::check::Checked;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::Text;
use crate::engine::{Engine, Parsed, Program, Source};
use crate::source::Span;

impl Assembly<'_> {
    /// Checks an expression and reports its errors at their positions in the file.
    pub(super) fn checked(&mut self, part: Part<'_>, engine: &Engine) -> Option<Checked> {
        let text = part.node.as_text()?;
        self.checked_text(part, text, engine, &text.value, 0)
    }

    /// Checks an expression that is wrapped in other source text. It starts `before` bytes into
    /// that source.
    pub(super) fn checked_text(
        &mut self,
        part: Part<'_>,
        text: &Text,
        engine: &Engine,
        source: &str,
        before: usize,
    ) -> Option<Checked> {
        let name = self.name_of(part);
        match engine.check(Source::new(name, source)) {
            Ok(checked) => {
                let warnings = self.own_warnings(&checked, engine.host().verification);
                self.place(part, text, warnings, before);
                self.known_secrets(part, &checked);
                Some(checked)
            }
            Err(diagnostics) => {
                self.place(part, text, diagnostics.list, before);
                None
            }
        }
    }

    pub(super) fn name_of(&self, part: Part<'_>) -> String {
        let source = self.source_of(part);
        let line = source.position(part.node.span.start as usize).line;
        format!("{}:{line}", source.name())
    }

    pub(super) fn place(
        &mut self,
        part: Part<'_>,
        text: &Text,
        list: Vec<Diagnostic>,
        before: usize,
    ) {
        let length = text.value.len();
        for mut one in list {
            for label in &mut one.labels {
                let moved = |at: u32| (at as usize).saturating_sub(before).min(length);
                label.span = Span::new(moved(label.span.start), moved(label.span.end));
            }
            // A text in TOML whose author expects its quotes to be those of the expression.
            if one.code == Code::E0102 && text.value.chars().all(is_word) {
                let word = &text.value;
                one.help = Some(format!(
                    "did you mean `parsed_body.{word}`? A string has quotes inside those of TOML: `'\"{word}\"'`"
                ));
            }
            self.report(part, text.placed(one));
        }
    }

    /// Compiles a part of a program that was checked.
    pub(super) fn compile_parsed(&self, parsed: Parsed) -> Option<Program> {
        let checked = self.engine.check_parsed(parsed).ok()?;
        self.engine.lower(&checked).ok()
    }

    pub(super) fn program(&mut self, part: Part<'_>) -> Option<Program> {
        let engine = self.engine.clone();
        let checked = self.checked(part, &engine)?;
        self.lower(part, &checked)
    }

    pub(super) fn lower(&mut self, part: Part<'_>, checked: &Checked) -> Option<Program> {
        match self.engine.lower(checked) {
            Ok(program) => {
                self.note_reads(part, &program);
                Some(program)
            }
            Err(diagnostics) => {
                let told = diagnostics.list.into_iter().next();
                let message = told.map(|one| one.message).unwrap_or_default();
                self.report(part, Diagnostic::new(Code::E0019, part.node.span, message));
                None
            }
        }
    }

    /// Compiles an expression, or a mapper written as a table.
    pub(super) fn program_or_mapper(&mut self, part: Part<'_>) -> Option<Program> {
        if part.node.as_text().is_some() {
            return self.program(part);
        }
        let source = self.source_of(part).clone();
        match self.engine.check_mapper_part(source, part.node) {
            Ok(checked) => {
                for one in self.own_warnings(&checked, false) {
                    self.report(part, one);
                }
                self.known_secrets(part, &checked);
                self.lower(part, &checked)
            }
            Err(diagnostics) => {
                for one in diagnostics.list {
                    self.report(part, one);
                }
                None
            }
        }
    }

    /// Compiles a string template, such as a header value.
    pub(super) fn template(&mut self, part: Part<'_>) -> Option<Program> {
        let text = part.node.as_text()?;
        let name = self.name_of(part);
        match self.engine.check_template(Source::new(name, text.value.as_str())) {
            Ok(checked) => {
                let warnings = self.own_warnings(&checked, false);
                self.place(part, text, warnings, 0);
                self.known_secrets(part, &checked);
                self.lower(part, &checked)
            }
            Err(diagnostics) => {
                self.place(part, text, diagnostics.list, 0);
                None
            }
        }
    }
}

/// Returns true if a character can be part of a name.
fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}
