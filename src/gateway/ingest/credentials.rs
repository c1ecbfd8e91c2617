//! Credentials of senders: API keys, and access tokens for clients (RFC 6749, section 4.4). Decides
//! on a key, not on a request.
//!
//! A key is `hg_<id>_<256 random bits>`. The store finds it by its id and holds only its hash. An
//! access token is a JSON Web Token of one fixed form, signed with the gateway's own key. Each use
//! looks up its client, so a revoked client is refused at once, and changed scopes and listeners
//! apply at once.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use hyper::HeaderMap;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::scopes::permits;
use crate::gateway::app::App;
use crate::gateway::ops::clock::UnixMicros;
use crate::gateway::store::{Key, KeyKind, Scope, StoreError};
use crate::listener::Presented;

/// Lifetime of an access token, in seconds.
pub(in crate::gateway) const TOKEN_LIFE: i64 = 3600;

/// JOSE header of every access token. No other algorithm is accepted.
const TOKEN_HEADER: &str = r#"{"alg":"HS256","typ":"at+jwt"}"#;

const MICROS: i64 = 1_000_000;

/// A new key: the text that is shown once, and the fields to store.
pub struct Made {
    /// Key as its owner sends it.
    pub shown: String,
    /// Id of the key.
    pub id: String,
    /// SHA-256 of the whole key.
    pub hash: [u8; 32],
}

/// Generates a key.
///
/// # Errors
/// Returns an error if the system provides no random bytes.
pub fn make() -> Result<Made, crate::gateway::ops::encryption::EncryptionError> {
    let mut random = [0; 40];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| crate::gateway::ops::encryption::EncryptionError::NoRandom)?;
    let (id, secret) = random.split_at(8);
    let id = hex::encode(id);
    let shown = format!("hg_{id}_{}", URL_SAFE_NO_PAD.encode(secret));
    let hash = Sha256::digest(shown.as_bytes()).into();
    Ok(Made { shown, id, hash })
}

/// Looks up the credential that a request presents to a listener. The key must be valid and permit
/// `send`.
///
/// # Errors
/// Returns an error if the store does not answer.
pub(in crate::gateway) async fn look_up(
    app: &App,
    presented: Option<&str>,
) -> Result<Presented, StoreError> {
    let Some(presented) = presented else {
        return Ok(Presented::None);
    };
    Ok(match bearer(app, presented).await? {
        Ok(key) if !permits(&key.scopes, Scope::Send) => Presented::MissingScope { id: key.id },
        Ok(key) => Presented::Known {
            id: key.id,
            tenant: key.tenant.into(),
            listeners: key.listeners.into_iter().map(String::from).collect(),
        },
        Err(reason) => Presented::Unknown(reason),
    })
}

/// Returns the key of a caller of the management API, who sends the key or an access token.
///
/// # Errors
/// Returns an error if the store does not answer.
pub(in crate::gateway) async fn manager(
    app: &App,
    presented: &str,
) -> Result<Option<Key>, StoreError> {
    Ok(bearer(app, presented).await?.ok())
}

/// Returns the key of a bearer credential: an API key, or the client of an access token. Returns
/// the reason for the log if the credential is refused.
async fn bearer(app: &App, presented: &str) -> Result<Result<Key, &'static str>, StoreError> {
    if presented.starts_with("hg_") {
        let key = key(app, presented).await?.filter(|key| key.kind == KeyKind::Api);
        return Ok(key.ok_or("the key is not known, expired or revoked"));
    }
    token(app, presented).await
}

/// Returns the current state of a key, if the key is still valid.
///
/// # Errors
/// Returns an error if the store does not answer.
pub(in crate::gateway) async fn current_key(
    app: &App,
    id: &str,
) -> Result<Option<Key>, StoreError> {
    let now = app.clock.micros();
    Ok(app.store.key(id).await?.filter(|key| is_good(key, now)))
}

/// Length of a key in bytes: `hg_`, 16 digits, `_`, and 32 bytes in Base64.
const KEY_LENGTH: usize = 63;

/// Largest access token, in bytes. The gateway's own tokens have a few hundred bytes, and more if
/// their key has many listeners.
const MAX_TOKEN_BYTES: usize = 16 << 10;

/// Returns the id of a key, if the text has the form of a key. Other texts cause no lookup, because
/// unauthenticated senders may send anything.
fn key_id(presented: &str) -> Option<&str> {
    let (id, secret) = presented.strip_prefix("hg_")?.split_once('_')?;
    let is_id = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_id && presented.len() == KEY_LENGTH && secret.is_ascii()).then_some(id)
}

/// Returns the value of `Authorization`, if present.
///
/// # Errors
/// Returns an error if the header is repeated or not ASCII: the credential is then ambiguous.
pub(in crate::gateway) fn authorization(headers: &HeaderMap) -> Result<Option<&str>, Unusable> {
    let mut values = headers.get_all("authorization").iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Unusable),
        (Some(_), Some(_)) => Err(Unusable),
    }
}

/// An ambiguous credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) struct Unusable;

