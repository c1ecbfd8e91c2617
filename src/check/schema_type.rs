//! Types from a JSON Schema (draft 7 and 2020-12, limited to types), and from its shorthand. Does not
//! validate values.
//!
//! A short schema can describe a very large type: one that refers to itself twice doubles its parts
//! with each level. So each schema is read once for each number of remaining references, and the
//! parts are counted. Beyond the limits the type is unknown.

use std::collections::HashMap;

use super::types::{MAX_DEPTH, RecordType, Type};
use crate::value::{Kinds, Object, OwnedValue, Value};

/// The maximum number of references in a chain. A deeper part has an unknown type.
const MAX_REFERENCES: usize = 16;

/// The maximum number of schemas read, and types merged in unions, together.
const MAX_PARTS: usize = 100_000;

impl Type {
    /// Returns true if a document is a JSON Schema, and not the shorthand for one.
    pub fn is_schema(schema: &OwnedValue) -> bool {
        !is_shorthand(schema.borrow())
    }

    /// Returns the type for a JSON Schema (draft 7 and 2020-12, limited to types), or for its
    /// shorthand, `{ "action": "string" }`.
    pub fn of_schema(schema: &OwnedValue) -> Self {
        let value = schema.borrow();
        if is_shorthand(value) { shorthand(value, MAX_DEPTH) } else { of_schema(value) }
    }
}

/// Returns the type of the values that a schema describes.
fn of_schema(schema: Value<'_>) -> Type {
    let mut reader = SchemaReader { root: schema, known: HashMap::new(), left: MAX_PARTS };
    reader.read(schema, RemainingDepth { depth: MAX_DEPTH, references: MAX_REFERENCES })
}

/// The remaining depth of nesting and of references.
#[derive(Debug, Clone, Copy)]
struct RemainingDepth {
    depth: usize,
    references: usize,
}

impl RemainingDepth {
    fn deeper(self) -> Option<Self> {
        Some(Self { depth: self.depth.checked_sub(1)?, ..self })
    }

    fn behind_reference(self) -> Option<Self> {
        Some(Self { references: self.references.checked_sub(1)?, ..self.deeper()? })
    }
}

/// A reader of a schema. `root` is the document that its references point into.
struct SchemaReader<'s> {
    root: Value<'s>,
    /// The types read so far, by the address of the schema and the number of remaining references.
    known: HashMap<(usize, usize), Type>,
    left: usize,
}

impl<'s> SchemaReader<'s> {
    fn read(&mut self, schema: Value<'s>, at: RemainingDepth) -> Type {
        let Value::Object(object) = schema else {
            return Type::any();
        };
        if !self.spend(1) {
            return Type::any();
        }
        let Some(key) = address(object).map(|address| (address, at.references)) else {
            return self.read_object(object, at);
        };
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let found = self.read_object(object, at);
        self.known.insert(key, found.clone());
        found
    }

    fn read_object(&mut self, object: Object<'s>, at: RemainingDepth) -> Type {
        if let Some(reference) = object.get("$ref").and_then(Value::as_text) {
            return match (self.resolve(reference), at.behind_reference()) {
                (Some(target), Some(at)) => self.read(target, at),
                _ => Type::any(),
            };
        }
        let Some(at) = at.deeper() else {
            return Type::any();
        };
        for word in ["anyOf", "oneOf"] {
            if let Some(Value::List(options)) = object.get(word) {
                return self.union(options.iter(), at);
            }
        }
        let kinds = declared_kinds(object);
        let mut found = Type::of(kinds);
        if kinds.meets(Kinds::OBJECT) && object.get("properties").is_some() {
            found = found.with_record(self.members(object, at));
        } else if let Some(items) = object.get("items") {
            let elements = Some(self.read(items, at));
            found = found.with_record(RecordType { elements, ..RecordType::default() });
        }
        found
    }

    fn union(&mut self, options: impl Iterator<Item = Value<'s>>, at: RemainingDepth) -> Type {
        let mut all: Option<Type> = None;
        for option in options {
            let option = self.read(option, at);
            let one = match all {
                None => option,
                Some(all) if self.spend(all.types().saturating_add(option.types()).min(UNION)) => {
                    all.or(option)
                }
                Some(_) => return Type::any(),
            };
            all = Some(one);
        }
        all.unwrap_or_else(Type::any)
    }

    fn members(&mut self, object: Object<'s>, at: RemainingDepth) -> RecordType {
        let required = required_names(object);
        let mut members = std::collections::BTreeMap::new();
        let properties = object.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flat_map(Object::iter) {
            let member = self.read(schema, at);
            let member = if required.contains(name) { member } else { member.or_null() };
            members.insert(name.into(), member);
        }
        let others = match object.get("additionalProperties") {
            Some(Value::Bool(true)) => Some(Type::any()),
            Some(schema @ Value::Object(_)) => Some(self.read(schema, at).or_null()),
            _ if object.get("patternProperties").is_some() => Some(Type::any()),
            // A schema that lists its properties is taken as complete: a typing error is more
            // likely than an undocumented member, and it only causes a warning.
            _ => None,
        };
        RecordType { members, others, ..RecordType::default() }
    }

    /// Counts parts. Returns false if the limit is exceeded.
    fn spend(&mut self, parts: usize) -> bool {
        let left = self.left.checked_sub(parts);
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    /// Resolves a reference into the same document: `#/$defs/issue`.
    fn resolve(&self, reference: &str) -> Option<Value<'s>> {
        let mut target = self.root;
        for key in reference.strip_prefix('#')?.split('/').skip(1) {
            let key = key.replace("~1", "/").replace("~0", "~");
            target = target.as_object()?.get(&key)?;
        }
        Some(target)
    }
}

