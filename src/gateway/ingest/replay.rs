//! Replay: decides again on a stored request, with the current listener. Stores nothing.
//!
//! A captured request is decided completely. Of other requests only the log exists: the recorded
//! verification result is kept, and the rest is decided from the log.

use super::captured_request::CapturedRequest;
use crate::engine::{Machine, Time};
use crate::gateway::ids::RequestId;
use crate::gateway::ops::clock::time_of;
use crate::gateway::ops::encryption::Keyring;
use crate::gateway::store::RequestRecord;
use crate::listener::{
    Decision, DecisionContext, Listener, Outcome, Presented, Reason, ReasonCode, Request,
    Unlimited, decide, decide_verified, read_log, whole_log,
};

/// The result of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// Id of the request.
    pub id: RequestId,
    /// Recorded outcome.
    pub before: Outcome,
    /// Outcome of the replay.
    pub after: Outcome,
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
        Some(original) => of_original(listener, record, &original),
        None => of_log(listener, record).map(|one| (one, false)),
    };
    let Some((decision, verified_again)) = decided else {
        return unchanged(record, "its log was cut, so nothing can be said");
    };
    let failed = decision.reasons.iter().filter(|one| one.code != ReasonCode::Passed);
    Replayed {
        id: record.id.clone(),
        before: record.outcome,
        after: decision.outcome,
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
        reasons: vec![reason.to_owned()],
        verified_again: false,
    }
}

/// Returns true if the request passed verification when it was received.
fn was_verified(record: &RequestRecord) -> bool {
    !matches!(record.outcome, Outcome::VerificationFailed | Outcome::TooManyFailures)
}

/// Decides on a captured request. Returns true in addition if it was verified again. Credentials
/// are not verified again, because a key may have been revoked since.
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
    let verdict = listener.checks_credentials().then(|| was_verified(record));
    Some((run(listener, &request, request.received_at, verdict), verdict.is_none()))
}

fn of_log(listener: &Listener, record: &RequestRecord) -> Option<Decision> {
    let mut log: serde_json::Value = read_log(&record.log).ok()?;
    whole_log(&mut log, record.body.as_deref());
    let text = |key: &str| log.get(key).and_then(|value| value.as_str()).map(ToOwned::to_owned);
    let headers: Vec<(String, String)> = log
        .get("headers")?
        .get("map")?
        .as_object()?
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let parsed = || log.get("parsed_body").filter(|body| !body.is_null()).map(ToString::to_string);
    // Without either, the request had no body.
    let body = record.body.clone().or_else(parsed).unwrap_or_default();
    let query = query_of(log.get("query_params"))?;
    let method = text("http_method")?;
    let request = Request {
        id: &record.id,
        method: &method,
        url: listener.url.as_deref().unwrap_or(""),
        raw_query: &query,
        headers: &headers,
        raw_body: body.as_bytes(),
        unpacked: body.as_bytes(),
        remote_address: None,
        received_at: time_of(record.received_at),
    };
    Some(run(listener, &request, request.received_at, Some(was_verified(record))))
}

/// Returns the query; `None` if the log has values that are no strings.
fn query_of(params: Option<&serde_json::Value>) -> Option<String> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in params.and_then(|params| params.as_object()).into_iter().flatten() {
        let values = match value {
            serde_json::Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        for one in values {
            query.append_pair(name, one.as_str()?);
        }
    }
    Some(query.finish())
}

fn run(listener: &Listener, request: &Request<'_>, now: Time, verdict: Option<bool>) -> Decision {
    let mut surroundings = DecisionContext {
        machine: &mut Machine::default(),
        limiter: &mut Unlimited,
        presented: &Presented::None,
    };
    match verdict {
        None => decide(listener, request, now, &mut surroundings),
        Some(verdict) => decide_verified(listener, request, now, &mut surroundings, verdict),
    }
}
