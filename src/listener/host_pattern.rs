//! The URLs that a listener lets the gateway fetch: fixed ones, and those that a request names
//! within host patterns. Resolves no names and fetches nothing.

use std::fmt;

use url::{Host, Url};

/// Largest URL that is fetched, in bytes.
const MAX_URL_BYTES: usize = 2048;

/// Longest last part of a host under which registries sell names, such as `co` in `co.uk`.
const MAX_REGISTRY_LABEL: usize = 3;

/// A pattern of host names: labels, of which `*` stands for exactly one.
///
/// `sns.*.amazonaws.com` matches `sns.us-east-1.amazonaws.com`. It matches neither
/// `a.sns.us-east-1.amazonaws.com` nor `sns.us-east-1.amazonaws.com.evil.example`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostPattern(Box<str>);

/// The reason why a text is no host pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum HostPatternError {
    /// A label is neither a part of a host name nor `*`.
    #[error(
        "`{0}` is no pattern of host names: it has labels of lower-case letters, digits and `-`, with dots between, and `*` for exactly one label"
    )]
    Label(String),
    /// The wildcard stands where a domain is registered, so it matches hosts of other owners.
    #[error(
        "`{0}` matches hosts of every owner: the last labels, which name the owner, cannot be `*`"
    )]
    Registrable(String),
    /// The pattern is an address, or ends in a number as an address does.
    #[error("`{0}` is an address, and a pattern is of host names")]
    Address(String),
}

