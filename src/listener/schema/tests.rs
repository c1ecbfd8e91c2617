//! Tests of expensive schemas and bodies, and a test that the meter does not change results.

use serde_json::{Value, json};

use super::Schema;
use crate::value::read_json;

fn schema(schema: &Value) -> Schema {
    Schema::read(named(schema).to_string().as_bytes()).unwrap()
}

/// Adds the draft to a schema, so that it is not read as the shorthand.
fn named(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Value::Object(object) = &mut schema {
        let draft = "https://json-schema.org/draft/2020-12/schema";
        object.entry("$schema").or_insert_with(|| draft.into());
    }
    schema
}

fn violations(schema: &Schema, body: &Value) -> Vec<String> {
    schema.violations(&read_json(body.to_string().as_bytes()).unwrap())
}

#[track_caller]
fn refused(schema: &Value, reason: &str) {
    let error = Schema::read(named(schema).to_string().as_bytes()).map(|_| ()).unwrap_err();
    assert!(error.contains(reason), "{error}");
}

/// Nests a value in a member `depth` times.
fn nested(depth: usize, member: impl Fn(Value) -> Value, leaf: Value) -> Value {
    (0..depth).fold(leaf, |inner, _| member(inner))
}

#[test]
fn recursive_schemas_validate_deep_bodies() {
    let tree = json!({
        "$ref": "#/$defs/t",
        "$defs": { "t": { "type": "object", "properties": {
            "l": { "$ref": "#/$defs/t" }, "r": { "$ref": "#/$defs/t" } } } },
    });
    let tree = schema(&tree);
    let deep = nested(100, |inner| json!({ "l": inner }), json!({}));
    assert_eq!(violations(&tree, &deep), [""; 0]);
    let wrong = nested(20, |inner| json!({ "r": inner }), json!(7));
    assert_eq!(violations(&tree, &wrong).len(), 1);
}

/// Builds a union whose branches all descend into the same members and fail only at the bottom.
fn exploding_union(keyword: &str) -> Value {
    let branch = |number: usize| {
        json!({ "properties": {
            "a": { "$ref": "#/$defs/u" }, "k": { "enum": [number, "x"] } } })
    };
    json!({ "$ref": "#/$defs/u", "$defs": { "u": { keyword: [branch(1), branch(2), branch(3), branch(4)] } } })
}

#[test]
fn nested_discriminated_unions_end_with_one_violation() {
    for keyword in ["anyOf", "oneOf"] {
        let schema = schema(&exploding_union(keyword));
        let body = nested(60, |inner| json!({ "a": inner, "k": 7 }), json!({ "k": 7 }));
        let found = violations(&schema, &body);
        assert_eq!(found.len(), 1, "{found:?}");
        let good = nested(20, |inner| json!({ "a": inner, "k": 3 }), json!({ "k": 2 }));
        let found = violations(&schema, &good);
        assert!(found.len() <= 1, "{found:?}");
    }
}

#[test]
fn the_number_of_listed_schema_violations_is_bounded() {
    let each = json!({ "type": "array", "items": { "anyOf": [
        { "type": "string" }, { "type": "boolean" }, { "properties": { "n": { "type": "null" } } } ] } });
    let schema = schema(&each);
    let items: Vec<Value> = (0..50_000).map(|n| json!({ "n": n })).collect();
    let found = violations(&schema, &Value::Array(items));
    assert_eq!(found, ["the body does not match the schema, in more places than are listed"]);
    let long = "x".repeat(1 << 20);
    let items: Vec<Value> = (0..300).map(|n| json!({ "n": n })).collect();
    let found = violations(
        &self::schema(&json!({ "additionalProperties": each })),
        &json!({ long: items }),
    );
    assert_eq!(found.len(), 1, "{}", found.len());
}

#[test]
fn schema_validation_past_the_step_limit_is_a_violation() {
    let branches: Vec<Value> = (0..100).map(|n| json!({ "required": [format!("m{n}")] })).collect();
    let schema = schema(&json!({ "items": { "not": { "anyOf": branches } } }));
    let items: Vec<Value> = (0..100_000).map(|_| json!({})).collect();
    let found = violations(&schema, &Value::Array(items));
    assert!(found[0].contains("more than 2000000 steps"), "{found:?}");
}

