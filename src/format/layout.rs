//! The layout: turns a document into text, and decides which groups fit on a line. One pass
//! measures the events, a second one prints them: no recursion, linear time. Knows nothing of the
//! language.

use super::COLUMNS;
use super::document::{Document, Event, Flat};

/// The indentation of each nesting level, in columns.
const INDENT: usize = 4;

/// The maximum indentation, in columns, so that a small source cannot become a very large text of
/// spaces.
const MAX_INDENT: usize = 64;

/// Prints a document, without a final newline.
pub(super) fn print(document: &Document<'_>) -> String {
    let mut layout = Layout::new(&document.events);
    for (at, event) in document.events.iter().enumerate() {
        layout.event(at, event);
    }
    layout.out
}

/// The position on the current line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Here {
    /// The start of the line. Nothing is printed yet, not even the indentation.
    Start,
    /// After a text, and possibly a space that is not printed yet.
    Middle { space: bool },
    /// After a comment, which ends the line.
    End,
}

struct Layout {
    measure: Measure,
    out: String,
    column: usize,
    /// The indentation levels, innermost last.
    levels: Vec<usize>,
    /// The level of this line; after a comment, of the next line. It is set at the end of the
    /// previous line, so that the first line of an indented part keeps the outer indentation.
    margin: usize,
    here: Here,
    /// True for each enclosing group that is broken, outermost first.
    broken: Vec<bool>,
}

impl Layout {
    fn new(events: &[Event<'_>]) -> Self {
        Self {
            measure: Measure::new(events),
            out: String::new(),
            column: 0,
            levels: Vec::new(),
            margin: 0,
            here: Here::Start,
            broken: Vec::new(),
        }
    }

    fn event(&mut self, at: usize, event: &Event<'_>) {
        match event {
            Event::Text(text) => self.text(text),
            Event::Space => self.space(),
            Event::Line(_) if self.is_broken() || self.here == Here::End => self.newline(),
            Event::Line(Flat::Space) => self.space(),
            Event::Line(Flat::Nothing) => {}
            Event::IfBroken(text) if self.is_broken() => self.text(text),
            Event::IfBroken(_) => {}
            Event::Open { broken, end } => self.open(at, *broken, *end),
            Event::Close => drop(self.broken.pop()),
            Event::Indent => self.levels.push(self.level() + 1),
            Event::Align => self.levels.push(self.margin),
            Event::Dedent => drop(self.levels.pop()),
            Event::Trailing(comment) => self.trailing(comment),
            Event::Own(comment) => self.own(comment),
            Event::Blank => self.blank(),
        }
    }

    fn level(&self) -> usize {
        self.levels.last().copied().unwrap_or(0)
    }

    fn is_broken(&self) -> bool {
        self.broken.last().is_none_or(|broken| *broken)
    }

    fn open(&mut self, at: usize, broken: bool, end: usize) {
        let broken = broken || (self.is_broken() && !self.fits(at, end));
        self.broken.push(broken);
    }

    /// Returns true if a group fits on the line, with the text after it up to the next possible
    /// break.
    fn fits(&self, at: usize, end: usize) -> bool {
        let before = match self.here {
            Here::Start | Here::End => indent(self.margin),
            Here::Middle { space } => self.column + usize::from(space),
        };
        before + self.measure.width(at, end) <= COLUMNS
    }

    fn text(&mut self, text: &str) {
        self.reach_middle();
        self.out.push_str(text);
        self.here = Here::Middle { space: false };
        match text.rsplit_once('\n') {
            Some((_, last)) => self.column = last.chars().count(),
            None => self.column += text.chars().count(),
        }
    }

    /// Prints the pending space or indentation before a text.
    fn reach_middle(&mut self) {
        self.end_comment();
        match self.here {
            Here::Middle { space } => self.pad(usize::from(space)),
            _ => self.pad(indent(self.margin)),
        }
    }

    fn pad(&mut self, spaces: usize) {
        self.out.extend(std::iter::repeat_n(' ', spaces));
        self.column += spaces;
    }

    fn space(&mut self) {
        if let Here::Middle { space } = &mut self.here {
            *space = true;
        }
    }

    fn newline(&mut self) {
        if self.here != Here::Start {
            self.end_line();
        }
        self.margin = self.level();
    }

    /// Ends a line after a comment. The next text gets the indentation of the comment's line.
    fn end_comment(&mut self) {
        if self.here == Here::End {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        self.out.push('\n');
        self.here = Here::Start;
        self.column = 0;
    }

    /// Prints a comment at the end of a line.
    fn trailing(&mut self, comment: &str) {
        self.space();
        self.text(comment);
        self.after_comment();
    }

    /// Prints a comment on its own line.
    fn own(&mut self, comment: &str) {
        if self.here != Here::Start {
            self.newline();
        }
        self.text(comment);
        self.after_comment();
    }

    fn after_comment(&mut self) {
        self.here = Here::End;
        self.margin = self.level();
    }

    fn blank(&mut self) {
        if !self.out.is_empty() {
            self.end_comment();
            self.out.push('\n');
        }
    }
}

fn indent(level: usize) -> usize {
    (level * INDENT).min(MAX_INDENT)
}

/// The widths of the events on one line, in columns.
struct Measure {
    /// The total width before each event, if no group is broken.
    flat: Vec<usize>,
    /// The same, if all groups are broken.
    broken: Vec<usize>,
    /// The index of the next possible line break, from each event on.
    stop: Vec<usize>,
}

impl Measure {
    fn new(events: &[Event<'_>]) -> Self {
        let flat = sums(events.iter().map(width));
        let broken = sums(events.iter().map(|event| match event {
            Event::IfBroken(text) => text.len(),
            other => width(other),
        }));
        Self { flat, broken, stop: stops(events) }
    }

    /// Returns the width of a group on one line, plus the text after it up to the next possible
    /// break. The groups around it count as broken.
    fn width(&self, first: usize, last: usize) -> usize {
        let stop = self.stop.get(last).copied().unwrap_or(last);
        between(&self.flat, first, last) + between(&self.broken, last, stop)
    }
}

fn between(sums: &[usize], from: usize, to: usize) -> usize {
    let sum = |at: usize| sums.get(at).copied().unwrap_or(0);
    sum(to).saturating_sub(sum(from))
}

fn sums(widths: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut sum = 0;
    let sums = widths.map(|width| {
        sum += width;
        sum
    });
    std::iter::once(0).chain(sums).collect()
}

fn stops(events: &[Event<'_>]) -> Vec<usize> {
    let mut next = events.len();
    let mut stops = vec![next; events.len()];
    for (at, (event, stop)) in events.iter().zip(&mut stops).enumerate().rev() {
        if matches!(event, Event::Line(_) | Event::Trailing(_) | Event::Own(_)) {
            next = at;
        }
        *stop = next;
    }
    stops
}

/// Returns the width of an event if no group is broken. A text with newlines is as wide as its
/// widest line.
fn width(event: &Event<'_>) -> usize {
    match event {
        Event::Text(text) => text.split('\n').map(|line| line.chars().count()).max().unwrap_or(0),
        Event::Space | Event::Line(Flat::Space) => 1,
        _ => 0,
    }
}
