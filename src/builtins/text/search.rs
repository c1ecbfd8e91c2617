//! Functions that search strings: prefixes, suffixes and regular expressions.

use regex::{Captures, Match, Regex};

use super::lookahead::{Lookahead, reach};
use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env, Pattern};
use crate::value::{Fault, FaultKind, Heap, Kinds, TextBuilder, Value, shortened};

pub(super) const REPLACE: Function = Function {
    name: "REPLACE",
    family: Family::Text,
    params: &[
        Param::new("text", Kinds::TEXT),
        Param::new("regex", Kinds::TEXT).pattern(),
        Param::new("with", Kinds::TEXT),
    ],
    result: Kinds::TEXT,
    doc: "The string with every match of a regular expression replaced; `\\0` stands for the match, `\\1` to `\\9` for its groups, `\\\\` for a backslash.",
    examples: &[
        example(r#""a b c".$REPLACE(" ", "_")"#, r#""a_b_c""#),
        example(r#"$REPLACE("2025-08-17", "(\d+)-(\d+)-(\d+)", "\3.\2.\1")"#, r#""17.08.2025""#),
        example(r#"$REPLACE("café", "\w", "<\0>")"#, r#""<c><a><f><é>""#),
        example(r#"$REPLACE("price", "price", "$1")"#, r#""$1""#),
        example(r#"$REPLACE("a", "a", "\1")"#, "E0314"),
        example(r#"$REPLACE(missing, "a", "b")"#, "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(replace),
};

pub(super) const STARTS_WITH: Function = Function {
    name: "STARTS_WITH",
    family: Family::Text,
    params: &[Param::new("text", Kinds::TEXT), Param::new("prefix", Kinds::TEXT)],
    result: Kinds::BOOLEAN,
    doc: "True if the string starts with the prefix, which is no regular expression. False for null.",
    examples: &[
        example(r#"$STARTS_WITH("sha256=ab12", "sha256=")"#, "true"),
        example(r#""École".$STARTS_WITH("é")"#, "false"),
        example(r#"$STARTS_WITH(missing, "x")"#, "false"),
        example(r#"$STARTS_WITH("x", missing)"#, "E0310"),
    ],
    null: NullPropagation::False,
    declassifies: false,
    role: Role::Search,
    code: Code::Native(starts_with),
};

pub(super) const ENDS_WITH: Function = Function {
    name: "ENDS_WITH",
    family: Family::Text,
    params: &[Param::new("text", Kinds::TEXT), Param::new("suffix", Kinds::TEXT)],
    result: Kinds::BOOLEAN,
    doc: "True if the string ends with the suffix, which is no regular expression. False for null.",
    examples: &[
        example(r#"$ENDS_WITH("report.pdf", ".pdf")"#, "true"),
        example(r#""report.pdf".$ENDS_WITH("")"#, "true"),
        example(r#"$ENDS_WITH(missing, "x")"#, "false"),
        example(r#"$ENDS_WITH("x", missing)"#, "E0310"),
    ],
    null: NullPropagation::False,
    declassifies: false,
    role: Role::Search,
    code: Code::Native(ends_with),
};

pub(super) const MATCH: Function = Function {
    name: "MATCH",
    family: Family::Text,
    params: &[Param::new("text", Kinds::TEXT), Param::new("regex", Kinds::TEXT).pattern()],
    result: Kinds::BOOLEAN,
    doc: "True if a regular expression matches anywhere in the string; `^` and `$` anchor it. False for null.",
    examples: &[
        example(r#"$MATCH("PROJ-17: fix", "^[A-Z]+-\d+")"#, "true"),
        example(r#""Grüße".$MATCH("(?i)GRÜ")"#, "true"),
        example(r#"$MATCH("ab", "^b")"#, "false"),
        example(r#"$MATCH(missing, "a")"#, "false"),
        example(r#"$MATCH("a", $CONCAT(["("]))"#, "E0313"),
    ],
    null: NullPropagation::False,
    declassifies: false,
    role: Role::Search,
    code: Code::Native(matches),
};

pub(super) const EXTRACT: Function = Function {
    name: "EXTRACT",
    family: Family::Text,
    params: &[
        Param::new("text", Kinds::TEXT),
        Param::new("regex", Kinds::TEXT).pattern(),
        Param::new("group", Kinds::NUMBER.or(Kinds::TEXT)).optional(),
    ],
    result: Kinds::TEXT.or(Kinds::NULL),
    doc: "The first match of a regular expression: a capture group by number or name. Without one given, group 1 if it exists, else the whole match. Null without a match.",
    examples: &[
        example(r#"$EXTRACT("fixes PROJ-17 now", "[A-Z]+-\d+")"#, r#""PROJ-17""#),
        example(r#"$EXTRACT("ticket=42;", "ticket=(\d+)")"#, r#""42""#),
        example(r#"$EXTRACT("ticket=42;", "ticket=(\d+)", 0)"#, r#""ticket=42""#),
        example(r#"$EXTRACT("zoë@x.io", "@(?<host>.+)", "host")"#, r#""x.io""#),
        example(r#"$EXTRACT("none", "\d+")"#, "null"),
        example(r#"$EXTRACT("a", "(a)", 2)"#, "E0314"),
        example(r#"$EXTRACT(missing, "a")"#, "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(extract),
};

fn starts_with<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    Ok(Value::Bool(args.text(0)?.starts_with(args.text(1)?)))
}

fn ends_with<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    Ok(Value::Bool(args.text(0)?.ends_with(args.text(1)?)))
}

fn matches<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let text = args.text(0)?;
    let pattern = env.pattern(args.text(1)?, text.len())?;
    Ok(Value::Bool(pattern.regex()?.is_match(text)))
}

fn extract<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let text = args.text(0)?;
    let pattern = env.pattern(args.text(1)?, text.len())?;
    let regex = pattern.regex()?;
    let group = wanted_group(args, &regex)?;
    let captures = regex.captures(text);
    let found = captures.and_then(|captures| captures.get(group));
    Ok(found.map_or(Value::Null, |found| Value::Text(found.as_str())))
}

/// Returns the group to extract, in the numbering of the pattern: 0 is the whole match.
pub(super) fn wanted_group(args: Args<'_, '_>, regex: &Regex) -> Result<usize, Fault> {
    let group = match args.value(2) {
        Value::Null => return Ok(usize::from(regex.captures_len() > 1)),
        Value::Number(_) => usize::try_from(args.integer(2)?).ok(),
        _ => {
            let name = args.text(2)?;
            regex.capture_names().position(|group| group == Some(name))
        }
    };
    group.filter(|group| *group < regex.captures_len()).ok_or_else(|| {
        let found = args.value(2).to_string();
        args.meaningless(2, format!("a group of the pattern, not `{}`", shortened(&found)))
            .help("groups count from 1; 0 is the whole match; `(?<name>…)` gives one a name")
    })
}

fn replace<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (text, with) = (args.text(0)?, args.text(2)?);
    let pattern = env.pattern(args.text(1)?, text.len())?;
    let regex = pattern.regex()?;
    check_groups(with, &regex)?;
    let cost = SearchCost::new(env, args.text(1)?, &pattern, text)?;
    let mut replaced = Replaced { env, text, cost, done: 0, out: env.heap.text_builder() };
    if with.contains('\\') {
        for captures in regex.captures_iter(text) {
            replaced.expand(&captures, with)?;
        }
    } else {
        for found in regex.find_iter(text) {
            replaced.keep_until(found)?;
            replaced.out.push(with)?;
        }
    }
    replaced.finish()
}

/// Returns a fault for a group that the pattern does not have: without it, no result would show the
/// typo.
fn check_groups(with: &str, regex: &Regex) -> Result<(), Fault> {
    let last = regex.captures_len() - 1;
    let beyond = pieces(with).find_map(|piece| match piece {
        Piece::Group(group) if group > last => Some(group),
        _ => None,
    });
    let Some(group) = beyond else {
        return Ok(());
    };
    let has = if last == 0 { "no groups".into() } else { format!("groups up to `\\{last}`") };
    Err(Fault::new(
        FaultKind::BadArgument,
        format!("the `with` of `$REPLACE` names the group `\\{group}`, and the pattern has {has}"),
    )
    .help("a backslash itself is written `\\\\`, which in a string literal takes four"))
}

/// Bytes that a search may read beyond its match that count as one step, as in other functions.
const BYTES_PER_STEP: usize = 64;

/// Bytes that count as one step for a search that may read all the remaining text but rarely does.
/// With this value a million steps take at most a second, and some thousand matches in a hundred
/// kilobytes still fit into them.
const FAR_BYTES_PER_STEP: usize = 256;

/// The work of a sequence of searches in one text.
pub(super) struct SearchCost<'a> {
    heap: &'a Heap,
    /// The lookahead of each search; `None` if a search may read all the remaining text.
    reach: Option<Lookahead>,
    /// The number of times that each of these bytes counts.
    weight: usize,
}

impl<'a> SearchCost<'a> {
    /// Counts the passes over the whole text that all searches take together.
    pub(super) fn new(
        env: &Env<'a>,
        source: &str,
        pattern: &Pattern,
        text: &str,
    ) -> Result<Self, Fault> {
        let (reach, weight) = (reach(source), pattern.weight());
        let passes = reach.map_or(0, |reach| reach.passes);
        env.heap.work_on_bytes(text.len().saturating_mul(passes).saturating_mul(weight))?;
        Ok(Self { heap: env.heap, reach, weight })
    }

    /// Counts a search in the last `left` bytes of the text that found a match.
    pub(super) fn charge(&self, left: usize) -> Result<(), Fault> {
        let steps = match self.reach {
            Some(reach) => reach.bytes.min(left) / BYTES_PER_STEP,
            None => left / FAR_BYTES_PER_STEP,
        };
        self.heap.work(steps.saturating_mul(self.weight).saturating_add(1))
    }
}

/// A text whose matches are being replaced, from left to right.
struct Replaced<'e, 'a> {
    env: &'e Env<'a>,
    text: &'a str,
    cost: SearchCost<'a>,
    /// The offset up to which the text was written.
    done: usize,
    out: TextBuilder<'a>,
}

impl<'a> Replaced<'_, 'a> {
    /// Writes the text before a match.
    fn keep_until(&mut self, found: Match<'a>) -> Result<(), Fault> {
        self.cost.charge(self.text.len() - self.done)?;
        self.out.push(self.text.get(self.done..found.start()).unwrap_or(""))?;
        self.done = found.end();
        Ok(())
    }

    fn expand(&mut self, captures: &Captures<'a>, with: &str) -> Result<(), Fault> {
        let Some(whole) = captures.get(0) else {
            return Ok(());
        };
        self.keep_until(whole)?;
        self.env.heap.work_on_bytes(with.len())?;
        for piece in pieces(with) {
            self.out.push(match piece {
                Piece::Text(text) => text,
                Piece::Group(group) => captures.get(group).map_or("", |group| group.as_str()),
            })?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Value<'a>, Fault> {
        if self.done == 0 && self.out.is_empty() {
            return Ok(Value::Text(self.text));
        }
        self.out.push(self.text.get(self.done..).unwrap_or(""))?;
        Ok(Value::Text(self.out.finish()))
    }
}

/// A piece of the replacement text.
enum Piece<'t> {
    Text(&'t str),
    Group(usize),
}

/// Returns the pieces in order. A backslash is literal unless a digit or another backslash follows.
fn pieces(with: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = with;
    std::iter::from_fn(move || {
        let (piece, after) = first_piece(rest)?;
        rest = after;
        Some(piece)
    })
}

fn first_piece(with: &str) -> Option<(Piece<'_>, &str)> {
    let Some(escape) = with.strip_prefix('\\') else {
        let (text, rest) = with.split_at_checked(with.find('\\').unwrap_or(with.len()))?;
        return (!text.is_empty()).then_some((Piece::Text(text), rest));
    };
    if let Some(rest) = escape.strip_prefix('\\') {
        return Some((Piece::Text("\\"), rest));
    }
    let digit = escape.chars().next().and_then(|digit| digit.to_digit(10));
    Some(match digit {
        Some(digit) => (Piece::Group(digit as usize), escape.get(1..).unwrap_or("")),
        None => (Piece::Text("\\"), escape),
    })
}

#[cfg(test)]
mod tests {
    use crate::builtins::testing::{call, invoked};
    use crate::value::{Budget, FaultKind, Heap, Value};

    fn replaced(text: &str, regex: &str, with: &str) -> String {
        call("REPLACE", &[text, regex, with].map(Value::Text))
    }

    #[test]
    fn replacements_refer_to_groups_by_backslash_and_not_by_dollar() {
        assert_eq!(replaced("ab", "(a)(b)", r"\2\1\0"), r#""baab""#);
        assert_eq!(replaced("ab", "(a)(b)", r"$1${2}"), r#""$1${2}""#);
        assert_eq!(replaced("a", "a", r"\\0\q\"), r#""\\0\\q\\""#);
        assert_eq!(replaced("a", "(a)", r"\10"), r#""a0""#);
        assert_eq!(replaced("a", "a|(b)", r"<\1>"), r#""<>""#);
    }

    #[test]
    fn empty_matches_are_replaced_between_characters() {
        assert_eq!(replaced("éa", "", "-"), r#""-é-a-""#);
        assert_eq!(replaced("aab", "a*", r"[\0]"), r#""[aa]b[]""#);
        assert_eq!(replaced("abc", "x", r"\0"), r#""abc""#);
    }

    #[test]
    fn matches_with_unbounded_lookahead_are_charged_in_steps() {
        let heap = Heap::new(Budget { bytes: 1 << 20, steps: 2_000 });
        let text = "a".repeat(1 << 16);
        let args = [text.as_str(), ".*z|a", "b"].map(Value::Text);
        assert_eq!(invoked(&heap, "REPLACE", &args).unwrap_err().kind(), FaultKind::StepLimit);
    }

    #[test]
    fn a_long_replacement_does_not_grow_past_the_memory_limit() {
        assert_eq!(replaced(&"a".repeat(4096), "a", &"b".repeat(8192)), "MemoryLimit");
    }
}
