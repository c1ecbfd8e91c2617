//! The definition of a subscription: its receiver, its event types and its failure policy. Knows no
//! store and no transport.

use serde::{Deserialize, Serialize};

use super::policy::Policy;
use super::signing::SigningSecret;

/// The API that created a subscription. It decides the envelope of the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Api {
    /// Socotra's webhooks.
    Socotra,
    /// awork's webhooks.
    Awork,
    /// A sink of the gateway's own configuration.
    Sink,
}

impl Api {
    /// Returns the name of the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Socotra => "socotra",
            Self::Awork => "awork",
            Self::Sink => "sink",
        }
    }

    /// Returns the API with a name.
    pub fn find(name: &str) -> Option<Self> {
        [Self::Socotra, Self::Awork, Self::Sink].into_iter().find(|api| api.name() == name)
    }
}

/// The kind of receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Receiver {
    /// A server that gets JSON.
    Custom,
    /// A Slack channel that gets messages.
    Slack,
    /// A file on the machine of the gateway, with one line for each event.
    File,
}

/// Returns the kind of receiver of a host. Slack's incoming webhooks have a host of their own
/// (<https://api.slack.com/messaging/webhooks>).
pub fn receiver_of(host: &str) -> Receiver {
    match host.eq_ignore_ascii_case("hooks.slack.com") {
        true => Receiver::Slack,
        false => Receiver::Custom,
    }
}

/// The definition of a subscription. All of it is stored encrypted, because URLs and headers
/// contain secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// The name that the owner chose.
    pub name: String,
    /// The kind of receiver.
    pub receiver: Receiver,
    /// The endpoint of the receiver.
    pub endpoint: Endpoint,
    /// The event types that it is subscribed to; `*` is any.
    pub events: Vec<String>,
    /// The failure policy.
    pub policy: Policy,
    /// The endpoint that gets a notice when a delivery fails for good.
    pub alert: Option<Endpoint>,
    /// The language of messages.
    pub language: Option<String>,
    /// True if the owner wants only changes of main entities. Each event is about one entity, so
    /// this is stored for the owner and has no effect.
    pub main_entity_only: bool,
    /// A filter: an expression that must hold for an event.
    pub filter: Option<String>,
    /// A transform: an expression that builds the body, instead of the envelope.
    pub transform: Option<String>,
}

/// A URL with its headers and signing secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The URL; the path for a file.
    pub url: String,
    /// Headers with their values, in the order of the definition.
    pub headers: Vec<(String, Vec<String>)>,
    /// True if the certificate of the server is verified.
    pub verify_tls: bool,
    /// True if messages are signed.
    pub signed: bool,
    /// A label that tells the owner which secret is in use.
    pub tag: Option<String>,
    /// The signing secret.
    #[serde(with = "revealed")]
    pub secret: Option<SigningSecret>,
    /// The previous secret, while both sign.
    pub previous: Option<Previous>,
}

/// A signing secret that is being replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// The secret.
    #[serde(with = "revealed")]
    pub secret: Option<SigningSecret>,
    /// The time until which it still signs, in microseconds since the epoch.
    pub until: i64,
}

impl Endpoint {
    /// Returns an endpoint with a URL and the defaults.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            headers: Vec::new(),
            verify_tls: true,
            signed: true,
            tag: None,
            secret: None,
            previous: None,
        }
    }

    /// Changes the URL or the certificate verification. Write-only values were given for one
    /// destination. So header values and signing secrets are dropped if the URL changes outside its
    /// query, or if certificates are no longer verified. Returns true if they were dropped.
    ///
    /// ```
    /// use hookgate::delivery::Endpoint;
    ///
    /// let mut endpoint = Endpoint::new("https://example.com/hooks/1");
    /// endpoint.headers.push(("Authorization".to_owned(), vec!["Bearer abc".to_owned()]));
    /// assert!(!endpoint.change_destination(Some("https://example.com/hooks/1?a=b".into()), None));
    /// assert!(endpoint.change_destination(Some("https://example.com/hooks/2".into()), None));
    /// assert!(endpoint.headers.is_empty());
    /// ```
    pub fn change_destination(&mut self, url: Option<String>, verify_tls: Option<bool>) -> bool {
        let moved = url.as_ref().is_some_and(|url| destination(url) != destination(&self.url));
        let unchecked = self.verify_tls && verify_tls == Some(false);
        self.url = url.unwrap_or_else(|| std::mem::take(&mut self.url));
        self.verify_tls = verify_tls.unwrap_or(self.verify_tls);
        if moved || unchecked {
            self.headers.clear();
            (self.secret, self.previous, self.tag) = (None, None, None);
        }
        moved || unchecked
    }

    /// Rotates the signing secret. The old one also signs until a time, so that the receiver
    /// rejects nothing while it changes its configuration.
    pub fn rotate(&mut self, secret: SigningSecret, until: i64) {
        if self.secret.as_ref() == Some(&secret) {
            return;
        }
        let old = self.secret.replace(secret);
        self.previous = old.map(|old| Previous { secret: Some(old), until });
    }

    /// Returns the signatures of a message, one for each secret in use, separated by spaces as in
    /// `webhook-signature`. Times are in microseconds.
    pub fn signatures(&self, id: &str, now: i64, body: &[u8]) -> Option<String> {
        let secret = self.secret.as_ref().filter(|_| self.signed)?;
        let old = self.previous.as_ref().filter(|previous| previous.until > now);
        let old = old.and_then(|previous| previous.secret.as_ref());
        let all = [Some(secret), old].into_iter().flatten();
        let all: Vec<String> =
            all.map(|one| one.sign(id, now.div_euclid(1_000_000), body)).collect();
        Some(all.join(" "))
    }
}

/// Returns the part of a URL that identifies the receiver. Two spellings count as two receivers: on
/// shared hosts the path is the receiver, and only the receiver knows which paths are equal.
fn destination(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

/// Serialization of secrets in plain text. Only for values that are encrypted next.
mod revealed {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::SigningSecret;

    pub(super) fn serialize<S: Serializer>(
        secret: &Option<SigningSecret>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(SigningSecret::reveal).serialize(to)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(
        from: D,
    ) -> Result<Option<SigningSecret>, D::Error> {
        let text: Option<String> = Deserialize::deserialize(from)?;
        Ok(text.as_deref().map(SigningSecret::stored))
    }
}

/// Headers that a subscription cannot set. They belong to the message, the connection or the
/// gateway.
const RESERVED: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

/// Returns the fault of a header that a subscription configures, if any (RFC 9110, section 5).
///
/// ```
/// use hookgate::delivery::header_fault;
///
/// assert_eq!(header_fault("Authorization", "Bearer abc=="), None);
/// assert!(header_fault("X-A", "b\r\nHost: evil").is_some());
/// assert!(header_fault("Host", "evil").is_some());
/// ```
pub fn header_fault(name: &str, value: &str) -> Option<String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > 256 || !name.bytes().all(is_token) {
        return Some("a header's name has letters, digits and `-`".to_owned());
    }
    let small = name.to_ascii_lowercase();
    let reserved = RESERVED.contains(&small.as_str());
    if reserved || small.starts_with("proxy-") || small.starts_with("hookgate-") {
        return Some(format!("`{name}` is set by the gateway; a subscription cannot set it"));
    }
    let fits = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
    if value.len() > 8192 || !value.bytes().all(fits) || value.trim() != value {
        return Some(format!(
            "the value of `{name}` has to be one line of ASCII, without spaces around it"
        ));
    }
    None
}
