//! Operations as rows, and the router that they make.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response as HttpResponse;
use axum::routing::{MethodFilter, MethodRouter, on};
use hyper::Request;
use schemars::{Schema, SchemaGenerator};

use super::call::{Answer, Call, Fault, plain_fault};
use super::caller::Caller;
use super::{awork, operations};
use crate::gateway::app::App;
use crate::gateway::incoming;

/// What an operation answers, later.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Answer, Fault>> + Send>>;

/// An operation.
pub(super) struct Operation {
    /// Its name.
    pub id: &'static str,
    /// The group that it belongs to, which decides how errors look.
    pub group: Group,
    pub method: &'static str,
    pub path: &'static str,
    /// Other spellings of the path, that are not described.
    pub aliases: &'static [&'static str],
    pub summary: &'static str,
    /// What the key has to allow; empty: any good key will do.
    pub permissions: &'static [&'static str],
    /// Whether nobody has to say who they are.
    pub public: bool,
    /// Parameters of the query.
    pub parameters: &'static [Parameter],
    /// The form of the body.
    pub request: Option<SchemaOf>,
    pub success: Success,
    /// The errors that it answers besides those of who calls.
    pub errors: &'static [u16],
    pub run: fn(Call) -> Answering,
}

/// The form of something, as JSON Schema.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What is answered when it went well.
pub(super) struct Success {
    pub status: u16,
    pub content: &'static str,
    pub schema: Option<SchemaOf>,
    pub doc: &'static str,
}

/// A group of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Socotra,
    Awork,
    Hookgate,
}

/// A parameter of the query.
pub(super) struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    pub doc: &'static str,
}

/// What a parameter is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    Flag,
    Count(usize, usize),
    Time,
    Texts,
}

/// The routes of all operations.
pub(in crate::gateway) fn routes() -> Router<Arc<App>> {
    let mut router = Router::new();
    for operation in operations() {
        let paths = std::iter::once(&operation.path).chain(operation.aliases);
        for path in paths {
            router = router.route(path, method(operation));
        }
    }
    router
}

fn method(operation: &'static Operation) -> MethodRouter<Arc<App>> {
    let filter = match operation.method {
        "post" => MethodFilter::POST,
        "put" => MethodFilter::PUT,
        "patch" => MethodFilter::PATCH,
        "delete" => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    };
    let handler =
        move |State(app): State<Arc<App>>,
              Path(path): Path<Vec<(String, String)>>,
              request: Request<Body>| async move { handle(operation, app, path, request).await };
    on(filter, handler)
}

async fn handle(
    operation: &'static Operation,
    app: Arc<App>,
    path: Vec<(String, String)>,
    request: Request<Body>,
) -> HttpResponse {
    let answered = answer(operation, app, path, request).await;
    answered.unwrap_or_else(|fault| told(operation, &fault)).into_http()
}

async fn answer(
    operation: &'static Operation,
    app: Arc<App>,
    path: Vec<(String, String)>,
    request: Request<Body>,
) -> Result<Answer, Fault> {
    let (parts, body) = request.into_parts();
    let caller = match operation.public {
        true => Caller { key: String::new(), tenant: String::new(), scopes: Vec::new() },
        false => Caller::of(&app, &parts.headers).await?,
    };
    if !operation.public && caller.only_sends() {
        return Err(Fault::Forbidden("the key is one of a sender".to_owned()));
    }
    for permission in operation.permissions {
        caller.may(permission)?;
    }
    let limits = app.configuration().settings.limits;
    let read = incoming::read(&parts.headers, body, &limits, &app.memory).await;
    let body = read.map_err(|outcome| Fault::Body(outcome.status(), outcome.row().doc))?;
    let query = parts.uri.query().unwrap_or("").as_bytes();
    let query = form_urlencoded::parse(query).into_owned().collect();
    let body = hyper::body::Bytes::copy_from_slice(body.unpacked());
    (operation.run)(Call { app, caller, path, query, headers: parts.headers, body }).await
}

fn told(operation: &Operation, fault: &Fault) -> Answer {
    match fault {
        Fault::Store(error) => {
            tracing::error!(operation = operation.id, %error, "the store did not answer");
        }
        Fault::Server(error) => tracing::error!(operation = operation.id, error, "not answered"),
        _ => {}
    }
    let answer = match operation.group {
        Group::Awork => awork::fault(fault),
        Group::Socotra | Group::Hookgate => plain_fault(fault),
    };
    match fault {
        Fault::Unauthenticated => answer.with("www-authenticate", "Bearer"),
        Fault::Many(_) | Fault::Store(_) => answer.with("retry-after", 5),
        _ => answer,
    }
}
