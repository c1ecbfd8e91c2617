//! The accept path: reads an HTTP request, gets the decision of the listener, stores the result and
//! answers. Does not decide.

use std::borrow::Cow;
use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::response::Response as HttpResponse;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request as HttpRequest, StatusCode};

use super::captured_request::CapturedRequest;
use super::credentials::{issue, look_up};
use super::key_cache::RequestKeys;
use super::rate_limit::{Policies, RateLimiter};
use super::unknown;
use crate::engine::{Machine, Time};
use crate::gateway::app::App;
use crate::gateway::config::configuration::Configuration;
use crate::gateway::config::settings::Limits;
use crate::gateway::deliver::HOPS;
use crate::gateway::http::body;
use crate::gateway::http::body::Incoming;
use crate::gateway::http::client_address::Origin;
use crate::gateway::http::{BodyReservation, copy_size, value_text};
use crate::gateway::ids::{ListenerId, TenantId};
use crate::gateway::ops::clock::{UnixMicros, micros_in, micros_of};
use crate::gateway::ops::offload::{Load, OffloadPermit};
use crate::gateway::store::{
    DedupClaim, Entry, EventRecord, Kept, Repeat, RequestRecord, StoreError,
};
use crate::listener::rate::Admission;
use crate::listener::{
    Decision, DecisionContext, Fetch, Limiter, Listener, Log, NeedsKey, Outcome, Presented, Reason,
    ReasonCode, Request, Response, decide, error_response, log_entry, presented,
};

/// Largest body, in bytes, that is validated against a schema on the runtime thread. A larger body
/// may take a fraction of a second within the step limit of a validation.
const VALIDATED_IN_PLACE: usize = 4 << 10;

/// Largest body, in bytes, that is parsed on the runtime thread.
const PARSED_IN_PLACE: usize = 64 << 10;

thread_local! {
    /// A machine keeps its memory from request to request.
    static MACHINE: RefCell<Machine> = RefCell::new(Machine::default());
}

/// Handles `/webhooks/v1/listeners/{id}/notify`.
pub(in crate::gateway) async fn notify(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    id: Result<Path<String>, PathRejection>,
    request: HttpRequest<Body>,
) -> HttpResponse {
    let configuration = app.configuration();
    let began = Instant::now();
    // An id that is not UTF-8 is handled like any unknown id: no listener has an empty one.
    let id = id.map(|Path(id)| id.to_ascii_lowercase()).unwrap_or_default();
    let Some(listener) = configuration.listeners.get(id.as_str()).map(Arc::clone) else {
        let (head, _) = request.into_parts();
        return http(unknown::refuse(&app, peer.ip(), &head, began), false);
    };
    let head_only = request.method() == Method::HEAD;
    let receiver = RequestReceiver { app, configuration, listener, began };
    let response = receiver.receive(peer.ip(), request).await;
    http(response, head_only)
}

/// Answers a request whose path no route has.
pub(in crate::gateway) async fn unknown_path(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: HttpRequest<Body>,
) -> HttpResponse {
    let (head, _) = request.into_parts();
    http(unknown::refuse(&app, peer.ip(), &head, Instant::now()), false)
}

/// The context of one request. Cheap to clone for work on another thread.
#[derive(Clone)]
struct RequestReceiver {
    app: Arc<App>,
    configuration: Arc<Configuration>,
    listener: Arc<Listener>,
    began: Instant,
}

/// A request whose body was read.
struct Arrived {
    head: RequestHead,
    incoming: Incoming,
}

/// A request that is decided on, with all that its decisions read.
struct PendingRequest {
    arrived: Arrived,
    known: Presented,
    keys: RequestKeys,
}

/// The result of the work on a request.
enum WorkResult {
    /// A decision to store.
    Decided(Box<PreparedDecision>, BodyReservation),
    /// The response to a request that is not stored.
    Answered(Response),
    /// A key document is needed before the request can be decided on.
    NeedsKey(Box<PendingRequest>, NeedsKey),
    /// A URL has to be fetched before the request is answered.
    Confirms(Box<PendingRequest>, Box<Decision>, Box<str>),
}

