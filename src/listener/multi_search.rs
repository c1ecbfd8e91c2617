//! Multi-pattern search: finds any of several texts, usually without reading the whole input.
//!
//! Based on the search of Wu and Manber (A Fast Algorithm for Multi-Pattern Searching, 1994). Every
//! needle has at least the length of the shortest one. So an input that contains a needle also
//! contains a piece of the needle's beginning at one of the probed positions. Only these positions,
//! at a fixed distance, are tested. Knows no secrets.

use std::ops::Range;

use memchr::memmem;
use zeroize::Zeroizing;

/// Bytes of a piece.
const PIECE: usize = 8;

/// Bytes of a piece if the shortest text has less than twice `PIECE` bytes.
const SHORT_PIECE_BYTES: usize = 4;

/// Bits of the hash of a piece.
const BITS: u32 = 14;

/// A text to find. It is wiped from memory when dropped.
#[derive(Debug)]
pub(super) struct Needle {
    pub(super) text: Zeroizing<String>,
    /// True if the text is a part of longer base64. A match then extends to all of that base64.
    pub(super) within_base64: bool,
}

/// A search for several texts.
#[derive(Default)]
pub(super) struct MultiSearch {
    multi_search: Vec<Needle>,
    /// The probed positions. `None` if there are no texts, or one is too short.
    places: Option<Places>,
    /// The pieces of all texts, sorted.
    pieces: Zeroizing<Vec<u64>>,
    /// A bit set of the hashes of the pieces, which rejects almost all other pieces.
    hashes: Zeroizing<Vec<u64>>,
}

/// The choice of probed positions.
#[derive(Debug, Clone, Copy)]
struct Places {
    /// Bytes of a piece.
    width: usize,
    /// Distance between probed positions, in bytes.
    step: usize,
}

impl Places {
    /// Chooses the positions for texts of at least `shortest` bytes. Returns `None` if that is too
    /// short.
    fn of(shortest: usize) -> Option<Self> {
        let width = if shortest < 2 * PIECE { SHORT_PIECE_BYTES } else { PIECE };
        (shortest >= width).then(|| Self { width, step: shortest - width + 1 })
    }

    /// Returns the piece at the start of some bytes.
    fn piece(self, bytes: &[u8]) -> u64 {
        let short = || bytes.first_chunk().map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes)));
        match self.width {
            PIECE => bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)),
            _ => short(),
        }
    }
}

impl MultiSearch {
    /// Prepares a search for texts of at least four bytes each.
    pub(super) fn new(multi_search: Vec<Needle>) -> Self {
        let shortest = multi_search.iter().map(|needle| needle.text.len()).min().unwrap_or(0);
        let Some(places) = Places::of(shortest) else {
            return Self { multi_search, ..Self::default() };
        };
        let beginnings =
            multi_search.iter().filter_map(|needle| needle.text.as_bytes().get(..shortest));
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
        Self { multi_search, places: Some(places), pieces, hashes }
    }

    /// Returns true if there are no texts to find.
    pub(super) fn is_empty(&self) -> bool {
        self.multi_search.is_empty()
    }

    /// Returns true if any of the texts occurs in the input.
    pub(super) fn are_in(&self, text: &[u8]) -> bool {
        let is_in = |needle: &Needle| memmem::find(text, needle.text.as_bytes()).is_some();
        self.may_be_in(text) && self.multi_search.iter().any(is_in)
    }

    /// Returns the ranges of all matches in the input.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        if !self.may_be_in(text) {
            return found;
        }
        for needle in &self.multi_search {
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
            return !self.multi_search.is_empty();
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

/// Extends a range to all adjacent base64 characters.
fn base64_around(text: &[u8], range: Range<usize>) -> Range<usize> {
    let letter = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte);
    let before = text.get(..range.start).unwrap_or_default().iter().rev().take_while(letter);
    let after = text.get(range.end..).unwrap_or_default().iter().take_while(letter);
    range.start - before.count()..range.end + after.count()
}

/// Returns the word and the bit for the hash of a piece (Fibonacci hashing: the highest bits of a
/// product).
fn place(piece: u64) -> (usize, u64) {
    let hash = piece.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BITS);
    (usize::try_from(hash >> 6).unwrap_or(0), 1 << (hash & 63))
}
