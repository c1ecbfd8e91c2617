//! The decision pipeline: from a request to its outcome.
//!
//! [`Pipeline::steps`] contains the steps in order. Each step continues, or stops with an outcome.
//! Nothing here awaits, stores or reads a clock: the caller passes the time and acts on the
//! decision.

use std::borrow::Cow;

use super::body::{Format, MAX_FORM_FIELDS, MAX_LINES, Malformed};
use super::dedup::DedupKeys;
use super::keys::{Fetch, KeyDocuments};
use super::rate::{Admission, Policy};
use super::reason::{Reason, ReasonCode};
use super::request::{Parts, Request};
use super::response::Response;
use super::verify::{Evidence, Presented, Unverified, Verified, verify};
use super::{Listener, Outcome};
use crate::engine::{Bound, Context, DefinitionCache, Machine, OwnedValue, Time};
use crate::value::{RepeatedKeys, quoted};

/// The decision on a request, with its reasons.
#[derive(Debug)]
pub struct Decision {
    /// The outcome.
    pub outcome: Outcome,
    /// The result of each step.
    pub reasons: Vec<Reason>,
    /// The response to the sender.
    pub response: Response,
    /// The event, if the request is accepted.
    pub event: Option<Event>,
    /// The deduplication keys of the event.
    pub dedup: Option<DedupKeys>,
    /// The parts of the request, for its log.
    pub parts: Parts,
    /// True if the request passed verification, and an enforced verification requires a secret that
    /// only the sender has. Otherwise any sender can send such a request.
    pub secured: bool,
    /// Bytes that verifications of signatures hashed. A forged request costs one hash of its body
    /// for each secret, hash function and payload, regardless of the number of signatures in it.
    pub hashed_bytes: u64,
    /// A request to the network that the listener asks for. With the outcome
    /// [`Outcome::KeysUnavailable`], the caller fetches the key document and decides again; with
    /// [`Outcome::Confirmed`], the caller fetches the URL before it answers.
    pub fetch: Option<Fetch>,
}

impl Decision {
    /// Turns the decision on a confirmation into a failure, because its URL could not be fetched.
    #[must_use]
    pub fn confirmation_failed(mut self, reason: &str) -> Self {
        self.reasons.retain(|one| one.code != ReasonCode::Confirmed);
        self.reasons.push(Reason::new("confirm", ReasonCode::ConfirmationFailed, reason));
        let Rejection { outcome, response } = not_confirmed();
        Self { outcome, response, fetch: None, ..self }
    }

    /// Returns the data of the event as JSON, if there is one: the result of its mapping, or the
    /// body.
    pub fn event_data(&self, listener: &Listener, request: &Request<'_>) -> Option<String> {
        let event = self.event.as_ref()?;
        Some(match &event.data {
            Some(data) => data.to_string(),
            None => listener.body.to_json(request.header("content-type"), request.unpacked),
        })
    }

    /// Creates the decision for a request that could not be read.
    pub fn without_decision(listener: &Listener, request: &Request<'_>, outcome: Outcome) -> Self {
        Self {
            outcome,
            reasons: Vec::new(),
            response: Response::empty(outcome.status()),
            event: None,
            dedup: None,
            parts: Parts::of(request, listener, &listener.wanted),
            secured: false,
            hashed_bytes: 0,
            fetch: None,
        }
    }
}

/// The event of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The event type.
    pub kind: Option<Box<str>>,
    /// The provider's id of the event.
    pub provider_id: Option<Box<str>>,
    /// The data. `None` means the whole parsed body, so that it is not copied.
    pub data: Option<OwnedValue>,
}

/// The rate limits of a decision.
pub trait Limiter {
    /// Takes a token for a verified request.
    fn admit(&mut self, policy: Policy) -> Admission;

    /// Counts a request that failed verification.
    fn fail(&mut self) -> Admission;

    /// Takes a token for a challenge, before the response to it.
    fn challenge(&mut self, challenger: Challenger) -> Admission;

    /// Counts an answered challenge of an unverified sender.
    fn answered(&mut self) {}
}

/// The sender of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenger {
    /// Any sender: the challenge is answered without verification.
    Stranger,
    /// A sender that passed the listener's verifications.
    Verified,
}

/// A limiter without limits, for tests, samples and replays.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unlimited;

