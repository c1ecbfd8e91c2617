//! Verification of tokens of other issuers (RFC 7519) with a set of keys (RFC 7517), pinned or from a
//! URL.
//!
//! The function `$JWT_VERIFY` verifies the signature; this module checks the claims. Knows no
//! network: a key document that is missing is asked for.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::credential::bearer;
use super::{Evidence, KeyUrl, PassedVerification, VerificationResult};
use crate::builtins::{Jwk, key_type};
use crate::engine::{Context, OwnedValue, Program, Value};
use crate::listener::keys::KeySet;
use crate::listener::reason::{Failed, ReasonCode};
use crate::value::{Object, read_json};

/// A verification that requires a token of another issuer.
#[derive(Debug)]
pub(in crate::listener) struct Jwt {
    pub(in crate::listener) header: Box<str>,
    pub(in crate::listener) keys: JwtKeys,
    /// The allowed algorithms. The header of the token has no influence on them.
    pub(in crate::listener) algorithms: Vec<OwnedValue>,
    pub(in crate::listener) issuer: Box<str>,
    pub(in crate::listener) audience: Box<str>,
    pub(in crate::listener) leeway: Duration,
    /// Maximum age of a token by its `iat`. Without it, a token needs `exp`.
    pub(in crate::listener) max_age: Option<Duration>,
    /// The condition on `claims` and the request, if there is one.
    pub(in crate::listener) rule: Option<Program>,
    /// The program with the variables `token`, `key` and `algorithm`.
    pub(in crate::listener) program: Program,
}

/// Maximum length of a token, in bytes. Tokens of the large issuers, including groups, are below 8
/// KiB.
const MAX_TOKEN_BYTES: usize = 16 << 10;

/// The source of the public keys of an issuer.
#[derive(Debug)]
pub(in crate::listener) enum JwtKeys {
    /// The keys of a file.
    Pinned(Arc<KeySet>),
    /// The keys of a URL.
    Url(KeyUrl),
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
        let keys = self.keys(evidence, &head)?;
        for key in keys.keys().iter().filter(|key| key.may_be(head.text("kid"))) {
            for algorithm in self.algorithms.iter().filter(|one| head.names(key, one)) {
                evidence.hashes(token.as_bytes());
                let mut context = Context::new();
                context
                    .set("token", token)
                    .set("key", Value::Bytes(&key.bytes))
                    .set("algorithm", algorithm.borrow());
                if let Ok(Value::Object(claims)) = evidence.machine.eval(&self.program, &context) {
                    let passed = self.held(claims, now)?;
                    let claims = Value::Object(claims).to_owned_value();
                    self.hold_by_rule(evidence, &claims.unwrap_or(OwnedValue::Null))?;
                    return Ok(passed);
                }
            }
        }
        Err((ReasonCode::BadToken, "no key of the issuer made this token".to_owned()))
    }

    /// Returns the keys of the issuer. A token of another algorithm never causes a fetch.
    fn keys(&self, evidence: &mut Evidence<'_, '_>, head: &JwtHead) -> Result<Arc<KeySet>, Failed> {
        match &self.keys {
            JwtKeys::Pinned(keys) => Ok(Arc::clone(keys)),
            JwtKeys::Url(url) if self.algorithms.iter().any(|one| head.is_by(one)) => {
                url.keys(evidence, head.text("kid")).map(|(keys, _)| keys)
            }
            JwtKeys::Url(_) => {
                let message = "this is no token with an algorithm of the listener";
                Err((ReasonCode::BadToken, message.to_owned()))
            }
        }
    }

    /// Evaluates the rule on the claims of a valid token.
    fn hold_by_rule(
        &self,
        evidence: &mut Evidence<'_, '_>,
        claims: &OwnedValue,
    ) -> Result<(), Failed> {
        let Some(rule) = &self.rule else {
            return Ok(());
        };
        let mut context: Context<'_> = evidence.context.clone();
        context.set("claims", claims);
        match evidence.machine.test(rule, &context) {
            Ok(true) => Ok(()),
            Ok(false) => {
                Err((ReasonCode::BadToken, "the rule on its claims does not hold".to_owned()))
            }
            Err(trap) => Err((ReasonCode::RuleError, trap.place_in(rule))),
        }
    }

    fn held(&self, claims: Object<'_>, now: i64) -> VerificationResult {
        let text = |name: &str| claims.get(name).and_then(Value::as_text);
        let for_us = match claims.get("aud") {
            Some(Value::List(all)) => all.iter().any(|one| one.as_text() == Some(&*self.audience)),
            one => one.and_then(Value::as_text) == Some(&*self.audience),
        };
        let wrong = if text("iss") != Some(&*self.issuer) {
            Err(format!("`iss` is not `{}`", self.issuer))
        } else if !for_us {
            Err(format!("`aud` has no `{}`", self.audience))
        } else {
            self.in_time(claims, now as f64)
        };
        match wrong {
            Ok(()) => Ok(PassedVerification::with(format!("a token of `{}`", self.issuer))),
            Err(message) => Err((ReasonCode::BadToken, message)),
        }
    }

    /// Compares the times of a token with the clock (RFC 7519, section 4.1). A time that is present
    /// has to be a number.
    fn in_time(&self, claims: Object<'_>, now: f64) -> Result<(), String> {
        let leeway = self.leeway.as_secs_f64();
        let exp = seconds(claims, "exp")?;
        if seconds(claims, "nbf")?.is_some_and(|nbf| nbf - leeway > now) {
            return Err("the token is not yet good: its `nbf` is in the future".to_owned());
        }
        if exp.is_some_and(|exp| exp + leeway <= now) {
            return Err("the token has expired".to_owned());
        }
        match (self.max_age, exp, seconds(claims, "iat")?) {
            (None, Some(_), _) => Ok(()),
            (None, None, _) => {
                Err("the token has no `exp`; `max_age` accepts one with `iat`".to_owned())
            }
            (Some(_), _, None) => Err("the token has no `iat`, which `max_age` bounds".to_owned()),
            (Some(_), _, Some(iat)) if iat - leeway > now => {
                Err("the token is from the future, by its `iat`".to_owned())
            }
            (Some(age), _, Some(iat)) if iat + age.as_secs_f64() + leeway <= now => {
                Err(format!("the token is older than {} seconds, by its `iat`", age.as_secs()))
            }
            (Some(_), _, Some(_)) => Ok(()),
        }
    }
}

/// Returns a time of a token in seconds since 1970. `None` if the token has none.
fn seconds(claims: Object<'_>, name: &str) -> Result<Option<f64>, String> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => Ok(Some(number.to_f64())),
        Some(_) => Err(format!("`{name}` of the token is not a number")),
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

    /// Returns true if the token names this algorithm.
    fn is_by(&self, algorithm: &OwnedValue) -> bool {
        algorithm.borrow().as_text().is_some_and(|name| Some(name) == self.text("alg"))
    }

    /// Returns true if the token names this algorithm and the key has the right type for it.
    fn names(&self, key: &Jwk, algorithm: &OwnedValue) -> bool {
        let name = algorithm.borrow().as_text().filter(|name| Some(*name) == self.text("alg"));
        name.is_some_and(|name| key_type(name) == Some(key.kind) && key.allows(name))
    }
}
