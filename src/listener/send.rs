//! Requests as a provider sends them, signed with the secrets of a listener, and listeners for tests of
//! recipes. Sends nothing itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Listener;
use super::assemble::{ConfigSource, Loaded, load};
use super::recipe::Recipe;
use super::recipe_keys::SEND;
use super::request::{Parts, Request};
use super::sample::pairs;
use crate::config::Section;
use crate::document::Node;
use crate::engine::{Engine, Machine, OwnedValue, Time};
use crate::value::Projection;

/// A request signed like those of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The method.
    pub method: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
}

/// The error of a request that could not be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Only the provider can sign: it has the private key.
    #[error("only the provider can sign its requests: `{0}` signs with a private key")]
    Impossible(String),
    /// A header could not be computed.
    #[error("the header `{header}` could not be made: {reason}")]
    Header {
        /// The name of the header.
        header: String,
        /// The reason.
        reason: String,
    },
}

impl Recipe {
    /// Computes the headers of a request like the provider, with the secrets of a listener. A header
    /// of `request` replaces that of the provider.
    ///
    /// # Errors
    /// Returns an error if only the provider can sign, or if the expression of a header fails.
    pub fn sign(
        &self,
        listener: &Listener,
        request: &Request<'_>,
        now: Time,
    ) -> Result<Sent, SignError> {
        let Some(send) = self.layer.root.get("send") else {
            return Err(SignError::Impossible(self.name.to_owned()));
        };
        let section = Section::new(&SEND, send);
        let kind = section.text("content_type");
        let is_given =
            |name: &str| request.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        let mut headers = Vec::new();
        if !is_given("content-type") {
            headers.push(("Content-Type".to_owned(), kind.to_owned()));
        }
        headers.extend(
            request.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        for credential in send.get("credentials").map(Node::items).unwrap_or_default() {
            headers.extend(carried(listener, credential).filter(|(name, _)| !is_given(name)));
        }
        let computed = send.get("headers").map(pairs).unwrap_or_default();
        for (name, source) in computed.into_iter().filter(|(name, _)| !is_given(name)) {
            if let Some(value) = made(listener, request, &headers, (&name, &source), now)? {
                headers.push((name, value));
            }
        }
        Ok(Sent { method: section.text("method").to_owned(), headers })
    }
}

/// Returns a header that carries a secret as it is. No program can make one, since its result would
/// hold the secret.
fn carried(listener: &Listener, credential: &Node) -> Option<(String, String)> {
    let [name, scheme, secret] = credential.items() else { return None };
    let secret = listener.secrets.newest_text(secret.as_str()?)?;
    let value = match scheme.as_str()? {
        "basic" => format!("Basic {}", STANDARD.encode(secret)),
        "bearer" => format!("Bearer {secret}"),
        _ => secret.to_owned(),
    };
    Some((name.as_str()?.to_owned(), value))
}

/// Computes the value of a header. Its expression can read the headers before it.
fn made(
    listener: &Listener,
    request: &Request<'_>,
    before: &[(String, String)],
    (name, source): (&str, &str),
    now: Time,
) -> Result<Option<String>, SignError> {
    let failed = |reason: String| SignError::Header { header: name.to_owned(), reason };
    let program =
        Engine::for_requests().compile(source).map_err(|faults| failed(faults.to_string()))?;
    let headers: Vec<(&str, &str)> =
        before.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let request = Request { headers: &headers, ..*request };
    let parts = Parts::of(&request, listener, &Projection::whole());
    let mut context = parts.context(&request, &listener.vars);
    context.set_now(now).set_secrets(&listener.secrets);
    let mut machine = Machine::default();
    let value = machine.eval(&program, &context).map_err(|trap| failed(trap.to_string()))?;
    Ok(match value.as_text() {
        Some(text) => Some(text.to_owned()),
        None if value.is_null() => None,
        None => Some(value.to_string()),
    })
}

impl Recipe {
    /// Creates a listener of this provider with encoded secrets and variables, for tests.
    pub fn listener(
        &self,
        secrets: &[(String, Vec<String>)],
        vars: &[(Box<str>, OwnedValue)],
    ) -> Loaded {
        let outside = ConfigSource {
            secrets: secrets.to_vec(),
            vars: vars.to_vec(),
            ..ConfigSource::empty()
        };
        load(self.name, &self.trial_file(), &outside)
    }

    /// Returns a listener file that takes everything from the recipe.
    pub fn trial_file(&self) -> String {
        format!(
            "id = \"00000000-0000-0000-0000-000000000000\"\nname = {0:?}\ntenant = \"trial\"\nprovider = {0:?}\n",
            self.name
        )
    }
}