impl Limiter for Unlimited {
    fn admit(&mut self, policy: Policy) -> Admission {
        Admission::Admitted { remaining: policy.burst }
    }

    fn fail(&mut self) -> Admission {
        Admission::Admitted { remaining: 1 }
    }

    fn challenge(&mut self, _: Challenger) -> Admission {
        Admission::Admitted { remaining: 1 }
    }
}

/// The context of a decision besides the request.
pub struct DecisionContext<'s> {
    /// The VM that runs the programs.
    pub machine: &'s mut Machine,
    /// The rate limiter.
    pub limiter: &'s mut dyn Limiter,
    /// The result of the lookup of the credential in the request.
    pub presented: &'s Presented,
    /// The key documents that are there, for listeners whose keys come from a URL.
    pub keys: &'s dyn KeyDocuments,
}

/// Decides a request.
///
/// ```
/// use hookgate::engine::{Machine, Time};
/// use hookgate::listener::{Outcome, ConfigSource, NoKeys, Presented, Request, DecisionContext, Unlimited, decide, load};
///
/// let file = r#"
/// id = "5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10"
/// name = "Jira"
/// tenant = "acme"
///
/// [[verify]]
/// name = "json"
/// rule = '$STARTS_WITH($LOWERCASE(headers["content-type"]), "application/json")'
///
/// [filter]
/// keep_when = 'parsed_body.event_type == "issue_created"'
/// "#;
/// let listener = load("jira.toml", file, &ConfigSource::empty()).listener.unwrap();
/// let request = Request {
///     id: "1",
///     method: "POST",
///     url: "https://hooks.example.com/",
///     raw_query: "",
///     headers: &[("Content-Type", "application/json")],
///     raw_body: br#"{"event_type":"issue_created"}"#,
///     unpacked: br#"{"event_type":"issue_created"}"#,
///     remote_address: None,
///     received_at: "2025-08-17T12:30:00Z".parse()?,
/// };
/// let mut surroundings = DecisionContext {
///     machine: &mut Machine::default(),
///     limiter: &mut Unlimited,
///     presented: &Presented::None,
///     keys: &NoKeys,
/// };
/// let decision = decide(&listener, &request, request.received_at, &mut surroundings);
/// assert_eq!(decision.outcome, Outcome::Accepted);
/// # Ok::<(), hookgate::engine::Fault>(())
/// ```
pub fn decide(
    listener: &Listener,
    request: &Request<'_>,
    now: Time,
    surroundings: &mut DecisionContext<'_>,
) -> Decision {
    let parts = Parts::of(request, listener, &listener.wanted);
    let passed = run(listener, request, &parts, now, surroundings, None);
    decision(listener, passed, parts)
}

fn decision(listener: &Listener, passed: PipelineResult, parts: Parts) -> Decision {
    let PipelineResult { ended, mut reasons, secured, hashed_bytes, fetch } = passed;
    // A sender that knows the secret could place it in data that an error message quotes.
    for reason in &mut reasons {
        if let Cow::Owned(shown) = listener.redaction.text(&reason.message) {
            reason.message = shown;
        }
    }
    match ended {
        Ok(Accepted { event, dedup, response }) => Decision {
            outcome: Outcome::Accepted,
            reasons,
            response,
            event: Some(event),
            dedup,
            parts,
            secured,
            hashed_bytes,
            fetch,
        },
        Err(Rejection { outcome, response }) => Decision {
            outcome,
            reasons,
            response,
            event: None,
            dedup: None,
            parts,
            secured,
            hashed_bytes,
            fetch,
        },
    }
}

/// Decides a request as [`decide`] does, but with a recorded result instead of the verifications.
/// Used if only the log of the request is left.
pub fn decide_verified(
    listener: &Listener,
    request: &Request<'_>,
    now: Time,
    surroundings: &mut DecisionContext<'_>,
    verdict: bool,
) -> Decision {
    let parts = Parts::of(request, listener, &listener.wanted);
    let passed = run(listener, request, &parts, now, surroundings, Some(verdict));
    decision(listener, passed, parts)
}

/// The result of the pipeline.
struct PipelineResult {
    ended: StepResult<Accepted>,
    reasons: Vec<Reason>,
    secured: bool,
    hashed_bytes: u64,
    fetch: Option<Fetch>,
}

