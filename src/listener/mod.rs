//! Listeners: the compiled configuration of a webhook endpoint, and the decision on each request.
//!
//! Pure functions over values: knows no sockets, no store, no files and no clock. The caller
//! supplies files, the environment and the time.

mod assemble;
mod body;
mod challenge;
mod condition;
mod config_keys;
mod confirm;
mod decide;
mod dedup;
mod escapes;
mod host_pattern;
mod keys;
mod lints;
mod log;
mod multi_search;
mod oracle;
mod outcome;
pub mod rate;
mod reason;
mod recipe;
mod recipe_keys;
mod redact;
mod request;
mod response;
mod sample;
mod schema;
mod secret;
mod send;
mod sources;
mod spellings;
mod verify;

pub use assemble::{ConfigSource, Loaded, load};
pub use config_keys::LISTENER;
pub use decide::{
    Challenger, Decision, DecisionContext, Event, Limiter, Unlimited, decide, decide_verified,
    error_response,
};
pub use dedup::DedupKeys;

pub use keys::{Fetch, GivenKeys, KeyDocument, KeyDocuments, KeySet, NeedsKey, NoKeys};
pub use log::{Log, log_entry, read_log, whole_log};
pub use outcome::{Outcome, OutcomeRow, all_outcomes};
pub use reason::{Reason, ReasonCode, all_reason_codes};
pub use recipe::{Recipe, RecipeSecret, Replays, find_recipe, recipe_names};
pub(crate) use recipe_keys::KEYS;
pub use recipe_keys::{RECIPE, SAMPLE};
pub use redact::Redaction;
pub use request::{Parts, Request};
pub use response::Response;
pub use sample::{Mismatch, Sample};
pub use secret::{Encoding as SecretEncoding, decode as decode_secret};
pub use send::{Sent, SignError};
pub use sources::{
    External, OWN_VARIABLES, SecretSources, SourceRefusal, plain_path, shared_sources,
    usual_sources,
};
pub use verify::{Presented, presented};

use self::body::BodyReader;
use self::challenge::Challenge;
use self::condition::{Condition, together};
use self::confirm::Confirm;
use self::dedup::Dedup;
use self::response::Reply;
use self::schema::Schema;
use self::verify::{Kind, Verification};
use crate::engine::{DefinitionUses, OwnedValue, Program, RuleSet, Secrets};
use crate::value::Projection;

/// A listener, compiled from its configuration.
#[derive(Debug)]
pub struct Listener {
    /// The id, a UUID in lower case.
    pub id: Box<str>,
    /// The name in logs and commands.
    pub name: Box<str>,
    /// The tenant of its events.
    pub tenant: Box<str>,
    /// The URL that the provider posts to, if it is not derived from the URL of the gateway.
    pub url: Option<Box<str>>,
    /// The recipe that supplies its defaults.
    pub provider: Option<Box<str>>,
    /// The HTTP methods of events.
    pub methods: Vec<Box<str>>,
    /// Maximum bytes of a body, as sent and unpacked, if it is below the limit of the gateway.
    pub max_body: Option<usize>,
    /// True if captured requests are stored.
    pub capture: bool,
    /// The declared event types.
    pub event_types: Vec<Box<str>>,
    /// The redaction rules for logs.
    pub redaction: Redaction,
    body: BodyReader,
    vars: OwnedValue,
    secrets: Secrets,
    checks: Vec<Verification>,
    challenges: Vec<Challenge>,
    /// The patterns of tokens that any sender can have signed, with the secret that signs them.
    token_patterns: Vec<(Box<str>, regex::Regex)>,
    /// The parts of the body that its programs read.
    wanted: Projection,
    /// The uses of its definitions.
    definition_uses: DefinitionUses,
    /// The conditions that are evaluated for every request.
    conditions: RuleSet,
    rate: Option<rate::Policy>,
    /// True if the provider sends a refused delivery again. `None` if that is not known.
    retries: Option<bool>,
    confirm: Option<Confirm>,
    schema: Option<Schema>,
    filter: Option<ListenerFilter>,
    dedup: Dedup,
    events: Events,
    response: Option<Reply>,
}

