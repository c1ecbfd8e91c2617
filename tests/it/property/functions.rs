//! Laws of functions: their results equal those of plain models, and inverses undo them.

use hookgate::engine::{Context, Engine, Number, OwnedValue, Program, UndeclaredRoots};
use hookgate::value::OwnedObject;
use proptest::collection::vec;
use proptest::prelude::*;

use super::cases;
use super::laws::{texts, values};

fn compiled(source: &str) -> Program {
    Engine::new().strangers(UndeclaredRoots::Allow).compile(source).unwrap()
}

/// Returns the result of a source with the values of its names, or the code of the error.
fn answer(source: &str, names: &[(&str, &OwnedValue)]) -> Result<OwnedValue, String> {
    let mut context = Context::new();
    for (name, value) in names {
        context.set(name, value.borrow());
    }
    compiled(source).eval(&context).map_err(|trap| trap.code().to_string())
}

fn text(text: &str) -> OwnedValue {
    OwnedValue::Text(text.into())
}

fn number(number: i64) -> OwnedValue {
    OwnedValue::Number(number.into())
}

fn list_of(items: &[String]) -> OwnedValue {
    OwnedValue::List(items.iter().map(|item| text(item)).collect())
}

fn object_of(entries: Vec<(Box<str>, OwnedValue)>) -> OwnedValue {
    OwnedValue::Object(OwnedObject::new(entries).0)
}

fn entries() -> impl Strategy<Value = Vec<(Box<str>, OwnedValue)>> {
    vec(("[abc]{1,2}".prop_map(Into::into), values()), 0..8).prop_map(|entries| {
        let mut unique: Vec<(Box<str>, OwnedValue)> = Vec::new();
        for (key, value) in entries {
            if unique.iter().all(|(known, _)| *known != key) {
                unique.push((key, value));
            }
        }
        unique
    })
}

fn keys() -> impl Strategy<Value = Vec<String>> {
    vec("[abc]{1,2}", 0..5)
}

/// Sets a value at a path of keys. `None` if a scalar or a list is in the way.
fn model_set(at: &OwnedValue, path: &[String], value: &OwnedValue) -> Option<OwnedValue> {
    let Some((key, rest)) = path.split_first() else {
        return Some(value.clone());
    };
    let mut members: Vec<(Box<str>, OwnedValue)> = match at {
        OwnedValue::Null => Vec::new(),
        OwnedValue::Object(object) => {
            object.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
        }
        _ => return None,
    };
    match members.iter_mut().find(|(name, _)| **name == **key) {
        Some((_, member)) => *member = model_set(member, rest, value)?,
        None => {
            members.push((key.as_str().into(), model_set(&OwnedValue::Null, rest, value)?));
        }
    }
    Some(object_of(members))
}

/// Matches a wildcard pattern by trying every length for each star.
fn model_glob(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|at| model_glob(&text[at..], rest)),
        ['?', rest @ ..] => !text.is_empty() && model_glob(&text[1..], rest),
        ['\\', literal, rest @ ..] | [literal, rest @ ..] => {
            text.first() == Some(literal) && model_glob(&text[1..], rest)
        }
    }
}

/// Returns an integer of `10^-places`, rounded to fewer decimals, a half away from zero.
fn model_decimals(digits: i64, places: u32, decimals: u32) -> String {
    let mut size = i128::from(digits).abs();
    if decimals < places {
        let unit = 10i128.pow(places - decimals);
        size = (size + unit / 2) / unit;
    } else {
        size *= 10i128.pow(decimals - places);
    }
    let unit = 10i128.pow(decimals);
    let sign = if digits < 0 && size > 0 { "-" } else { "" };
    match decimals {
        0 => format!("{sign}{size}"),
        _ => format!("{sign}{}.{:0width$}", size / unit, size % unit, width = decimals as usize),
    }
}