/// Maximum number of key documents that are fetched for one request. A listener with more of them
/// finds the first ones in the cache at the next request.
const MAX_FETCHES: usize = 4;

/// The head of a request, with the values that are derived from it.
struct RequestHead {
    id: String,
    url: String,
    parts: Parts,
    origin: Origin,
    received_at: Time,
}

impl RequestReceiver {
    async fn receive(&self, peer: IpAddr, request: HttpRequest<Body>) -> Response {
        let (parts, content) = request.into_parts();
        let head = self.head(peer, parts);
        let limits = &self.limits();
        if head.parts.headers.len() > limits.headers {
            return self.refuse(&head, Outcome::HeadersTooLarge);
        }
        let owner = head.origin.owner();
        let read = {
            let (headers, memory) = (&head.parts.headers, &self.app.memory);
            body::read(headers, content, limits, memory, &owner).await
        };
        let mut incoming = match read {
            Ok(incoming) => incoming,
            Err(outcome) => return self.refuse(&head, outcome),
        };
        let load = self.load(&head, &incoming);
        let Some(permit) = self.app.offload.acquire(load, &owner, limits.body_timeout).await else {
            return match load {
                Load::Failing => self.refuse(&head, Outcome::TooManyFailures),
                _ => self.refuse(&head, Outcome::Unavailable),
            };
        };
        // The head is copied as strings only after the body has arrived. So a stream that waits for
        // its body holds one copy.
        let copied = incoming.count_copy(&self.app.memory, copy_size(&head.parts.headers));
        if let Err(outcome) = copied {
            return self.refuse(&head, outcome);
        }
        let arrived = Arrived { head, incoming };
        let known = match self.look_up(&arrived).await {
            Ok(known) => known,
            Err(error) => {
                tracing::error!(request = arrived.head.id, %error, "store unavailable");
                return self.refuse(&arrived.head, Outcome::Unavailable);
            }
        };
        let keys = RequestKeys::new(&self.app.keys, &self.listener.id, &self.listener.tenant);
        self.finish(PendingRequest { arrived, known, keys }, permit, load).await
    }

    /// Decides on a request, and again after each key document that was fetched for it.
    async fn finish(
        &self,
        mut pending: PendingRequest,
        mut permit: OffloadPermit,
        load: Load,
    ) -> Response {
        let owner = pending.arrived.head.origin.owner();
        for fetches in 0.. {
            let receiver = self.clone();
            let (request, needed) = match permit.run(move || receiver.work(pending)).await {
                Some(WorkResult::Decided(prepared, memory)) => {
                    return self.store(*prepared, memory).await;
                }
                Some(WorkResult::Answered(response)) => return response,
                Some(WorkResult::Confirms(request, decision, url)) => {
                    return self.confirm(*request, *decision, &url).await;
                }
                Some(WorkResult::NeedsKey(request, needed)) => (request, needed),
                None => break,
            };
            pending = *request;
            if fetches < MAX_FETCHES {
                pending.keys.obtain(&needed).await;
            } else {
                pending.keys.refuse(&needed.url);
            }
            let timeout = self.limits().body_timeout;
            let Some(again) = self.app.offload.acquire(load, &owner, timeout).await else {
                return self.refuse(&pending.arrived.head, Outcome::Unavailable);
            };
            permit = again;
        }
        error_response(503, "ErrorUnavailable", "try again later")
    }

    /// Confirms a subscription, and answers when that is recorded.
    async fn confirm(&self, pending: PendingRequest, decision: Decision, url: &str) -> Response {
        let confirmed = self.app.confirmations.confirm(&self.listener.tenant, url).await;
        let (prepared, memory) = {
            let arrived = pending.arrived;
            let texts = arrived.head.texts();
            let headers = borrowed(&texts);
            let request = arrived.request(&headers);
            if let Err(reason) = confirmed {
                let decision = decision.confirmation_failed(&reason);
                self.note(&request, &decision);
                self.count(request.id, decision.outcome, &decision.reasons);
                return decision.response;
            }
            let prepared = self.prepare(&request, decision);
            drop(headers);
            drop(texts);
            (prepared, arrived.incoming.into_memory())
        };
        self.store(prepared, memory).await
    }

