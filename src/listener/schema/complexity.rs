//! The cost of a schema, estimated before it is compiled.
//!
//! The meter of a validation counts accesses to the body. This module bounds the work between two
//! accesses: the number of schemas that apply to one value, also through references, and the cost
//! of each byte of a string that patterns read. It also rejects schemas that would make the
//! compiler run for long: shared subschemas that multiply, circular references, large patterns.
//! Knows no bodies.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::engine::{PatternCost, pattern_cost};

/// Maximum number of values in a schema document.
const VALUES: usize = 50_000;

/// Maximum number of schemas that apply to one value, through references and branches. Each path
/// counts.
const APPLICATIONS: u64 = 10_000;

/// Maximum sum of applications over all schemas with `unevaluatedProperties` or `unevaluatedItems`:
/// the compiler follows all paths again for each of them.
const UNEVALUATED_APPLICATIONS: u64 = 200_000;

/// Maximum number of schemas that apply to one value without accessing it, such as `true` and `{}`.
const SILENT: u64 = 256;

/// Number of silent schemas that cost one step of an access.
const SILENT_PER_STEP: u64 = 16;

/// Maximum length of a chain of schemas that apply to the same value.
const HEIGHT: usize = 128;

/// Maximum number of schemas with an identifier of their own.
const RESOURCES: usize = 64;

/// Maximum length of a regular expression, in bytes.
const PATTERN_TEXT: usize = 4 << 10;

/// Maximum size of the compiled form of a regular expression, in bytes.
pub(super) const PATTERN_BYTES: usize = 1 << 20;

/// Maximum size of the compiled forms of all regular expressions of a schema, in bytes.
const PATTERNS_BYTES: usize = 8 << 20;

/// Weight of each byte of a string that is parsed as a regular expression, which can take quadratic
/// time.
const REGEX_FORMAT: u64 = 4_096;

/// Weight of each byte of a string that is decoded.
const CONTENT: u64 = 64;

/// Number of schemas assumed for a reference to a document outside the schema: a built-in
/// meta-schema.
const EXTERNAL: u64 = 256;

/// The cost of a schema.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Complexity {
    silent: u64,
    /// The weight of each byte of a string: the number of times it counts.
    pub(super) text_weight: u64,
    /// The same for the names of members. All patterns of the schema may be tried on one name.
    pub(super) name_weight: u64,
}

impl Complexity {
    /// Analyses a schema. Returns an error if a limit is exceeded.
    pub(super) fn of(schema: &Value) -> Result<Self, String> {
        let mut survey = Survey { root: schema, ..Survey::new(schema) };
        survey.visit(schema)?;
        let patterns = weigh(&survey)?;
        let mut reaches = Reaches { survey: &survey, known: HashMap::new() };
        let mut silent = 0;
        let mut unevaluated = 0_u64;
        for object in &survey.objects {
            let reach = reaches.of_object(object, 0)?;
            silent = silent.max(reach.silent);
            let asks = ["unevaluatedProperties", "unevaluatedItems"];
            if asks.iter().any(|keyword| object.contains_key(*keyword)) {
                unevaluated = unevaluated.saturating_add(reach.applications);
            }
        }
        if unevaluated > UNEVALUATED_APPLICATIONS {
            return Err(too_complex(
                "its `unevaluated…` keywords follow",
                UNEVALUATED_APPLICATIONS,
            ));
        }
        if silent > SILENT {
            return Err(too_complex("schemas without a condition,", SILENT));
        }
        Ok(Self { silent, ..patterns })
    }

    /// Returns the number of steps of an access to the body.
    pub(super) fn step_cost(&self) -> u64 {
        1 + self.silent / SILENT_PER_STEP
    }
}

fn too_complex(what: &str, most: u64) -> String {
    format!("the schema is too complex: {what} more than {most} schemas apply to one value")
}

/// The content of a schema document.
struct Survey<'s> {
    root: &'s Value,
    values: usize,
    objects: Vec<&'s Map<String, Value>>,
    /// Schemas with an identifier of their own. References are relative to them.
    resources: Vec<(&'s str, &'s Value)>,
    anchors: HashMap<&'s str, Vec<&'s Value>>,
    /// Patterns for strings (`texts`) and for member names (`names`).
    texts: Vec<&'s str>,
    names: Vec<&'s str>,
    reads_regex: bool,
    decodes: bool,
}

