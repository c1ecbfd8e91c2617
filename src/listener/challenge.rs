//! Challenges: requests with which a provider tests a listener and expects a specific response.
//! Knows no rate limits.

use super::condition::Condition;
use super::reason::{Failed, ReasonCode};
use super::response::{Reply, Response};
use super::verify::{Encoding, Hash};
use crate::engine::{Bound, Context, Machine, OwnedValue, Program};
use crate::value::OwnedObject;

/// An entry of an object.
type Entry = (Box<str>, OwnedValue);

/// A challenge with its response.
#[derive(Debug)]
pub(super) struct Challenge {
    pub(super) name: Box<str>,
    pub(super) detect: Condition,
    pub(super) methods: Vec<Box<str>>,
    /// True if the request must pass verification first.
    pub(super) verified: bool,
    pub(super) reply: Reply,
    pub(super) tokens: Vec<ChallengeToken>,
    /// The request texts that are signed for unverified senders, with the pattern that each must
    /// match.
    pub(super) signed: Vec<SignedText>,
}

/// An HMAC of a part of the challenge.
#[derive(Debug)]
pub(super) struct ChallengeToken {
    pub(super) name: Box<str>,
    pub(super) secret: Box<str>,
    pub(super) hash: Hash,
    pub(super) payload: Program,
    pub(super) encoding: Encoding,
}

/// A request text that the sender chose and the response signs.
#[derive(Debug)]
pub(super) struct SignedText {
    /// The path in source form.
    pub(super) shown: Box<str>,
    pub(super) path: Program,
    pub(super) pattern: regex::Regex,
}

impl Challenge {
    /// Returns the programs of the challenge.
    pub(super) fn programs(&self) -> Vec<&Program> {
        let tokens = self.tokens.iter().map(|token| &token.payload);
        let signed = self.signed.iter().map(|signed| &signed.path);
        let detect = std::iter::once(&*self.detect);
        detect.chain(tokens).chain(signed).chain(self.reply.programs()).collect()
    }

    /// Returns true if a request is this challenge. An error counts as false: the condition of one
    /// provider may read parts that other requests do not have.
    pub(super) fn is(&self, machine: &mut Machine, bound: &Bound<'_, '_>, method: &str) -> bool {
        self.methods.iter().any(|one| **one == *method)
            && self.detect.holds(machine, bound).unwrap_or(false)
    }

    /// Builds the response, or returns the reason for a failure.
    pub(super) fn answer<'a>(
        &self,
        machine: &mut Machine,
        context: &Context<'a>,
    ) -> Result<Response, Failed> {
        self.signed.iter().try_for_each(|signed| signed.check(machine, context))?;
        let tokens = self.sign(machine, context)?;
        let tokens = OwnedValue::Object(OwnedObject::new(tokens).0);
        let mut context: Context<'_> = context.clone();
        context.set("challenge_token", &tokens);
        self.reply.make(machine, &context).map_err(|message| (ReasonCode::ResponseError, message))
    }

    fn sign(&self, machine: &mut Machine, context: &Context<'_>) -> Result<Vec<Entry>, Failed> {
        let failed = |message: String| (ReasonCode::ResponseError, message);
        let mut tokens = Vec::new();
        for token in &self.tokens {
            let secret = context.secrets(&token.secret).next();
            let secret = secret.and_then(|secret| secret.content());
            let secret = secret
                .ok_or_else(|| failed(format!("the secret `{}` is not set", token.secret)))?;
            let payload = machine
                .eval(&token.payload, context)
                .map_err(|trap| failed(trap.place_in(&token.payload)))?;
            let payload = payload.content().ok_or_else(|| {
                failed(format!("the payload that the token `{}` signs is null", token.name))
            })?;
            let mac = token.hash.sign(secret, payload).unwrap_or_default();
            tokens.push((token.name.clone(), OwnedValue::Text(token.encoding.encode(&mac).into())));
        }
        Ok(tokens)
    }
}

impl SignedText {
    /// Rejects a text that is not a token: signing arbitrary texts of any sender would sign forged
    /// deliveries too.
    fn check(&self, machine: &mut Machine, context: &Context<'_>) -> Result<(), Failed> {
        let value = machine.eval(&self.path, context);
        let is_token = value
            .is_ok_and(|value| value.as_text().is_some_and(|text| self.pattern.is_match(text)));
        if is_token {
            return Ok(());
        }
        let message = format!("`{}` does not have the shape of a token", self.shown);
        Err((ReasonCode::BadChallengeToken, message))
    }
}