fn run(
    listener: &Listener,
    request: &Request<'_>,
    parts: &Parts,
    now: Time,
    surroundings: &mut DecisionContext<'_>,
    verdict: Option<bool>,
) -> PipelineResult {
    let definitions = DefinitionCache::new(&listener.definition_uses);
    let mut context = parts.context(request, &listener.vars);
    context.set_now(now).set_secrets(&listener.secrets).set_definitions(&definitions);
    let conditions = listener.conditions.bind(&context);
    let mut pass = Pipeline {
        listener,
        request,
        parts,
        context: &context,
        conditions: &conditions,
        now,
        surroundings,
        verdict,
        reasons: Vec::new(),
        secured: false,
        hashed_bytes: 0,
        fetch: None,
    };
    let ended = pass.steps();
    let Pipeline { reasons, secured, hashed_bytes, fetch, .. } = pass;
    PipelineResult { ended, reasons, secured, hashed_bytes, fetch }
}

/// The state of a request in the pipeline.
struct Pipeline<'p, 's, 'c> {
    listener: &'p Listener,
    request: &'p Request<'c>,
    parts: &'p Parts,
    context: &'p Context<'c>,
    /// The conditions that are evaluated for every request, bound to this one.
    conditions: &'p Bound<'p, 'c>,
    now: Time,
    surroundings: &'p mut DecisionContext<'s>,
    /// The recorded result of an earlier verification, if there is one.
    verdict: Option<bool>,
    reasons: Vec<Reason>,
    /// True if an enforced verification with a secret passed.
    secured: bool,
    /// Bytes that verifications hashed.
    hashed_bytes: u64,
    /// The request to the network that a step asks for.
    fetch: Option<Fetch>,
}

/// The result for an accepted request.
struct Accepted {
    event: Event,
    dedup: Option<DedupKeys>,
    response: Response,
}

/// The outcome of a stopped request.
struct Rejection {
    outcome: Outcome,
    response: Response,
}

type StepResult<T = ()> = Result<T, Rejection>;

