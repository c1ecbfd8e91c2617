//! A document: the text to print, in order, with the positions of possible line breaks. Knows
//! nothing of the language.

use std::borrow::Cow;

/// The replacement of a line break in a group that fits on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flat {
    /// `{ a }`
    Space,
    /// `[a]`
    Nothing,
}

/// An event of a document.
#[derive(Debug)]
pub(super) enum Event<'s> {
    /// Text to print unchanged. It may contain newlines.
    Text(Cow<'s, str>),
    /// A space, except at the start or end of a line.
    Space,
    /// A line break if the innermost group is broken.
    Line(Flat),
    /// Text to print if the innermost group is broken.
    IfBroken(&'static str),
    /// The start of a group, which is printed on one line if it fits.
    Open {
        /// True if a comment inside ends a line, so that the group must be broken.
        broken: bool,
        /// The index of its `Close` event.
        end: usize,
    },
    /// The end of a group.
    Close,
    /// Increases the indentation of the following lines.
    Indent,
    /// Sets the indentation of the following lines to that of this line.
    Align,
    /// Restores the indentation before the last `Indent` or `Align`.
    Dedent,
    /// A comment after other text on its line.
    Trailing(&'s str),
    /// A comment on a line of its own.
    Own(&'s str),
    /// An empty line.
    Blank,
}

/// The events in order.
#[derive(Debug, Default)]
pub(super) struct Document<'s> {
    pub(super) events: Vec<Event<'s>>,
    /// The indexes of the open groups, outermost first.
    open: Vec<usize>,
    /// The number of enclosing parts that never break.
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

    /// Disables line breaks up to [`Self::end_flat`].
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

    /// Marks every open group as broken, because a comment ends a line.
    fn break_open(&mut self) {
        for opening in self.open.iter().rev() {
            match self.events.get_mut(*opening) {
                Some(Event::Open { broken, .. }) if !*broken => *broken = true,
                // The groups around a broken group are broken already.
                _ => return,
            }
        }
    }
}