impl<'s> Survey<'s> {
    fn new(root: &'s Value) -> Self {
        Self {
            root,
            values: 0,
            objects: Vec::new(),
            resources: Vec::new(),
            anchors: HashMap::new(),
            texts: Vec::new(),
            names: Vec::new(),
            reads_regex: false,
            decodes: false,
        }
    }

    /// Visits a value. Every object may be a schema, because a reference may point to any position.
    fn visit(&mut self, value: &'s Value) -> Result<(), String> {
        self.values += 1;
        if self.values > VALUES {
            return Err(format!("the schema has more than {VALUES} values"));
        }
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.visit(item)),
            Value::Object(object) => {
                self.note(value, object);
                if self.resources.len() > RESOURCES {
                    return Err(format!("the schema has more than {RESOURCES} `$id`"));
                }
                object.values().try_for_each(|member| self.visit(member))
            }
            _ => Ok(()),
        }
    }

    fn note(&mut self, value: &'s Value, object: &'s Map<String, Value>) {
        self.objects.push(object);
        let text = |keyword: &str| object.get(keyword).and_then(Value::as_str);
        for id in ["$id", "id"].into_iter().filter_map(text) {
            self.resources.push((id, value));
            // Draft 7 has anchors as identifiers: `"$id": "#name"`.
            if let Some(anchor) = id.strip_prefix('#') {
                self.anchors.entry(anchor).or_default().push(value);
            }
        }
        for anchor in ["$anchor", "$dynamicAnchor"].into_iter().filter_map(text) {
            self.anchors.entry(anchor).or_default().push(value);
        }
        self.texts.extend(text("pattern"));
        let names = object.get("patternProperties").and_then(Value::as_object);
        self.names.extend(names.into_iter().flat_map(|names| names.keys().map(String::as_str)));
        self.reads_regex |= text("format") == Some("regex");
        self.decodes |=
            object.contains_key("contentEncoding") || object.contains_key("contentMediaType");
    }

    /// Returns the schemas that a reference may mean. Extra ones only raise the estimate.
    fn targets(&self, reference: &str) -> Vec<&'s Value> {
        let (base, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let named =
            |id: &str| id.trim_end_matches('#').rsplit('/').next() == base.rsplit('/').next();
        let mut bases: Vec<&'s Value> = match base {
            "" => self.resources.iter().map(|(_, value)| *value).chain([self.root]).collect(),
            _ => {
                let found = self.resources.iter().filter(|(id, _)| named(id));
                found.map(|(_, value)| *value).collect()
            }
        };
        let fragment = percent_decode_str(fragment).decode_utf8_lossy();
        if fragment.is_empty() || fragment.starts_with('/') {
            bases.dedup_by(|a, b| std::ptr::eq(*a, *b));
            return bases.into_iter().filter_map(|base| base.pointer(&fragment)).collect();
        }
        self.anchors.get(&*fragment).cloned().unwrap_or_default()
    }
}

/// Computes the cost of patterns in strings and names.
fn weigh(survey: &Survey<'_>) -> Result<Complexity, String> {
    let mut costs: HashMap<&str, PatternCost> = HashMap::new();
    for pattern in survey.texts.iter().chain(&survey.names) {
        if !costs.contains_key(pattern) {
            costs.insert(pattern, cost_of(pattern)?);
        }
    }
    let bytes = costs.values().map(|cost| cost.bytes).fold(0, usize::saturating_add);
    if bytes > PATTERNS_BYTES {
        return Err(format!(
            "the patterns of the schema compile to more than {PATTERNS_BYTES} bytes"
        ));
    }
    let weight = |pattern: &&str| costs.get(pattern).map_or(1, |cost| cost.weight as u64);
    let mut text_weight = survey.texts.iter().map(weight).max().unwrap_or(1);
    text_weight = text_weight.saturating_add(if survey.decodes { CONTENT } else { 0 });
    text_weight = text_weight.saturating_add(if survey.reads_regex { REGEX_FORMAT } else { 0 });
    let names = survey.names.iter().map(weight).fold(0, u64::saturating_add);
    // `additionalProperties` and `unevaluatedProperties` try the patterns again. A name may have to
    // match `pattern` too.
    let name_weight = names.saturating_mul(3).saturating_add(text_weight);
    Ok(Complexity { silent: 0, text_weight, name_weight })
}

