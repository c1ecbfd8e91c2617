//! What a subscription is: where its events go, which they are, and what is done about failures.

use serde::{Deserialize, Serialize};

use super::policy::Policy;
use super::signing::SigningSecret;

/// The API that a subscription was made by; it decides the envelope of what is sent.
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
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Socotra => "socotra",
            Self::Awork => "awork",
            Self::Sink => "sink",
        }
    }

    /// The one of a name.
    pub fn find(name: &str) -> Option<Self> {
        [Self::Socotra, Self::Awork, Self::Sink].into_iter().find(|api| api.name() == name)
    }
}

/// What takes the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Receiver {
    /// A server, that gets JSON.
    Custom,
    /// A channel of Slack, that gets a message.
    Slack,
    /// A file on the gateway's machine, that gets a line.
    File,
}

/// The receiver of a URL. Slack's incoming webhooks have a host of their own
/// (<https://api.slack.com/messaging/webhooks>).
pub fn receiver_of(host: &str) -> Receiver {
    match host.eq_ignore_ascii_case("hooks.slack.com") {
        true => Receiver::Slack,
        false => Receiver::Custom,
    }
}

/// What a subscription says. All of it is stored encrypted: URLs and headers carry secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// What its owner calls it.
    pub name: String,
    /// What takes the events.
    pub receiver: Receiver,
    /// Where they go.
    pub endpoint: Endpoint,
    /// The types of events that it wants; `*` is any.
    pub events: Vec<String>,
    /// What is done about failures.
    pub policy: Policy,
    /// Who is told when a delivery is given up.
    pub alert: Option<Endpoint>,
    /// The language of messages.
    pub language: Option<String>,
    /// Whether only changes of main entities are wanted. Every event of ours is about one entity,
    /// so this is kept for its owner and changes nothing.
    pub main_entity_only: bool,
    /// An expression that has to hold of an event.
    pub filter: Option<String>,
    /// An expression that makes the body, in place of the envelope.
    pub transform: Option<String>,
}

/// A URL with what is sent along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The URL; for a file its path.
    pub url: String,
    /// Headers with their values, in the order they were given.
    pub headers: Vec<(String, Vec<String>)>,
    /// Whether the server's certificate has to be good.
    pub verify_tls: bool,
    /// Whether what is sent is signed.
    pub signed: bool,
    /// A label of the secret, so that its owner knows which one is in use.
    pub tag: Option<String>,
    /// The secret that it is signed with.
    #[serde(with = "revealed")]
    pub secret: Option<SigningSecret>,
    /// The secret before that one, while both are in use.
    pub previous: Option<Previous>,
}

/// A secret that is being replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// The secret.
    #[serde(with = "revealed")]
    pub secret: Option<SigningSecret>,
    /// How long it still signs, in microseconds since the epoch.
    pub until: i64,
}

impl Endpoint {
    /// An endpoint with a URL alone.
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

    /// Sends to another URL, or checks certificates otherwise, from now on. Write-only values were
    /// given for one destination: where the URL changes beyond its query, or certificates are no
    /// longer checked, the values of headers and the signing secrets are dropped. Answers whether
    /// they were.
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

    /// Signs with another secret from now on; the old one signs too until a time, so that nothing
    /// is refused while the receiver changes over.
    pub fn rotate(&mut self, secret: SigningSecret, until: i64) {
        if self.secret.as_ref() == Some(&secret) {
            return;
        }
        let old = self.secret.replace(secret);
        self.previous = old.map(|old| Previous { secret: Some(old), until });
    }

    /// The signatures of a message, by every secret that is in use: as `webhook-signature` has
    /// them, with a space between. The times are in microseconds.
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

/// The part of a URL that says who is sent to. Two that are written differently count as two: on
/// shared hosts the path is the receiver, and only the receiver knows which paths are the same.
fn destination(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

/// Secrets as text: only for what is encrypted next.
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
        text.map(|text| SigningSecret::read(&text)).transpose().map_err(serde::de::Error::custom)
    }
}

/// What headers of a subscription may not set: they belong to the message, the connection, or us.
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

/// What is wrong with a header that a subscription configures (RFC 9110, section 5).
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
        return Some(format!("`{name}` is set by the gateway, and by nobody else"));
    }
    let fits = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
    if value.len() > 8192 || !value.bytes().all(fits) || value.trim() != value {
        return Some(format!(
            "the value of `{name}` has to be one line of ASCII, without spaces around it"
        ));
    }
    None
}
