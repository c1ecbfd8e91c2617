//! A source with its invisible characters escaped, so that marks stand below what they mark. Lines
//! and columns stay those of the source. Does not know diagnostics.

use std::ops::Range;

use codespan_reporting::files::{Error, Files, line_starts};

use crate::printable::escape_lines;

/// A source as it is printed.
#[derive(Debug)]
pub(super) struct EscapedFile<'s> {
    name: &'s str,
    source: &'s str,
    text: String,
}

/// Returns true if a text has characters that are printed as escapes.
pub(super) fn is_needed(text: &str) -> bool {
    escaped(text).len() != text.len()
}

/// Returns the text as it is printed. The ends of lines are kept.
fn escaped(text: &str) -> String {
    let lines: Vec<_> = text.split("\r\n").map(escape_lines).collect();
    lines.join("\r\n")
}

impl<'s> EscapedFile<'s> {
    pub(super) fn new(name: &'s str, source: &'s str) -> Self {
        Self { name, source, text: escaped(source) }
    }

    /// Returns the output range of a source range.
    pub(super) fn range(&self, range: Range<usize>) -> Option<Range<usize>> {
        let place = |at: usize| Some(escaped(self.source.get(..at)?).len());
        Some(place(range.start)?..place(range.end)?)
    }
}

impl<'f> Files<'f> for EscapedFile<'_> {
    type FileId = ();
    type Name = &'f str;
    type Source = &'f str;

    fn name(&'f self, (): ()) -> Result<&'f str, Error> {
        Ok(self.name)
    }

    fn source(&'f self, (): ()) -> Result<&'f str, Error> {
        Ok(&self.text)
    }

    fn line_index(&'f self, (): (), byte_index: usize) -> Result<usize, Error> {
        let after = line_starts(&self.text).take_while(|start| *start <= byte_index).count();
        Ok(after.saturating_sub(1))
    }

    fn column_number(&'f self, id: (), index: usize, byte_index: usize) -> Result<usize, Error> {
        let start = self.line_range(id, index)?.start;
        let line = self.source.split('\n').nth(index).unwrap_or("");
        let mut at = start;
        let mut column = 1;
        for letter in line.chars() {
            if at >= byte_index {
                break;
            }
            at += escape_lines(letter.encode_utf8(&mut [0; 4])).len();
            column += 1;
        }
        Ok(column)
    }

    fn line_range(&'f self, (): (), index: usize) -> Result<Range<usize>, Error> {
        let max = line_starts(&self.text).count();
        let start = |index: usize| match line_starts(&self.text).nth(index) {
            Some(start) => Ok(start),
            None if index == max => Ok(self.text.len()),
            None => Err(Error::LineTooLarge { given: index, max }),
        };
        Ok(start(index)?..start(index + 1)?)
    }
}