fn cost_of(pattern: &str) -> Result<PatternCost, String> {
    let shown = crate::value::shortened(pattern);
    if pattern.len() > PATTERN_TEXT {
        return Err(format!("the pattern `{shown}` has more than {PATTERN_TEXT} bytes"));
    }
    if looks_around(pattern) {
        return Err(format!(
            "the pattern `{shown}` uses look-around or a back-reference; patterns run in linear time and have neither"
        ));
    }
    // A pattern that only ECMAScript accepts is rare. It counts as a large one.
    let unknown = PatternCost { weight: pattern.len() * 8, bytes: PATTERN_BYTES / 4 };
    let cost = pattern_cost(pattern).unwrap_or(unknown);
    if cost.bytes > PATTERN_BYTES {
        return Err(format!(
            "the pattern `{shown}` compiles to more than {PATTERN_BYTES} bytes; large repetitions are what makes it big"
        ));
    }
    Ok(cost)
}

/// Returns true if a pattern needs backtracking: look-around or a back-reference.
fn looks_around(pattern: &str) -> bool {
    let mut escaped = false;
    let mut class = false;
    for (at, byte) in pattern.bytes().enumerate() {
        let rest = pattern.as_bytes().get(at..).unwrap_or_default();
        if escaped {
            escaped = false;
            if !class && (matches!(byte, b'1'..=b'9') || rest.starts_with(b"k<")) {
                return true;
            }
            continue;
        }
        match byte {
            b'\\' => escaped = true,
            b'[' => class = true,
            b']' => class = false,
            b'(' if !class => {
                let around: [&[u8]; 4] = [b"(?=", b"(?!", b"(?<=", b"(?<!"];
                if around.iter().any(|opening| rest.starts_with(opening)) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// The schemas that apply to the same value through a schema.
#[derive(Debug, Clone, Copy)]
struct ReachableSchemas {
    /// Number of schemas; each path counts.
    applications: u64,
    /// Number of schemas at the ends of paths that do not access the value.
    silent: u64,
    height: usize,
}

struct Reaches<'s> {
    survey: &'s Survey<'s>,
    /// Keyed by the address of the schema; `None` while the reach is being computed.
    known: HashMap<usize, Option<ReachableSchemas>>,
}

/// Keywords whose schemas apply to the same value: lists of schemas, single schemas, schemas by
/// name.
const LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const SINGLE: [&str; 4] = ["not", "if", "then", "else"];
const NAMED: [&str; 2] = ["dependentSchemas", "dependencies"];

const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

impl<'s> Reaches<'s> {
    fn of(&mut self, schema: &'s Value, height: usize) -> Result<ReachableSchemas, String> {
        match schema {
            Value::Object(object) => self.of_object(object, height),
            _ => Ok(ReachableSchemas { applications: 1, silent: 1, height: 1 }),
        }
    }

    fn of_object(
        &mut self,
        object: &'s Map<String, Value>,
        height: usize,
    ) -> Result<ReachableSchemas, String> {
        let address = std::ptr::from_ref(object).addr();
        match self.known.get(&address) {
            Some(Some(reach)) => return Ok(*reach),
            Some(None) => {
                return Err("the schema applies itself to the same value without end".to_owned());
            }
            None => {}
        }
        if height >= HEIGHT {
            return Err(too_high());
        }
        self.known.insert(address, None);
        let reach = self.sum(object, height)?;
        self.known.insert(address, Some(reach));
        Ok(reach)
    }

    fn sum(
        &mut self,
        object: &'s Map<String, Value>,
        height: usize,
    ) -> Result<ReachableSchemas, String> {
        let mut total = ReachableSchemas { applications: 1, silent: 0, height: 1 };
        let mut add = |reach: ReachableSchemas| {
            total.applications = total.applications.saturating_add(reach.applications);
            total.silent = total.silent.saturating_add(reach.silent);
            total.height = total.height.max(reach.height + 1);
        };
        for branch in branches(object) {
            add(self.of(branch, height + 1)?);
        }
        for reference in REFERENCES.iter().filter_map(|keyword| object.get(*keyword)?.as_str()) {
            let targets = self.survey.targets(reference);
            if targets.is_empty() {
                add(ReachableSchemas { applications: EXTERNAL, silent: 0, height: 1 });
            }
            for target in targets {
                add(self.of(target, height + 1)?);
            }
        }
        if total.applications == 1 && !looks(object) {
            total.silent = 1;
        }
        if total.applications > APPLICATIONS {
            return Err(too_complex("with references followed,", APPLICATIONS));
        }
        if total.height > HEIGHT {
            return Err(too_high());
        }
        Ok(total)
    }
}

/// Returns the schemas that a schema applies to the same value, without references.
fn branches(object: &Map<String, Value>) -> Vec<&Value> {
    let lists = LISTS.iter().filter_map(|keyword| object.get(*keyword)?.as_array()).flatten();
    let single = SINGLE.iter().filter_map(|keyword| object.get(*keyword));
    let named = NAMED.iter().filter_map(|keyword| object.get(*keyword)?.as_object());
    // A dependency may also be a list of names.
    let named = named.flat_map(Map::values).filter(|member| !member.is_array());
    lists.chain(single).chain(named).collect()
}

/// Returns true if a schema has a keyword that accesses the value.
fn looks(object: &Map<String, Value>) -> bool {
    object.iter().any(|(keyword, value)| match (keyword.as_str(), value) {
        ("type" | "const", _) => true,
        ("enum" | "required", Value::Array(items)) => !items.is_empty(),
        ("properties", Value::Object(members)) => !members.is_empty(),
        _ => false,
    })
}

fn too_high() -> String {
    format!("the schema is too complex: more than {HEIGHT} schemas lead from one to the next")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Complexity, looks_around};

    fn wrong(schema: &Value) -> String {
        Complexity::of(schema).unwrap_err()
    }

    /// Builds schemas that each apply the next one twice.
    fn doubled(levels: usize, branch: impl Fn(Value) -> Value) -> Value {
        let mut defs = serde_json::Map::new();
        for level in 0..levels {
            let next = json!({ "$ref": format!("#/$defs/s{}", level + 1) });
            defs.insert(format!("s{level}"), branch(next));
        }
        defs.insert(format!("s{levels}"), json!({ "type": "object" }));
        json!({ "$defs": defs, "$ref": "#/$defs/s0" })
    }

    #[test]
    fn schemas_with_exponential_validation_cost_are_refused() {
        for keyword in ["allOf", "anyOf", "oneOf"] {
            let schema = doubled(30, |next| json!({ keyword: [next, next] }));
            assert!(wrong(&schema).contains("too complex"), "{keyword}");
        }
        let schema = doubled(30, |next| json!({ "if": next, "then": next, "else": next }));
        assert!(wrong(&schema).contains("too complex"));
    }

    #[test]
    fn schemas_that_share_definitions_by_members_are_accepted() {
        let schema = doubled(60, |next| json!({ "properties": { "a": next, "b": next } }));
        Complexity::of(&schema).unwrap();
    }

    #[test]
    fn a_schema_that_recurses_without_a_member_is_refused() {
        for schema in [
            json!({ "$ref": "#" }),
            json!({ "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "anyOf": [{ "$ref": "#/$defs/a" }] } } }),
            json!({ "$dynamicAnchor": "x", "not": { "$dynamicRef": "#x" } }),
            json!({ "$id": "https://example.com/s", "allOf": [{ "$ref": "s" }] }),
        ] {
            assert!(wrong(&schema).contains("without end"), "{schema}");
        }
    }

    #[test]
    fn lookaround_and_backreferences_in_schema_patterns_are_detected() {
        for pattern in [r"(a)\1", r"^(?=a)", r"(?<!b)a", r"(?<n>a)\k<n>", r"(?!x)"] {
            assert!(looks_around(pattern), "{pattern}");
        }
        for pattern in [r"\\1", r"[\1]", r"\(?=a", "[(?=]", r"(?:a)\d", "(?<n>a)", "a{1,2}"] {
            assert!(!looks_around(pattern), "{pattern}");
        }
    }
}
