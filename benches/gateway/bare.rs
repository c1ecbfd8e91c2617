//! The baseline of the accept path: a handler that reads a body, parses it and answers. Verifies
//! and stores nothing.
//!
//! `bare ADDRESS`, which `benches/gateway/run.sh` calls.

use std::error::Error;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};

async fn take(body: Bytes) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    // The value is used, so that the compiler does not remove the parsing.
    let status = if body.get("ref").is_some() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let answer = json!({ "message": "Event received successfully", "status": "RECEIVED" });
    (status, [("content-type", "application/json")], answer.to_string()).into_response()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("bare ADDRESS")?;
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, Router::new().route("/", post(take))).await?;
    Ok(())
}