    /// The credential that the request presents, as far as it is known here.
    async fn look_up(&self, arrived: &Arrived) -> Result<Presented, StoreError> {
        if !self.listener.checks_credentials() {
            return Ok(Presented::None);
        }
        let texts = arrived.head.texts();
        let headers = borrowed(&texts);
        look_up(&self.app, presented(&self.listener, &arrived.request(&headers))).await
    }

    /// Decompresses a request, decides on it, and prepares what is stored. The parsed body is
    /// dropped here: it may be many times larger than the body, and the store takes a while.
    ///
    /// A request that is not stored is logged.
    fn work(&self, mut pending: PendingRequest) -> WorkResult {
        if let Err(response) = self.unpack(&mut pending.arrived) {
            return WorkResult::Answered(response);
        }
        let found = {
            let arrived = &pending.arrived;
            let texts = arrived.head.texts();
            let headers = borrowed(&texts);
            let request = arrived.request(&headers);
            let mut decision = self.decision(&request, &pending, arrived.head.origin);
            match decision.fetch.take() {
                Some(fetch) => Err((decision, fetch)),
                None => Ok(self.decided(&request, decision, arrived.head.origin)),
            }
        };
        match found {
            // The rows are copies of the body, and its memory was reserved for them too.
            Ok(Ok(prepared)) => {
                WorkResult::Decided(Box::new(prepared), pending.arrived.incoming.into_memory())
            }
            Ok(Err(response)) => WorkResult::Answered(response),
            Err((_, Fetch::Key(needed))) => WorkResult::NeedsKey(Box::new(pending), needed),
            Err((decision, Fetch::Confirmation(url))) => {
                WorkResult::Confirms(Box::new(pending), Box::new(decision), url)
            }
        }
    }

    /// Decompresses a compressed body.
    ///
    /// # Errors
    /// Returns the response to a body that cannot be decompressed.
    fn unpack(&self, arrived: &mut Arrived) -> Result<(), Response> {
        let unpacked = arrived.incoming.unpack(self.limits().body);
        unpacked.map_err(|outcome| self.refuse(&arrived.head, outcome))
    }

    /// Prepares a decision that has to be stored.
    ///
    /// # Errors
    /// Returns the response to a request that is not stored. Such a request is logged.
    fn decided(
        &self,
        request: &Request<'_>,
        decision: Decision,
        origin: Origin,
    ) -> Result<PreparedDecision, Response> {
        if is_stored(&decision) {
            return Ok(self.prepare(request, decision));
        }
        // Not refused is not trusted: a stranger sends challenges, too.
        self.note(request, &decision);
        self.count_unverified(request.id, origin, decision.outcome, &decision.reasons);
        Err(decision.response)
    }

    /// Returns the class of work that a request causes.
    fn load(&self, head: &RequestHead, incoming: &Incoming) -> Load {
        if self.rate_limiter(head.origin).is_failing() {
            Load::Failing
        } else if incoming.is_packed() || incoming.raw.len() > self.most_in_place() {
            Load::Heavy
        } else {
            Load::Light
        }
    }

    /// Returns the largest body that is worked on where it was read.
    fn most_in_place(&self) -> usize {
        if self.listener.has_schema() { VALIDATED_IN_PLACE } else { PARSED_IN_PLACE }
    }

    fn head(&self, peer: IpAddr, parts: Parts) -> RequestHead {
        let settings = &self.configuration.settings;
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        RequestHead {
            id: self.app.clock.id().to_string(),
            url: match &self.listener.url {
                Some(url) => {
                    parts.uri.query().map_or(url.to_string(), |query| format!("{url}?{query}"))
                }
                None => format!("{}{target}", settings.public_url),
            },
            origin: Origin::of(peer, &parts.headers, &settings.trusted_proxies),
            received_at: self.app.clock.now(),
            parts,
        }
    }

