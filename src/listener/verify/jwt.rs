//! Verification of tokens of other issuers (RFC 7519) with a pinned set of keys (RFC 7517).
//!
//! The function `$JWT_VERIFY` verifies the signature; this module checks the claims. Knows no
//! network: keys are never fetched.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use spki::der::Encode;
use spki::der::asn1::UintRef;

use super::credential::bearer;
use super::{Evidence, PassedVerification, VerificationResult};
use crate::engine::{Context, OwnedValue, Program, Value};
use crate::listener::reason::ReasonCode;
use crate::value::{Object, read_json};

/// A verification that requires a token of another issuer.
#[derive(Debug)]
pub(in crate::listener) struct Jwt {
    pub(in crate::listener) header: Box<str>,
    pub(in crate::listener) keys: Keys,
    /// The allowed algorithms. The header of the token has no influence on them.
    pub(in crate::listener) algorithms: Vec<OwnedValue>,
    pub(in crate::listener) issuer: Box<str>,
    pub(in crate::listener) audience: Box<str>,
    pub(in crate::listener) leeway: Duration,
    /// The program with the variables `token`, `key` and `algorithm`.
    pub(in crate::listener) program: Program,
}

/// Maximum length of a token, in bytes. Tokens of the large issuers, including groups, are below 8
/// KiB.
const MAX_TOKEN_BYTES: usize = 16 << 10;

/// Maximum number of keys of an issuer. A token without `kid` is tried with each of them. The large
/// issuers publish less than ten.
const MAX_KEYS: usize = 32;

/// The public keys of an issuer.
#[derive(Debug)]
pub(in crate::listener) struct Keys(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<Box<str>>,
    /// The algorithms for which a key of its type can be used.
    algorithms: &'static [&'static str],
    bytes: Vec<u8>,
}

impl Keys {
    /// Reads a JWK Set.
    ///
    /// # Errors
    /// Returns a message if the file is not a JWK Set, or if it has no supported key or too many
    /// keys.
    pub(in crate::listener) fn read(json: &[u8]) -> Result<Self, String> {
        let set = read_json(json).map_err(|error| format!("this is not JSON: {error}"))?;
        let keys = match set.borrow().as_object().and_then(|set| set.get("keys")) {
            Some(Value::List(keys)) => keys,
            _ => return Err("a JWK Set is an object with a list `keys`".to_owned()),
        };
        let usable = keys.iter().filter_map(Value::as_object).filter_map(key);
        let keys: Vec<Key> = usable.collect();
        if keys.is_empty() {
            return Err("it has no public key of RSA, P-256 or Ed25519".to_owned());
        }
        if keys.len() > MAX_KEYS {
            return Err(format!("it has {} public keys, more than {MAX_KEYS}", keys.len()));
        }
        Ok(Self(keys))
    }
}

fn key(jwk: Object<'_>) -> Option<Key> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_text);
    let bytes = |name: &str| text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let signs = text("use").is_none_or(|used| used == "sig");
    let (algorithms, bytes): (&'static [&'static str], Vec<u8>) = match (text("kty")?, text("crv"))
    {
        ("RSA", _) => (&["RS256", "RS384", "RS512"], rsa(&bytes("n")?, &bytes("e")?)?),
        ("EC", Some("P-256")) => (&["ES256"], [vec![4], bytes("x")?, bytes("y")?].concat()),
        ("OKP", Some("Ed25519")) => (&["EdDSA"], bytes("x")?),
        _ => return None,
    };
    signs.then(|| Key { id: text("kid").map(Into::into), algorithms, bytes })
}

/// Encodes an RSA key in PKCS#1 form: a sequence of modulus and exponent (RFC 8017, appendix
/// A.1.1).
fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    let (modulus, exponent) = (UintRef::new(modulus).ok()?, UintRef::new(exponent).ok()?);
    let mut numbers = Vec::new();
    modulus.encode_to_vec(&mut numbers).ok()?;
    exponent.encode_to_vec(&mut numbers).ok()?;
    let length = u32::try_from(numbers.len()).ok()?;
    let tag = spki::der::Tag::Sequence;
    let header = spki::der::Header::new(tag, spki::der::Length::new(length));
    let mut der = header.to_der().ok()?;
    der.extend_from_slice(&numbers);
    Some(der)
}

