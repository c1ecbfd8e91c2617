//! Equality of strings. Most strings that rules compare are short: keys and words.

/// Returns true if two strings are equal. Keys and words are short, and a call of `memcmp` takes
/// longer than two overlapping word comparisons.
#[inline]
pub(crate) fn same_text(left: &str, right: &str) -> bool {
    let same_length = left.len() == right.len();
    let (a, b) = (left.as_bytes(), right.as_bytes());
    same_length && if is_short(left) { same_short(a, b) } else { a == b }
}

/// Returns true if a string fits [`same_short`]: 1 to 32 bytes.
#[inline]
pub(super) fn is_short(text: &str) -> bool {
    (1..=32).contains(&text.len())
}

/// Returns true if two short byte strings of the same length are equal.
#[inline]
pub(super) fn same_short(a: &[u8], b: &[u8]) -> bool {
    match a.len() {
        16.. => same_ends::<16>(a, b),
        8.. => same_ends::<8>(a, b),
        4.. => same_ends::<4>(a, b),
        length => same_ends::<1>(a, b) && a.get(length / 2) == b.get(length / 2),
    }
}

#[inline]
fn same_ends<const N: usize>(a: &[u8], b: &[u8]) -> bool {
    a.first_chunk::<N>() == b.first_chunk() && a.last_chunk::<N>() == b.last_chunk()
}
