//! The keys of the objects that are being read, to find one that is repeated. Does not know values.

use std::borrow::Cow;

/// The keys of all objects around the present position. The keys of an object are at the end while
/// it is read.
#[derive(Debug, Default)]
pub(super) struct KeyStack<'j> {
    keys: Vec<SeenKey<'j>>,
}

/// A key, behind a number by which most keys differ: comparing and sorting numbers is faster.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SeenKey<'j> {
    fingerprint: u64,
    key: Cow<'j, str>,
}

/// The place where the keys of an object begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct FirstKey(pub(super) u32);

/// The maximum number of keys that are compared in pairs. Sorting more of them is faster.
const COMPARED_KEYS: usize = 12;

impl<'j> KeyStack<'j> {
    /// Begins an object.
    pub(super) fn begin(&self) -> FirstKey {
        FirstKey(u32::try_from(self.keys.len()).unwrap_or(u32::MAX))
    }

    /// Adds a key of the innermost object, in its unescaped form.
    #[inline]
    pub(super) fn push(&mut self, key: Cow<'j, str>) {
        self.keys.push(SeenKey { fingerprint: fingerprint(key.as_bytes()), key });
    }

    /// Ends the innermost object. Returns a key that it repeats.
    #[inline]
    pub(super) fn end(&mut self, first: FirstKey) -> Option<Cow<'j, str>> {
        let first = first.0 as usize;
        let own = self.keys.get_mut(first..).unwrap_or_default();
        if own.len() > 1
            && let Some(at) = repeated(own)
        {
            return Some(self.keys.swap_remove(first + at).key);
        }
        self.keys.truncate(first);
        None
    }
}

/// Returns the place of a repeated key.
fn repeated(keys: &mut [SeenKey<'_>]) -> Option<usize> {
    if keys.len() > COMPARED_KEYS {
        keys.sort_unstable();
        return keys.windows(2).position(|pair| matches!(pair, [a, b] if a == b));
    }
    let mut rest: &[SeenKey<'_>] = keys;
    let mut at = 0;
    while let Some((key, behind)) = rest.split_first() {
        if behind.iter().any(|other| other == key) {
            return Some(at);
        }
        at += 1;
        rest = behind;
    }
    None
}

/// Mixes the length, the first and the last bytes of a key. Keys with the same number are compared
/// by content.
#[inline]
fn fingerprint(key: &[u8]) -> u64 {
    let (first, last) = match (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => (short(key), 0),
    };
    (first ^ last.rotate_left(29)).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ key.len() as u64
}

/// Returns up to seven bytes as one number.
#[inline]
fn short(key: &[u8]) -> u64 {
    match (key.first_chunk::<4>(), key.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
        }
        _ => key.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::KeyStack;

    /// Returns the repeated key among these.
    fn repeated(keys: &[String]) -> Option<String> {
        let mut stack = KeyStack::default();
        stack.push("outer".into());
        let first = stack.begin();
        for key in keys {
            stack.push(key.as_str().into());
        }
        stack.end(first).map(Into::into)
    }

    #[test]
    fn a_repeated_key_is_found_among_few_and_among_many_keys() {
        for count in [2usize, 5, 12, 13, 500] {
            let mut keys: Vec<String> = (0..count).map(|at| format!("key_number_{at}")).collect();
            assert_eq!(repeated(&keys), None, "{count}");
            keys.push(keys[count / 2].clone());
            assert_eq!(repeated(&keys), Some(keys[count / 2].clone()), "{count}");
        }
    }

    #[test]
    fn keys_that_differ_in_the_middle_only_are_different() {
        let keys: Vec<String> = (100..200).map(|at| format!("the_first_{at}_the_last")).collect();
        assert_eq!(repeated(&keys), None);
        assert_eq!(repeated(&["outer".to_owned()]), None);
    }
}
