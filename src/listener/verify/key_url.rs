//! The URLs from which a verification takes its keys: a fixed one, or one that the request names
//! within host patterns. Knows no network.

use super::Evidence;
use crate::engine::Program;
use crate::listener::host_pattern::{HostPattern, check_named};
use crate::listener::keys::{KeySet, NoKey, look_up};
use crate::listener::reason::{Failed, ReasonCode};
use std::sync::Arc;

/// The URL of a key document.
#[derive(Debug)]
pub(in crate::listener) enum KeyUrl {
    /// A URL of the configuration.
    Fixed(Box<str>),
    /// A URL that the request names.
    Named {
        /// The expression for it.
        url: Program,
        /// The hosts that it may have.
        hosts: Vec<HostPattern>,
    },
}

impl KeyUrl {
    /// Returns the program that reads the request.
    pub(super) fn program(&self) -> Option<&Program> {
        match self {
            Self::Fixed(_) => None,
            Self::Named { url, .. } => Some(url),
        }
    }

    /// Returns the keys for the key id that a request names, and their URL.
    ///
    /// # Errors
    /// Returns the reason why there are none. If the document has to be fetched first, the evidence
    /// records it.
    pub(super) fn keys(
        &self,
        evidence: &mut Evidence<'_, '_>,
        key_id: Option<&str>,
    ) -> Result<(Arc<KeySet>, Box<str>), Failed> {
        let url = match self {
            Self::Fixed(url) => url.clone(),
            Self::Named { url, hosts } => named(evidence, url, hosts)?,
        };
        let of_request = matches!(self, Self::Named { .. });
        match look_up(evidence.keys, &url, key_id, of_request) {
            Ok(set) => Ok((set, url)),
            Err(NoKey::Needed(needed)) => {
                evidence.needed.get_or_insert(needed);
                let message = format!("the keys of `{url}` have to be fetched");
                Err((ReasonCode::KeysUnavailable, message))
            }
            Err(NoKey::Unavailable(reason)) => {
                Err((ReasonCode::KeysUnavailable, format!("no keys of `{url}`: {reason}")))
            }
        }
    }
}

fn named(
    evidence: &mut Evidence<'_, '_>,
    program: &Program,
    hosts: &[HostPattern],
) -> Result<Box<str>, Failed> {
    match evidence.machine.eval(program, evidence.context) {
        Ok(value) => match value.as_text() {
            Some(url) => match check_named(url, hosts) {
                Ok(()) => Ok(url.into()),
                Err(error) => Err((ReasonCode::UrlRefused, format!("the URL of the key: {error}"))),
            },
            None => {
                let message = "the request names no URL of its key: the expression is no string";
                Err((ReasonCode::UrlRefused, message.to_owned()))
            }
        },
        Err(trap) => Err((ReasonCode::RuleError, trap.place_in(program))),
    }
}