    /// Returns the limits for requests to this listener.
    fn limits(&self) -> Limits {
        let limits = self.configuration.settings.limits;
        let body = self.listener.max_body.map_or(limits.body, |most| most.min(limits.body));
        Limits { body, ..limits }
    }

    fn rate_limiter(&self, origin: Origin) -> RateLimiter<'_> {
        RateLimiter {
            buckets: &self.app.buckets,
            listener: &self.listener.id,
            origin,
            policies: Policies::from(&self.configuration.settings.limits),
            now: self.app.clock.micros().get(),
        }
    }

    fn decision(
        &self,
        request: &Request<'_>,
        pending: &PendingRequest,
        origin: Origin,
    ) -> Decision {
        let decision = MACHINE.with_borrow_mut(|machine| {
            let mut context = DecisionContext {
                machine,
                limiter: &mut self.rate_limiter(origin),
                presented: &pending.known,
                keys: &pending.keys,
            };
            decide(&self.listener, request, request.received_at, &mut context)
        });
        self.app.metrics.hashed_bytes.inc_by(decision.hashed_bytes);
        decision
    }

    /// Records a request that is not stored in the rejected-request log. The log entry is built
    /// only if the log accepts it.
    fn note(&self, request: &Request<'_>, decision: &Decision) {
        let at = micros_of(request.received_at);
        self.app
            .store
            .record_rejected_with(&self.listener_id(), at, &mut || self.logged(request, decision));
    }

    /// Prepares the rows of a request of a verified sender, with its event if it is accepted.
    fn prepare(&self, request: &Request<'_>, decision: Decision) -> PreparedDecision {
        let now = self.app.clock.micros();
        let log = log_entry(&self.listener, request, &decision);
        let is_accepted = decision.outcome == Outcome::Accepted;
        let event = is_accepted.then(|| self.event(request, &decision, log.verbatim_json, now));
        let mut record = self.record(request, &decision, log);
        record.event_id = event.as_ref().map(|event| event.id.clone());
        let dedup = decision.dedup.as_ref().filter(|_| is_accepted).map(|keys| DedupClaim {
            keys: keys.hashes.clone(),
            former: keys.former,
            window_us: micros_in(keys.window),
            duplicate: repeat(),
        });
        let entry = Entry {
            request: record,
            event,
            dedup,
            raw: if is_accepted { self.original(request) } else { None },
            challenge: decision.outcome == Outcome::Challenged,
        };
        let Decision { outcome, reasons, response, .. } = decision;
        PreparedDecision { entry, now, outcome, reasons, response }
    }

    /// Stores a request, and answers when it is on disk.
    async fn store(&self, prepared: PreparedDecision, _memory: BodyReservation) -> Response {
        let PreparedDecision { entry, now, outcome, reasons, response } = prepared;
        let id = entry.request.id.clone();
        match self.app.store.keep(entry, now).await {
            Ok(Kept::New) => {
                if outcome == Outcome::Accepted {
                    self.app.notifier.notify_tenant(&self.listener.tenant);
                }
                self.count(&id, outcome, &reasons);
                response
            }
            Ok(Kept::Duplicate { first_request, .. }) => {
                let reason = Reason::new(
                    "deduplicate",
                    ReasonCode::SeenBefore,
                    format!("accepted before as {first_request}"),
                );
                self.count(&id, Outcome::Duplicate, &[reason]);
                response
            }
            Err(error) => self.unavailable(&id, &error.to_string()),
        }
    }

    fn tenant(&self) -> TenantId {
        TenantId::from(&*self.listener.tenant)
    }

    fn listener_id(&self) -> ListenerId {
        ListenerId::from(&*self.listener.id)
    }

    fn event(
        &self,
        request: &Request<'_>,
        decision: &Decision,
        verbatim: bool,
        now: UnixMicros,
    ) -> EventRecord {
        let event = decision.event.as_ref();
        let text = |text: Option<&Box<str>>| text.map(|text| text.to_string());
        EventRecord {
            id: self.app.clock.id().into(),
            tenant: self.tenant(),
            listener_id: self.listener_id(),
            request_id: request.id.into(),
            event_type: text(event.and_then(|event| event.kind.as_ref())).unwrap_or_default(),
            provider_event_id: text(event.and_then(|event| event.provider_id.as_ref())),
            data: match event.and_then(|event| event.data.as_ref()) {
                None if verbatim => None,
                _ => decision.event_data(&self.listener, request),
            },
            created_at: now,
            hops: hops(request),
            place: 0,
        }
    }

    /// Returns the captured request, encrypted, if the listener captures requests and a key exists.
    fn original(&self, request: &Request<'_>) -> Option<Vec<u8>> {
        if !self.listener.capture {
            return None;
        }
        let original = zeroize::Zeroizing::new(CapturedRequest::of(request).to_json());
        self.app
            .keyring
            .seal(&CapturedRequest::place(&self.listener.tenant, request.id), original.as_bytes())
            .map_err(|error| tracing::error!(request = request.id, %error, "not kept"))
            .ok()
    }

    fn reasons(&self, reasons: &[Reason]) -> String {
        self.listener.redaction.json(json(&reasons))
    }

    fn logged(&self, request: &Request<'_>, decision: &Decision) -> RequestRecord {
        self.record(request, decision, log_entry(&self.listener, request, decision))
    }

    fn record(&self, request: &Request<'_>, decision: &Decision, log: Log) -> RequestRecord {
        RequestRecord {
            id: request.id.into(),
            tenant: self.tenant(),
            listener_id: self.listener_id(),
            listener_name: self.listener.name.to_string(),
            received_at: micros_of(request.received_at),
            outcome: decision.outcome,
            status: decision.response.status,
            log: log.entry,
            body: log.body,
            reasons: self.reasons(&decision.reasons),
            event_id: None,
            duration_us: self.took(),
        }
    }

    fn took(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Counts a request of a verified sender, and writes its line to the gateway's log.
    fn count(&self, id: &str, outcome: Outcome, reasons: &[Reason]) {
        self.app.metrics.count(&self.listener.name, outcome, self.began.elapsed());
        self.log(id, outcome, reasons, 0);
    }

    /// Counts a request of an unverified sender. Only some of them have a line in the gateway's
    /// log, because strangers can send any number.
    fn count_unverified(&self, id: &str, origin: Origin, outcome: Outcome, reasons: &[Reason]) {
        self.app.metrics.count(&self.listener.name, outcome, self.began.elapsed());
        let Some(suppressed) = self.app.log_limit.admit(&self.listener.id, Instant::now()) else {
            return;
        };
        if let (Err(unknown), Outcome::VerificationFailed) = (origin.sender, outcome) {
            let peer = origin.peer;
            tracing::warn!(request = id, %peer, "the sender's address is not known: {unknown}");
        }
        self.log(id, outcome, reasons, suppressed);
    }

    /// Writes the line of a request. `suppressed` is the number of lines before it that were not
    /// written.
    fn log(&self, id: &str, outcome: Outcome, reasons: &[Reason], suppressed: u64) {
        let failed = reasons.iter().filter(|reason| reason.code != ReasonCode::Passed);
        let failed: Vec<String> = failed.map(ToString::to_string).collect();
        let failed = failed.join("; ");
        let reason = self.listener.redaction.text(&failed);
        let (listener, took_us, reason) = (&*self.listener.name, self.took(), &*reason);
        // A field that is `None` is not written.
        let suppressed = (suppressed > 0).then_some(suppressed);
        match outcome {
            fine if !fine.is_rejected() => {
                tracing::info!(request = id, listener, %outcome, took_us, suppressed, reason, "request");
            }
            _ => tracing::warn!(
                request = id, listener, %outcome, took_us, suppressed, reason, "request"
            ),
        }
    }

    /// Refuses a request before a decision is possible.
    fn refuse(&self, head: &RequestHead, outcome: Outcome) -> Response {
        // A lack of resources in the gateway is not a failure of the sender.
        let is_noted = outcome == Outcome::Unavailable
            || matches!(self.rate_limiter(head.origin).fail(), Admission::Admitted { .. });
        self.count_unverified(&head.id, head.origin, outcome, &[]);
        if is_noted {
            let at = micros_of(head.received_at);
            self.app
                .store
                .record_rejected_with(&self.listener_id(), at, &mut || self.bare(head, outcome));
        }
        let mut response = error_response(outcome.status(), "ErrorRequest", outcome.row().doc);
        if matches!(outcome, Outcome::Unavailable | Outcome::TooManyFailures) {
            response.set_header("Retry-After", "5".to_owned());
        }
        // Unread bytes of the body would be parsed as the next request.
        response.set_header("Connection", "close".to_owned());
        response
    }

    /// Returns the log record of a request whose body was not read.
    fn bare(&self, head: &RequestHead, outcome: Outcome) -> RequestRecord {
        let none = Incoming::empty();
        let texts = head.texts();
        let headers = borrowed(&texts);
        let request = head.request(&headers, &none);
        let decision = Decision::without_decision(&self.listener, &request, outcome);
        self.logged(&request, &decision)
    }

    fn unavailable(&self, id: &str, error: &str) -> Response {
        tracing::error!(request = id, error, "request not stored");
        self.app.metrics.count(&self.listener.name, Outcome::Unavailable, self.began.elapsed());
        let outcome = Outcome::Unavailable;
        let mut response = error_response(outcome.status(), "ErrorUnavailable", "try again later");
        response.set_header("Retry-After", "5".to_owned());
        response
    }
}

