//! Looking for any of several texts at once, most of the time without reading all of what is
//! looked through.
//!
//! As in Wu and Manber's search (A Fast Algorithm for Multi-Pattern Searching, 1994): whatever
//! holds a text of at least so many bytes holds a piece of its beginning at one of the places that
//! are so far apart, so only those are looked at.

use zeroize::Zeroizing;

/// Bytes of a piece.
const PIECE: usize = 8;

/// Shorter texts would have to be looked for nearly everywhere.
const SHORTEST: usize = 2 * PIECE;

/// Bits of a piece's hash.
const BITS: u32 = 14;

/// Texts to look for, wiped when dropped.
#[derive(Default)]
pub(super) struct Needles {
    texts: Vec<Zeroizing<String>>,
    /// How far apart the places to look at are; none where everything is looked at.
    step: Option<usize>,
    /// The pieces that there may be, sorted.
    pieces: Zeroizing<Vec<u64>>,
    /// Hashes of the pieces: nearly every other piece is told by its hash.
    hashes: Zeroizing<Vec<u64>>,
}

impl Needles {
    /// To look for these texts, the first before the others.
    pub(super) fn new(texts: Vec<Zeroizing<String>>) -> Self {
        let shortest = texts.iter().map(|text| text.len()).min().unwrap_or(0);
        if shortest < SHORTEST {
            return Self { texts, ..Self::default() };
        }
        let beginnings = texts.iter().filter_map(|text| text.as_bytes().get(..shortest));
        let pieces = beginnings.flat_map(|beginning| beginning.windows(PIECE).map(piece));
        let mut pieces: Zeroizing<Vec<u64>> = Zeroizing::new(pieces.collect());
        pieces.sort_unstable();
        let mut hashes = Zeroizing::new(vec![0; 1 << (BITS - 6)]);
        for piece in pieces.iter() {
            let (word, bit) = place(*piece);
            if let Some(word) = hashes.get_mut(word) {
                *word |= bit;
            }
        }
        Self { texts, step: Some(shortest - PIECE + 1), pieces, hashes }
    }

    /// The texts, in their order.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(|text| text.as_str())
    }

    /// Whether any of them is in a text.
    pub(super) fn are_in(&self, text: &str) -> bool {
        self.may_be_in(text.as_bytes()) && self.texts().any(|needle| text.contains(needle))
    }

    fn may_be_in(&self, text: &[u8]) -> bool {
        let Some(step) = self.step else {
            return true;
        };
        text.windows(PIECE).step_by(step).map(piece).any(|piece| {
            let (word, bit) = place(piece);
            self.hashes.get(word).is_some_and(|word| word & bit != 0)
                && self.pieces.binary_search(&piece).is_ok()
        })
    }
}

fn piece(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The word and the bit of a piece's hash (Fibonacci hashing: the highest bits of a product).
fn place(piece: u64) -> (usize, u64) {
    let hash = piece.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BITS);
    (usize::try_from(hash >> 6).unwrap_or(0), 1 << (hash & 63))
}
