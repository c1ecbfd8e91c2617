//! Operations as rows, and the router that is built from them. Knows no operation in particular.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response as HttpResponse;
use axum::routing::{MethodFilter, MethodRouter, on};
use hyper::Request;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::api::Api;
use super::budget::AnswerReservation;
use super::call::{Answer, Call};
use super::caller::{Caller, ListenerLimit};
use super::fault::{Fault, MAX_MEMBERS};
use super::form::{Form, SchemaOf};
use super::operations;
use super::page::PAGE_BYTES;
use crate::config::quoted_list;
use crate::diagnostic::did_you_mean;
use crate::gateway::app::App;
use crate::gateway::config::settings::Limits;
use crate::gateway::http::body;
use crate::gateway::ops::memory_pool::Owner;
use crate::gateway::store::Scope;

/// The future answer of an operation.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Answer, Fault>> + Send>>;

/// An operation.
pub(super) struct Operation {
    /// Name of the operation.
    pub id: &'static str,
    /// API that the operation belongs to.
    pub api: &'static Api,
    pub method: &'static str,
    pub path: &'static str,
    pub summary: &'static str,
    /// Permissions that the key must have. Empty: any valid key. `None`: no key.
    pub permissions: Option<&'static [Scope]>,
    /// Treatment of keys that are limited to listeners.
    pub limited: ListenerLimit,
    /// Size class of the answer.
    pub weight: Weight,
    /// Parameters of the query.
    pub parameters: &'static [Parameter],
    /// Schema of the body.
    pub request: Option<SchemaOf>,
    pub success: Success,
    /// Error statuses in addition to those of authentication.
    pub errors: &'static [u16],
    pub run: fn(Call) -> Answering,
}

/// The size class of an answer. Decides the memory that is reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// At most one subscription.
    Object,
    /// Events with their bodies, or a page of any list.
    Page,
}

/// Largest body of a call, in bytes: forms are smaller than the bodies of senders.
const FORM_BYTES: usize = 512 << 10;

/// Bytes of memory for each byte of a form: a value of two bytes of JSON takes 32 in memory, and a
/// part of the form stays as text.
const FORM_GROWTH: usize = 20;

impl Weight {
    /// Returns the bytes to reserve: for the data that is read, the answer built from it, and
    /// growth.
    fn bytes(self, limits: &Limits) -> usize {
        match self {
            Self::Object => 4 << 20,
            Self::Page => PAGE_BYTES.max(limits.body).saturating_mul(4),
        }
    }
}

/// The forms of all operations that have a body, by the id of the operation.
static FORMS: LazyLock<HashMap<&'static str, Form>> = LazyLock::new(|| {
    let with_body = operations().filter_map(|row| Some((row.id, Form::of(row.request?))));
    with_body.collect()
});

/// The answer of a successful call.
pub(super) struct Success {
    pub status: u16,
    pub content: &'static str,
    pub schema: Option<SchemaOf>,
    pub doc: &'static str,
}

/// Returns the JSON Schema of a type.
pub(super) fn form<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Schema {
    schemas.subschema_for::<T>()
}

impl Success {
    /// Returns a success with a JSON body.
    pub(super) const fn json(schema: SchemaOf, doc: &'static str) -> Self {
        Self { status: 200, content: "application/json", schema: Some(schema), doc }
    }

    /// Returns a success without a body: 204.
    pub(super) const fn done(doc: &'static str) -> Self {
        Self { status: 204, content: "", schema: None, doc }
    }
}

/// A parameter of the query.
pub(super) struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    pub doc: &'static str,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    Flag,
    Count(usize, usize),
    Time,
    Texts,
}

