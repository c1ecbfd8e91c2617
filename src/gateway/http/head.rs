//! The head of a request, before any route: its size, and the rules of RFC 9112 and RFC 9113 for
//! `Host` and `Transfer-Encoding`. Knows no listener.

use std::borrow::Cow;
use std::net::IpAddr;

use hyper::header::{HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{StatusCode, Version};

use crate::gateway::config::settings::Limits;

/// The reason to refuse a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeadError {
    #[error("the headers are too many or too large")]
    TooLarge,
    #[error("the request needs one valid `Host`")]
    Host,
    #[error("`Host` and `:authority` name different hosts")]
    Authority,
    #[error("the transfer coding `chunked` may be applied once, and last")]
    Chunked,
    #[error("the transfer coding is not supported")]
    Coding,
    #[error(
        "this host name is not allowed for the management address; \
         add it to `server.management_hosts`"
    )]
    NotAllowed,
}

impl HeadError {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Host | Self::Authority | Self::Chunked => StatusCode::BAD_REQUEST,
            Self::Coding => StatusCode::NOT_IMPLEMENTED,
            Self::NotAllowed => StatusCode::MISDIRECTED_REQUEST,
        }
    }
}

/// Bytes that a field takes in addition to its name and value: its entry in the map, and in the
/// lists of strings that are built from the map.
const FIELD: usize = 180;

/// Bytes that the state of a request takes.
const REQUEST: usize = 4 << 10;

/// Additional bytes of an HTTP/2 stream: its state, and the buffer that its head was read into.
const STREAM: usize = 8 << 10;

/// Returns the bytes that a head takes in memory.
pub(super) fn size(head: &Parts) -> usize {
    let fields = head.headers.iter();
    let fields: usize = fields.map(|(name, value)| name.as_str().len() + value.len() + FIELD).sum();
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let stream = if head.version == Version::HTTP_2 { STREAM } else { 0 };
    REQUEST + stream + target + fields
}

/// Returns the bytes that a copy of a head as strings takes for values that are not UTF-8. A
/// character of ISO-8859-1 takes up to two bytes there.
pub(in crate::gateway) fn copy_size(headers: &HeaderMap) -> usize {
    let values = headers.values().map(hyper::header::HeaderValue::as_bytes);
    values.filter(|value| std::str::from_utf8(value).is_err()).map(|value| value.len() * 2).sum()
}

/// Returns a header value as a string: UTF-8, or else ISO-8859-1, which HTTP allowed before
/// ([RFC 9110, section 5.5](https://www.rfc-editor.org/rfc/rfc9110#section-5.5)).
pub(in crate::gateway) fn value_text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// Checks the rules that apply to every route.
pub(super) fn check(head: &Parts, limits: &Limits) -> Result<(), HeadError> {
    let bytes: usize =
        head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if head.headers.len() > limits.headers || bytes > limits.header_bytes {
        return Err(HeadError::TooLarge);
    }
    check_coding(&head.headers)?;
    check_host(head)
}

/// Checks `Transfer-Encoding` (RFC 9112, section 6.1). Only `chunked` is supported, once.
fn check_coding(headers: &HeaderMap) -> Result<(), HeadError> {
    let mut chunked = 0;
    for value in headers.get_all(TRANSFER_ENCODING) {
        for coding in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            match coding {
                b"" => {}
                coding if coding.eq_ignore_ascii_case(b"chunked") => chunked += 1,
                _ => return Err(HeadError::Coding),
            }
        }
    }
    match chunked {
        0 if !headers.contains_key(TRANSFER_ENCODING) => Ok(()),
        1 => Ok(()),
        _ => Err(HeadError::Chunked),
    }
}

/// Checks `Host` (RFC 9112, section 3.2, and RFC 9113, section 8.3.1).
fn check_host(head: &Parts) -> Result<(), HeadError> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    if more.is_some() {
        return Err(HeadError::Host);
    }
    let is_http2 = head.version == Version::HTTP_2;
    let Some(host) = host else {
        let needed = match is_http2 {
            true => head.uri.authority().is_none(),
            false => head.version != Version::HTTP_10,
        };
        return if needed { Err(HeadError::Host) } else { Ok(()) };
    };
    // `Host` is empty if the target has no authority.
    if host.is_empty() && !is_http2 {
        return Ok(());
    }
    let named = authority(host.as_bytes()).ok_or(HeadError::Host)?;
    match head.uri.authority() {
        Some(target) if is_http2 && *target != named => Err(HeadError::Authority),
        _ => Ok(()),
    }
}

fn authority(bytes: &[u8]) -> Option<Authority> {
    let authority = Authority::try_from(bytes).ok()?;
    (!authority.as_str().contains('@')).then_some(authority)
}

/// Checks that a request names this machine by an IP address, by `localhost` or by a configured
/// name. This stops DNS rebinding: a page in a browser, whose name was pointed at this machine,
/// sends its own name.
pub(super) fn check_allowed(head: &Parts, names: &[String]) -> Result<(), HeadError> {
    let target = head.uri.authority().cloned();
    let named = || authority(head.headers.get(HOST)?.as_bytes());
    let Some(authority) = target.or_else(named) else {
        return Err(HeadError::NotAllowed);
    };
    let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_allowed = bare.parse::<IpAddr>().is_ok()
        || host == "localhost"
        || names.iter().any(|name| name.trim_end_matches('.') == host);
    if is_allowed { Ok(()) } else { Err(HeadError::NotAllowed) }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::value_text;

    #[test]
    fn a_header_value_is_utf8_or_else_iso_8859_1() {
        let text = |bytes: &[u8]| value_text(&HeaderValue::from_bytes(bytes).unwrap()).into_owned();
        assert_eq!(text("café".as_bytes()), "café");
        assert_eq!(text(b"caf\xe9"), "café");
        assert_eq!(text(b"\xff\xfe"), "\u{ff}\u{fe}");
    }
}