#[test]
fn exponential_and_cyclic_schemas_are_refused() {
    let mut defs = serde_json::Map::new();
    for level in 0..40 {
        let next = json!({ "$ref": format!("#/$defs/s{}", level + 1) });
        defs.insert(
            format!("s{level}"),
            json!({ "allOf": [next, next], "unevaluatedProperties": false }),
        );
    }
    defs.insert("s40".to_owned(), json!(true));
    refused(&json!({ "$defs": defs, "$ref": "#/$defs/s0" }), "too complex");
    refused(&json!({ "$ref": "#" }), "without end");
    refused(
        &json!({ "$schema": "http://json-schema.org/draft-07/schema#", "allOf": [{ "$ref": "#" }] }),
        "without end",
    );
}

#[test]
fn schemas_that_share_definitions_by_members_validate() {
    let mut defs = serde_json::Map::new();
    for level in 0..60 {
        let next = json!({ "$ref": format!("#/$defs/s{}", level + 1) });
        defs.insert(
            format!("s{level}"),
            json!({ "properties": { "a": next, "b": next }, "unevaluatedProperties": false,
                    "patternProperties": { "^c": next }, "additionalProperties": next }),
        );
    }
    defs.insert("s60".to_owned(), json!({ "type": "string" }));
    let schema = schema(&json!({ "$defs": defs, "$ref": "#/$defs/s0" }));
    assert!(violations(&schema, &json!({ "a": { "c": { "x": {} } } })).is_empty());
}

#[test]
fn schema_patterns_run_in_linear_time_and_have_a_size_limit() {
    for pattern in [r"^(a+)+\1$", "(?=a)b", "(?<!a)b"] {
        refused(
            &json!({ "properties": { "a": { "pattern": pattern } } }),
            "look-around or a back-reference",
        );
        refused(
            &json!({ "patternProperties": { pattern: true } }),
            "look-around or a back-reference",
        );
    }
    refused(&json!({ "pattern": r"(\pL{1,100}){1,100}" }), "compiles to more than");
    let many: Vec<Value> =
        (0..300).map(|n| json!({ "pattern": format!(r"\pL{{20}}x{n}") })).collect();
    refused(&json!({ "anyOf": many }), "the patterns of the schema");
    refused(&json!({ "pattern": "(".repeat(3_000) + &")".repeat(3_000) }), "more than 4096 bytes");
    let schema = schema(&json!({ "pattern": "^(a+)+$" }));
    let text = "a".repeat(1 << 20) + "!";
    assert_eq!(violations(&schema, &json!(text)).len(), 1);
    // A pattern with many states counts each byte of a text that many times.
    let schema = self::schema(&json!({ "pattern": "[ab]*a[ab]{2000}c" }));
    let found = violations(&schema, &json!("ab".repeat(1 << 19)));
    assert!(found[0].contains("steps"), "{found:?}");
}

#[test]
fn remote_schema_references_are_never_fetched() {
    for reference in [
        "http://127.0.0.1:9/s.json",
        "https://example.com/s.json",
        "file:///etc/passwd",
        "other.json",
    ] {
        refused(&json!({ "$ref": reference }), "it is no JSON Schema");
        refused(&json!({ "$schema": reference }), "it is no JSON Schema");
    }
}

#[test]
fn schema_validation_compares_huge_numbers_in_constant_time() {
    let schema = schema(&json!({ "items": { "multipleOf": 1e-300, "maximum": 1e308 } }));
    for number in ["1e308", "1e-308", "123456789012345678901234567890", "-0.0", "5e-324"] {
        let body = read_json(format!("[{number}]").as_bytes()).unwrap();
        assert!(schema.violations(&body).len() <= 1, "{number}");
    }
}

#[test]
fn schema_validation_of_deep_bodies_uses_a_bounded_stack() {
    let branches = nested(
        25,
        |inner| json!({ "allOf": [{ "not": { "not": inner } }] }),
        json!({ "$ref": "#/$defs/next" }),
    );
    let schema = schema(&json!({
        "$ref": "#/$defs/t",
        "$defs": { "t": branches, "next": { "type": "object", "properties": { "a": { "$ref": "#/$defs/t" } } } },
    }));
    let body = nested(120, |inner| json!({ "a": inner }), json!({}));
    let checked = move || violations(&schema, &body).len();
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(checked).unwrap();
    assert!(thread.join().unwrap() <= 1);
}

