//! The layer between a decoded head and the routes: runs the checks that apply to every route, and
//! reserves memory for the head before the request waits for anything. Does not know the routes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body as AxumBody;
use axum::extract::ConnectInfo;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use hyper::{Request, Response, StatusCode, Version};
use tower::ServiceExt;

use super::answer::{Answer, InProgress, MemoryWait, RequestBody};
use super::head::{self, HeadError};
use super::memory::{BEGINNING, BodyReservation, Queued};
use super::unread::UnreadBodies;
use crate::gateway::app::App;
use crate::gateway::config::settings::Limits;
use crate::listener::Outcome;

/// The service that answers all requests of one listening address.
pub(super) struct Service {
    pub app: Arc<App>,
    pub routes: Router,
    pub limits: Limits,
    pub unread: UnreadBodies,
    /// True for the management address, where `Host` is checked against `server.management_hosts`.
    pub is_management: bool,
}

/// Longest time that a head waits for memory. Bodies that stall hold this memory, and they give way
/// sooner.
const ADMISSION: Duration = Duration::from_secs(2);

/// A request after the checks of its head.
enum Admitted {
    Now(Request<RequestBody>, BodyReservation),
    Later(Request<RequestBody>, Wait),
    Refused(Response<AxumBody>),
}

/// The place of a request that waits for memory. It is reserved before the request gets a task of
/// its own, because many such tasks can exist before the first one runs.
struct Wait {
    bytes: usize,
    queued: Queued,
    _waiting: MemoryWait,
}

impl Service {
    /// Answers a request.
    ///
    /// The head is checked and its memory reserved before this function returns its future. So a
    /// refused request is dropped at once, apart from a body that is discarded.
    pub(super) fn call(
        self: &Arc<Self>,
        peer: SocketAddr,
        request: Request<Incoming>,
        progress: Arc<InProgress>,
    ) -> impl Future<Output = Result<Response<Answer>, Infallible>> + use<> {
        let service = Arc::clone(self);
        let request = RequestBody::new(request, Arc::clone(&progress), self.unread.clone());
        let admitted = self.admit(request, &progress);
        let unstarted = progress.unstarted();
        async move {
            drop(unstarted);
            let response = match admitted {
                Admitted::Refused(response) => response,
                Admitted::Now(request, held) => service.route(peer, request, held).await,
                Admitted::Later(request, wait) => {
                    let version = request.version();
                    match service.wait(wait).await {
                        Some(held) => service.route(peer, request, held).await,
                        None => service.unavailable(version),
                    }
                }
            };
            Ok(response.map(|body| Answer::new(body, progress)))
        }
    }

    fn admit(&self, request: Request<RequestBody>, progress: &Arc<InProgress>) -> Admitted {
        let (parts, body) = request.into_parts();
        if let Err(error) = self.check(&parts) {
            progress.refuse();
            return Admitted::Refused(self.refuse(parts.version, error));
        }
        let longest = body.size_hint().upper().and_then(|length| usize::try_from(length).ok());
        let head = head::size(&parts);
        let bytes = head + longest.unwrap_or(BEGINNING).min(BEGINNING);
        let request = Request::from_parts(parts, body);
        if let Some(held) = self.app.memory.try_admit(bytes) {
            return Admitted::Now(request, held);
        }
        let wait = || {
            // Its body is not read while it waits.
            let queued = self.app.memory.queue(head)?;
            Some(Wait { bytes, queued, _waiting: progress.wait()? })
        };
        match wait() {
            Some(wait) => Admitted::Later(request, wait),
            None => Admitted::Refused(self.unavailable(request.version())),
        }
    }

    /// Waits for memory. Returns `None` after the timeout.
    async fn wait(&self, wait: Wait) -> Option<BodyReservation> {
        let admission = self.app.memory.admit(wait.queued, wait.bytes);
        tokio::time::timeout(ADMISSION, admission).await.ok()?.ok()
    }

    fn check(&self, head: &hyper::http::request::Parts) -> Result<(), HeadError> {
        head::check(head, &self.limits)?;
        if self.is_management {
            head::check_allowed(head, &self.app.configuration().settings.management_hosts)?;
        }
        Ok(())
    }

    async fn route(
        &self,
        peer: SocketAddr,
        mut request: Request<RequestBody>,
        _held: BodyReservation,
    ) -> Response<AxumBody> {
        request.extensions_mut().insert(ConnectInfo(peer));
        let Ok(response) = self.routes.clone().oneshot(request).await;
        response
    }

    fn refuse(&self, version: Version, error: HeadError) -> Response<AxumBody> {
        if error == HeadError::TooLarge {
            self.app.metrics.count("", Outcome::HeadersTooLarge, Duration::ZERO);
        }
        answer(version, error.status(), "ErrorRequest", &error.to_string())
    }

    fn unavailable(&self, version: Version) -> Response<AxumBody> {
        self.app.metrics.count("", Outcome::Unavailable, Duration::ZERO);
        let message = "no memory is left for this request: see `limits.memory`; try again later";
        let mut response =
            answer(version, StatusCode::SERVICE_UNAVAILABLE, "ErrorUnavailable", message);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        response
    }
}

/// Returns the answer to a request that reaches no route.
fn answer(version: Version, status: StatusCode, code: &str, message: &str) -> Response<AxumBody> {
    let body = serde_json::json!({ "error": { "code": code, "message": message } });
    let mut response = Response::new(AxumBody::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if version < Version::HTTP_2 {
        // The body is not read. Without `close`, its bytes would be parsed as the next request.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