/// The maximum number of types that one merge of two types counts as. Larger record types are not merged.
const UNION: usize = 4_096;

fn required_names<'s>(object: Object<'s>) -> std::collections::HashSet<&'s str> {
    match object.get("required") {
        Some(Value::List(names)) => names.iter().filter_map(Value::as_text).collect(),
        _ => std::collections::HashSet::new(),
    }
}

/// Returns the address of an object that outlives the reader.
fn address(object: Object<'_>) -> Option<usize> {
    match object {
        Object::Owned(object) => Some(std::ptr::from_ref(object).addr()),
        Object::Json(map) => Some(std::ptr::from_ref(map).addr()),
        _ => None,
    }
}

fn declared_kinds(object: Object<'_>) -> Kinds {
    let of_values = |list: crate::value::List<'_>| {
        list.iter().map(|value| Kinds::of(value.kind())).fold(Kinds::NONE, Kinds::or)
    };
    match (object.get("type"), object.get("enum"), object.get("const")) {
        (Some(Value::Text(name)), ..) => name_kinds(name).unwrap_or(Kinds::ANY),
        (Some(Value::List(names)), ..) => {
            let kinds = names.iter().filter_map(|name| name_kinds(name.as_text()?));
            kinds.fold(Kinds::NONE, Kinds::or)
        }
        (_, Some(Value::List(values)), _) => of_values(values),
        (_, _, Some(value)) => Kinds::of(value.kind()),
        _ if object.get("properties").is_some() => Kinds::OBJECT,
        _ => Kinds::ANY,
    }
}

/// The keywords that mark a JSON Schema at its top level.
const SCHEMA_WORDS: [&str; 10] = [
    "$schema",
    "$ref",
    "$defs",
    "definitions",
    "properties",
    "anyOf",
    "oneOf",
    "allOf",
    "enum",
    "items",
];

fn is_shorthand(schema: Value<'_>) -> bool {
    let Value::Object(object) = schema else {
        return false;
    };
    let typed =
        object.get("type").and_then(Value::as_text).is_some_and(|name| name_kinds(name).is_some());
    !typed && SCHEMA_WORDS.iter().all(|word| object.get(word).is_none())
}

fn shorthand(value: Value<'_>, depth: usize) -> Type {
    if depth == 0 {
        return Type::any();
    }
    match value {
        Value::Text(name) => name_kinds(name).map_or_else(Type::any, Type::of).or_null(),
        Value::List(list) => {
            let elements = list.iter().map(|item| shorthand(item, depth - 1)).reduce(Type::or);
            Type::list_of(elements.unwrap_or_else(Type::any)).or_null()
        }
        Value::Object(object) => {
            let members =
                object.iter().map(|(key, value)| (key.into(), shorthand(value, depth - 1)));
            Type::of(Kinds::OBJECT)
                .with_record(RecordType { members: members.collect(), ..RecordType::default() })
                .or_null()
        }
        _ => Type::any(),
    }
}

fn name_kinds(name: &str) -> Option<Kinds> {
    Some(match name {
        "string" => Kinds::TEXT,
        "integer" | "number" => Kinds::NUMBER,
        "boolean" => Kinds::BOOLEAN,
        "null" => Kinds::NULL,
        "array" => Kinds::LIST,
        "object" => Kinds::OBJECT,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Type;
    use crate::value::{Kind, OwnedValue, read_json};

    fn schema(text: &str) -> OwnedValue {
        read_json(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_recursive_schema_is_expanded_once_for_each_reference() {
        let tree = r##"{"$defs":{"t":{"properties":{"a":{"$ref":"#/$defs/t"},"b":{"$ref":"#/$defs/t"}}}},"$ref":"#/$defs/t"}"##;
        let mut found = Type::of_schema(&schema(tree));
        for _ in 1..super::MAX_REFERENCES {
            assert_eq!(found.clone().not_null().kinds.only(), Some(Kind::Object));
            found = found.member("b", false).0;
        }
        // Deeper parts have an unknown type, so they cause no warnings.
        assert!(found.member("b", false).0.member("misspelt", false).1);
        let unions = r##"{"$ref":"#/$defs/u","$defs":{"u":{"oneOf":[{"properties":{"a":{"$ref":"#/$defs/u"}}},{"properties":{"b":{"$ref":"#/$defs/u"},"c":{"items":{"$ref":"#/$defs/u"}}}},{"anyOf":[{"$ref":"#/$defs/u"},{"$ref":"#/$defs/u"}]}]}}}"##;
        Type::of_schema(&schema(unions));
    }

    #[test]
    fn mutually_recursive_schemas_are_expanded_to_a_finite_type() {
        let mutual = r##"{"$ref":"#/$defs/a","$defs":{"a":{"properties":{"x":{"$ref":"#/$defs/b"},"y":{"$ref":"#/$defs/b"}}},"b":{"properties":{"x":{"$ref":"#/$defs/a"},"y":{"items":{"$ref":"#/$defs/a"}}},"additionalProperties":{"$ref":"#/$defs/b"}}}}"##;
        Type::of_schema(&schema(mutual));
        let levels: Vec<String> = (0..60)
            .map(|level| {
                let next = format!(r##"{{"$ref":"#/$defs/s{}"}}"##, level + 1);
                format!(r##""s{level}":{{"properties":{{"a":{next},"b":{next},"c":{{"anyOf":[{next},{next}]}}}}}}"##)
            })
            .collect();
        let shared = format!(
            r##"{{"$ref":"#/$defs/s0","$defs":{{{},"s60":{{"type":"string"}}}}}}"##,
            levels.join(",")
        );
        Type::of_schema(&schema(&shared));
    }
}
