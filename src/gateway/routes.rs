//! The routes: those of senders, and those of operators, at two addresses.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};

use super::app::App;
use super::manage::routes;
use super::receive::{notify, token};

/// What senders reach, and nothing else.
pub fn sender_routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/webhooks/v1/listeners/{id}/notify", any(notify))
        .route("/oauth/v1/token", post(token))
        .fallback(nothing)
        .with_state(app)
}

/// What operators reach.
pub fn management_routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .merge(routes())
        .fallback(nothing)
        .with_state(app)
}

/// The documented answer for a listener that is not there: no body.
async fn nothing() -> StatusCode {
    StatusCode::NOT_FOUND
}

async fn healthy() -> &'static str {
    "ok\n"
}

/// Whether requests would be taken: the store has to answer, and the gateway may not be stopping.
async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.is_stopping() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response();
    }
    match app.readiness.check(&*app.store).await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([("content-type", kind)], app.metrics.text()).into_response()
}
