//! The context of an evaluation: values by variable, the time, the secrets. Does not know programs.

use arrayvec::ArrayVec;
use smallvec::SmallVec;

use super::definition_cache::DefinitionCache;
use super::secrets::Secrets;
use crate::value::{Object, OwnedObject, OwnedValue, Time, Value, json_member, same_text};

/// The context of one evaluation. It borrows everything, so it costs only a few words.
///
/// ```
/// use hookgate::vm::Context;
///
/// let body = serde_json::json!({ "action": "opened" });
/// let mut context = Context::new();
/// context.set("parsed_body", &body);
/// assert!(context.get("parsed_body").is_truthy());
/// assert!(context.get("headers").is_null());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Context<'c> {
    roots: ArrayVec<Root<'c>, INLINE_ROOTS>,
    /// The variables beyond the first ones. A request has none.
    more: Vec<Root<'c>>,
    /// An object whose members are variables too. Variables set one by one come first.
    object: Option<Object<'c>>,
    now: Option<Time>,
    secrets: Option<&'c Secrets>,
    definitions: Option<&'c DefinitionCache>,
}

type Root<'c> = (&'c str, Value<'c>);

/// The number of variables stored inline. A request has no more, so its context allocates nothing.
const INLINE_ROOTS: usize = 12;

impl<'c> Context<'c> {
    /// Returns an empty context: every variable is null.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a context whose variables are the members of an object. They are looked up when
    /// read.
    pub fn of(roots: impl Into<Value<'c>>) -> Self {
        Self { object: roots.into().as_object(), ..Self::default() }
    }

    /// Sets a variable, and replaces an earlier value.
    pub fn set(&mut self, root: &'c str, value: impl Into<Value<'c>>) -> &mut Self {
        let value = value.into();
        // The cached values are those of the other variables.
        self.definitions = None;
        for entry in self.roots.iter_mut().chain(&mut self.more) {
            if entry.0 == root {
                entry.1 = value;
                return self;
            }
        }
        if self.roots.try_push((root, value)).is_err() {
            self.more.push((root, value));
        }
        self
    }

    /// Sets the time of the evaluation, the only clock that a program can read.
    pub fn set_now(&mut self, now: Time) -> &mut Self {
        self.now = Some(now);
        self
    }

    /// Sets the secrets of the host.
    pub fn set_secrets(&mut self, secrets: &'c Secrets) -> &mut Self {
        self.secrets = Some(secrets);
        self
    }

    /// Sets the cache of definitions, which the programs of one request share.
    pub(crate) fn set_definitions(&mut self, cache: &'c DefinitionCache) -> &mut Self {
        self.definitions = Some(cache);
        self
    }

    /// Returns the cache of definitions.
    pub(super) fn definitions(&self) -> Option<&'c DefinitionCache> {
        self.definitions
    }

    /// Returns the value of a variable, or null if it is not set.
    #[inline]
    pub fn get(&self, root: &str) -> Value<'c> {
        if let Some((_, value)) = self.find(root) {
            return *value;
        }
        self.object.and_then(|object| object.get(root)).unwrap_or(Value::Null)
    }

    /// Returns a variable that was set directly.
    #[inline]
    fn find(&self, root: &str) -> Option<&Root<'c>> {
        let is_root = |entry: &&Root<'c>| same_text(entry.0, root);
        self.roots.iter().find(is_root).or_else(|| self.more.iter().find(is_root))
    }

    /// Returns a reference to the object in a variable, without a copy.
    #[inline(always)]
    pub(super) fn object(&self, root: &str) -> Option<Document<'c>> {
        if !self.roots.is_empty()
            && let Some((_, value)) = self.find(root)
        {
            return document(value);
        }
        match self.object? {
            Object::Json(map) => match json_member(map, root)? {
                serde_json::Value::Object(map) => Some(Document::Json(map)),
                _ => None,
            },
            Object::Owned(object) => match object.get(root)? {
                OwnedValue::Object(object) => Some(Document::Owned(object)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the variables with their values.
    pub fn roots(&self) -> impl Iterator<Item = (&'c str, Value<'c>)> {
        let set = self.roots.iter().chain(&self.more);
        let is_set = move |root: &str| set.clone().any(|(name, _)| *name == root);
        let rest = self.object.into_iter().flat_map(Object::iter);
        let rest = rest.filter(move |(root, _)| !is_set(root));
        self.roots.iter().chain(&self.more).copied().chain(rest)
    }

    /// Returns the time of the evaluation.
    pub fn now(&self) -> Option<Time> {
        self.now
    }

    /// Returns the active, non-empty secrets with a name.
    pub fn secrets(&self, name: &str) -> impl Iterator<Item = Value<'c>> {
        self.secrets
            .into_iter()
            .flat_map(move |secrets| secrets.of(name).collect::<SmallVec<[_; 2]>>())
    }
}

/// A reference to an object of a document.
#[derive(Clone, Copy)]
pub(super) enum Document<'c> {
    Json(&'c serde_json::Map<String, serde_json::Value>),
    Owned(&'c OwnedObject),
}

/// Returns a reference to the object, if the value is one of a document.
#[inline]
pub(super) fn document<'c>(value: &Value<'c>) -> Option<Document<'c>> {
    match value {
        Value::Object(Object::Json(map)) => Some(Document::Json(map)),
        Value::Object(Object::Owned(object)) => Some(Document::Owned(object)),
        _ => None,
    }
}

/// Makes the members of a variable case-insensitive. `{ "map": { … } }` of a log entry reads as the
/// inner object.
pub(super) fn case_insensitive(value: Value<'_>) -> Value<'_> {
    let Value::Object(object) = value else {
        return value;
    };
    Value::Object(logged(object).unwrap_or(object).case_insensitive())
}

fn logged(object: Object<'_>) -> Option<Object<'_>> {
    if object.len() != 1 {
        return None;
    }
    object.get("map")?.as_object()
}
