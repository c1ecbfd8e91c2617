//! Credentials of senders: API keys, and access tokens for clients (RFC 6749, section 4.4).
//!
//! A key is `hg_<id>_<256 random bits>`: it is found by its id, and stored as a hash. An access
//! token is a JSON Web Token of one fixed form, signed with the gateway's own key; its client is
//! looked up at each use, so that a revoked one is refused at once, and a change of its scopes or
//! listeners holds at once.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use hyper::HeaderMap;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::app::App;
use super::scopes::{SEND, permits};
use super::store::{Key, KeyKind, StoreError};
use crate::listener::Presented;

/// How long an access token is good, in seconds.
pub(super) const TOKEN_LIFE: i64 = 3600;

/// The head of every access token: one algorithm, and no other is read.
const HEAD: &str = r#"{"alg":"HS256","typ":"at+jwt"}"#;

const MICROS: i64 = 1_000_000;

/// A key that was made: what is shown once, and what is stored.
pub struct Made {
    /// The key as its owner sends it.
    pub shown: String,
    /// Its id.
    pub id: String,
    /// The SHA-256 of the whole key.
    pub hash: [u8; 32],
}

/// Makes a key.
///
/// # Errors
/// Where the system gives no random bytes.
pub fn make() -> Result<Made, super::encryption::EncryptionError> {
    let mut random = [0; 40];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| super::encryption::EncryptionError::NoRandom)?;
    let (id, secret) = random.split_at(8);
    let id = hex::encode(id);
    let shown = format!("hg_{id}_{}", URL_SAFE_NO_PAD.encode(secret));
    let hash = Sha256::digest(shown.as_bytes()).into();
    Ok(Made { shown, id, hash })
}

/// What is known of a credential that a request presents to a listener: the key has to be good,
/// and to allow `send`.
///
/// # Errors
/// Where the store does not answer.
pub(super) async fn look_up(app: &App, presented: Option<&str>) -> Result<Presented, StoreError> {
    let Some(presented) = presented else {
        return Ok(Presented::None);
    };
    Ok(match bearer(app, presented).await? {
        Ok(key) if !permits(&key.scopes, SEND) => Presented::MissingScope { id: key.id },
        Ok(key) => Presented::Known { id: key.id, tenant: key.tenant, listeners: key.listeners },
        Err(reason) => Presented::Unknown(reason),
    })
}

/// The key of a caller of the management API, whether it sends the key or an access token.
///
/// # Errors
/// Where the store does not answer.
pub(super) async fn manager(app: &App, presented: &str) -> Result<Option<Key>, StoreError> {
    Ok(bearer(app, presented).await?.ok())
}

/// The key behind a bearer credential: an API key, or the client of an access token. Where it is
/// refused, the reason for the log.
async fn bearer(app: &App, presented: &str) -> Result<Result<Key, &'static str>, StoreError> {
    if presented.starts_with("hg_") {
        let key = key(app, presented).await?.filter(|key| key.kind == KeyKind::Api);
        return Ok(key.ok_or("the key is not known, expired or revoked"));
    }
    token(app, presented).await
}

/// A key as it is now, if it is still good.
///
/// # Errors
/// Where the store does not answer.
pub(super) async fn current_key(app: &App, id: &str) -> Result<Option<Key>, StoreError> {
    let now = app.clock.micros();
    Ok(app.store.key(id).await?.filter(|key| is_good(key, now)))
}

/// How long a key is: `hg_`, 16 digits, `_`, and 32 bytes in base64.
const KEY_LENGTH: usize = 63;

/// Bytes of an access token: those that are made here have a few hundred, or as many as the
/// listeners of their key come to.
const MOST_TOKEN_BYTES: usize = 16 << 10;

/// The id of a key, where the text has the form of one. Others are not looked up: a stranger may
/// present anything.
fn key_id(presented: &str) -> Option<&str> {
    let (id, secret) = presented.strip_prefix("hg_")?.split_once('_')?;
    let is_id = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_id && presented.len() == KEY_LENGTH && secret.is_ascii()).then_some(id)
}

