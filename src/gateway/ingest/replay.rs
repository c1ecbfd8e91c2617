//! Replay: decides again on a stored request, with the current listener. Stores nothing.
//!
//! A captured request is decided completely. Of other requests only the log exists: the recorded
//! verification result is kept, and the rest is decided from the log.

use std::borrow::Cow;

use super::captured_request::CapturedRequest;
use crate::engine::{Machine, Time};
use crate::gateway::ids::RequestId;
use crate::gateway::ops::clock::time_of;
use crate::gateway::ops::encryption::Keyring;
use crate::gateway::store::RequestRecord;
use crate::listener::{
    Decision, DecisionContext, Listener, NoKeys, Outcome, Presented, Reason, ReasonCode, Request,
    Unlimited, decide, decide_verified,
};
use crate::value::{Projection, RepeatedKeys, Value, read_json_part};

/// The result of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// Id of the request.
    pub id: RequestId,
    /// Recorded outcome.
    pub before: Outcome,
    /// Outcome of the replay.
    pub after: Outcome,
    /// True if the request was decided again. Otherwise the reasons say why not.
    pub decided: bool,
    /// Reasons of the new outcome.
    pub reasons: Vec<String>,
    /// True if the verification ran again.
    pub verified_again: bool,
}

impl Replayed {
    /// Returns true if the outcome changed. A duplicate counts as accepted: its event was stored
    /// before.
    pub fn differs(&self) -> bool {
        let as_decided = |outcome| match outcome {
            Outcome::Duplicate | Outcome::RateLimited => Outcome::Accepted,
            Outcome::TooManyFailures => Outcome::VerificationFailed,
            other => other,
        };
        as_decided(self.before) != as_decided(self.after)
    }

    /// Converts to a JSON object.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "id": self.id,
            "before": self.before.name(),
            "after": self.after.name(),
            "differs": self.differs(),
            "decided": self.decided,
            "verifiedAgain": self.verified_again,
            "reasons": self.reasons,
        })
    }
}

/// Decides again on a stored request.
pub fn replay(
    listener: &Listener,
    record: &RequestRecord,
    raw: Option<&[u8]>,
    keyring: &Keyring,
) -> Replayed {
    if record.outcome.is_before_decision() {
        let reason = "it was refused before the listener decided, so nothing can be said";
        return unchanged(record, reason);
    }
    let place = CapturedRequest::place(&record.tenant, &record.id);
    let original = raw.and_then(|raw| CapturedRequest::of_json(&keyring.open(&place, raw).ok()?));
    let decided = match original {
        Some(original) => of_original(listener, record, &original).ok_or(DAMAGED),
        None => of_log(listener, record).map(|one| (one, false)),
    };
    let (decision, verified_again) = match decided {
        Ok(decided) => decided,
        Err(reason) => return unchanged(record, reason),
    };
    let failed = decision.reasons.iter().filter(|one| one.code != ReasonCode::Passed);
    Replayed {
        id: record.id.clone(),
        before: record.outcome,
        after: decision.outcome,
        decided: true,
        reasons: failed.map(Reason::to_string).collect(),
        verified_again,
    }
}

/// Returns the result for a request that cannot be decided again.
fn unchanged(record: &RequestRecord, reason: &str) -> Replayed {
    Replayed {
        id: record.id.clone(),
        before: record.outcome,
        after: record.outcome,
        decided: false,
        reasons: vec![reason.to_owned()],
        verified_again: false,
    }
}

/// Returns true if the request passed verification when it was received.
fn was_verified(record: &RequestRecord) -> bool {
    !matches!(record.outcome, Outcome::VerificationFailed | Outcome::TooManyFailures)
}