impl Pipeline<'_, '_, '_> {
    fn steps(&mut self) -> StepResult<Accepted> {
        self.method()?;
        self.challenge()?;
        let verified = self.verify()?;
        self.rate_limit(&verified)?;
        self.well_formed(&verified)?;
        self.confirm(&verified)?;
        self.schema(&verified)?;
        self.filter(&verified)?;
        let dedup = self.deduplicate(&verified);
        let event = self.map(&verified);
        let response = self.respond();
        Ok(Accepted { event, dedup, response })
    }

    fn note(&mut self, reason: Reason) {
        self.reasons.push(reason);
    }

    fn method(&mut self) -> StepResult {
        let taken = self.listener.all_methods();
        if taken.contains(&self.request.method) {
            return Ok(());
        }
        self.note(Reason::new(
            "method",
            ReasonCode::MethodNotTaken,
            format!("takes {}", taken.join(", ")),
        ));
        let mut response = Response::empty(Outcome::MethodNotAllowed.status());
        response.set_header("Allow", taken.join(", "));
        Err(Rejection { outcome: Outcome::MethodNotAllowed, response })
    }

    fn challenge(&mut self) -> StepResult {
        let method = self.request.method;
        let found = self
            .listener
            .challenges
            .iter()
            .find(|challenge| challenge.is(self.surroundings.machine, self.conditions, method));
        let Some(challenge) = found else {
            return self.plain_method();
        };
        // A sender that fails verification must not use up the challenge limit of verified senders.
        let challenger = match challenge.verified {
            true if self.verify()?.secured => Challenger::Verified,
            _ => Challenger::Stranger,
        };
        let challenger = self.admit_challenge(challenger, &challenge.name)?;
        match challenge.answer(self.surroundings.machine, self.context) {
            Ok(response) => {
                if challenger == Challenger::Stranger {
                    self.surroundings.limiter.answered();
                }
                let message = format!("answered with {}", response.status);
                let reason = Reason::new("challenge", ReasonCode::Answered, message);
                self.note(reason.of(challenge.name.clone()));
                Err(Rejection { outcome: Outcome::Challenged, response })
            }
            Err((code, message)) => {
                self.note(Reason::new("challenge", code, message).of(challenge.name.clone()));
                let outcome = match code {
                    ReasonCode::BadChallengeToken => Outcome::ChallengeRefused,
                    _ => Outcome::ChallengeFailed,
                };
                Err(stop(outcome, "ErrorChallenge", "the challenge was not answered"))
            }
        }
    }

    /// Applies the rate limits of challenges. If the limit for unverified senders is exceeded, a
    /// challenge that passes the verifications is still accepted: most providers sign their
    /// challenges too, and a flood of unverified requests must not block them.
    fn admit_challenge(&mut self, challenger: Challenger, name: &str) -> StepResult<Challenger> {
        let admission = self.surroundings.limiter.challenge(challenger);
        let Admission::Refused { retry_after } = admission else {
            return Ok(challenger);
        };
        if challenger == Challenger::Stranger && self.listener.is_secured() {
            match self.checked() {
                Ok(_) => return self.admit_challenge(Challenger::Verified, name),
                Err(Unverified::NoKeys) => return Err(no_keys()),
                Err(Unverified::Failed) => drop(self.surroundings.limiter.fail()),
            }
        }
        let reason = Reason::new("challenge", ReasonCode::RateExceeded, "too many challenges");
        self.note(reason.of(name));
        Err(too_many(Outcome::RateLimited, "too many challenges", retry_after))
    }

    /// Stops a request with a method that is allowed only for challenges.
    fn plain_method(&mut self) -> StepResult {
        if self.listener.methods.iter().any(|method| **method == *self.request.method) {
            return Ok(());
        }
        let methods: Vec<&str> = self.listener.methods.iter().map(|method| &**method).collect();
        let message = format!("no challenge; events come by {}", methods.join(", "));
        self.note(Reason::new("method", ReasonCode::MethodNotTaken, message));
        let mut response = Response::empty(Outcome::MethodNotAllowed.status());
        response.set_header("Allow", self.listener.all_methods().join(", "));
        Err(Rejection { outcome: Outcome::MethodNotAllowed, response })
    }

    /// Runs the verifications, and counts a request that fails them.
    fn verify(&mut self) -> StepResult<Verified> {
        match self.checked() {
            Ok(verified) => Ok(verified),
            // No failure of the sender.
            Err(Unverified::NoKeys) => Err(no_keys()),
            Err(Unverified::Failed) => Err(self.failed()),
        }
    }

    fn failed(&mut self) -> Rejection {
        match self.surroundings.limiter.fail() {
            Admission::Admitted { .. } => stop(
                Outcome::VerificationFailed,
                "ErrorSignatureVerificationFailed",
                "the request could not be verified",
            ),
            Admission::Refused { retry_after } => {
                let message = "too many requests could not be verified";
                too_many(Outcome::TooManyFailures, message, retry_after)
            }
        }
    }

    /// Runs the verifications.
    fn checked(&mut self) -> Result<Verified, Unverified> {
        let mut evidence = Evidence {
            request: self.request,
            context: self.context,
            conditions: self.conditions,
            machine: self.surroundings.machine,
            now: self.now,
            presented: self.surroundings.presented,
            keys: self.surroundings.keys,
            needed: None,
            recognise: self.listener.dedup.by_signature,
            listener: &self.listener.id,
            tenant: &self.listener.tenant,
            tokens: &self.listener.token_patterns,
            hashed_bytes: 0,
            guessed_bytes: 0,
        };
        let verified = match self.verdict {
            None => verify(&self.listener.checks, &mut evidence, &mut self.reasons),
            Some(verdict) => {
                Verified::recorded(verdict, self.listener.is_secured()).ok_or(Unverified::Failed)
            }
        };
        self.hashed_bytes = self.hashed_bytes.saturating_add(evidence.hashed_bytes);
        self.secured = verified.as_ref().is_ok_and(|verified| verified.secured);
        // A request that failed another verification causes no fetch.
        let needed = evidence.needed.filter(|_| matches!(verified, Err(Unverified::NoKeys)));
        self.fetch = needed.map(Fetch::Key);
        verified
    }

    fn rate_limit(&mut self, verified: &Verified) -> StepResult {
        let policy = self.listener.rate_policy(verified.secured);
        let Admission::Refused { retry_after } = self.surroundings.limiter.admit(policy) else {
            return Ok(());
        };
        let message = format!("more than {} in {} s", policy.requests, policy.per.as_secs());
        self.note(Reason::new("rate limit", ReasonCode::RateExceeded, message));
        let mut stop = stop(
            Outcome::RateLimited,
            "ErrorTooManyRequests",
            "too many requests; try again later",
        );
        let (limit, wait) = (policy.burst, seconds(retry_after));
        stop.response.set_header("RateLimit", format!("limit={limit}, remaining=0, reset={wait}"));
        stop.response.set_header("Retry-After", wait);
        Err(stop)
    }

    /// Stops a request with a body that cannot be parsed. Only verified senders get this error.
    fn well_formed(&mut self, _: &Verified) -> StepResult {
        let Some(error) = &self.parts.body.malformed else {
            if self.parts.body.not_parsed {
                let message = self.not_parsed();
                self.note(Reason::new("parse", ReasonCode::BodyNotParsed, message));
            }
            return Ok(());
        };
        let (code, message) = match error {
            Malformed::Json(error) if error.is_repeated_key() => {
                (ReasonCode::JsonDuplicateKey, error.to_string())
            }
            Malformed::Json(error) => {
                (ReasonCode::BadJson, format!("the body is not valid JSON: {error}"))
            }
            Malformed::Xml(error) => {
                (ReasonCode::BadFormat, format!("the body is not valid XML: {error}"))
            }
            Malformed::Multipart => {
                (ReasonCode::BadFormat, "the body is not `multipart/form-data`".to_owned())
            }
            Malformed::TooManyLines => {
                (ReasonCode::BadFormat, format!("the body has more than {MAX_LINES} lines of JSON"))
            }
            Malformed::TooManyFields => (
                ReasonCode::TooManyFields,
                format!("the body is a form with more than {MAX_FORM_FIELDS} fields"),
            ),
        };
        // The setting is for the operator, not for the sender.
        let advice = match (code, self.listener.body.repeated) {
            (ReasonCode::JsonDuplicateKey, RepeatedKeys::Refuse) => {
                "; `json.duplicate_keys = \"last\"` takes the last value"
            }
            _ => "",
        };
        self.note(Reason::new("parse", code, format!("{message}{advice}")));
        Err(stop(Outcome::MalformedBody, "ErrorMalformedBody", &message))
    }

    /// Returns the reason for a body that is in no format that the listener reads.
    fn not_parsed(&self) -> String {
        let declared = match self.request.header("content-type") {
            Some(kind) => format!("its content type is {}", quoted(kind)),
            None => "it has no content type".to_owned(),
        };
        let listed: Vec<&str> = self.listener.body.formats.iter().map(Format::name).collect();
        match listed.as_slice() {
            [] => format!("`parsed_body` is null: no format fits the body; {declared}"),
            listed => format!(
                "`parsed_body` is null: the body is not in a format of `body.format` ({}); {declared}",
                listed.join(", ")
            ),
        }
    }

    /// Stops a request that asks to confirm a subscription.
    fn confirm(&mut self, _: &Verified) -> StepResult {
        let Some(confirm) = &self.listener.confirm else {
            return Ok(());
        };
        if !confirm.is(self.surroundings.machine, self.conditions) {
            return Ok(());
        }
        match confirm.url(self.surroundings.machine, self.context) {
            Ok(url) => {
                // The query has the token of the subscription.
                let shown = url.split('?').next().unwrap_or_default();
                let message = format!("by a request to `{shown}`");
                self.note(Reason::new("confirm", ReasonCode::Confirmed, message));
                self.fetch = Some(Fetch::Confirmation(url));
                Err(Rejection { outcome: Outcome::Confirmed, response: self.respond() })
            }
            Err((code, message)) => {
                self.note(Reason::new("confirm", code, message));
                Err(not_confirmed())
            }
        }
    }

    fn schema(&mut self, _: &Verified) -> StepResult {
        let Some(schema) = &self.listener.schema else {
            return Ok(());
        };
        let violations = schema.violations(self.parts.parsed_body());
        if violations.is_empty() {
            return Ok(());
        }
        for violation in &violations {
            self.note(Reason::new("schema", ReasonCode::SchemaDiffers, violation.clone()));
        }
        let status = Outcome::SchemaViolated.status();
        let body = serde_json::json!({ "error": {
            "code": "ErrorSchemaViolated",
            "message": "the body is not as the schema has it",
            "violations": violations,
        }});
        Err(Rejection { outcome: Outcome::SchemaViolated, response: Response::json(status, &body) })
    }

    fn filter(&mut self, _: &Verified) -> StepResult {
        let Some(filter) = &self.listener.filter else {
            return Ok(());
        };
        let (code, message) =
            match filter.condition.holds(self.surroundings.machine, self.conditions) {
                Ok(holds) if holds == filter.keeps => return Ok(()),
                Ok(true) => (ReasonCode::FilterTrue, "`drop_when` holds"),
                Ok(false) => (ReasonCode::FilterFalse, "`keep_when` does not hold"),
                // After an error in a filter the event is kept: losing events is worse than keeping
                // too many.
                Err(trap) => {
                    self.note(Reason::new(
                        "filter",
                        ReasonCode::FilterError,
                        trap.place_in(&filter.condition),
                    ));
                    return Ok(());
                }
            };
        self.note(Reason::new("filter", code, message));
        Err(Rejection { outcome: Outcome::Filtered, response: self.respond() })
    }

    fn deduplicate(&mut self, verified: &Verified) -> Option<DedupKeys> {
        self.listener.dedup.keys_of(
            self.surroundings.machine,
            self.context,
            verified.signed,
            &mut self.reasons,
        )
    }

    fn map(&mut self, _: &Verified) -> Event {
        let events = &self.listener.events;
        let kind = events.kind.as_ref().and_then(|program| self.text("type", program));
        let provider_id = events.id.as_ref().and_then(|program| self.text("id", program));
        let data = events.data.as_ref().and_then(|program| {
            let value = self.surroundings.machine.eval(program, self.context);
            // The VM never returns a secret, so every value can be converted to an owned one.
            let owned = value.map(|value| value.to_owned_value().unwrap_or(OwnedValue::Null));
            owned.map_err(|trap| self.note(map_error("data", trap.place_in(program)))).ok()
        });
        Event { kind, provider_id, data }
    }

    fn text(&mut self, name: &str, program: &crate::engine::Program) -> Option<Box<str>> {
        match self.surroundings.machine.eval(program, self.context) {
            Ok(value) if value.is_null() => None,
            Ok(value) => Some(value.as_text().map_or_else(|| value.to_string().into(), Into::into)),
            Err(trap) => {
                self.note(map_error(name, trap.place_in(program)));
                None
            }
        }
    }

    /// Builds the response to an accepted request.
    fn respond(&mut self) -> Response {
        let made = self
            .listener
            .response
            .as_ref()
            .map(|reply| reply.make(self.surroundings.machine, self.context));
        match made {
            Some(Ok(response)) => response,
            Some(Err(message)) => {
                self.note(Reason::new("respond", ReasonCode::ResponseError, message));
                received()
            }
            None => received(),
        }
    }
}