/// The value of `Authorization`, where there is one.
///
/// # Errors
/// Where it is repeated or is not ASCII: nobody can say which credential is meant.
pub(super) fn authorization(headers: &HeaderMap) -> Result<Option<&str>, Unusable> {
    let mut values = headers.get_all("authorization").iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Unusable),
        (Some(_), Some(_)) => Err(Unusable),
    }
}

/// A header that does not say which credential is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unusable;

/// The key that was presented, if it is known and good.
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

fn is_good(key: &Key, now: i64) -> bool {
    key.revoked_at.is_none() && key.expires_at.is_none_or(|at| at > now)
}

fn signed(app: &App, part: &str) -> String {
    // An HMAC takes a key of any length.
    let mac = Hmac::<Sha256>::new_from_slice(app.token_key.as_slice());
    let mac = mac.map(|mac| mac.chain_update(part.as_bytes()).finalize().into_bytes());
    mac.map(|mac| URL_SAFE_NO_PAD.encode(mac)).unwrap_or_default()
}

/// The client of an access token, as [`bearer`] answers it.
async fn token(app: &App, presented: &str) -> Result<Result<Key, &'static str>, StoreError> {
    let unknown = Err("the token is none of ours, or expired");
    let parts = presented.rsplit_once('.').filter(|_| presented.len() <= MOST_TOKEN_BYTES);
    let Some((part, signature)) = parts else {
        return Ok(unknown);
    };
    // In constant time, as above.
    let same = bool::from(signed(app, part).as_bytes().ct_eq(signature.as_bytes()));
    let claims = part.split_once('.').filter(|(head, _)| *head == URL_SAFE_NO_PAD.encode(HEAD));
    let claims = claims.and_then(|(_, claims)| URL_SAFE_NO_PAD.decode(claims).ok());
    let claims: Option<Value> = claims.and_then(|json| serde_json::from_slice(&json).ok());
    let Some(claims) = claims.filter(|_| same) else {
        return Ok(unknown);
    };
    let now = app.clock.micros();
    let expires = claims.get("exp").and_then(Value::as_i64).unwrap_or(0);
    if expires <= now / MICROS {
        return Ok(unknown);
    }
    let client = claims.get("sub").and_then(Value::as_str).unwrap_or("");
    match app.store.key(client).await? {
        Some(key) if key.kind == KeyKind::OAuthClient && is_good(&key, now) => Ok(Ok(key)),
        _ => Ok(Err("the token's client is revoked or expired")),
    }
}

/// The answer of the token endpoint.
pub(super) struct Issued {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

/// Answers a request for an access token: a form, with the client in it or in `Authorization`.
///
/// # Errors
/// Where the store does not answer.
pub(super) async fn issue(
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
    // A header that does not say which client is meant does not leave the choice to the form.
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

/// The fields of a request for an access token. Bytes that are not UTF-8 become U+FFFD, which is
/// in no id and no secret.
#[derive(Default)]
struct Form {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

impl Form {
    /// Reads the form in one pass; none where a field is repeated (RFC 6749, section 3.2).
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

/// `Basic`, with id and secret form-encoded (RFC 6749, section 2.3.1).
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
    let now = app.clock.micros() / MICROS;
    let audience: Vec<String> = match key.listeners.is_empty() {
        true => vec![format!("tenant:{}", key.tenant)],
        false => key.listeners.clone(),
    };
    let claims = json!({
        "iss": "hookgate", "sub": key.id, "aud": audience, "iat": now, "exp": now + TOKEN_LIFE,
    });
    let part =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(HEAD), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let token = format!("{part}.{}", signed(app, &part));
    let body = json!({ "access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFE });
    Issued { status: 200, body }
}

fn refused(status: u16, error: &str) -> Issued {
    Issued { status, body: json!({ "error": error }) }
}
