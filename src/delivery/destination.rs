//! Destination URLs: which are taken, and the form in which they are used
//! (<https://url.spec.whatwg.org/>, RFC 3986). Does not resolve names.
//!
//! The check and the connection read a URL with the same parser, so they see the same host.

use std::cell::Cell;
use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, SyntaxViolation, Url};

use super::target::{Refusal, refusal};

/// Largest destination URL, in bytes.
pub const MAX_URL_BYTES: usize = 2048;

/// Longest host name, and longest label of it, in bytes (RFC 1035, section 2.3.4).
const MAX_HOST_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// Regular expression of destination URLs, for JSON Schemas. It matches every URL that
/// [`DestinationUrl::check`] takes, and only a part of what that refuses: it knows no numbers, no
/// IDNA and no addresses.
pub const URL_PATTERN: &str = r"^[Hh][Tt][Tt][Pp][Ss]?://(\[[0-9A-Fa-f:.]+\]|[^\s/?#@\\:\[\]]+)(:[0-9]{1,5})?([/?#][^\s\\]*)?$";

/// The reason why a URL is no destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The URL is too long.
    #[error("has to be a URL of at most {MAX_URL_BYTES} bytes")]
    Long,
    /// The URL does not begin with `https://` or `http://`.
    #[error("has to be a URL that begins with https:// or http://")]
    Scheme,
    /// The URL contains white space, a control character or a backslash.
    #[error(
        "has to be a URL without spaces, control characters and backslashes: percent-encode them"
    )]
    Character,
    /// A `%` is not followed by two hexadecimal digits.
    #[error("has to be a URL with two hexadecimal digits after each `%`: write `%25` for a `%`")]
    Percent,
    /// The URL contains a user name or a password.
    #[error("must not hold a user: give a header in its place")]
    User,
    /// The port is no number from 1 to 65535.
    #[error("has to name a port from 1 to 65535 after the colon")]
    Port,
    /// The URL has no host.
    #[error("has to name a host")]
    NoHost,
    /// The address in brackets is no IPv6 address.
    #[error("has to name an IPv6 address, without a zone, in brackets")]
    Ipv6,
    /// The host is an IPv4 address in another notation.
    #[error("has to name a host, or an IPv4 address as four numbers with dots between")]
    Ipv4,
    /// The host is no host name.
    #[error(
        "has to name a host of letters, digits, `-`, `_` and dots, with at most \
         {MAX_LABEL_BYTES} bytes between dots and {MAX_HOST_BYTES} in all"
    )]
    Host,
    /// The address is forbidden.
    #[error(transparent)]
    Forbidden(#[from] Refusal),
}

/// A destination URL in its normal form: ASCII, with the host in lower case and in Punycode (IDNA).
///
/// ```
/// use hookgate::delivery::{DestinationUrl, UrlError};
///
/// let url = DestinationUrl::check("https://Bücher.example:8443/a b", &[]);
/// assert_eq!(url, Err(UrlError::Character));
/// let url = DestinationUrl::check("https://Bücher.example:8443/a%20b?c=d", &[])?;
/// assert_eq!(url.as_str(), "https://xn--bcher-kva.example:8443/a%20b?c=d");
/// assert_eq!(url.host(), "xn--bcher-kva.example");
/// # Ok::<(), UrlError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationUrl(Url);

impl DestinationUrl {
    /// Reads a URL and checks that it is a permitted destination (SSRF protection). Addresses in
    /// `allowed` networks are permitted. Names are not resolved.
    ///
    /// # Errors
    /// Returns an error if the URL is invalid or repairable only by a guess, or if its host is a
    /// forbidden address.
    pub fn check(text: &str, allowed: &[IpNet]) -> Result<Self, UrlError> {
        if text.len() > MAX_URL_BYTES {
            return Err(UrlError::Long);
        }
        let (host, port) = split(text)?;
        if port.is_some_and(|port| !is_port(port)) {
            return Err(UrlError::Port);
        }
        let url = parse_strictly(text, host)?;
        match url.host() {
            Some(Host::Domain(name)) => check_name(name)?,
            Some(Host::Ipv4(address)) if address.to_string() != host => return Err(UrlError::Ipv4),
            Some(Host::Ipv4(address)) => permit(address.into(), allowed)?,
            Some(Host::Ipv6(address)) => permit(address.into(), allowed)?,
            None => return Err(UrlError::NoHost),
        }
        Ok(Self(url))
    }

    /// Reads a stored URL, without a check. Returns `None` if it is no URL of HTTP.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        matches!(url.scheme(), "https" | "http").then_some(Self(url))
    }

    /// Returns the URL in its normal form.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the host; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default().trim_matches(['[', ']'])
    }
}

/// Returns the host and the port of a URL as they are written.
fn split(text: &str) -> Result<(&str, Option<&str>), UrlError> {
    let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
    if !["https", "http"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(UrlError::Scheme);
    }
    let is_invisible = |one: char| one.is_whitespace() || one.is_control() || one == '\u{feff}';
    if text.contains(|one| is_invisible(one) || one == '\\') {
        return Err(UrlError::Character);
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(UrlError::User);
    }
    let bracket = authority.rfind(']').map_or(0, |at| at + 1);
    let (address, rest) = authority.split_at_checked(bracket).unwrap_or((authority, ""));
    let (name, port) = match rest.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (rest, None),
    };
    match (address, name) {
        ("", "") => Err(UrlError::NoHost),
        ("", name) => Ok((name, port)),
        (address, "") => Ok((address, port)),
        _ => Err(UrlError::Port),
    }
}

/// Returns true for a port that can be connected to.
fn is_port(text: &str) -> bool {
    let digits = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Parses a URL. The parser repairs what it can; what it would repair by a guess is refused.
fn parse_strictly(text: &str, host: &str) -> Result<Url, UrlError> {
    let violation = Cell::new(None);
    let note = |found: SyntaxViolation| {
        // Characters that are only unusual are percent-encoded.
        if found != SyntaxViolation::NonUrlCodePoint {
            violation.set(Some(found));
        }
    };
    let url = Url::options().syntax_violation_callback(Some(&note)).parse(text);
    let url =
        url.map_err(|_| if host.starts_with('[') { UrlError::Ipv6 } else { not_a_host(host) })?;
    match violation.get() {
        None => Ok(url),
        Some(SyntaxViolation::PercentDecode) => Err(UrlError::Percent),
        Some(_) => Err(UrlError::Character),
    }
}

/// Returns the error for a host that the parser refuses.
fn not_a_host(host: &str) -> UrlError {
    if super::ends_in_number(host) { UrlError::Ipv4 } else { UrlError::Host }
}

/// Returns an error if an ASCII name is no host name. A trailing dot is permitted.
fn check_name(name: &str) -> Result<(), UrlError> {
    let labels = name.strip_suffix('.').unwrap_or(name);
    let fits = |label: &str| (1..=MAX_LABEL_BYTES).contains(&label.len());
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_name = labels.len() <= MAX_HOST_BYTES
        && labels.split('.').all(fits)
        && labels.bytes().all(is_known);
    if is_name { Ok(()) } else { Err(UrlError::Host) }
}

fn permit(address: IpAddr, allowed: &[IpNet]) -> Result<(), UrlError> {
    match refusal(address, allowed) {
        Some(refused) => Err(refused.into()),
        None => Ok(()),
    }
}
