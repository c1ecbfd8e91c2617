//! Suggestions for an unknown name: the known name that differs from it by the fewest letters.

/// Length of the longest name that gets a suggestion, in letters. The time to compare two names is
/// the product of their lengths.
const MAX_LETTERS: usize = 64;

/// Returns the candidate nearest to an unknown name, if the distance is at most a third of the
/// name's length, or 1. A name of more than 64 letters has none.
///
/// ```
/// use hookgate::diagnostic::nearest;
///
/// assert_eq!(nearest("headrs", ["headers", "parsed_body"]), Some("headers"));
/// assert_eq!(nearest("xyz", ["headers", "parsed_body"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = folded(name)?;
    let allowed = (name.len() / 3).max(1);
    let mut best = None;
    for candidate in candidates {
        let Some(letters) = folded(candidate) else {
            continue;
        };
        // The distance is at least the difference of the lengths.
        if letters.len().abs_diff(name.len()) > allowed {
            continue;
        }
        let distance = distance(&name, &letters);
        let is_better = best.is_none_or(|(least, _)| distance < least);
        if distance <= allowed && is_better {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Returns the advice that names the nearest candidate.
///
/// ```
/// use hookgate::diagnostic::did_you_mean;
///
/// let advice = did_you_mean("headrs", ["headers", "parsed_body"]);
/// assert_eq!(advice.as_deref(), Some("did you mean `headers`?"));
/// ```
pub fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(name, candidates).map(|near| format!("did you mean `{near}`?"))
}

/// Returns the letters of a name in lower case; `None` for a name of more than `MAX_LETTERS`.
fn folded(name: &str) -> Option<Vec<char>> {
    let letters = name.chars().flat_map(char::to_lowercase);
    let letters: Vec<char> = letters.take(MAX_LETTERS + 1).collect();
    (letters.len() <= MAX_LETTERS).then_some(letters)
}

/// Returns the number of letters to insert, delete, change or swap with a neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&above, j) + usize::from(x != y))
                .min(at(&above, j + 1) + 1)
                .min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_name_of_more_than_64_letters_gets_no_suggestion() {
        let (longest, longer) = ("a".repeat(64), "a".repeat(65));
        let near = format!("{}b", "a".repeat(63));
        assert_eq!(nearest(&longest, [near.as_str()]), Some(near.as_str()));
        assert_eq!(nearest(&longer, [near.as_str()]), None);
        assert_eq!(nearest(&longest, [longer.as_str()]), None);
        // A third of such a name are more letters than any other name has.
        assert_eq!(nearest(&"x".repeat(600), ["headers"]), None);
    }

    #[test]
    fn a_name_that_differs_only_in_case_is_near_and_the_first_of_equals_is_taken() {
        assert_eq!(nearest("github", ["GitHub", "gitlab"]), Some("GitHub"));
        assert_eq!(nearest("cat", ["cut", "cot"]), Some("cut"));
    }
}
