//! Listeners: recipes with their samples, decisions, configuration and its diagnostics.

mod challenge;
mod configuration;
mod decide;
mod defaults;
mod definitions;
mod encrypted;
mod forgery;
mod key_urls;
mod merge;
mod property;
mod recipes;
mod redaction;
mod tokens;
mod verify;

use std::net::IpAddr;

use hookgate::engine::{Machine, Time};
use hookgate::listener::{
    ConfigSource, Decision, DecisionContext, Limiter, Listener, Loaded, NoKeys, Presented, Request,
    Unlimited, decide, load,
};
use ring::hmac;

/// The head of a listener's file.
const HEAD: &str =
    "id = \"5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10\"\nname = \"a\"\ntenant = \"acme\"\n";
/// The secrets named `KEY`, the newer one first.
const SECRETS: &str = "secrets.KEY = [{ env = \"KEY\" }, { env = \"OLD\" }]\n";
const KEY: &str = "s3cret-of-today";
const OLD: &str = "s3cret-of-yesterday";
const URL: &str = "https://hooks.example.com/hook";
/// The time of requests, in seconds since the epoch.
const NOW: i64 = 1_755_691_200;

/// Returns a request that posts a body to a URL, without anything else.
fn plain_request<'r>(url: &'r str, body: &'r [u8], now: Time) -> Request<'r> {
    Request {
        id: "1",
        method: "POST",
        url,
        raw_query: "",
        headers: &[],
        raw_body: body,
        unpacked: body,
        remote_address: None,
        received_at: now,
    }
}

/// Loads a listener's file that starts with the head.
fn loaded(rest: &str, files: &[(&str, &str)]) -> Loaded {
    let outside = ConfigSource {
        environment: &|name| match name {
            "KEY" => Some(KEY.to_owned()),
            "OLD" => Some(OLD.to_owned()),
            _ => None,
        },
        file: &|name| {
            let found = files.iter().find(|(known, _)| *known == name);
            found
                .map(|(_, text)| text.as_bytes().to_vec())
                .ok_or("there is no such file".to_owned())
        },
        ..ConfigSource::empty()
    };
    load("a.toml", &format!("{HEAD}{rest}"), &outside)
}

/// Returns a listener without secrets.
fn open(rest: &str) -> Listener {
    let loaded = loaded(rest, &[]);
    loaded.listener.unwrap_or_else(|| panic!("{rest}\n{:?}", rendered(&loaded.diagnostics)))
}

/// Returns a listener with the secret `KEY`.
fn secured(rest: &str) -> Listener {
    open(&format!("{SECRETS}{rest}"))
}

fn rendered(diagnostics: &[hookgate::diagnostic::Diagnostics]) -> Vec<String> {
    diagnostics.iter().map(ToString::to_string).collect()
}

/// A request to send to a listener.
#[derive(Clone)]
struct Sent {
    method: &'static str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    query: String,
    address: Option<IpAddr>,
    now: Time,
    presented: Presented,
}

impl Sent {
    fn new(body: impl AsRef<[u8]>) -> Self {
        Self {
            method: "POST",
            headers: Vec::new(),
            body: body.as_ref().to_vec(),
            query: String::new(),
            address: None,
            now: Time::from_epoch(NOW.into()).unwrap(),
            presented: Presented::None,
        }
    }

    fn json(body: impl AsRef<[u8]>) -> Self {
        Self::new(body).with("Content-Type", "application/json")
    }

    fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    fn with_query(mut self, query: &str) -> Self {
        self.query = query.to_owned();
        self
    }

    /// Moves the time of the request by seconds.
    fn delayed(mut self, seconds: i64) -> Self {
        self.now = Time::from_epoch((NOW + seconds).into()).unwrap();
        self
    }

    fn to(&self, listener: &Listener) -> Decision {
        self.limited(listener, &mut Unlimited)
    }

    fn limited(&self, listener: &Listener, limiter: &mut dyn Limiter) -> Decision {
        self.seen(|request| {
            let mut surroundings = DecisionContext {
                machine: &mut Machine::default(),
                limiter,
                presented: &self.presented,
                keys: &NoKeys,
            };
            decide(listener, request, request.received_at, &mut surroundings)
        })
    }

    fn seen<T>(&self, look: impl FnOnce(&Request<'_>) -> T) -> T {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let url = match self.query.as_str() {
            "" => URL.to_owned(),
            query => format!("{URL}?{query}"),
        };
        look(&Request {
            id: "r1",
            method: self.method,
            url: &url,
            raw_query: &self.query,
            headers: &headers,
            raw_body: &self.body,
            unpacked: &self.body,
            remote_address: self.address,
            received_at: self.now,
        })
    }
}

/// Returns the outcome, and every reason code except `passed`.
fn outcome_of(decision: &Decision) -> String {
    let codes = decision.reasons.iter().map(|one| one.code.name());
    let codes: Vec<&str> = codes.filter(|name| *name != "passed").collect();
    [&[decision.outcome.name()], codes.as_slice()].concat().join(" ")
}

/// Returns the messages of a decision as one text.
fn messages_of(decision: &Decision) -> String {
    decision.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn body(decision: &Decision) -> &str {
    std::str::from_utf8(&decision.response.body).unwrap()
}

/// Returns an HMAC, computed by a different library than the tested one.
fn mac(algorithm: hmac::Algorithm, secret: &str, message: impl AsRef<[u8]>) -> Vec<u8> {
    let key = hmac::Key::new(algorithm, secret.as_bytes());
    hmac::sign(&key, message.as_ref()).as_ref().to_vec()
}

fn sha256(secret: &str, message: impl AsRef<[u8]>) -> Vec<u8> {
    mac(hmac::HMAC_SHA256, secret, message)
}