/// Returns the presented key, if it is known and valid.
async fn key(app: &App, presented: &str) -> Result<Option<Key>, StoreError> {
    let Some(id) = key_id(presented) else {
        return Ok(None);
    };
    let Some(key) = app.store.key(id).await? else {
        return Ok(None);
    };
    let hash: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
    // In constant time: leaving early would tell how much of the hash matched.
    let same = bool::from(hash.ct_eq(&key.hash));
    let good = same && is_good(&key, app.clock.micros());
    if good {
        app.store.touch_key(id, app.clock.micros());
    }
    Ok(good.then_some(key))
}

fn is_good(key: &Key, now: UnixMicros) -> bool {
    key.revoked_at.is_none() && key.expires_at.is_none_or(|at| at > now)
}

fn signed(app: &App, part: &str) -> String {
    // An HMAC accepts a key of any length.
    let mac = Hmac::<Sha256>::new_from_slice(app.token_key.as_slice());
    let mac = mac.map(|mac| mac.chain_update(part.as_bytes()).finalize().into_bytes());
    mac.map(|mac| URL_SAFE_NO_PAD.encode(mac)).unwrap_or_default()
}

/// Returns the client of an access token, in the same form as [`bearer`].
async fn token(app: &App, presented: &str) -> Result<Result<Key, &'static str>, StoreError> {
    let unknown = Err("the token is none of ours, or expired");
    let parts = presented.rsplit_once('.').filter(|_| presented.len() <= MAX_TOKEN_BYTES);
    let Some((part, signature)) = parts else {
        return Ok(unknown);
    };
    // In constant time, as above.
    let same = bool::from(signed(app, part).as_bytes().ct_eq(signature.as_bytes()));
    let claims =
        part.split_once('.').filter(|(head, _)| *head == URL_SAFE_NO_PAD.encode(TOKEN_HEADER));
    let claims = claims.and_then(|(_, claims)| URL_SAFE_NO_PAD.decode(claims).ok());
    let claims: Option<Value> = claims.and_then(|json| serde_json::from_slice(&json).ok());
    let Some(claims) = claims.filter(|_| same) else {
        return Ok(unknown);
    };
    let now = app.clock.micros();
    let expires = claims.get("exp").and_then(Value::as_i64);
    let client = claims.get("sub").and_then(Value::as_str);
    let (Some(expires), Some(client)) = (expires, client) else {
        return Ok(unknown);
    };
    if expires <= now.get() / MICROS {
        return Ok(unknown);
    }
    match app.store.key(client).await? {
        Some(key) if key.kind == KeyKind::OAuthClient && is_good(&key, now) => Ok(Ok(key)),
        _ => Ok(Err("the token's client is revoked or expired")),
    }
}

/// The response of the token endpoint.
pub(in crate::gateway) struct Issued {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Value,
}

/// Answers a request for an access token. The client is in the form or in `Authorization`.
///
/// # Errors
/// Returns an error if the store does not answer.
pub(in crate::gateway) async fn issue(
    app: &App,
    headers: &HeaderMap,
    form: &[u8],
) -> Result<Issued, StoreError> {
    let Some(form) = Form::read(form) else {
        return Ok(refused(400, "invalid_request"));
    };
    match form.grant_type.as_deref() {
        Some("client_credentials") => {}
        Some(_) => return Ok(refused(400, "unsupported_grant_type")),
        None => return Ok(refused(400, "invalid_request")),
    }
    // An ambiguous header is refused. It does not fall back to the client in the form.
    let client = match authorization(headers) {
        Err(Unusable) => None,
        Ok(header) => header.and_then(basic).or(form.client_id.zip(form.client_secret)),
    };
    let Some((id, secret)) = client else {
        return Ok(refused(401, "invalid_client"));
    };
    match key(app, &secret).await? {
        Some(key) if key.kind == KeyKind::OAuthClient && key.id == id => Ok(granted(app, &key)),
        _ => Ok(refused(401, "invalid_client")),
    }
}

/// The fields of a request for an access token. Bytes that are not UTF-8 become U+FFFD, which
/// occurs in no id and no secret.
#[derive(Default)]
struct Form {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

impl Form {
    /// Parses the form in one pass; `None` if a field is repeated (RFC 6749, section 3.2).
    fn read(form: &[u8]) -> Option<Self> {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(form) {
            let field = match &*name {
                "grant_type" => &mut read.grant_type,
                "client_id" => &mut read.client_id,
                "client_secret" => &mut read.client_secret,
                _ => continue,
            };
            if field.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        Some(read)
    }
}

/// Parses `Basic` credentials with a form-encoded id and secret (RFC 6749, section 2.3.1).
fn basic(authorization: &str) -> Option<(String, String)> {
    let (scheme, encoded) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let plain = |text: &str| {
        percent_encoding::percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned())
    };
    Some((plain(id)?, plain(secret)?))
}

fn granted(app: &App, key: &Key) -> Issued {
    let now = app.clock.micros().get() / MICROS;
    let audience: Vec<String> = match key.listeners.is_empty() {
        true => vec![format!("tenant:{}", key.tenant)],
        false => key.listeners.iter().map(ToString::to_string).collect(),
    };
    let claims = json!({
        "iss": "hookgate", "sub": key.id, "aud": audience, "iat": now, "exp": now + TOKEN_LIFE,
    });
    let part = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(TOKEN_HEADER),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let token = format!("{part}.{}", signed(app, &part));
    let body = json!({ "access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFE });
    Issued { status: 200, body }
}

fn refused(status: u16, error: &str) -> Issued {
    Issued { status, body: json!({ "error": error }) }
}