/// Returns the routes of all operations.
pub(in crate::gateway) fn routes() -> Router<Arc<App>> {
    let mut router = Router::new();
    for operation in operations() {
        router = router.route(operation.path, method(operation));
        for (_, alias) in operation.api.aliases.iter().filter(|(path, _)| *path == operation.path) {
            router = router.route(alias, method(operation));
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

impl Operation {
    /// Returns a fault for parameters of the query that the operation does not have: with one of
    /// them ignored, a misspelt filter would select everything.
    fn check_query(&self, query: &[(String, String)]) -> Result<(), Fault> {
        let is_known = |name: &str| {
            let known = |parameter: &Parameter| {
                let is_list = matches!(parameter.kind, Kind::Texts);
                name == parameter.name
                    || (is_list && name.strip_suffix("[]") == Some(parameter.name))
            };
            self.parameters.iter().any(known)
        };
        // An answer lists no more.
        let unknown = query.iter().filter(|(name, _)| !is_known(name)).take(MAX_MEMBERS);
        let wrong: Vec<(String, String)> =
            unknown.map(|(name, _)| (name.clone(), self.unknown_parameter(name))).collect();
        if wrong.is_empty() { Ok(()) } else { Err(Fault::Parameters(wrong)) }
    }

    fn unknown_parameter(&self, name: &str) -> String {
        let names: Vec<&str> = self.parameters.iter().map(|parameter| parameter.name).collect();
        if names.is_empty() {
            return "is no parameter of the query; this operation has none".to_owned();
        }
        let near = did_you_mean(name, names.iter().copied());
        let near = near.map(|near| format!("{near} ")).unwrap_or_default();
        format!("is no parameter of the query; {near}there are {}", quoted_list(&names))
    }
}

async fn handle(
    operation: &'static Operation,
    app: Arc<App>,
    path: Vec<(String, String)>,
    request: Request<Body>,
) -> HttpResponse {
    match answer(operation, app, path, request).await {
        Ok((answer, reservation)) => answer.into_http(Some(reservation)),
        Err(fault) => fault_answer(operation, &fault).into_http(None),
    }
}

async fn answer(
    operation: &'static Operation,
    app: Arc<App>,
    path: Vec<(String, String)>,
    request: Request<Body>,
) -> Result<(Answer, AnswerReservation), Fault> {
    let (parts, body) = request.into_parts();
    let caller = match operation.permissions {
        None => Caller::anonymous(),
        Some(permissions) => {
            let caller = Caller::of(&app, &parts.headers).await?;
            caller.manages()?;
            permissions.iter().try_for_each(|permission| caller.may(*permission))?;
            caller.is_within(operation.limited)?;
            caller
        }
    };
    let limits = app.configuration().settings.limits;
    let of_forms = Limits { body: limits.body.min(FORM_BYTES), ..limits };
    let read = match operation.request {
        // Memory is only for the bodies that an operation uses.
        None => Ok(body::Incoming::empty()),
        Some(_) => {
            let forms = &app.management.forms;
            let owner = Owner::Tenant(caller.tenant.clone());
            body::read_plain(&parts.headers, body, &of_forms, forms, &owner).await
        }
    };
    let body = read.map_err(|outcome| Fault::Body(outcome.status(), outcome.row().doc))?;
    let query = parts.uri.query().unwrap_or("").as_bytes();
    let query: Vec<(String, String)> = form_urlencoded::parse(query).into_owned().collect();
    operation.check_query(&query)?;
    let of_form = body.unpacked().len().saturating_mul(FORM_GROWTH);
    let bytes = operation.weight.bytes(&limits).saturating_add(of_form);
    let reservation = app.management.reserve(&caller.tenant, bytes).await?;
    let form = FORMS.get(operation.id);
    let call = Call { form, app, caller, path, query, headers: parts.headers, body };
    Ok(((operation.run)(call).await?, reservation))
}

fn fault_answer(operation: &Operation, fault: &Fault) -> Answer {
    match fault {
        Fault::Store(error) => {
            tracing::error!(operation = operation.id, %error, "store unavailable");
        }
        Fault::Server(error) => tracing::error!(operation = operation.id, error, "not answered"),
        _ => {}
    }
    let answer = (operation.api.fault)(fault);
    match fault {
        Fault::Unauthenticated => answer.with("www-authenticate", "Bearer"),
        Fault::Many(_) | Fault::Store(_) => answer.with("retry-after", 5),
        _ => answer,
    }
}
