//! Listeners: what receives a provider's webhooks, compiled from its configuration, and the
//! decision what becomes of a request.
//!
//! Plain functions over values: knows no sockets, no store, no files and no clock. Files, the
//! environment and the time come from whoever calls.

mod assemble;
mod body;
mod challenge;
mod condition;
mod decide;
mod dedup;
mod escapes;
mod lints;
mod log;
mod needles;
mod oracle;
mod outcome;
pub mod rate;
mod reason;
mod recipe;
mod redact;
mod request;
mod response;
mod rows;
mod sample;
mod schema;
mod secret;
mod sources;
mod spellings;
mod verify;

pub use assemble::{Loaded, Outside, load};
pub use decide::{
    Challenger, Decision, Event, Limiter, Surroundings, Unlimited, decide, decide_verified,
    error_response,
};
pub use dedup::DedupKeys;
pub use log::{Log, log_entry, whole_log};
pub use outcome::{Outcome, OutcomeRow, all_outcomes};
pub use reason::{Finding, Reason, all_findings};
pub use recipe::{Recipe, RecipeSecret, Replays, find_recipe, recipe_names};
pub use redact::Redaction;
pub use request::{Parts, Request};
pub use response::Response;
pub use rows::{LISTENER, RECIPE, SAMPLE};
pub use sample::{Mismatch, Sample, Sent, SignError};
pub use secret::{Encoding as SecretEncoding, decode as decode_secret};
pub use sources::{
    External, OWN_VARIABLES, SecretSources, SourceRefusal, plain_path, shared_sources,
    usual_sources,
};
pub use verify::{Presented, presented};

use self::challenge::Challenge;
use self::condition::{Condition, together};
use self::dedup::Dedup;
use self::response::Reply;
use self::schema::Schema;
use self::verify::{Check, Kind};
use crate::engine::{OwnedValue, Program, RuleSet, Secrets};
use crate::program::Key;
use crate::value::Projection;

/// A listener, compiled from its configuration.
#[derive(Debug)]
pub struct Listener {
    /// Its id, a UUID in small letters.
    pub id: Box<str>,
    /// What logs and commands call it.
    pub name: Box<str>,
    /// The tenant that its events belong to.
    pub tenant: Box<str>,
    /// The URL that the provider posts to, where it is not made of the gateway's.
    pub url: Option<Box<str>>,
    /// The recipe that filled it.
    pub provider: Option<Box<str>>,
    /// The methods that events come by.
    pub methods: Vec<Box<str>>,
    /// Whether original requests are kept.
    pub keep_raw: bool,
    /// The event types that it declares.
    pub event_types: Vec<Box<str>>,
    /// What must not be written to a log.
    pub redaction: Redaction,
    vars: OwnedValue,
    secrets: Secrets,
    checks: Vec<Check>,
    challenges: Vec<Challenge>,
    /// The patterns of tokens that anyone can have signed, by the secret that signs them.
    token_patterns: Vec<(Box<str>, regex::Regex)>,
    /// What its programs read of a body.
    wanted: Projection,
    /// What is asked of every request.
    conditions: RuleSet,
    rate: Option<rate::Policy>,
    schema: Option<Schema>,
    filter: Option<Filter>,
    dedup: Dedup,
    events: Events,
    response: Option<Reply>,
}

/// Which requests become events.
#[derive(Debug)]
struct Filter {
    condition: Condition,
    /// Whether they do where it holds, or where it does not.
    keeps: bool,
}

/// What a request becomes.
#[derive(Debug, Default)]
struct Events {
    kind: Option<Program>,
    id: Option<Program>,
    data: Option<Program>,
}

impl Listener {
    /// Whether bodies are held to a schema.
    pub fn has_schema(&self) -> bool {
        self.schema.is_some()
    }

    /// Finds what its programs read of a body.
    fn find_wanted(&mut self) {
        let mut wanted = Projection::default();
        if self.schema.is_some() {
            wanted = Projection::whole();
        }
        for read in self.programs().into_iter().flat_map(Program::reads) {
            if &*read.root != "parsed_body" {
                continue;
            }
            // From a place in a list on, everything is wanted.
            let names = read.keys.iter().map_while(|key| match key {
                Key::Name(name) => Some(&**name),
                Key::Index(_) => None,
            });
            wanted.add(names);
        }
        self.wanted = wanted;
    }

    /// Puts the conditions together that are asked of every request.
    fn put_conditions_together(&mut self) {
        let challenges = self.challenges.iter_mut().map(|challenge| &mut challenge.detect);
        let rules = self.checks.iter_mut().filter_map(|check| match &mut check.kind {
            Kind::Rule(rule) => Some(&mut rule.condition),
            _ => None,
        });
        let filter = self.filter.iter_mut().map(|filter| &mut filter.condition);
        self.conditions = together(challenges.chain(rules).chain(filter));
    }

    /// All its programs.
    fn programs(&self) -> Vec<&Program> {
        let checks = self.checks.iter().flat_map(|check| check.kind.programs());
        let challenges = self.challenges.iter().flat_map(Challenge::programs);
        let filter = self.filter.iter().map(|filter| &*filter.condition);
        let keys = self.dedup.keys.iter().map(|(_, program)| program);
        let Events { kind, id, data } = &self.events;
        let events = [kind, id, data].into_iter().flatten();
        let response = self.response.iter().flat_map(Reply::programs);
        checks.chain(challenges).chain(filter).chain(keys).chain(events).chain(response).collect()
    }

    /// The methods that events and challenges come by.
    pub fn all_methods(&self) -> Vec<&str> {
        let mut methods: Vec<&str> = self.methods.iter().map(|method| &**method).collect();
        for method in self.challenges.iter().flat_map(|challenge| &challenge.methods) {
            if !methods.contains(&&**method) {
                methods.push(method);
            }
        }
        methods
    }

    /// Whether a check that is enforced needs something that only the sender has.
    pub fn is_secured(&self) -> bool {
        self.checks.iter().any(|check| check.enforce && check.is_secret())
    }

    /// How many requests are taken.
    fn rate_policy(&self, secured: bool) -> rate::Policy {
        let usual = if secured { rate::Policy::SECURED } else { rate::Policy::UNSECURED };
        self.rate.unwrap_or(usual)
    }

    /// Whether a check asks for a credential.
    pub fn checks_credentials(&self) -> bool {
        self.credential_header().is_some()
    }

    /// The header that a credential is looked for in, where a check asks for one.
    fn credential_header(&self) -> Option<&str> {
        self.checks.iter().find_map(|check| match &check.kind {
            Kind::Credential(credential) => Some(&*credential.header),
            _ => None,
        })
    }
}
