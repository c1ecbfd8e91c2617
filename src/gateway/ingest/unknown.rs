//! Requests that reach no listener: unknown ids and wrong paths. Their answer is 404 without a body.
//! The log and the rejected-request log name the reason, because a wrong URL at a provider is
//! otherwise hard to find. Strangers can send any number, so both are limited.
//!
//! Of such a request only method, path and `User-Agent` are recorded. A query or another header may
//! have a secret, and no listener says which one.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Instant;

use hyper::header::USER_AGENT;
use hyper::http::request::Parts;

use crate::engine::Time;
use crate::gateway::app::App;
use crate::gateway::config::configuration::Configuration;
use crate::gateway::http::client_address::Origin;
use crate::gateway::ids::{ListenerId, TenantId};
use crate::gateway::ops::clock::micros_of;
use crate::gateway::store::RequestRecord;
use crate::listener::{Listener, Outcome, Reason, ReasonCode, Response};

/// Owner of the log lines: all requests without a listener share them.
const OWNER: &str = "";

/// Characters of a path or a header that are recorded.
const MAX_CHARACTERS: usize = 200;

/// Characters from which a segment of a path may be a token. Ids of listeners are shown.
const TOKEN_CHARACTERS: usize = 20;

/// Answers a request that reaches no listener, and records it.
pub(super) fn refuse(app: &App, peer: IpAddr, head: &Parts, began: Instant) -> Response {
    let outcome = Outcome::UnknownListener;
    app.metrics.count("", outcome, began.elapsed());
    let configuration = app.configuration();
    let unrouted = UnroutedRequest { configuration: &configuration, peer, head, began };
    let (id, at) = (app.clock.id().to_string(), app.clock.now());
    if let Some(suppressed) = app.log_limit.admit(OWNER, Instant::now()) {
        unrouted.log(&id, suppressed);
    }
    let listener = ListenerId::from("");
    app.store.record_rejected_with(&listener, micros_of(at), &mut || unrouted.record(&id, at));
    Response::empty(outcome.status())
}

/// A request that reaches no listener.
struct UnroutedRequest<'r> {
    configuration: &'r Configuration,
    peer: IpAddr,
    head: &'r Parts,
    began: Instant,
}

impl UnroutedRequest<'_> {
    fn log(&self, id: &str, suppressed: u64) {
        let address = self.address();
        let (path, reason) = (self.path(), self.reason().to_string());
        let outcome = Outcome::UnknownListener;
        // A field that is `None` is not written.
        let suppressed = (suppressed > 0).then_some(suppressed);
        tracing::warn!(request = id, %outcome, %address, path, suppressed, reason, "request");
    }

    /// Returns the row of the rejected-request log. It has no tenant, so no tenant sees it.
    fn record(&self, id: &str, at: Time) -> RequestRecord {
        RequestRecord {
            id: id.into(),
            tenant: TenantId::from(""),
            listener_id: ListenerId::from(""),
            listener_name: String::new(),
            received_at: micros_of(at),
            outcome: Outcome::UnknownListener,
            status: Outcome::UnknownListener.status(),
            log: self.entry(id, at).to_string(),
            body: None,
            reasons: serde_json::json!([self.reason()]).to_string(),
            event_id: None,
            duration_us: u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// Returns the log entry, in the form of those of listeners.
    fn entry(&self, id: &str, at: Time) -> serde_json::Value {
        let agent = self.head.headers.get(USER_AGENT).map(|agent| agent.as_bytes());
        let agent = agent.map(|agent| self.shown(&String::from_utf8_lossy(agent)));
        serde_json::json!({
            "error_message": self.reason().message,
            "headers": { "map": { "user-agent": agent } },
            "http_method": self.shown(self.head.method.as_str()),
            "listener_metadata": { "request_id": id, "listener_id": "", "listener_name": "" },
            "path": self.path(),
            "received_at": at.to_string(),
            "remote_address": self.address().to_string(),
        })
    }

    fn address(&self) -> IpAddr {
        let proxies = &self.configuration.settings.trusted_proxies;
        Origin::of(self.peer, &self.head.headers, proxies).address().unwrap_or(self.peer)
    }

    /// Returns the path without anything that may be a secret.
    fn path(&self) -> String {
        let segments = self.head.uri.path().split('/').map(shown_segment);
        self.shown(&segments.collect::<Vec<_>>().join("/"))
    }

    /// Returns a text of the sender without known secrets, escaped and cut.
    fn shown(&self, text: &str) -> String {
        let listeners = self.configuration.listeners.values();
        let text = listeners
            .fold(text.to_owned(), |text, listener| listener.redaction.text(&text).into_owned());
        let mut shown: String = text.chars().take(MAX_CHARACTERS).map(escaped).collect();
        if text.chars().nth(MAX_CHARACTERS).is_some() {
            shown.push('…');
        }
        shown
    }

    fn reason(&self) -> Reason {
        let path = self.head.uri.path();
        let (code, message) = match self.listener_in(path) {
            Some(listener) => (ReasonCode::WrongPath, wrong_path(path, listener)),
            None if is_listener_path(path) => (
                ReasonCode::UnknownId,
                "no listener has this id: is its file in `listeners/`, and was it loaded?"
                    .to_owned(),
            ),
            None => (
                ReasonCode::WrongPath,
                "the path of a listener is `/webhooks/v1/listeners/ID/notify`".to_owned(),
            ),
        };
        Reason::new("route", code, message)
    }

    /// Returns the listener whose id is in a path.
    fn listener_in(&self, path: &str) -> Option<&Listener> {
        path.split('/').find_map(|segment| {
            let id = segment.to_ascii_lowercase();
            self.configuration.listeners.get(id.as_str()).map(|listener| &**listener)
        })
    }
}

fn wrong_path(path: &str, listener: &Listener) -> String {
    let Listener { id, name, .. } = listener;
    let slash = if path.ends_with('/') { ", without a slash at the end" } else { "" };
    format!("the path of the listener `{name}` is `/webhooks/v1/listeners/{id}/notify`{slash}")
}

/// Returns true for the path of a listener, whatever its id, and for one with a slash at its end.
fn is_listener_path(path: &str) -> bool {
    let id = path.strip_prefix("/webhooks/v1/listeners/");
    let id = id.and_then(|rest| rest.strip_suffix('/').unwrap_or(rest).strip_suffix("/notify"));
    id.is_some_and(|id| !id.contains('/'))
}

/// Returns a segment of a path, or its length if it may be a token.
fn shown_segment(segment: &str) -> Cow<'_, str> {
    let length = segment.chars().count();
    // A token may have the 32 digits of a UUID too, without the hyphens of an id.
    let is_id = segment.len() == 36 && uuid::Uuid::try_parse(segment).is_ok();
    if length < TOKEN_CHARACTERS || is_id {
        return Cow::Borrowed(segment);
    }
    Cow::Owned(format!("<{length} characters>"))
}

/// Returns a character, or a question mark for one that a terminal may not show as it is.
fn escaped(character: char) -> char {
    if character == ' ' || character.is_ascii_graphic() { character } else { '?' }
}
