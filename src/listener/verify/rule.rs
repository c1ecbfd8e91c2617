//! Verification by rules: expressions that must be true. Knows no signatures.

use super::signature::is_token;
use super::{Evidence, PassedVerification, VerificationResult};
use crate::engine::Program;
use crate::listener::condition::Condition;
use crate::listener::reason::ReasonCode;

/// An expression that must be true.
#[derive(Debug)]
pub(in crate::listener) struct Rule {
    pub(in crate::listener) condition: Condition,
    /// The texts that it signs to compare the result with the request.
    pub(in crate::listener) signs: Vec<Signs>,
}

/// A text that a rule signs with a secret.
#[derive(Debug)]
pub(in crate::listener) struct Signs {
    pub(in crate::listener) secret: Box<str>,
    /// The text. `None` if it cannot be determined.
    pub(in crate::listener) message: Option<Program>,
}

impl Rule {
    /// Returns the programs that read the request.
    pub(super) fn programs(&self) -> Vec<&Program> {
        let signed = self.signs.iter().filter_map(|signs| signs.message.as_ref());
        signed.chain([&*self.condition]).collect()
    }

    pub(super) fn check(&self, evidence: &mut Evidence<'_, '_>) -> VerificationResult {
        match self.condition.holds(evidence.machine, evidence.conditions) {
            Ok(true) if self.takes_token(evidence) => {
                Err((ReasonCode::TokenSigned, ReasonCode::TokenSigned.doc().to_owned()))
            }
            Ok(true) => Ok(PassedVerification::with("the rule holds")),
            Ok(false) => Err((ReasonCode::RuleFalse, "the rule does not hold".to_owned())),
            Err(trap) => Err((ReasonCode::RuleError, trap.place_in(&self.condition))),
        }
    }

    /// Returns true if the signed text is a token, which any sender can have signed by a challenge.
    fn takes_token(&self, evidence: &mut Evidence<'_, '_>) -> bool {
        self.signs.iter().any(|signs| {
            let mut patterns = evidence.tokens.iter().filter(|(secret, _)| *secret == signs.secret);
            let message =
                signs.message.as_ref().map(|one| evidence.machine.eval(one, evidence.context));
            let Some(Ok(message)) = message else {
                return patterns.next().is_some();
            };
            let content = message.content().unwrap_or_default();
            patterns.any(|(_, pattern)| is_token(pattern, content))
        })
    }
}