/// Returns the log entry of a request whose event was accepted before.
fn repeat() -> Repeat {
    let reason = Reason::new("deduplicate", ReasonCode::SeenBefore, ReasonCode::SeenBefore.doc());
    Repeat { outcome: Outcome::Duplicate, reason: json(&reason) }
}

/// Serialises strings and lists of strings, which always succeeds.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Returns the number of gateways that delivered the event before: the largest count of all
/// headers, because an intermediary may add a header and leave the others.
///
/// A count that cannot be parsed is treated as a loop, because gateways write digits.
fn hops(request: &Request<'_>) -> u32 {
    let values = request.headers_named(HOPS).flat_map(|value| value.split(','));
    let count = |value: &str| {
        let value = value.trim();
        let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        value.parse().ok().filter(|_| is_number).unwrap_or(u32::MAX)
    };
    values.map(count).max().unwrap_or(0)
}

fn borrowed<'t>(texts: &'t [(&'t str, Cow<'t, str>)]) -> Vec<(&'t str, &'t str)> {
    texts.iter().map(|(name, value)| (*name, &**value)).collect()
}

impl RequestHead {
    /// Returns the headers as strings, because programs read strings. A value that is not UTF-8 is
    /// read as ISO-8859-1.
    fn texts(&self) -> Vec<(&str, Cow<'_, str>)> {
        let headers = self.parts.headers.iter();
        headers.map(|(name, value)| (name.as_str(), value_text(value))).collect()
    }