impl HostPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Returns an error if it is no pattern of host names, or if it matches hosts of every owner.
    pub(super) fn parse(text: &str) -> Result<Self, HostPatternError> {
        let labels: Vec<&str> = text.split('.').collect();
        if !labels.iter().all(|label| *label == "*" || is_label(label)) {
            return Err(HostPatternError::Label(text.to_owned()));
        }
        if labels.last().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(HostPatternError::Address(text.to_owned()));
        }
        let owned = labels.iter().rev().take_while(|label| **label != "*").count();
        if owned < owner_labels(&labels) {
            return Err(HostPatternError::Registrable(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// Returns true if a host in lower case matches.
    pub(super) fn matches(&self, host: &str) -> bool {
        let (mut pattern, mut host) = (self.0.split('.'), host.split('.'));
        loop {
            match (pattern.next(), host.next()) {
                (None, None) => return true,
                (Some("*"), Some(label)) if is_label(label) => {}
                (Some(wanted), Some(label)) if wanted == label => {}
                _ => return false,
            }
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the number of last labels that name the owner of a host: two, or three under a country
/// with registries of its own, as `example.co.uk` and `amazonaws.com.cn`.
fn owner_labels(labels: &[&str]) -> usize {
    let mut last = labels.iter().rev();
    match (last.next(), last.next()) {
        (Some(country), Some(registry))
            if country.len() == 2 && registry.len() <= MAX_REGISTRY_LABEL && *registry != "*" =>
        {
            3
        }
        _ => 2,
    }
}

fn is_label(label: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&label.len()) && label.bytes().all(is_known)
}

/// The reason why a URL is not fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FetchUrlError {
    /// The text is no URL, or is not in its normal form: another parser could read another host.
    #[error("it is no URL in its normal form, of at most {MAX_URL_BYTES} bytes")]
    NotNormal,
    /// The scheme is not `https`: the document could be replaced on the way.
    #[error("it does not begin with `https://`")]
    Scheme,
    /// The URL has a user name or a password.
    #[error("it holds a user name or a password")]
    User,
    /// The host is an address.
    #[error("it has an address in the place of a host name")]
    Address,
    /// The URL has a fragment.
    #[error("it has a fragment, `#…`")]
    Fragment,
    /// A request names another port than 443.
    #[error("it names a port, and only port 443 is allowed")]
    Port,
    /// The host is in none of the patterns.
    #[error("its host `{0}` is in none of the allowed ones")]
    Host(String),
}

/// Checks the URL of a configuration. It may name a port.
///
/// # Errors
/// Returns the reason why the URL is not fetched.
pub(super) fn check_fixed(text: &str) -> Result<(), FetchUrlError> {
    parse(text).map(drop)
}

/// Checks a URL that a request names: its host has to match a pattern, at port 443.
///
/// # Errors
/// Returns the reason why the URL is not fetched.
pub(super) fn check_named(text: &str, hosts: &[HostPattern]) -> Result<(), FetchUrlError> {
    let url = parse(text)?;
    if url.port().is_some() {
        return Err(FetchUrlError::Port);
    }
    let host = url.host_str().unwrap_or_default();
    if hosts.iter().any(|pattern| pattern.matches(host)) {
        return Ok(());
    }
    Err(FetchUrlError::Host(host.to_owned()))
}

fn parse(text: &str) -> Result<Url, FetchUrlError> {
    if text.len() > MAX_URL_BYTES {
        return Err(FetchUrlError::NotNormal);
    }
    let url = Url::parse(text).map_err(|_| FetchUrlError::NotNormal)?;
    if url.scheme() != "https" {
        return Err(FetchUrlError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(FetchUrlError::User);
    }
    if !matches!(url.host(), Some(Host::Domain(_))) {
        return Err(FetchUrlError::Address);
    }
    if url.fragment().is_some() {
        return Err(FetchUrlError::Fragment);
    }
    // The parser repairs other forms. A parser of another kind could repair them to another host.
    if url.as_str() != text {
        return Err(FetchUrlError::NotNormal);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::{FetchUrlError, HostPattern, HostPatternError, check_fixed, check_named};

    #[test]
    fn a_wildcard_stands_for_exactly_one_label() {
        let pattern = HostPattern::parse("sns.*.amazonaws.com").unwrap();
        assert!(pattern.matches("sns.us-east-1.amazonaws.com"));
        for other in [
            "sns.amazonaws.com",
            "sns..amazonaws.com",
            "sns.a.b.amazonaws.com",
            "a.sns.us-east-1.amazonaws.com",
            "xsns.us-east-1.amazonaws.com",
            "sns.us-east-1.amazonaws.com.",
            "sns.us-east-1.amazonaws.com.cn",
            "sns.us-east-1.amazonaws.com.evil.example",
            "sns.us-east-1.evilamazonaws.com",
            "sns.us_east.amazonaws.com",
            "",
        ] {
            assert!(!pattern.matches(other), "{other}");
        }
        let plain = HostPattern::parse("keys.example.com").unwrap();
        assert!(plain.matches("keys.example.com") && !plain.matches("a.keys.example.com"));
    }

    #[test]
    fn a_pattern_that_matches_hosts_of_other_owners_is_refused() {
        for text in ["*", "*.com", "sns.*.com", "sns.*", "*.*", "*.co.uk", "sns.*.com.cn"] {
            let refused = HostPattern::parse(text);
            assert!(
                matches!(refused, Err(HostPatternError::Registrable(_))),
                "{text}: {refused:?}"
            );
        }
        for text in ["", ".", "a..example.com", "a*.example.com", "A.example.com", "a.example.com/"]
        {
            let refused = HostPattern::parse(text);
            assert!(matches!(refused, Err(HostPatternError::Label(_))), "{text}: {refused:?}");
        }
        assert!(matches!(HostPattern::parse("127.0.0.1"), Err(HostPatternError::Address(_))));
        for text in ["*.example.com", "sns.*.amazonaws.com.cn", "*.example.co.uk", "*.example.de"] {
            assert!(HostPattern::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_url_of_a_request_has_to_be_normal_and_in_a_pattern() {
        let hosts = [HostPattern::parse("sns.*.amazonaws.com").unwrap()];
        let check = |text: &str| check_named(text, &hosts);
        assert_eq!(check("https://sns.us-east-1.amazonaws.com/a.pem?b=c"), Ok(()));
        let host = "sns.us-east-1.amazonaws.com";
        for (text, error) in [
            (format!("http://{host}/a"), FetchUrlError::Scheme),
            (format!("https://{host}:8443/a"), FetchUrlError::Port),
            (format!("https://{host}:443/a"), FetchUrlError::NotNormal),
            (format!("https://u@{host}/a"), FetchUrlError::User),
            (format!("https://{host}@evil.example/a"), FetchUrlError::User),
            (format!("https://{host}\\@evil.example/a"), FetchUrlError::NotNormal),
            (format!("https:/{host}/a"), FetchUrlError::NotNormal),
            (format!("https://{host}/../a"), FetchUrlError::NotNormal),
            (format!("https://{}/a", host.to_uppercase()), FetchUrlError::NotNormal),
            (format!(" https://{host}/a"), FetchUrlError::NotNormal),
            (format!("https://{host}/a#b"), FetchUrlError::Fragment),
            ("https://127.0.0.1/a".to_owned(), FetchUrlError::Address),
            ("https://[::1]/a".to_owned(), FetchUrlError::Address),
            ("https://evil.example/a".to_owned(), FetchUrlError::Host("evil.example".to_owned())),
            ("no url".to_owned(), FetchUrlError::NotNormal),
        ] {
            assert_eq!(check(&text), Err(error), "{text}");
        }
        assert_eq!(check_fixed("https://keys.example.com:8443/jwks"), Ok(()));
        assert_eq!(check_fixed("http://keys.example.com/"), Err(FetchUrlError::Scheme));
    }
}
