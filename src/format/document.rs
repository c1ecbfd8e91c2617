//! A document: what is to be printed, in order, and where lines may end. Knows nothing of the
//! language.

use std::borrow::Cow;

/// What a line's end is where the group around it stays on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flat {
    /// `{ a }`
    Space,
    /// `[a]`
    Nothing,
}

/// A part of a document.
#[derive(Debug)]
pub(super) enum Event<'s> {
    /// Printed as it is; may hold newlines.
    Text(Cow<'s, str>),
    /// A space, except where a line begins or ends.
    Space,
    /// The end of a line, where the innermost group is broken.
    Line(Flat),
    /// Printed where the innermost group is broken.
    IfBroken(&'static str),
    /// The start of what goes on one line if it can.
    Open {
        /// Whether something inside ends a line anyway.
        broken: bool,
        /// The event that closes it.
        end: usize,
    },
    /// The end of a group.
    Close,
    /// From here lines begin further to the right.
    Indent,
    /// From here lines begin where this one does.
    Align,
    /// From here lines begin where they did before the last `Indent` or `Align`.
    Dedent,
    /// A comment after what stands on its line.
    Trailing(&'s str),
    /// A comment on a line of its own.
    Own(&'s str),
    /// An empty line.
    Blank,
}

/// The parts in order.
#[derive(Debug, Default)]
pub(super) struct Document<'s> {
    pub(super) events: Vec<Event<'s>>,
    /// The groups that are not closed yet, outermost first.
    open: Vec<usize>,
    /// How many of the parts around never break.
    flat: usize,
}

impl<'s> Document<'s> {
    pub(super) fn text(&mut self, text: impl Into<Cow<'s, str>>) {
        self.events.push(Event::Text(text.into()));
    }

    pub(super) fn space(&mut self) {
        self.events.push(Event::Space);
    }

    pub(super) fn line(&mut self, flat: Flat) {
        match flat {
            _ if self.flat == 0 => self.events.push(Event::Line(flat)),
            Flat::Space => self.space(),
            Flat::Nothing => {}
        }
    }

    pub(super) fn if_broken(&mut self, text: &'static str) {
        if self.flat == 0 {
            self.events.push(Event::IfBroken(text));
        }
    }

    pub(super) fn open(&mut self) {
        self.open.push(self.events.len());
        self.events.push(Event::Open { broken: false, end: 0 });
    }

    pub(super) fn close(&mut self) {
        let at = self.events.len();
        self.events.push(Event::Close);
        let opening = self.open.pop().and_then(|opening| self.events.get_mut(opening));
        if let Some(Event::Open { end, .. }) = opening {
            *end = at;
        }
    }

    pub(super) fn indent(&mut self) {
        self.events.push(Event::Indent);
    }

    pub(super) fn align(&mut self) {
        self.events.push(Event::Align);
    }

    pub(super) fn dedent(&mut self) {
        self.events.push(Event::Dedent);
    }

    /// From here nothing breaks, up to [`Self::end_flat`].
    pub(super) fn begin_flat(&mut self) {
        self.flat += 1;
    }

    pub(super) fn end_flat(&mut self) {
        self.flat = self.flat.saturating_sub(1);
    }

    pub(super) fn trailing(&mut self, comment: &'s str) {
        self.break_open();
        self.events.push(Event::Trailing(comment));
    }

    pub(super) fn own(&mut self, comment: &'s str) {
        self.break_open();
        self.events.push(Event::Own(comment));
    }

    pub(super) fn blank(&mut self) {
        self.events.push(Event::Blank);
    }

    /// A comment ends a line, and so breaks every group around it.
    fn break_open(&mut self) {
        for opening in self.open.iter().rev() {
            match self.events.get_mut(*opening) {
                Some(Event::Open { broken, .. }) if !*broken => *broken = true,
                // What is around a broken group was broken with it.
                _ => return,
            }
        }
    }
}
