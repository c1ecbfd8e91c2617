//! Types: the kinds of a value, and the types of the elements and members inside it. Does not know
//! the syntax.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::value::{Kind, Kinds, OwnedValue, Value};

/// The static type of a value.
#[derive(Debug, Clone)]
pub struct Type {
    /// The possible kinds.
    pub kinds: Kinds,
    /// The types of its elements and members, if they are known.
    pub record: Option<Arc<RecordType>>,
    /// True if it may be a secret or contain one (taint).
    pub secret: bool,
    /// True if it is a digest as bytes, or contains one.
    pub digest: bool,
    /// True if it is a string with an encoded digest in it, or contains one.
    pub digest_text: bool,
    /// The truth of the value, if it is certain.
    pub truth: Option<bool>,
}

/// The types of the elements of a list or the members of an object.
#[derive(Debug, Clone, Default)]
pub struct RecordType {
    /// The known members of an object.
    pub members: BTreeMap<Box<str>, Type>,
    /// The type of all other members. `None` if the object has no others.
    pub others: Option<Type>,
    /// The elements of a list.
    pub elements: Option<Type>,
    /// The size, computed by [`Type::shaped`] and in unions.
    pub(super) size: Size,
    /// The union of all elements and members, computed on first use.
    pub(super) joined: OnceLock<Option<Type>>,
}

/// The size of a record type. Parts are shared, so a short source can make a record type that is too large to
/// walk.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Size {
    depth: usize,
    /// The number of types in it. A shared type counts at each occurrence.
    types: usize,
}

/// The maximum nesting depth of a type, in levels. A deeper part has an unknown type.
pub(super) const MAX_DEPTH: usize = 64;

/// The maximum number of types in two record types to be merged. Merging larger ones gives an unknown
/// record type.
const MAX_TYPES: usize = 2_048;

impl Type {
    /// Returns the type of a value of these kinds.
    pub fn of(kinds: Kinds) -> Self {
        let truth = match kinds.only() {
            Some(Kind::Null) => Some(false),
            Some(Kind::Time) => Some(true),
            _ => None,
        };
        Self { kinds, record: None, secret: false, digest: false, digest_text: false, truth }
    }

    /// Returns the type of an unknown value that is not a secret.
    pub fn any() -> Self {
        Self::of(Kinds::ANY)
    }

    /// Returns the type of an object with members of one type.
    pub fn object_of(value: Self) -> Self {
        Self::of(Kinds::OBJECT)
            .with_record(RecordType { others: Some(value), ..RecordType::default() })
    }

    /// Returns the type of a list with elements of one type.
    pub fn list_of(element: Self) -> Self {
        let (secret, digest, written) = (element.secret, element.digest, element.digest_text);
        let mut list = Self::of(Kinds::LIST)
            .with_record(RecordType { elements: Some(element), ..RecordType::default() });
        (list.secret, list.digest, list.digest_text) = (secret, digest, written);
        list
    }

    /// Sets the types of the elements and members. A record type deeper than `MAX_DEPTH` is dropped.
    #[must_use]
    pub fn with_record(mut self, mut record: RecordType) -> Self {
        record.size = record.measured();
        self.record = (record.size.depth <= MAX_DEPTH).then(|| Arc::new(record));
        self
    }

    /// Adds null to the kinds.
    #[must_use]
    pub fn or_null(mut self) -> Self {
        self.kinds = self.kinds | Kinds::NULL;
        self.truth = self.truth.filter(|truth| !truth);
        self
    }

    /// Removes null from the kinds.
    #[must_use]
    pub fn not_null(mut self) -> Self {
        self.kinds = self.kinds.without(Kinds::NULL);
        self
    }

    /// Returns true if the value may be null.
    pub fn may_be_null(&self) -> bool {
        self.kinds.contains(Kind::Null)
    }

