//! Dry runs: requests that run through the routes, the store and the rest of a gateway that listens
//! at no address. The clock is set to the time of each request.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::Request;
use tower::ServiceExt;

use crate::engine::Time;
use crate::gateway::app::App;
use crate::gateway::config::configuration::Configuration;
use crate::gateway::config::settings::Settings;
use crate::gateway::http::collected;
use crate::gateway::ops::clock::Clock;
use crate::gateway::routes::sender_routes;
use crate::gateway::serve::{ServeError, offline, open_store};
use crate::gateway::store::{EventFilter, Mode, RequestFilter, RequestRecord};
use crate::listener::{Event, Listener, Outcome, Response, Sample};
use crate::value::read_json;

/// File name of the store in its temporary folder.
const STORE: &str = "trial.db";

/// A gateway for dry runs. Its store is deleted when the value is dropped.
pub struct DryRun {
    app: Arc<App>,
    listener: String,
    _folder: tempfile::TempDir,
}

/// The result of a dry run.
#[derive(Debug)]
pub struct DryRunResult {
    /// Outcome.
    pub outcome: Outcome,
    /// Reason codes of the steps.
    pub codes: Vec<String>,
    /// Reasons as text.
    pub reasons: Vec<String>,
    /// Response.
    pub response: Response,
    /// Event, if the request produced one.
    pub event: Option<Event>,
}

/// The reason why a dry run failed.
#[derive(Debug, thiserror::Error)]
pub enum DryRunError {
    /// A gateway that cannot be built.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A temporary folder that cannot be created.
    #[error("no temporary folder for the store: {0}")]
    Folder(#[from] std::io::Error),
    /// A store that does not answer.
    #[error(transparent)]
    Store(#[from] crate::gateway::store::StoreError),
    /// Reasons in the store that are no JSON.
    #[error("the stored reasons cannot be read: {0}")]
    Reasons(#[from] serde_json::Error),
    /// A request that is not valid HTTP.
    #[error("the request cannot be sent: {0}")]
    Request(#[from] hyper::http::Error),
    /// A response that cannot be read.
    #[error("the answer could not be read: {0}")]
    Answer(#[from] axum::Error),
}

impl DryRun {
    /// Returns a gateway with one listener, and with key documents by URL. It has no network.
    ///
    /// # Errors
    /// Returns an error if its store cannot be created.
    pub async fn new(
        listener: Listener,
        settings: &Settings,
        keys: &[(String, String)],
    ) -> Result<Self, DryRunError> {
        let folder = tempfile::tempdir()?;
        let id = listener.id.to_string();
        let configuration = Configuration {
            folder: folder.path().to_owned(),
            settings: Settings { store: STORE.into(), ..settings.clone() },
            listeners: [(listener.id.clone(), Arc::new(listener))].into(),
            warnings: Vec::new(),
            seen: Default::default(),
        };
        let store = open_store(&configuration, Mode::Serve)?;
        let app = offline(configuration, store, Clock::pinned(Time::EPOCH)).await?;
        let app = Arc::new(app.with_keys(keys));
        Ok(Self { app, listener: id, _folder: folder })
    }

    /// Sends a request.
    ///
    /// # Errors
    /// Returns an error if the request cannot be sent, or its stored result cannot be read.
    pub async fn send(&self, sample: &Sample, now: Time) -> Result<DryRunResult, DryRunError> {
        self.app.clock.set(now);
        let response = self.answer(sample).await?;
        self.app.store.flush().await?;
        let newest = RequestFilter { limit: 1, newest_first: true, ..RequestFilter::default() };
        let record = self.app.store.requests(&newest).await?.into_iter().next();
        let event = self.event(record.as_ref()).await?;
        dry_run_result(record, response, event)
    }

    async fn answer(&self, sample: &Sample) -> Result<Response, DryRunError> {
        let path = format!("/webhooks/v1/listeners/{}/notify", self.listener);
        let target = match sample.query.as_str() {
            "" => path,
            query => format!("{path}?{query}"),
        };
        let mut request = Request::builder().method(sample.method.as_str()).uri(target);
        for (name, value) in &sample.headers {
            request = request.header(name, value.as_bytes());
        }
        let peer = sample.remote_address.as_deref().and_then(|address| address.parse().ok());
        let peer = SocketAddr::new(peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), 1);
        let body = sample.body.clone().unwrap_or_default();
        let request = request.extension(ConnectInfo(peer)).body(Body::from(body))?;
        let routes = sender_routes(Arc::clone(&self.app));
        let answer = match routes.oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        Ok(collected(answer).await?)
    }

    async fn event(&self, record: Option<&RequestRecord>) -> Result<Option<Event>, DryRunError> {
        let Some(id) = record.and_then(|record| record.event_id.as_ref()) else {
            return Ok(None);
        };
        let found = self.app.store.event(id).await?;
        Ok(found.map(|event| Event {
            kind: Some(event.event_type).filter(|kind| !kind.is_empty()).map(Into::into),
            provider_id: event.provider_event_id.map(Into::into),
            data: event.data.and_then(|data| read_json(data.as_bytes()).ok()),
        }))
    }

    /// Returns the number of stored events, at most 1000.
    ///
    /// # Errors
    /// Returns an error if the store does not answer.
    pub async fn events(&self) -> Result<usize, DryRunError> {
        let all = EventFilter { limit: 1000, ..EventFilter::default() };
        Ok(self.app.store.events(&all).await?.len())
    }
}

fn dry_run_result(
    record: Option<RequestRecord>,
    response: Response,
    event: Option<Event>,
) -> Result<DryRunResult, DryRunError> {
    let Some(record) = record else {
        let (codes, reasons) = (Vec::new(), Vec::new());
        let outcome = Outcome::UnknownListener;
        return Ok(DryRunResult { outcome, codes, reasons, response, event });
    };
    let list: Vec<serde_json::Value> = serde_json::from_str(&record.reasons)?;
    let text = |one: &serde_json::Value, key: &str| {
        one.get(key).and_then(|value| value.as_str()).unwrap_or("").to_owned()
    };
    let codes = list.iter().map(|one| text(one, "finding")).collect();
    let reasons = list
        .iter()
        .map(|one| {
            let (step, name) = (text(one, "step"), text(one, "name"));
            let named = if name.is_empty() { step } else { format!("{step} `{name}`") };
            format!("{named}: {}: {}", text(one, "finding"), text(one, "message"))
        })
        .collect();
    Ok(DryRunResult { outcome: record.outcome, codes, reasons, response, event })
}