/// Puts a separator between groups of three digits, from the right.
fn model_grouped(whole: &str, separator: &str) -> String {
    let mut groups: Vec<String> = Vec::new();
    let mut digits: Vec<char> = whole.chars().collect();
    while digits.len() > 3 {
        groups.insert(0, digits.split_off(digits.len() - 3).into_iter().collect());
    }
    groups.insert(0, digits.into_iter().collect());
    groups.join(separator)
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn omit_and_pick_divide_the_members_of_an_object(entries in entries(), keys in keys()) {
        let object = object_of(entries.clone());
        let (picked, omitted): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|(key, _)| keys.iter().any(|one| **one == **key));
        let listed = list_of(&keys);
        let names = [("o", &object), ("k", &listed)];
        prop_assert_eq!(answer("$PICK(o, k)", &names), Ok(object_of(picked)));
        prop_assert_eq!(answer("o.$OMIT(k)", &names), Ok(object_of(omitted)));
    }

    #[test]
    fn from_entries_is_the_inverse_of_entries(entries in entries()) {
        let object = object_of(entries);
        prop_assert_eq!(answer("$FROM_ENTRIES($ENTRIES(o))", &[("o", &object)]), Ok(object));
    }

    #[test]
    fn rename_changes_keys_in_their_places(entries in entries(), names in vec(("[abc]{1,2}", "[a-f]{1,2}"), 0..5)) {
        let named: Vec<(Box<str>, OwnedValue)> =
            names.iter().map(|(old, new)| (old.as_str().into(), text(new))).collect();
        let renamed = entries.iter().map(|(key, value)| {
            let new = names.iter().rev().find(|(old, _)| **old == **key);
            (new.map_or(key.clone(), |(_, new)| new.as_str().into()), value.clone())
        });
        let renamed = object_of(renamed.collect());
        let (object, named) = (object_of(entries), object_of(named));
        prop_assert_eq!(answer("$RENAME(o, n)", &[("o", &object), ("n", &named)]), Ok(renamed));
    }

    #[test]
    fn set_changes_the_value_at_the_path_only(entries in entries(), path in vec("[abc]{1,2}", 1..4), value in values()) {
        let object = object_of(entries);
        let listed = list_of(&path);
        let dotted = text(&path.join("."));
        let wanted = model_set(&object, &path, &value).ok_or_else(|| "E0302".to_owned());
        for path in [&listed, &dotted] {
            let found = answer("$SET(o, p, v)", &[("o", &object), ("p", path), ("v", &value)]);
            prop_assert_eq!(&found, &wanted);
        }
    }

    #[test]
    fn positions_of_a_set_path_count_from_both_ends(length in 0..5i64, at in -6..6i64) {
        let list = OwnedValue::List((0..length).map(number).collect());
        let object = object_of(vec![("l".into(), list)]);
        let index = if at < 0 { at + length } else { at };
        let wanted = if (0..length).contains(&index) {
            let items = (0..length).map(|item| number(if item == index { 99 } else { item }));
            Ok(object_of(vec![("l".into(), OwnedValue::List(items.collect()))]))
        } else {
            Err("E0314".to_owned())
        };
        let at = number(at);
        prop_assert_eq!(answer("$SET(o, [\"l\", n], 99)", &[("o", &object), ("n", &at)]), wanted);
    }

    #[test]
    fn format_number_rounds_the_decimal_notation(digits in -99_999_999_999i64..100_000_000_000, places in 0..7u32, decimals in 0..9u32) {
        let float: f64 = format!("{digits}e-{places}").parse().unwrap();
        let value = OwnedValue::Number(Number::decimal(float).unwrap());
        let wanted = model_decimals(digits, places, decimals);
        let count = number(decimals.into());
        let names = [("n", &value), ("d", &count)];
        prop_assert_eq!(answer("$FORMAT_NUMBER(n, d)", &names), Ok(text(&wanted)));
        let (sign, unsigned) = wanted.strip_prefix('-').map_or(("", &*wanted), |rest| ("-", rest));
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let point = if fraction.is_empty() { "" } else { "," };
        let grouped = format!("{sign}{}{point}{fraction}", model_grouped(whole, "."));
        prop_assert_eq!(answer("$FORMAT_NUMBER(n, d, \".\", \",\")", &names), Ok(text(&grouped)));
    }

    #[test]
    fn format_minor_units_keeps_every_digit(units in any::<i64>(), decimals in 0..16u32) {
        let (value, count) = (number(units), number(decimals.into()));
        let wanted = model_decimals(units, decimals, decimals);
        let names = [("n", &value), ("d", &count)];
        prop_assert_eq!(answer("$FORMAT_MINOR_UNITS(n, d)", &names), Ok(text(&wanted)));
    }

    #[test]
    fn truncate_is_never_longer_than_its_length(given in texts(), length in 0..9usize, ending in "[.é]{0,3}") {
        let (value, count, end) = (text(&given), number(length as i64), text(&ending));
        let found = answer("$TRUNCATE(s, n, e)", &[("s", &value), ("n", &count), ("e", &end)]);
        let all: Vec<char> = given.chars().collect();
        let wanted = match length.checked_sub(ending.chars().count()) {
            None => Err("E0314".to_owned()),
            Some(_) if all.len() <= length => Ok(value),
            Some(kept) => Ok(text(&format!("{}{ending}", all[..kept].iter().collect::<String>()))),
        };
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn replace_string_knows_no_patterns(given in texts(), part in "[ab.]{1,2}", with in "[a\\\\1$]{0,3}") {
        let (value, from, to) = (text(&given), text(&part), text(&with));
        let found = answer("$REPLACE_STRING(s, p, w)", &[("s", &value), ("p", &from), ("w", &to)]);
        prop_assert_eq!(found, Ok(text(&given.replace(&part, &with))));
    }

    #[test]
    fn a_glob_matches_as_if_every_length_were_tried(given in "[ab/é]{0,8}", pattern in "[ab/é*?\\\\]{0,6}") {
        let characters = |text: &str| text.chars().collect::<Vec<char>>();
        let wanted = model_glob(&characters(&given), &characters(&pattern));
        let (value, pattern) = (text(&given), text(&pattern));
        let names = [("s", &value), ("p", &pattern)];
        prop_assert_eq!(answer("$GLOB(s, p)", &names), Ok(OwnedValue::Bool(wanted)));
        prop_assert_eq!(answer("$GLOB(s, [\"c\", p])", &names), Ok(OwnedValue::Bool(wanted)));
    }

    #[test]
    fn extract_all_finds_what_the_regex_crate_finds(given in texts()) {
        let value = text(&given);
        for (pattern, group) in [("a+", 0), ("", 0), ("(a)|b", 1), ("a(b?)", 1)] {
            let regex = regex::Regex::new(pattern).unwrap();
            let found = regex.captures_iter(&given).map(|captures| {
                captures.get(group).map_or(OwnedValue::Null, |part| text(part.as_str()))
            });
            let source = format!("$EXTRACT_ALL(s, \"{pattern}\")");
            prop_assert_eq!(answer(&source, &[("s", &value)]), Ok(OwnedValue::List(found.collect())));
        }
    }

    #[test]
    fn escaped_texts_read_as_the_text(given in texts()) {
        let value = text(&given);
        let escaped = |format: &str| {
            let answer = answer(&format!("$ESCAPE(s, \"{format}\")"), &[("s", &value)]).unwrap();
            answer.borrow().as_text().unwrap().to_owned()
        };
        let json: String = serde_json::from_str(&format!("\"{}\"", escaped("json"))).unwrap();
        prop_assert_eq!(&json, &given);
        let html = escaped("html");
        prop_assert_eq!(html_escape::decode_html_entities(&html), given.as_str());
        prop_assert!(!html.contains(['<', '>', '"', '\'']));
        let url = escaped("url");
        prop_assert_eq!(percent_encoding::percent_decode_str(&url).decode_utf8().unwrap(), given.as_str());
        for format in ["telegram", "markdown"] {
            let escaped = escaped(format);
            let mut rest = escaped.chars();
            let mut read = String::new();
            while let Some(character) = rest.next() {
                prop_assert!(!"_*[]()~`>#+-=|{}.!".contains(character), "{}", escaped);
                read.push(if character == '\\' { rest.next().unwrap() } else { character });
            }
            prop_assert_eq!(&read, &given);
        }
    }

    #[test]
    fn chunks_in_order_are_the_list(items in vec(values(), 0..9), size in 1..5usize) {
        let (list, count) = (OwnedValue::List(items.clone()), number(size as i64));
        let chunks = items.chunks(size).map(|chunk| OwnedValue::List(chunk.to_vec())).collect();
        let names = [("l", &list), ("n", &count)];
        prop_assert_eq!(answer("$CHUNK(l, n)", &names), Ok(OwnedValue::List(chunks)));
    }

    #[test]
    fn list_makes_a_list_of_any_value(value in values()) {
        let wanted = match &value {
            OwnedValue::Null => OwnedValue::List(Vec::new()),
            list @ OwnedValue::List(_) => list.clone(),
            other => OwnedValue::List(vec![other.clone()]),
        };
        prop_assert_eq!(answer("$LIST(x)", &[("x", &value)]), Ok(wanted));
    }

    #[test]
    fn a_formatted_duration_reads_as_the_seconds(seconds in prop_oneof![-100_000i64..100_000, -1i64 << 53..1 << 53]) {
        let value = number(seconds);
        let read = answer("$PARSE_DURATION($FORMAT_DURATION(n))", &[("n", &value)]);
        prop_assert_eq!(read, Ok(value));
        let millis = OwnedValue::Number(Number::decimal(seconds as f64 / 1000.0).unwrap());
        if seconds.abs() < 100_000 {
            let read = answer("$PARSE_DURATION($FORMAT_DURATION(n))", &[("n", &millis)]);
            prop_assert_eq!(read, Ok(millis));
        }
    }

    #[test]
    fn parse_url_returns_the_parts_of_the_url(host in "[a-z]{1,6}\\.[a-z]{2,3}", port in 1..10_000u16, path in "(/[a-z.]{0,3}[a-z]){0,3}", value in texts()) {
        let encoded: String = percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC).collect();
        let url = text(&format!("https://u@{host}:{port}{path}?q={encoded}&q=2&r#f"));
        let names = [("u", &url)];
        let part = |part: &str| answer(&format!("$PARSE_URL(u).{part}"), &names).unwrap();
        prop_assert_eq!(part("host"), text(&host));
        prop_assert_eq!(part("port"), number(port.into()));
        prop_assert_eq!(part("path"), text(if path.is_empty() { "/" } else { &path }));
        prop_assert_eq!(part("query.q"), OwnedValue::List(vec![text(&value), text("2")]));
        prop_assert_eq!(part("query.r"), text(""));
        prop_assert_eq!(part("fragment"), text("f"));
        prop_assert_eq!(part("user"), text("u"));
    }

    #[test]
    fn json_is_yaml(value in values()) {
        let names = [("x", &value)];
        let json = answer("$PARSE_JSON($STRINGIFY_JSON(x))", &names).unwrap();
        prop_assert_eq!(answer("$PARSE_YAML($STRINGIFY_JSON(x))", &names), Ok(json));
    }

    #[test]
    fn yaml_of_any_text_is_a_value_or_an_error(given in "[-a:?&*!|>'\"#\\[\\]{},% \n\t0~]{0,40}") {
        let value = text(&given);
        let answer = answer("$PARSE_YAML(x)", &[("x", &value)]);
        let code = answer.as_ref().map(|_| ()).map_err(String::as_str);
        prop_assert!(matches!(code, Ok(()) | Err("E0309" | "E0316")), "{:?}", code);
    }
}
