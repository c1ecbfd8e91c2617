//! Passes over values without building them, at any depth, and copies them without white space.

use super::error::JsonError;
use super::scan::{JsonScanner, Start};

/// A destination for the text of a value, without white space between its tokens.
pub(super) trait Copy {
    fn put(&mut self, token: &str);
}

/// Drops the text: the value is only tested.
pub(super) struct NoCopy;

impl Copy for NoCopy {
    #[inline]
    fn put(&mut self, _: &str) {}
}

impl Copy for String {
    fn put(&mut self, token: &str) {
        self.push_str(token);
    }
}

/// A list or object that is not closed yet. Four bytes, because a body may open one with each byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OpenContainer(u32);

impl OpenContainer {
    const LIST: Self = Self(u32::MAX);
}

impl JsonScanner<'_> {
    /// Reads the rest of a value whose start was read, and returns its text. A repeated key in it is
    /// always an error: the text is passed on as it is, so its last values cannot count.
    pub(super) fn opaque(&mut self, start: Start) -> Result<String, JsonError> {
        let mut text = String::new();
        let before = self.refuse_repeats(true);
        self.skip(start, &mut text)?;
        self.refuse_repeats(before);
        Ok(text)
    }

    /// Reads the rest of a value whose start was read, and copies it.
    pub(super) fn skip(&mut self, start: Start, copy: &mut impl Copy) -> Result<(), JsonError> {
        let mut open: Vec<OpenContainer> = Vec::new();
        let mut start = start;
        loop {
            if let Some(opened) = self.begin(start, copy)? {
                open.push(opened);
                start = self.start()?;
                continue;
            }
            match self.next_value(&mut open, copy)? {
                Some(next) => start = next,
                None => return Ok(()),
            }
        }
    }

    /// Reads a scalar or an empty container, or opens a container up to its first value.
    #[inline]
    fn begin(
        &mut self,
        start: Start,
        copy: &mut impl Copy,
    ) -> Result<Option<OpenContainer>, JsonError> {
        match start {
            Start::Null => copy.put("null"),
            Start::True => copy.put("true"),
            Start::False => copy.put("false"),
            Start::Number => copy.put(self.number()?),
            Start::String => {
                let quote = self.offset() - 1;
                self.string()?;
                copy.put(self.since(quote));
            }
            Start::List => {
                copy.put("[");
                if !self.list_ends(true)? {
                    return Ok(Some(OpenContainer::LIST));
                }
                copy.put("]");
            }
            Start::Object => {
                copy.put("{");
                if !self.object_ends(true)? {
                    let first = self.keys().begin();
                    self.skip_key(copy)?;
                    return Ok(Some(OpenContainer(first.0)));
                }
                copy.put("}");
            }
        }
        Ok(None)
    }

    /// Closes the containers that end here, and reads the start of the next value. `None` at the
    /// end of the outermost value.
    #[inline]
    fn next_value(
        &mut self,
        open: &mut Vec<OpenContainer>,
        copy: &mut impl Copy,
    ) -> Result<Option<Start>, JsonError> {
        while let Some(innermost) = open.last().copied() {
            let ended = self.container_ends(innermost, copy)?;
            if !ended {
                return self.start().map(Some);
            }
            open.pop();
        }
        Ok(None)
    }

    #[inline]
    fn container_ends(
        &mut self,
        open: OpenContainer,
        copy: &mut impl Copy,
    ) -> Result<bool, JsonError> {
        if open == OpenContainer::LIST {
            let ended = self.list_ends(false)?;
            copy.put(if ended { "]" } else { "," });
            return Ok(ended);
        }
        let ended = self.object_ends(false)?;
        if ended {
            self.end_keys(super::keys::FirstKey(open.0))?;
            copy.put("}");
        } else {
            copy.put(",");
            self.skip_key(copy)?;
        }
        Ok(ended)
    }

    #[inline]
    fn skip_key(&mut self, copy: &mut impl Copy) -> Result<(), JsonError> {
        self.next_mark();
        let quote = self.offset();
        let key = self.key()?;
        if self.refuses_repeats() {
            self.keys().push(key.unescaped());
        }
        // The key ends before white space and the colon.
        copy.put(self.text_of(quote, key));
        copy.put(":");
        Ok(())
    }

    /// Ends the keys of an object.
    ///
    /// # Errors
    /// Returns an error if one of them is repeated.
    #[inline]
    pub(super) fn end_keys(&mut self, first: super::keys::FirstKey) -> Result<(), JsonError> {
        match self.keys().end(first) {
            None => Ok(()),
            Some(key) => Err(self.repeat(&key)),
        }
    }
}