#[test]
fn unique_items_are_compared_within_the_step_limit() {
    let schema = schema(&json!({ "items": { "uniqueItems": true }, "uniqueItems": true }));
    let numbers: Vec<Value> = (0..20_000).map(|n| json!([n, { "n": n }])).collect();
    assert_eq!(violations(&schema, &Value::Array(numbers.clone())), [""; 0]);
    let twice: Vec<Value> = numbers.iter().chain(&numbers[..1]).cloned().collect();
    assert_eq!(violations(&schema, &Value::Array(twice)).len(), 1);
    assert_eq!(violations(&schema, &json!([1, 1.0])).len(), 1);
    assert_eq!(violations(&schema, &json!([{ "a": 1, "b": 2 }, { "b": 2, "a": 1 }])).len(), 1);
}

/// A small generator of random numbers with a fixed sequence.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 6 } else { 9 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(self.below(4)),
            3 => json!(self.below(8) as f64 / 2.0),
            4 => json!(["a", "b", "ab", "é"][self.below(4)]),
            5 => json!(-2),
            6 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => {
                let names = ["a", "b", "k"];
                let member = |this: &mut Self, name: &str| (name.to_owned(), this.value(depth - 1));
                let members: Vec<_> =
                    (0..self.below(4)).map(|at| member(self, names[at % 3])).collect();
                Value::Object(members.into_iter().collect())
            }
        }
    }

    fn schema(&mut self, depth: usize) -> Value {
        let mut object = serde_json::Map::new();
        for _ in 0..=self.below(3) {
            let (keyword, value) = self.keyword(depth);
            object.insert(keyword.to_owned(), value);
        }
        Value::Object(object)
    }

    fn keyword(&mut self, depth: usize) -> (&'static str, Value) {
        let inner = depth.saturating_sub(1);
        let choices = if depth == 0 { 13 } else { 29 };
        match self.below(choices) {
            0 | 1 => (
                "type",
                json!(
                    ["null", "boolean", "integer", "number", "string", "array", "object"]
                        [self.below(7)]
                ),
            ),
            2 => ("enum", (0..3).map(|_| self.value(1)).collect()),
            3 => ("const", self.value(2)),
            4 => ("minimum", json!(self.below(3))),
            5 => ("exclusiveMaximum", json!(2.5)),
            6 => ("maxLength", json!(self.below(3))),
            7 => ("pattern", json!(["^a", "b$", r"\w{2}", "[^a]"][self.below(4)])),
            8 => ("required", Value::Array(vec![json!(["a", "b", "k"][self.below(3)])])),
            9 => ("minItems", json!(self.below(3))),
            10 => ("uniqueItems", json!(true)),
            11 => ("multipleOf", json!([0.5, 2.0][self.below(2)])),
            12 => ("maxProperties", json!(self.below(3))),
            13..=15 => ("properties", json!({ "a": self.schema(inner), "k": self.schema(inner) })),
            16 => ("items", self.schema(inner)),
            17 => ("prefixItems", json!([self.schema(inner)])),
            18 => ("contains", self.schema(inner)),
            19 => ("additionalProperties", self.schema(inner)),
            20 => ("patternProperties", json!({ "a|b": self.schema(inner) })),
            21 => ("propertyNames", self.schema(0)),
            22 => ("allOf", json!([self.schema(inner), self.schema(inner)])),
            23 => ("anyOf", json!([self.schema(inner), self.schema(inner)])),
            24 => ("oneOf", json!([self.schema(inner), self.schema(inner)])),
            25 => ("not", self.schema(inner)),
            26 => ("unevaluatedProperties", json!(false)),
            27 => ("properties", json!({ "a": { "$ref": "#" } })),
            _ => ("dependentSchemas", json!({ "a": self.schema(inner) })),
        }
    }
}

#[test]
fn schema_validation_with_a_step_limit_agrees_with_the_jsonschema_crate() {
    let mut numbers = Numbers(17);
    let (mut valid, mut invalid) = (0, 0);
    for _ in 0..600 {
        let json = numbers.schema(3);
        let ours = schema(&json);
        let theirs = jsonschema::validator_for(&json).unwrap();
        for _ in 0..8 {
            let body = numbers.value(3);
            let verdict = violations(&ours, &body).is_empty();
            assert_eq!(verdict, theirs.is_valid(&body), "{json} {body}");
            if verdict { valid += 1 } else { invalid += 1 }
        }
    }
    assert!(valid > 500 && invalid > 500, "{valid} {invalid}");
}
