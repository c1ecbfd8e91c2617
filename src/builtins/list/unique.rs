//! Removal of duplicate elements, with a hash table instead of comparing all pairs.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use smallvec::SmallVec;

use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{Fault, Heap, Kinds, Object, Value, equal, too_deep_to_read};

pub(super) const UNIQUE: Function = Function {
    name: "UNIQUE",
    family: Family::List,
    params: &[Param::new("list", Kinds::LIST), super::KEY],
    result: Kinds::LIST,
    doc: "The elements without duplicates: an element that equals (`==`) an earlier one is left out. With a lambda, its results are compared instead.",
    examples: &[
        example(
            r#"[{ "id": 1, "n": 1 }, { "id": 1, "n": 2 }].$UNIQUE(x => x.id)"#,
            r#"[{"id":1,"n":1}]"#,
        ),
        example(r#"$UNIQUE([1, "1", 1.0, 2, NULL, NULL])"#, r#"[1,"1",2,null]"#),
        example(
            r#"[{ "a": 1, "b": [2] }, { "b": [2.0], "a": 1 }].$UNIQUE()"#,
            r#"[{"a":1,"b":[2]}]"#,
        ),
        example("$UNIQUE(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(unique),
};

/// Different values with the same fingerprint. Usually one.
type Alike<'a> = SmallVec<[Value<'a>; 1]>;

fn unique<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    unique_by_key(env, args.list(0)?.iter().map(|item| (item, item)))
}

/// Returns the values without those whose key equals an earlier one. `keyed` has keys and values.
pub(crate) fn unique_by_key<'a>(
    env: &Env<'a>,
    keyed: impl Iterator<Item = (Value<'a>, Value<'a>)>,
) -> Result<Value<'a>, Fault> {
    let mut kept = env.heap.list_builder();
    let mut seen: HashMap<u64, Alike<'a>> = HashMap::new();
    for (key, value) in keyed {
        env.heap.work(1)?;
        let alike = seen.entry(fingerprint(env.heap, key)?).or_default();
        if !is_among(env.heap, key, alike)? {
            env.heap.charge(size_of::<(u64, Alike<'_>)>())?;
            alike.push(key);
            kept.push(value)?;
        }
    }
    kept.finish()
}

fn is_among(heap: &Heap, item: Value<'_>, others: &[Value<'_>]) -> Result<bool, Fault> {
    for other in others {
        heap.work(1)?;
        if equal(heap, item, *other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns a hash that equal values share. The hash is the same in every run, because the counted
/// work depends on it. Recursion is as deep as the nesting of values.
fn fingerprint(heap: &Heap, value: Value<'_>) -> Result<u64, Fault> {
    let mut hasher = DefaultHasher::new();
    match value {
        Value::Null => {}
        Value::Bool(value) => hasher.write_u8(u8::from(value)),
        // Equal numbers have the same nearest float, and a time equals its number of seconds.
        Value::Number(number) => hasher.write_u64(number.to_f64().to_bits()),
        Value::BigNumber(number) => {
            heap.work_on_bytes(number.as_str().len())?;
            hasher.write_u64(number.to_f64().to_bits());
        }
        Value::Opaque(_) => return Err(too_deep_to_read()),
        Value::Time(time) => hasher.write_u64(time.to_number().to_f64().to_bits()),
        Value::List(list) => {
            heap.work(list.len())?;
            for item in list.iter() {
                hasher.write_u64(fingerprint(heap, item)?);
            }
        }
        Value::Object(object) => hasher.write_u64(fingerprint_of_entries(heap, object)?),
        // Strings, bytes and secrets are compared by content.
        other => {
            let content = other.content().unwrap_or(&[]);
            heap.work_on_bytes(content.len())?;
            hasher.write(content);
        }
    }
    Ok(hasher.finish())
}

/// Sums the hashes of the entries, because equal objects may have their entries in different
/// orders.
fn fingerprint_of_entries(heap: &Heap, object: Object<'_>) -> Result<u64, Fault> {
    heap.work(object.len())?;
    let mut sum = 0u64;
    for (key, value) in object.iter() {
        let mut entry = DefaultHasher::new();
        entry.write_u64(fingerprint(heap, Value::Text(key))?);
        entry.write_u64(fingerprint(heap, value)?);
        sum = sum.wrapping_add(entry.finish());
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use crate::builtins::testing::call;
    use crate::value::read_json;

    fn unique(json: &str) -> String {
        call("UNIQUE", &[read_json(json.as_bytes()).unwrap().borrow()])
    }

    #[test]
    fn integers_beyond_float_precision_stay_distinct() {
        let ids = "[9007199254740993,9007199254740992,9007199254740992.0]";
        assert_eq!(unique(ids), "[9007199254740993,9007199254740992]");
    }

    #[test]
    fn unique_takes_few_steps_for_each_of_many_elements() {
        let ids: Vec<String> = (0..50_000).map(|id| id.to_string()).collect();
        let json = format!("[{}]", ids.join(","));
        assert_eq!(unique(&json), json);
    }

    #[test]
    fn unique_ignores_the_order_of_entries_but_not_of_elements() {
        assert_eq!(
            unique(r#"[{"a":1,"b":2},{"b":2,"a":1},{"a":2,"b":1}]"#).matches('{').count(),
            2
        );
        assert_eq!(unique("[[1,2],[2,1],[1,2.0]]"), "[[1,2],[2,1]]");
    }
}
