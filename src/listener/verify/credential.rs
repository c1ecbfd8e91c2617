//! Credentials of this gateway: API keys and access tokens.
//!
//! Knows no store: what is known of a credential is looked up by the gateway, and judged here.

use super::{Evidence, Found, Passed};
use crate::listener::Listener;
use crate::listener::reason::Finding;
use crate::listener::request::Request;

/// A check for a credential.
#[derive(Debug)]
pub(in crate::listener) struct Credential {
    pub(in crate::listener) header: Box<str>,
}

/// What the gateway knows of the credential that a request presents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Presented {
    /// There is none.
    #[default]
    None,
    /// Nobody knows it, or it is expired or revoked; in words for the log.
    Unknown(&'static str),
    /// The key is good, and does not have the scope `send`.
    MissingScope {
        /// The id of the key, or of the client that the token was issued to.
        id: String,
    },
    /// It is good.
    Known {
        /// The id of the key, or of the client that the token was issued to.
        id: String,
        /// The tenant it belongs to.
        tenant: String,
        /// The listeners it is for; empty for all of the tenant's.
        listeners: Vec<String>,
    },
}

/// The credential that a request presents to a listener, if the listener asks for one.
pub fn presented<'a>(listener: &Listener, request: &Request<'a>) -> Option<&'a str> {
    listener.credential_header().and_then(|header| bearer(request, header))
}

/// The token in a header; in `Authorization` it stands behind the scheme (RFC 6750, section 2.1).
/// None where the header is repeated: what stands before the gateway may have looked at another.
pub(super) fn bearer<'a>(request: &Request<'a>, header: &str) -> Option<&'a str> {
    let value = request.only_header(header)?.trim();
    if !header.eq_ignore_ascii_case("authorization") {
        return Some(value).filter(|value| !value.is_empty());
    }
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

impl Credential {
    pub(super) fn check(&self, evidence: &Evidence<'_, '_>) -> Found {
        match evidence.presented {
            Presented::None => {
                let message = format!("no credential in `{}`, or more than one", self.header);
                Err((Finding::MissingCredential, message))
            }
            Presented::Unknown(why) => Err((Finding::WrongCredential, (*why).to_owned())),
            Presented::MissingScope { id } => {
                let message = format!("the credential `{id}` does not have the scope `send`");
                Err((Finding::MissingScope, message))
            }
            Presented::Known { id, tenant, listeners } => {
                let named = listeners.is_empty()
                    || listeners.iter().any(|one| one.eq_ignore_ascii_case(evidence.listener));
                if tenant == evidence.tenant && named {
                    return Ok(Passed::with(format!("the credential `{id}`")));
                }
                let message = format!("the credential `{id}` is not for this listener");
                Err((Finding::NotForListener, message))
            }
        }
    }
}