/// Decides on a captured request. Returns true in addition if it was verified again. Credentials,
/// and signatures by keys of a URL, are not verified again: a key may have been revoked since.
fn of_original(
    listener: &Listener,
    record: &RequestRecord,
    original: &CapturedRequest,
) -> Option<(Decision, bool)> {
    let (raw_body, unpacked) = original.bodies()?;
    let headers: Vec<(&str, &str)> =
        original.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let request = Request {
        id: &record.id,
        method: &original.method,
        url: &original.url,
        raw_query: &original.raw_query,
        headers: &headers,
        raw_body: &raw_body,
        unpacked: &unpacked,
        remote_address: original.remote_address,
        received_at: original.received_at()?,
    };
    let is_recorded = listener.checks_credentials() || listener.fetches_keys();
    let verdict = is_recorded.then(|| was_verified(record));
    Some((run(listener, &request, request.received_at, verdict), verdict.is_none()))
}

/// Decides on a logged request, of which the original is not stored.
///
/// # Errors
/// Returns the reason why the log does not suffice.
fn of_log(listener: &Listener, record: &RequestRecord) -> Result<Decision, &'static str> {
    let whole = Projection::whole();
    let log = read_json_part(record.log.as_bytes(), &whole, RepeatedKeys::LastCounts);
    let log = log.map_err(|_| CUT)?;
    let member = |name: &str| log.borrow().as_object().and_then(|log| log.get(name));
    let headers =
        member("headers").and_then(|headers| headers.as_object()?.get("map")?.as_object());
    let headers: Vec<(&str, &str)> = headers
        .ok_or(CUT)?
        .iter()
        .filter_map(|(name, value)| Some((name, value.as_text()?)))
        .collect();
    let parsed = member("parsed_body").filter(|body| !body.is_null());
    let body = match (&record.body, parsed) {
        (Some(body), _) => Cow::Borrowed(body.as_str()),
        (None, Some(_)) if !listener.reads_json() => return Err(NOT_JSON),
        (None, Some(parsed)) => Cow::Owned(parsed.to_string()),
        (None, None) if has_bytes(member("raw_body")) => return Err(NOT_LOGGED),
        (None, None) => Cow::Borrowed(""),
    };
    let query = query_of(member("query_params")).ok_or(CUT)?;
    let request = Request {
        id: &record.id,
        method: member("http_method").and_then(Value::as_text).ok_or(CUT)?,
        url: listener.url.as_deref().unwrap_or(""),
        raw_query: &query,
        headers: &headers,
        raw_body: body.as_bytes(),
        unpacked: body.as_bytes(),
        remote_address: None,
        received_at: time_of(record.received_at),
    };
    Ok(run(listener, &request, request.received_at, Some(was_verified(record))))
}

/// The reason for a captured request that cannot be read.
const DAMAGED: &str = "its original is damaged, so nothing can be said";

/// The reason for a log that was cut to the maximum size.
const CUT: &str = "its log was cut, so nothing can be said";

/// The reason for a body of which only the parsed value is stored.
const NOT_JSON: &str =
    "its log has only the parsed body, and `body.format` has no `json` to read it in";

/// The reason for a body that the log does not show.
const NOT_LOGGED: &str = "its log has not the body, which is no text or is redacted: `capture = true` stores accepted requests";

/// Returns true if the logged request had a body.
fn has_bytes(raw_body: Option<Value<'_>>) -> bool {
    raw_body.and_then(Value::as_text).is_some_and(|shown| !shown.is_empty())
}

/// Returns the query; `None` if the log has values that are no strings.
fn query_of(params: Option<Value<'_>>) -> Option<String> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let params = params.and_then(Value::as_object);
    for (name, value) in params.into_iter().flat_map(|params| params.iter()) {
        match value.as_list() {
            Some(values) => {
                for value in values.iter() {
                    query.append_pair(name, value.as_text()?);
                }
            }
            None => drop(query.append_pair(name, value.as_text()?)),
        }
    }
    Some(query.finish())
}

fn run(listener: &Listener, request: &Request<'_>, now: Time, verdict: Option<bool>) -> Decision {
    let mut surroundings = DecisionContext {
        machine: &mut Machine::default(),
        limiter: &mut Unlimited,
        presented: &Presented::None,
        keys: &NoKeys,
    };
    match verdict {
        None => decide(listener, request, now, &mut surroundings),
        Some(verdict) => decide_verified(listener, request, now, &mut surroundings, verdict),
    }
}