fn map_error(name: &str, message: String) -> Reason {
    Reason::new("map", ReasonCode::MapError, message).of(name)
}

/// Returns the documented response of the notify endpoint.
fn received() -> Response {
    Response::written(200, r#"{"message":"Event received successfully","status":"RECEIVED"}"#)
}

fn stop(outcome: Outcome, code: &str, message: &str) -> Rejection {
    Rejection { outcome, response: error_response(outcome.status(), code, message) }
}

/// Rejects a request whose keys are missing, so that the sender sends it again.
fn no_keys() -> Rejection {
    let outcome = Outcome::KeysUnavailable;
    let mut stop = stop(outcome, "ErrorKeysUnavailable", "try again later");
    stop.response.set_header("Retry-After", RETRY_AFTER.to_owned());
    stop
}

/// Rejects a confirmation that failed, so that the sender sends it again.
fn not_confirmed() -> Rejection {
    let outcome = Outcome::ConfirmationFailed;
    let mut stop = stop(outcome, "ErrorConfirmationFailed", "try again later");
    stop.response.set_header("Retry-After", RETRY_AFTER.to_owned());
    stop
}

/// Seconds after which a sender may try again, if something in the network was not available.
const RETRY_AFTER: &str = "5";

fn too_many(outcome: Outcome, message: &str, retry_after: std::time::Duration) -> Rejection {
    let mut stop = stop(outcome, "ErrorTooManyRequests", message);
    stop.response.set_header("Retry-After", seconds(retry_after));
    stop
}

/// Builds an error response for senders.
pub fn error_response(status: u16, code: &str, message: &str) -> Response {
    Response::json(status, &serde_json::json!({ "error": { "code": code, "message": message } }))
}

/// Returns whole seconds, rounded up: a retry at that time must not be too early.
fn seconds(duration: std::time::Duration) -> String {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0)).to_string()
}
