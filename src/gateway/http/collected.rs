//! Reads a response as a whole, for the command line. Does not limit its size.

use http_body_util::BodyExt;
use hyper::body::Body;

use crate::listener::Response;

/// Reads the body of a response. Bytes of headers that are not UTF-8 become U+FFFD.
///
/// # Errors
/// Returns the error of the body.
pub(crate) async fn collected<B: Body>(answer: hyper::Response<B>) -> Result<Response, B::Error> {
    let (head, body) = answer.into_parts();
    let text =
        |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    Ok(Response {
        status: head.status.as_u16(),
        headers: headers.collect(),
        body: body.collect().await?.to_bytes().to_vec(),
    })
}
