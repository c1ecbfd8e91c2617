//! A source with long lines shortened, so that a line as long as a file is not printed in full for
//! every diagnostic. Lines and columns stay those of the source. Does not know diagnostics.

use std::ops::Range;

use codespan_reporting::files::{Error, Files, line_starts};

/// The maximum length of a line shown in full, in bytes.
const MAX_LINE_BYTES: usize = 400;

/// The part of a long line shown before the position, in bytes. The rest of [`MAX_LINE_BYTES`] follows it.
const BYTES_BEFORE: usize = 120;

/// The mark of an omitted part.
const ELLIPSIS: &str = "…";

/// A source, shortened for one diagnostic.
#[derive(Debug)]
pub(super) struct Window<'s> {
    name: &'s str,
    text: String,
    lines: Vec<Line>,
}

/// A line, in the source and in the output.
#[derive(Debug, Clone)]
struct Line {
    /// Offset in the source.
    start: usize,
    /// Offset in the output.
    shown: usize,
    /// The shown range of the source.
    kept: Range<usize>,
    /// The length of the mark before the shown range, in bytes.
    mark: usize,
    /// The number of characters omitted before the shown range.
    skipped: usize,
}

/// Returns true if a text has a line that is too long to show in full.
pub(super) fn is_needed(text: &str) -> bool {
    text.split('\n').any(|line| line.len() > MAX_LINE_BYTES)
}

impl<'s> Window<'s> {
    /// Shortens a source around positions. Only the first position in a line counts.
    pub(super) fn new(name: &'s str, source: &str, places: &[usize]) -> Self {
        let mut window = Self { name, text: String::new(), lines: Vec::new() };
        let mut start = 0;
        for line in source.split_inclusive('\n').chain(source.is_empty().then_some("")) {
            let end = start + line.len();
            let inside = places.iter().find(|place| (start..=end).contains(place));
            window.add(source, start..end, inside.copied().unwrap_or(start));
            start = end;
        }
        window
    }

    fn add(&mut self, source: &str, line: Range<usize>, place: usize) {
        let shown = self.text.len();
        let kept =
            if line.len() > MAX_LINE_BYTES { around(source, &line, place) } else { line.clone() };
        let skipped = source.get(line.start..kept.start).unwrap_or("").chars().count();
        let mark = if kept.start > line.start { ELLIPSIS } else { "" };
        self.text.push_str(mark);
        self.text.push_str(source.get(kept.clone()).unwrap_or(""));
        if kept.end < line.end {
            self.text.push_str(ELLIPSIS);
            self.text.push('\n');
        }
        self.lines.push(Line { start: line.start, shown, kept, mark: mark.len(), skipped });
    }

    /// Returns the output offset of a source offset, or of the nearest shown one.
    fn place(&self, at: usize) -> usize {
        let after = self.lines.partition_point(|line| line.start <= at);
        let Some(line) = self.lines.get(after.saturating_sub(1)) else {
            return 0;
        };
        let inside = at.clamp(line.kept.start, line.kept.end) - line.kept.start;
        line.shown + line.mark + inside
    }

    /// Returns the output range of a source range. `None` if it is omitted.
    pub(super) fn range(&self, range: Range<usize>) -> Option<Range<usize>> {
        let shown = self.place(range.start)..self.place(range.end);
        (range.is_empty() || !shown.is_empty()).then_some(shown)
    }
}

/// Returns the shown range of a long line, around a position.
fn around(source: &str, line: &Range<usize>, place: usize) -> Range<usize> {
    let mut start = place.saturating_sub(BYTES_BEFORE).max(line.start);
    let mut end = (start + MAX_LINE_BYTES).min(line.end);
    while !source.is_char_boundary(start) {
        start -= 1;
    }
    while !source.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

impl<'w> Files<'w> for Window<'_> {
    type FileId = ();
    type Name = &'w str;
    type Source = &'w str;

    fn name(&'w self, (): ()) -> Result<&'w str, Error> {
        Ok(self.name)
    }

    fn source(&'w self, (): ()) -> Result<&'w str, Error> {
        Ok(&self.text)
    }

    fn line_index(&'w self, (): (), byte_index: usize) -> Result<usize, Error> {
        let after = line_starts(&self.text).take_while(|start| *start <= byte_index).count();
        Ok(after.saturating_sub(1))
    }

    fn column_number(&'w self, (): (), index: usize, byte_index: usize) -> Result<usize, Error> {
        let Some(line) = self.lines.get(index) else {
            return Ok(1);
        };
        let shown = self.text.get(line.shown + line.mark..byte_index).unwrap_or("");
        Ok(line.skipped + shown.chars().count() + 1)
    }

    fn line_range(&'w self, (): (), index: usize) -> Result<Range<usize>, Error> {
        let max = self.lines.len();
        let start = |index: usize| match self.lines.get(index) {
            Some(line) => Ok(line.shown),
            None if index == max => Ok(self.text.len()),
            None => Err(Error::LineTooLarge { given: index, max }),
        };
        Ok(start(index)?..start(index + 1)?)
    }
}