    /// Returns the union of two types.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let record = match (self.record, other.record) {
            (Some(a), Some(b)) => RecordType::either(a, &b),
            // A value that is no list or object does not contradict the record type of the other type.
            (Some(record), None) if !other.kinds.meets(Kinds::LIST | Kinds::OBJECT) => Some(record),
            (None, Some(record)) if !self.kinds.meets(Kinds::LIST | Kinds::OBJECT) => Some(record),
            _ => None,
        };
        Self {
            kinds: self.kinds | other.kinds,
            record,
            secret: self.secret || other.secret,
            digest: self.digest || other.digest,
            digest_text: self.digest_text || other.digest_text,
            truth: self.truth.filter(|truth| other.truth == Some(*truth)),
        }
    }

    /// Returns the type of the elements of a list, or of the members of an object.
    pub fn element(&self) -> Self {
        let mut element = self.known_element().unwrap_or_else(Self::any);
        element.secret |= self.secret;
        if self.secret {
            element.kinds = element.kinds | Kinds::SECRET;
        }
        element
    }

    fn known_element(&self) -> Option<Self> {
        let record = self.record.as_deref()?;
        record.joined.get_or_init(|| record.parts().cloned().reduce(Self::or)).clone()
    }

    /// Returns the type of a member. The second result is false if the member is known to be
    /// missing.
    pub fn member(&self, name: &str, case_insensitive: bool) -> (Self, bool) {
        let Some(record) = self.record.as_deref() else {
            return (self.unknown_member(), true);
        };
        let found = if case_insensitive {
            record
                .members
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
        } else {
            record.members.get(name)
        };
        match (found, &record.others) {
            (Some(member), _) if self.kinds.only() == Some(Kind::Object) => (member.clone(), true),
            (Some(member), _) | (None, Some(member)) => (member.clone().or_null(), true),
            (None, None) => (Self::of(Kinds::NULL), !self.kinds.contains(Kind::Object)),
        }
    }

    fn unknown_member(&self) -> Self {
        if !self.kinds.contains(Kind::Object) {
            return Self::of(Kinds::NULL);
        }
        let mut member = Self::any();
        member.secret = self.secret;
        if self.secret {
            member.kinds = Kinds::ALL;
        }
        member
    }

    /// Returns the names of the known members.
    pub fn member_names(&self) -> impl Iterator<Item = &str> {
        self.record.iter().flat_map(|record| record.members.keys().map(|name| &**name))
    }

    /// Returns the type of a sample and similar values. Any part may be null or missing in other
    /// values.
    pub fn of_sample(value: &OwnedValue) -> Self {
        sample(value.borrow(), MAX_DEPTH)
    }
}

impl Type {
    /// Returns the number of types in it. A shared type counts at each occurrence.
    pub(super) fn types(&self) -> usize {
        self.record.as_deref().map_or(1, |record| record.size.types.saturating_add(1))
    }
}

impl RecordType {
    /// Returns the types of all elements and members.
    fn parts(&self) -> impl Iterator<Item = &Type> {
        self.elements.iter().chain(self.members.values()).chain(&self.others)
    }

    fn measured(&self) -> Size {
        let none = Size { depth: 1, types: 1 };
        self.parts().fold(none, |size, part| {
            let inner = part.record.as_deref().map(|record| record.size).unwrap_or_default();
            Size {
                depth: size.depth.max(inner.depth + 1),
                types: size.types.saturating_add(inner.types).saturating_add(1),
            }
        })
    }

    /// Returns the union of two record types, or `None` if the merge would be too large.
    fn either(one: Arc<Self>, other: &Arc<Self>) -> Option<Arc<Self>> {
        if Arc::ptr_eq(&one, other) {
            return Some(one);
        }
        if one.size.types.saturating_add(other.size.types) > MAX_TYPES {
            return None;
        }
        let mut joined = one.or(other);
        joined.size = joined.measured();
        Some(Arc::new(joined))
    }

    fn or(&self, other: &Self) -> Self {
        let mut members = BTreeMap::new();
        for name in self.members.keys().chain(other.members.keys()) {
            let one = |record: &Self| {
                let other = || record.others.clone().map(Type::or_null);
                record.members.get(name).cloned().or_else(other)
            };
            let member = match (one(self), one(other)) {
                (Some(a), Some(b)) => a.or(b),
                (Some(one), None) | (None, Some(one)) => one.or_null(),
                (None, None) => continue,
            };
            members.insert(name.clone(), member);
        }
        let either = |a: &Option<Type>, b: &Option<Type>| match (a.clone(), b.clone()) {
            (Some(a), Some(b)) => Some(a.or(b)),
            (one, None) | (None, one) => one,
        };
        Self {
            members,
            others: either(&self.others, &other.others),
            elements: either(&self.elements, &other.elements),
            ..Self::default()
        }
    }
}

fn sample(value: Value<'_>, depth: usize) -> Type {
    if depth == 0 {
        return Type::any();
    }
    match value {
        Value::Null => Type::any(),
        Value::List(list) => {
            let elements = list.iter().map(|item| sample(item, depth - 1)).reduce(Type::or);
            Type::list_of(elements.unwrap_or_else(Type::any)).or_null()
        }
        Value::Object(object) => {
            let members =
                object.iter().map(|(key, value)| (key.into(), sample(value, depth - 1).or_null()));
            let record = RecordType { members: members.collect(), ..RecordType::default() };
            Type::of(Kinds::OBJECT).with_record(record).or_null()
        }
        scalar => Type::of(scalar.kind().into()).or_null(),
    }
}