/// The filter: the condition for accepting events.
#[derive(Debug)]
struct ListenerFilter {
    condition: Condition,
    /// True for `keep_when`, false for `drop_when`.
    keeps: bool,
}

/// The mapping from a request to an event.
#[derive(Debug, Default)]
struct Events {
    kind: Option<Program>,
    id: Option<Program>,
    data: Option<Program>,
}

impl Listener {
    /// Returns true if the listener has a schema for bodies.
    pub fn has_schema(&self) -> bool {
        self.schema.is_some()
    }

    /// Determines the parts of the body that its programs read.
    fn find_wanted(&mut self) {
        let mut wanted = Projection::default();
        if self.schema.is_some() {
            wanted = Projection::whole();
        }
        for program in self.programs() {
            program.add_reads("parsed_body", &mut wanted);
        }
        self.wanted = wanted;
    }

    /// Counts the uses of its definitions.
    fn count_uses(&mut self) {
        let mut uses = DefinitionUses::default();
        self.programs().into_iter().for_each(|program| uses.add(program));
        self.definition_uses = uses;
    }

    /// Combines the conditions that are evaluated for every request.
    fn put_conditions_together(&mut self) {
        let challenges = self.challenges.iter_mut().map(|challenge| &mut challenge.detect);
        let rules = self.checks.iter_mut().filter_map(|check| match &mut check.kind {
            Kind::Rule(rule) => Some(&mut rule.condition),
            _ => None,
        });
        let filter = self.filter.iter_mut().map(|filter| &mut filter.condition);
        let confirm = self.confirm.iter_mut().map(|confirm| &mut confirm.detect);
        self.conditions = together(challenges.chain(rules).chain(confirm).chain(filter));
    }

    /// Returns all its programs.
    fn programs(&self) -> Vec<&Program> {
        let checks = self.checks.iter().flat_map(|check| check.kind.programs());
        let challenges = self.challenges.iter().flat_map(Challenge::programs);
        let filter = self.filter.iter().map(|filter| &*filter.condition);
        let keys = self.dedup.keys.iter().map(|(_, program)| program);
        let Events { kind, id, data } = &self.events;
        let events = [kind, id, data].into_iter().flatten();
        let response = self.response.iter().flat_map(Reply::programs);
        let confirm = self.confirm.iter().flat_map(Confirm::programs);
        let before = checks.chain(challenges).chain(confirm).chain(filter);
        before.chain(keys).chain(events).chain(response).collect()
    }

    /// Returns the methods of events and of challenges.
    pub fn all_methods(&self) -> Vec<&str> {
        let mut methods: Vec<&str> = self.methods.iter().map(|method| &**method).collect();
        for method in self.challenges.iter().flat_map(|challenge| &challenge.methods) {
            if !methods.contains(&&**method) {
                methods.push(method);
            }
        }
        methods
    }

    /// Returns true if an enforced verification requires a secret that only the sender has.
    pub fn is_secured(&self) -> bool {
        self.checks.iter().any(|check| check.enforce && check.is_secret())
    }

    /// Returns the rate limit for requests.
    fn rate_policy(&self, secured: bool) -> rate::Policy {
        self.rate.unwrap_or_else(|| rate::Policy::usual(secured, self.retries))
    }

    /// Returns true if it reads JSON bodies.
    pub(crate) fn reads_json(&self) -> bool {
        self.body.formats.has(body::Format::Json)
    }

    /// Returns true if keys of a verification come from a URL.
    pub fn fetches_keys(&self) -> bool {
        self.checks.iter().any(Verification::fetches_keys)
    }

    /// Returns true if a verification requires a credential.
    pub fn checks_credentials(&self) -> bool {
        self.credential_header().is_some()
    }

    /// Returns the header that contains the credential, if a verification requires one.
    fn credential_header(&self) -> Option<&str> {
        self.checks.iter().find_map(|check| match &check.kind {
            Kind::Credential(credential) => Some(&*credential.header),
            _ => None,
        })
    }
}
