//! The routes of the two addresses: those for senders, and those for operators. The handlers are in
//! other modules.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};

use super::app::App;
use super::ingest::receive::{notify, token, unknown_path};
use super::manage::routes;

/// Returns the routes for senders.
pub fn sender_routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/webhooks/v1/listeners/{id}/notify", any(notify))
        .route("/oauth/v1/token", post(token))
        .fallback(unknown_path)
        .with_state(app)
}

/// Returns the routes for operators.
pub fn management_routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .merge(routes())
        .fallback(nothing)
        .with_state(app)
}

/// Answers 404 without a body, as for an unknown listener.
async fn nothing() -> StatusCode {
    StatusCode::NOT_FOUND
}

async fn healthy() -> &'static str {
    "ok\n"
}

/// Answers 200 if the gateway accepts requests: the store must answer, and no shutdown may be in
/// progress.
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
