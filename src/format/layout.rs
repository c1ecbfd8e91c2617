//! From a document to text: which groups fit on their line. One pass over the events, after one
//! that measures them; no recursion, and linear in time.

use super::COLUMNS;
use super::document::{Document, Event, Flat};

/// How far each level of nesting moves to the right.
const INDENT: usize = 4;

/// Deeper levels move no further, so that a small source cannot become a huge text of spaces.
const MAX_INDENT: usize = 64;

/// Prints a document. It does not end with a newline.
pub(super) fn print(document: &Document<'_>) -> String {
    let mut layout = Layout::new(&document.events);
    for (at, event) in document.events.iter().enumerate() {
        layout.event(at, event);
    }
    layout.out
}

/// Where on its line the printing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Here {
    /// At the beginning; nothing is printed, not even the indent.
    Start,
    /// After a text, and a space perhaps that is not printed yet.
    Middle { space: bool },
    /// After a comment: nothing else fits on this line.
    End,
}

struct Layout {
    measure: Measure,
    out: String,
    column: usize,
    /// The levels that lines begin at, innermost last.
    levels: Vec<usize>,
    /// The level that this line begins at; after a comment, the next line. It is taken where
    /// the end of the line before stands, so that what indents itself has its first line outside.
    margin: usize,
    here: Here,
    /// Whether the groups around are broken, outermost first.
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

    /// Whether a group fits on the line, with what follows it there in any case.
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

    /// Prints what is due before a text.
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

    /// A line that only a comment ends: what follows begins where the comment would have.
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

    /// A comment at the end of a line.
    fn trailing(&mut self, comment: &str) {
        self.space();
        self.text(comment);
        self.after_comment();
    }

    /// A comment on a line of its own.
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

/// How wide the events are on one line.
struct Measure {
    /// The width of all events before each, where nothing is broken.
    flat: Vec<usize>,
    /// The same with what is printed in broken groups only.
    broken: Vec<usize>,
    /// The next event, from each on, where the line may end.
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

    /// The width of a group from its first event to its last, on one line, and of what follows
    /// up to where the line may end; what is around the group is broken.
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

/// The width of an event where nothing is broken; of a text with newlines, of its widest line.
fn width(event: &Event<'_>) -> usize {
    match event {
        Event::Text(text) => text.split('\n').map(|line| line.chars().count()).max().unwrap_or(0),
        Event::Space | Event::Line(Flat::Space) => 1,
        _ => 0,
    }
}
