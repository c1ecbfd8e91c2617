//! Functions that return all matches of a regular expression, or all groups of one match.

use regex::Regex;

use super::search::{SearchCost, wanted_group};
use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{Fault, Kinds, Value};

pub(super) const EXTRACT_ALL: Function = Function {
    name: "EXTRACT_ALL",
    family: Family::Text,
    params: &[
        Param::new("text", Kinds::TEXT),
        Param::new("regex", Kinds::TEXT).pattern(),
        Param::new("group", Kinds::NUMBER.or(Kinds::TEXT)).optional(),
    ],
    result: Kinds::LIST,
    doc: "All matches of a regular expression, from left to right: a capture group by number or name. Without one given, group 1 if it exists, else the whole match. A group that takes no part in a match gives null.",
    examples: &[
        example(r#"$EXTRACT_ALL("PROJ-17, OPS-3", "[A-Z]+-\d+")"#, r#"["PROJ-17","OPS-3"]"#),
        example(r##""see #7 and #12".$EXTRACT_ALL("#(\d+)")"##, r#"["7","12"]"#),
        example(r#"$EXTRACT_ALL("a=1 b=2", "(?<key>\w)=(\d)", "key")"#, r#"["a","b"]"#),
        example(r#"$EXTRACT_ALL("ab", "a|(b)")"#, r#"[null,"b"]"#),
        example(r#"$EXTRACT_ALL("none", "\d")"#, "[]"),
        example(r#"$EXTRACT_ALL("a", "(a)", 2)"#, "E0314"),
        example(r#"$EXTRACT_ALL(missing, "a")"#, "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(extract_all),
};

pub(super) const EXTRACT_GROUPS: Function = Function {
    name: "EXTRACT_GROUPS",
    family: Family::Text,
    params: &[Param::new("text", Kinds::TEXT), Param::new("regex", Kinds::TEXT).pattern()],
    result: Kinds::OBJECT.or(Kinds::NULL),
    doc: "The named groups of the first match of a regular expression as an object, in the order of the pattern. A group that takes no part in the match is null. Null without a match.",
    examples: &[
        example(
            r#"$EXTRACT_GROUPS("GET /p 200", "^(?<method>\w+) (?<path>\S+) (?<status>\d+)")"#,
            r#"{"method":"GET","path":"/p","status":"200"}"#,
        ),
        example(r#""b".$EXTRACT_GROUPS("(?<a>a)|(?<b>b)")"#, r#"{"a":null,"b":"b"}"#),
        example(r#"$EXTRACT_GROUPS("none", "(?<n>\d)")"#, "null"),
        example(r#"$EXTRACT_GROUPS("a", "(a)")"#, "E0314"),
        example(r#"$EXTRACT_GROUPS(missing, "(?<a>a)")"#, "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(extract_groups),
};

fn extract_all<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let text = args.text(0)?;
    let pattern = env.pattern(args.text(1)?, text.len())?;
    let regex = pattern.regex()?;
    let group = wanted_group(args, &regex)?;
    let cost = SearchCost::new(env, args.text(1)?, &pattern, text)?;
    let mut found = env.heap.list_builder();
    let mut done = 0;
    // A search for the groups takes longer than one for the whole match.
    if group == 0 {
        for whole in regex.find_iter(text) {
            cost.charge(text.len() - done)?;
            done = whole.end();
            found.push(part_of(args, whole.as_str()))?;
        }
        return found.finish();
    }
    for captures in regex.captures_iter(text) {
        cost.charge(text.len() - done)?;
        done = captures.get(0).map_or(done, |whole| whole.end());
        let part = captures.get(group);
        found.push(part.map_or(Value::Null, |part| part_of(args, part.as_str())))?;
    }
    found.finish()
}

fn extract_groups<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let text = args.text(0)?;
    let pattern = env.pattern(args.text(1)?, text.len())?;
    let regex = pattern.regex()?;
    let names = group_names(env, args.text(1)?, &regex)?;
    if names.is_empty() {
        return Err(args.meaningless(1, "a pattern with named groups: `(?<name>…)`"));
    }
    let Some(captures) = regex.captures(text) else {
        return Ok(Value::Null);
    };
    let mut groups = env.heap.object_builder();
    for (group, name) in names {
        let part = captures.get(group).map(|part| part_of(args, part.as_str()));
        groups.push(name, part.unwrap_or(Value::Null))?;
    }
    groups.finish()
}

/// Returns the numbers and names of the named groups. The names are copied: the compiled pattern
/// may be dropped before the result.
fn group_names<'a>(
    env: &Env<'a>,
    pattern: &str,
    regex: &Regex,
) -> Result<Vec<(usize, &'a str)>, Fault> {
    // Each group counts, with a name or without.
    env.heap.work(regex.captures_len())?;
    env.heap.work_on_bytes(pattern.len())?;
    let named = regex.capture_names().enumerate();
    named
        .filter_map(|(group, name)| Some((group, name?)))
        .map(|(group, name)| Ok((group, env.heap.text(name)?)))
        .collect()
}

/// Returns a part of the searched string. A part of an encoded digest compares in constant time,
/// as the digest does.
fn part_of<'a>(args: Args<'_, 'a>, part: &'a str) -> Value<'a> {
    match args.value(0) {
        Value::Encoded(_) => Value::Encoded(part),
        _ => Value::Text(part),
    }
}