impl Jwt {
    pub(super) fn check(&self, evidence: &mut Evidence<'_, '_>) -> VerificationResult {
        let Some(token) = bearer(evidence.request, &self.header) else {
            let message = format!("no token in `{}`, or more than one", self.header);
            return Err((ReasonCode::MissingCredential, message));
        };
        if token.len() > MAX_TOKEN_BYTES {
            let message = format!("the token has more than {MAX_TOKEN_BYTES} bytes");
            return Err((ReasonCode::BadToken, message));
        }
        let now = evidence.now.epoch_seconds();
        let head = JwtHead::of(token);
        for key in self.keys.0.iter().filter(|key| head.fits(key)) {
            for algorithm in self.algorithms.iter().filter(|one| head.names(key, one)) {
                evidence.hashes(token.as_bytes());
                let mut context = Context::new();
                context
                    .set("token", token)
                    .set("key", Value::Bytes(&key.bytes))
                    .set("algorithm", algorithm.borrow());
                if let Ok(Value::Object(claims)) = evidence.machine.eval(&self.program, &context) {
                    return self.held(claims, now);
                }
            }
        }
        Err((ReasonCode::BadToken, "no key of the issuer made this token".to_owned()))
    }

    fn held(&self, claims: Object<'_>, now: i64) -> VerificationResult {
        let bad = |message: String| Err((ReasonCode::BadToken, message));
        let text = |name: &str| claims.get(name).and_then(Value::as_text);
        let seconds = |name: &str| match claims.get(name) {
            Some(Value::Number(number)) => Some(number.to_f64()),
            _ => None,
        };
        if text("iss") != Some(&*self.issuer) {
            return bad(format!("`iss` is not `{}`", self.issuer));
        }
        let for_us = match claims.get("aud") {
            Some(Value::List(all)) => all.iter().any(|one| one.as_text() == Some(&*self.audience)),
            one => one.and_then(Value::as_text) == Some(&*self.audience),
        };
        if !for_us {
            return bad(format!("`aud` has no `{}`", self.audience));
        }
        let (leeway, now) = (self.leeway.as_secs_f64(), now as f64);
        match (seconds("exp"), seconds("nbf")) {
            (Some(exp), _) if exp + leeway <= now => bad("the token has expired".to_owned()),
            (_, Some(nbf)) if nbf - leeway > now => bad("the token is not yet good".to_owned()),
            (Some(_), Some(_)) => {
                Ok(PassedVerification::with(format!("a token of `{}`", self.issuer)))
            }
            _ => bad("the token has no `exp`, or no `nbf`".to_owned()),
        }
    }
}

/// The header of a token, parsed once. It only selects the keys to try.
struct JwtHead(Option<OwnedValue>);

impl JwtHead {
    fn of(token: &str) -> Self {
        let head = token.split('.').next().and_then(|head| URL_SAFE_NO_PAD.decode(head).ok());
        Self(head.and_then(|json| read_json(&json).ok()))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.as_ref().and_then(|head| head.borrow().as_object()?.get(name)?.as_text())
    }

    /// Returns true if the token may have been signed with a key. If both have an id, the ids must
    /// be equal.
    fn fits(&self, key: &Key) -> bool {
        match (self.text("kid"), &key.id) {
            (Some(named), Some(id)) => named == &**id,
            _ => true,
        }
    }

    /// Returns true if the token names this algorithm and the key has the right type for it.
    fn names(&self, key: &Key, algorithm: &OwnedValue) -> bool {
        let name = algorithm.borrow().as_text();
        name.is_some_and(|name| key.algorithms.contains(&name)) && name == self.text("alg")
    }
}
