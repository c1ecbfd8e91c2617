//! Diagnostics as text with source excerpts and carets. Does not know their causes.

use codespan_reporting::diagnostic as shown;
use codespan_reporting::files::{Files, SimpleFile};
use codespan_reporting::term::termcolor::{Buffer, ColorSpec, WriteColor};
use codespan_reporting::term::{self, Config};

use std::io::{self, Write};
use std::ops::Range;

use super::escaped::{self, EscapedFile};
use super::window::{self, Window};
use super::{Diagnostic, Diagnostics, Severity};
use crate::printable::{Printable, escape_line, escape_lines};
use crate::source::Source;

/// The use of colour in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Terminal escape codes.
    On,
    /// Plain text.
    Off,
}

/// Returns the diagnostics as text: message, source with carets, advice.
pub fn render(source: &Source, diagnostics: &[Diagnostic], colour: Colour) -> String {
    let mut out = Escaping(Printable::lines(match colour {
        Colour::On => Buffer::ansi(),
        Colour::Off => Buffer::no_color(),
    }));
    let config = Config { tab_width: 4, ..Config::default() };
    let name = escape_line(source.name());
    let file = SimpleFile::new(&*name, source.text());
    let cut = window::is_needed(source.text());
    let escaped = escaped::is_needed(source.text());
    for one in diagnostics {
        if cut {
            let places: Vec<usize> =
                one.labels.iter().map(|label| label.span.start as usize).collect();
            let window = Window::new(&name, source.text(), &places);
            emit(&mut out, &config, &window, one, |range| window.range(range));
        } else if escaped {
            let file = EscapedFile::new(&name, source.text());
            emit(&mut out, &config, &file, one, |range| file.range(range));
        } else {
            emit(&mut out, &config, &file, one, Some);
        }
    }
    String::from_utf8_lossy(out.0.inner.as_slice()).into_owned()
}

/// Returns the diagnostics as text, with the number of those left out.
pub fn render_all(diagnostics: &Diagnostics, colour: Colour) -> String {
    let mut shown = render(&diagnostics.source, &diagnostics.list, colour);
    if diagnostics.more > 0 {
        shown.push_str(&format!("note: and {} more\n\n", diagnostics.more));
    }
    shown
}

/// A buffer that keeps our colours and escapes the text: sources, file names and messages contain
/// text of their authors.
struct Escaping(Printable<Buffer>);

impl Write for Escaping {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl WriteColor for Escaping {
    fn supports_color(&self) -> bool {
        self.0.inner.supports_color()
    }

    fn set_color(&mut self, colour: &ColorSpec) -> io::Result<()> {
        self.0.inner.set_color(colour)
    }

    fn reset(&mut self) -> io::Result<()> {
        self.0.inner.reset()
    }
}

fn emit<'f, F: Files<'f, FileId = ()>>(
    out: &mut Escaping,
    config: &Config,
    file: &'f F,
    one: &Diagnostic,
    place: impl Fn(Range<usize>) -> Option<Range<usize>>,
) {
    // Writing to memory never fails. A label outside the file would; then only the message is
    // written.
    if term::emit_to_write_style(out, config, file, &convert(one, place)).is_err() {
        let _ = writeln!(out, "{one}");
    }
}

fn convert(
    one: &Diagnostic,
    place: impl Fn(Range<usize>) -> Option<Range<usize>>,
) -> shown::Diagnostic<()> {
    let severity = match one.severity {
        Severity::Error => shown::Severity::Error,
        Severity::Warning => shown::Severity::Warning,
    };
    let labels = one.labels.iter().enumerate().filter_map(|(at, label)| {
        let style = if at == 0 { shown::LabelStyle::Primary } else { shown::LabelStyle::Secondary };
        let range = place(label.span.range())?;
        Some(shown::Label::new(style, (), range).with_message(escape_line(&label.text)))
    });
    shown::Diagnostic::new(severity)
        .with_code(one.code.name())
        .with_message(escape_line(&one.message))
        .with_labels(labels.collect())
        .with_notes(one.help.iter().map(|help| format!("help: {}", escape_lines(help))).collect())
}
