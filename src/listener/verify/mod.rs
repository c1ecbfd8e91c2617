//! Verification: checks that a request comes from the expected sender.
//!
//! All verifications run, even after a failure, so that the log shows every failure. Errors and
//! null count as failures. Knows no store and no clock.

mod credential;
mod hash;
mod jwt;
mod key_url;
mod public_key;
mod received;
mod rule;
mod signature;
mod signed;
mod signed_time;

pub(super) use credential::Credential;
pub use credential::{Presented, presented};
pub(super) use hash::Hash;
pub(super) use jwt::{Jwt, JwtKeys};
pub(super) use key_url::KeyUrl;
pub(super) use public_key::{KeySource, PublicKey, SignatureAlgorithm, SignatureAlgorithms};
pub(super) use received::{Encoding, SignatureSource};
pub(super) use rule::{Rule, Signs};
pub(super) use signature::{Hashing, Signature};
pub(super) use signed::{BySignature, SignedContent};
pub(super) use signed_time::SignedTime;

use std::net::IpAddr;

use ipnet::IpNet;

use super::keys::{KeyDocuments, NeedsKey};
use super::reason::{Failed, Reason, ReasonCode};
use super::request::Request;
use crate::engine::{Bound, Context, Machine, Program, Time};

/// A verification of a listener.
#[derive(Debug)]
pub(super) struct Verification {
    pub(super) name: Box<str>,
    /// True if a failure stops the request. Otherwise the failure is only recorded.
    pub(super) enforce: bool,
    pub(super) kind: Kind,
}

/// The type of a verification.
#[derive(Debug)]
pub(super) enum Kind {
    Rule(Rule),
    Signature(Signature),
    PublicKey(PublicKey),
    Credential(Credential),
    Jwt(Jwt),
    Addresses(Vec<IpNet>),
}

impl Verification {
    /// Returns the header that contains a credential or token.
    pub(super) fn header(&self) -> Option<&str> {
        match &self.kind {
            Kind::Credential(credential) => Some(&credential.header),
            Kind::Jwt(jwt) => Some(&jwt.header),
            _ => None,
        }
    }

    /// Returns true if its keys come from a URL.
    pub(super) fn fetches_keys(&self) -> bool {
        self.kind.key_url().is_some()
    }

    /// Returns true if a sender without a secret cannot pass.
    pub(super) fn is_secret(&self) -> bool {
        match &self.kind {
            Kind::Rule(rule) => rule.condition.secrets().next().is_some(),
            Kind::Addresses(_) => false,
            Kind::Signature(_) | Kind::PublicKey(_) | Kind::Credential(_) | Kind::Jwt(_) => true,
        }
    }
}

/// Proof that a request passed verification. Only this module creates one, so later steps cannot
/// run without verification.
#[derive(Debug)]
pub(super) struct Verified {
    /// The signed content. Content without a checked time is preferred.
    pub(super) signed: Option<SignedContent>,
    /// True if an enforced verification requires a secret.
    pub(super) secured: bool,
}

impl Verified {
    /// Creates the proof from a recorded result, for a request of which only the log is left.
    pub(super) fn recorded(verdict: bool, secured: bool) -> Option<Self> {
        verdict.then_some(Self { signed: None, secured })
    }
}

/// The data that verifications read.
pub(super) struct Evidence<'e, 'a> {
    pub(super) request: &'e Request<'a>,
    pub(super) context: &'e Context<'e>,
    /// The conditions that are evaluated for every request, bound to this one.
    pub(super) conditions: &'e Bound<'e, 'a>,
    pub(super) machine: &'e mut Machine,
    pub(super) now: Time,
    /// The result of the lookup of the credential in the request.
    pub(super) presented: &'e Presented,
    /// The key documents that are there.
    pub(super) keys: &'e dyn KeyDocuments,
    /// The first key document that a verification lacks.
    pub(super) needed: Option<NeedsKey>,
    /// The requests whose signed content is a deduplication key.
    pub(super) recognise: BySignature,
    /// The id of the listener.
    pub(super) listener: &'e str,
    /// The tenant of the listener.
    pub(super) tenant: &'e str,
    /// The patterns of tokens that any sender can have signed, with the secret that signs them.
    pub(super) tokens: &'e [(Box<str>, regex::Regex)],
    /// Bytes that verifications hashed so far. Each hash of a byte counts.
    pub(super) hashed_bytes: u64,
    /// Bytes that were processed again without the last line break of the body.
    pub(super) guessed_bytes: usize,
}