    fn request<'a>(
        &'a self,
        headers: &'a [(&'a str, &'a str)],
        incoming: &'a Incoming,
    ) -> Request<'a> {
        Request {
            id: &self.id,
            method: self.parts.method.as_str(),
            url: &self.url,
            raw_query: self.parts.uri.query().unwrap_or(""),
            headers,
            raw_body: &incoming.raw,
            unpacked: incoming.unpacked(),
            remote_address: self.origin.address(),
            received_at: self.received_at,
        }
    }
}

impl Arrived {
    fn request<'a>(&'a self, headers: &'a [(&'a str, &'a str)]) -> Request<'a> {
        self.head.request(headers, &self.incoming)
    }
}

/// A decision with the rows that it stores, without the parsed request.
struct PreparedDecision {
    entry: Entry,
    /// Time of the decision, in microseconds since the epoch.
    now: UnixMicros,
    outcome: Outcome,
    reasons: Vec<Reason>,
    response: Response,
}

/// Returns true if a request is stored before it is answered: those of verified senders.
fn is_stored(decision: &Decision) -> bool {
    match decision.outcome {
        Outcome::Accepted | Outcome::Confirmed => true,
        Outcome::Challenged | Outcome::Filtered => decision.secured,
        _ => false,
    }
}

/// Largest body of a request for an access token, in bytes. The form has three short fields.
const TOKEN_BODY: usize = 16 << 10;

