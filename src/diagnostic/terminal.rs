//! Diagnostics as text, with the source and carets under it.

use codespan_reporting::diagnostic as shown;
use codespan_reporting::files::SimpleFile;
use codespan_reporting::term::termcolor::Buffer;
use codespan_reporting::term::{self, Config};

use std::io::Write;

use super::{Diagnostic, Severity};
use crate::source::Source;

/// Whether to colour what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// With the escape codes of a terminal.
    On,
    /// Plain text.
    Off,
}

/// The diagnostics as text: message, source with carets, help.
pub fn render(source: &Source, diagnostics: &[Diagnostic], colour: Colour) -> String {
    let mut out = match colour {
        Colour::On => Buffer::ansi(),
        Colour::Off => Buffer::no_color(),
    };
    let file = SimpleFile::new(source.name(), source.text());
    let config = Config { tab_width: 4, ..Config::default() };
    for one in diagnostics {
        emit(&mut out, &config, &file, one);
    }
    String::from_utf8_lossy(out.as_slice()).into_owned()
}

fn emit(out: &mut Buffer, config: &Config, file: &SimpleFile<&str, &str>, one: &Diagnostic) {
    // Writing to memory does not fail; a label outside the file would, and then the message
    // alone is better than nothing.
    if term::emit_to_write_style(out, config, file, &convert(one)).is_err() {
        let _ = writeln!(out, "{one}");
    }
}

fn convert(one: &Diagnostic) -> shown::Diagnostic<()> {
    let severity = match one.severity {
        Severity::Error => shown::Severity::Error,
        Severity::Warning => shown::Severity::Warning,
    };
    let labels = one.labels.iter().enumerate().map(|(at, label)| {
        let style = if at == 0 { shown::LabelStyle::Primary } else { shown::LabelStyle::Secondary };
        shown::Label::new(style, (), label.span.range()).with_message(&label.text)
    });
    shown::Diagnostic::new(severity)
        .with_code(one.code.name())
        .with_message(&one.message)
        .with_labels(labels.collect())
        .with_notes(one.help.iter().map(|help| format!("help: {help}")).collect())
}