impl Evidence<'_, '_> {
    /// Counts a message that a verification hashes.
    fn hashes(&mut self, message: &[u8]) {
        let length = u64::try_from(message.len()).unwrap_or(u64::MAX);
        self.hashed_bytes = self.hashed_bytes.saturating_add(length);
    }
}

/// The result of a verification.
pub(super) type VerificationResult = Result<PassedVerification, Failed>;

/// The result of a passed verification, for the log.
#[derive(Debug, Default)]
pub(super) struct PassedVerification {
    pub(super) message: String,
    pub(super) signed: Option<SignedContent>,
}

impl PassedVerification {
    pub(super) fn with(message: impl Into<String>) -> Self {
        Self { message: message.into(), signed: None }
    }
}

/// The reason why a request is not verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unverified {
    /// A verification failed.
    Failed,
    /// The keys of a verification are missing, and no other verification failed.
    NoKeys,
}

/// Runs all verifications and records the result of each.
///
/// # Errors
/// A failure wins over missing keys, so a request that fails another verification causes no fetch.
pub(super) fn verify(
    checks: &[Verification],
    evidence: &mut Evidence<'_, '_>,
    reasons: &mut Vec<Reason>,
) -> Result<Verified, Unverified> {
    let mut result = Ok(());
    let mut verified = Verified { signed: None, secured: false };
    for check in checks {
        let found = check.kind.run(evidence);
        if let (Err((code, _)), true) = (&found, check.enforce) {
            let lacks_keys = *code == ReasonCode::KeysUnavailable && result != FAILED;
            result = if lacks_keys { Err(Unverified::NoKeys) } else { FAILED };
        }
        verified.secured |= check.enforce && check.is_secret();
        let (code, message) = match found {
            Ok(passed) => {
                if verified.signed.is_none_or(|signed| signed.timed) {
                    verified.signed = passed.signed.or(verified.signed);
                }
                (ReasonCode::Passed, passed.message)
            }
            Err(failed) => failed,
        };
        let mut reason = Reason::new("verify", code, message).of(check.name.clone());
        reason.enforced = check.enforce;
        reasons.push(reason);
    }
    if evidence.needed.is_some() && result.is_ok() {
        // A verification that is only monitored waits for its keys too.
        result = Err(Unverified::NoKeys);
    }
    result.map(|()| verified)
}

const FAILED: Result<(), Unverified> = Err(Unverified::Failed);

impl Kind {
    /// Returns the programs that read the request.
    pub(super) fn programs(&self) -> Vec<&Program> {
        match self {
            Self::Rule(rule) => rule.programs(),
            Self::Signature(Signature { payloads, received, time, .. }) => {
                let time = time.as_ref().map(|time| &time.program);
                payloads.iter().chain([&received.place]).chain(time).collect()
            }
            Self::PublicKey(key) => key.programs(),
            Self::Jwt(jwt) => jwt.rule.iter().collect(),
            Self::Credential(_) | Self::Addresses(_) => Vec::new(),
        }
    }

    /// Returns the URL of its keys, if they come from one.
    fn key_url(&self) -> Option<&KeyUrl> {
        match self {
            Self::PublicKey(PublicKey { key: KeySource::Url(url), .. })
            | Self::Jwt(Jwt { keys: JwtKeys::Url(url), .. }) => Some(url),
            _ => None,
        }
    }

    fn run(&self, evidence: &mut Evidence<'_, '_>) -> VerificationResult {
        match self {
            Self::Rule(rule) => rule.check(evidence),
            Self::Signature(signature) => signature.check(evidence),
            Self::PublicKey(key) => key.check(evidence),
            Self::Credential(credential) => credential.check(evidence),
            Self::Jwt(jwt) => jwt.check(evidence),
            Self::Addresses(networks) => in_networks(networks, evidence.request.remote_address),
        }
    }
}

fn in_networks(networks: &[IpNet], address: Option<IpAddr>) -> VerificationResult {
    let Some(address) = address else {
        let message =
            "the sender's address is not known: a trusted proxy names none that can be read";
        return Err((ReasonCode::AddressNotAllowed, message.to_owned()));
    };
    let canonical = address.to_canonical();
    let is_in = |net: &IpNet| net.contains(&address) || net.contains(&canonical);
    if networks.iter().any(is_in) {
        return Ok(PassedVerification::with(format!("{canonical} is in the networks")));
    }
    Err((ReasonCode::AddressNotAllowed, format!("{canonical} is in none of the networks")))
}