/// Handles `POST /oauth/v1/token`.
pub(in crate::gateway) async fn token(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: HttpRequest<Body>,
) -> HttpResponse {
    let configuration = app.configuration();
    let (parts, content) = request.into_parts();
    let settings = &configuration.settings;
    let origin = Origin::of(peer.ip(), &parts.headers, &settings.trusted_proxies);
    let body_limit = settings.limits.body.min(TOKEN_BODY);
    let limits = Limits { body: body_limit, ..settings.limits };
    let owner = origin.owner();
    let body = match body::read_plain(&parts.headers, content, &limits, &app.memory, &owner).await {
        Ok(body) => body,
        Err(outcome) => {
            // A lack of resources in the gateway is not a failure of the client.
            let may_go_on =
                outcome == Outcome::Unavailable || may_fail(&app, &configuration, origin);
            let response = match may_go_on {
                true => error_response(outcome.status(), "ErrorRequest", outcome.row().doc),
                false => slow_down(),
            };
            return http(response, false);
        }
    };
    // The look-up of a client that keeps failing waits for those of other such clients.
    let load = match rate_limiter(&app, &configuration, origin).is_failing() {
        true => Load::Failing,
        false => Load::Light,
    };
    let Some(permit) = app.offload.acquire(load, &owner, limits.body_timeout).await else {
        return http(slow_down(), false);
    };
    let issued = issue(&app, &parts.headers, body.unpacked()).await;
    drop(permit);
    let answer = match issued {
        Ok(issued) if issued.status == 401 && !may_fail(&app, &configuration, origin) => {
            slow_down()
        }
        Ok(issued) => {
            let mut response = Response::json(issued.status, &issued.body);
            response.set_header("Cache-Control", "no-store".to_owned());
            response
        }
        Err(error) => {
            tracing::error!(%error, "store unavailable");
            error_response(503, "ErrorUnavailable", "try again later")
        }
    };
    http(answer, false)
}

/// Returns the rate limiter of requests for a token.
fn rate_limiter<'a>(
    app: &'a App,
    configuration: &'a Configuration,
    origin: Origin,
) -> RateLimiter<'a> {
    RateLimiter {
        buckets: &app.buckets,
        listener: "oauth",
        origin,
        policies: Policies::from(&configuration.settings.limits),
        now: app.clock.micros().get(),
    }
}

/// Returns the response to an address with too many failures.
fn slow_down() -> Response {
    let mut response = Response::json(429, &serde_json::json!({ "error": "slow_down" }));
    response.set_header("Retry-After", "60".to_owned());
    response
}

/// Counts a failed request for a token against its address. Returns false if the address has too
/// many. Addresses are grouped as for listeners.
fn may_fail(app: &App, configuration: &Configuration, origin: Origin) -> bool {
    let admitted =
        matches!(rate_limiter(app, configuration, origin).fail(), Admission::Admitted { .. });
    if let (Err(unknown), true) = (origin.sender, admitted) {
        tracing::warn!(peer = %origin.peer, "a client's address is not known: {unknown}");
    }
    admitted
}

/// Converts a response to HTTP. `nosniff` keeps browsers from treating a sender's text as a web
/// page.
fn http(response: Response, head_only: bool) -> HttpResponse {
    let mut headers = HeaderMap::new();
    for (name, value) in &response.headers {
        let header = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str()));
        if let (Ok(name), Ok(value)) = header {
            headers.append(name, value);
        }
    }
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    let body = if head_only { Body::empty() } else { Body::from(response.body) };
    let mut answer = HttpResponse::new(body);
    *answer.status_mut() =
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *answer.headers_mut() = headers;
    answer
}
