//! Looking for any of several texts at once, most of the time without reading all of what is
//! looked through.
//!
//! As in Wu and Manber's search (A Fast Algorithm for Multi-Pattern Searching, 1994): whatever
//! holds a text of at least so many bytes holds a piece of its beginning at one of the places that
//! are so far apart, so only those are looked at.

use std::ops::Range;

use memchr::memmem;
use zeroize::Zeroizing;

/// Bytes of a piece.
const PIECE: usize = 8;

/// Bytes of a piece where texts are short.
const SHORT_PIECE: usize = 4;

/// Bits of a piece's hash.
const BITS: u32 = 14;

/// A text to look for, wiped when dropped.
#[derive(Debug)]
pub(super) struct Needle {
    pub(super) text: Zeroizing<String>,
    /// Whether it stands in the middle of base64, all of which then belongs to it.
    pub(super) within_base64: bool,
}

/// Texts to look for.
#[derive(Default)]
pub(super) struct Needles {
    needles: Vec<Needle>,
    /// How the places to look at are chosen; none where there is nothing to look for.
    places: Option<Places>,
    /// The pieces that there may be, sorted.
    pieces: Zeroizing<Vec<u64>>,
    /// Hashes of the pieces: nearly every other piece is told by its hash.
    hashes: Zeroizing<Vec<u64>>,
}

/// How the places to look at are chosen.
#[derive(Debug, Clone, Copy)]
struct Places {
    /// Bytes of a piece.
    width: usize,
    /// How far apart they are.
    step: usize,
}

impl Places {
    /// For texts of which the shortest has so many bytes.
    fn of(shortest: usize) -> Option<Self> {
        let width = if shortest < 2 * PIECE { SHORT_PIECE } else { PIECE };
        (shortest >= width).then(|| Self { width, step: shortest - width + 1 })
    }

    /// The piece that some bytes begin with.
    fn piece(self, bytes: &[u8]) -> u64 {
        let short = || bytes.first_chunk().map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes)));
        match self.width {
            PIECE => bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)),
            _ => short(),
        }
    }
}

impl Needles {
    /// To look for these texts, of four bytes at least each.
    pub(super) fn new(needles: Vec<Needle>) -> Self {
        let shortest = needles.iter().map(|needle| needle.text.len()).min().unwrap_or(0);
        let Some(places) = Places::of(shortest) else {
            return Self { needles, ..Self::default() };
        };
        let beginnings = needles.iter().filter_map(|needle| needle.text.as_bytes().get(..shortest));
        let windows = beginnings.flat_map(|beginning| beginning.windows(places.width));
        let mut pieces: Zeroizing<Vec<u64>> =
            Zeroizing::new(windows.map(|window| places.piece(window)).collect());
        pieces.sort_unstable();
        let mut hashes = Zeroizing::new(vec![0; 1 << (BITS - 6)]);
        for piece in pieces.iter() {
            let (word, bit) = place(*piece);
            if let Some(word) = hashes.get_mut(word) {
                *word |= bit;
            }
        }
        Self { needles, places: Some(places), pieces, hashes }
    }

    /// Whether there is nothing to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// Whether any of them is in a text.
    pub(super) fn are_in(&self, text: &[u8]) -> bool {
        let is_in = |needle: &Needle| memmem::find(text, needle.text.as_bytes()).is_some();
        self.may_be_in(text) && self.needles.iter().any(is_in)
    }

    /// Where they are in a text, all of them.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        if !self.may_be_in(text) {
            return found;
        }
        for needle in &self.needles {
            let length = needle.text.len();
            for at in memmem::find_iter(text, needle.text.as_bytes()) {
                let range = at..at + length;
                found.push(if needle.within_base64 { base64_around(text, range) } else { range });
            }
        }
        found
    }

    fn may_be_in(&self, text: &[u8]) -> bool {
        let Some(places) = self.places else {
            return !self.needles.is_empty();
        };
        match places.width {
            PIECE => self.probe(text, places.step, |bytes| u64::from_le_bytes(*bytes)),
            _ => self.probe(text, places.step, |bytes| u64::from(u32::from_le_bytes(*bytes))),
        }
    }

    /// Looks at a piece of a text each `step` bytes.
    fn probe<const WIDTH: usize>(
        &self,
        text: &[u8],
        step: usize,
        piece: impl Fn(&[u8; WIDTH]) -> u64,
    ) -> bool {
        let mut rest = text;
        while let Some(bytes) = rest.first_chunk() {
            let piece = piece(bytes);
            let (word, bit) = place(piece);
            let may_be = self.hashes.get(word).is_some_and(|word| word & bit != 0);
            if may_be && self.pieces.binary_search(&piece).is_ok() {
                return true;
            }
            rest = rest.get(step..).unwrap_or_default();
        }
        false
    }
}

/// A range with all letters of base64 before and after it.
fn base64_around(text: &[u8], range: Range<usize>) -> Range<usize> {
    let letter = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte);
    let before = text.get(..range.start).unwrap_or_default().iter().rev().take_while(letter);
    let after = text.get(range.end..).unwrap_or_default().iter().take_while(letter);
    range.start - before.count()..range.end + after.count()
}

/// The word and the bit of a piece's hash (Fibonacci hashing: the highest bits of a product).
fn place(piece: u64) -> (usize, u64) {
    let hash = piece.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BITS);
    (usize::try_from(hash >> 6).unwrap_or(0), 1 << (hash & 63))
}
