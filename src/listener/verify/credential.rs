//! Verification of credentials of this gateway: API keys and access tokens.
//!
//! Knows no store: the gateway looks up the credential, and this module evaluates the result.

use super::{Evidence, PassedVerification, VerificationResult};
use crate::listener::Listener;
use crate::listener::reason::ReasonCode;
use crate::listener::request::Request;

/// A verification that requires a credential.
#[derive(Debug)]
pub(in crate::listener) struct Credential {
    pub(in crate::listener) header: Box<str>,
}

/// The result of the lookup of the credential in a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Presented {
    /// The request has no credential.
    #[default]
    None,
    /// The credential is unknown, expired or revoked; with a message for the log.
    Unknown(&'static str),
    /// The credential is valid but does not have the scope `send`.
    MissingScope {
        /// The id of the key, or of the client of the token.
        id: String,
    },
    /// The credential is valid.
    Known {
        /// The id of the key, or of the client of the token.
        id: String,
        /// The tenant of the credential.
        tenant: String,
        /// The listeners that the credential is valid for. Empty for all listeners of the tenant.
        listeners: Vec<String>,
    },
}

/// Returns the credential in a request, if the listener requires one.
pub fn presented<'a>(listener: &Listener, request: &Request<'a>) -> Option<&'a str> {
    listener.credential_header().and_then(|header| bearer(request, header))
}

/// Returns the token in a header. In `Authorization` the token follows the scheme (RFC 6750,
/// section 2.1). Returns `None` for a repeated header: a proxy before the gateway may have checked
/// the other one.
pub(super) fn bearer<'a>(request: &Request<'a>, header: &str) -> Option<&'a str> {
    let value = request.only_header(header)?.trim();
    if !header.eq_ignore_ascii_case("authorization") {
        return Some(value).filter(|value| !value.is_empty());
    }
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

impl Credential {
    pub(super) fn check(&self, evidence: &Evidence<'_, '_>) -> VerificationResult {
        match evidence.presented {
            Presented::None => {
                let message = format!("no credential in `{}`, or more than one", self.header);
                Err((ReasonCode::MissingCredential, message))
            }
            Presented::Unknown(why) => Err((ReasonCode::WrongCredential, (*why).to_owned())),
            Presented::MissingScope { id } => {
                let message = format!("the credential `{id}` does not have the scope `send`");
                Err((ReasonCode::MissingScope, message))
            }
            Presented::Known { id, tenant, listeners } => {
                let named = listeners.is_empty()
                    || listeners.iter().any(|one| one.eq_ignore_ascii_case(evidence.listener));
                if tenant == evidence.tenant && named {
                    return Ok(PassedVerification::with(format!("the credential `{id}`")));
                }
                let message = format!("the credential `{id}` is not for this listener");
                Err((ReasonCode::NotForListener, message))
            }
        }
    }
}
