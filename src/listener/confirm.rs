//! Confirmations: a verified request that asks to fetch a URL once, as the subscription confirmation
//! of Amazon SNS. Fetches nothing itself.

use super::condition::Condition;
use super::host_pattern::{HostPattern, check_named};
use super::reason::{Failed, ReasonCode};
use crate::engine::{Bound, Context, Machine, Program};

/// The confirmation of a subscription.
#[derive(Debug)]
pub(super) struct Confirm {
    /// The condition that holds for requests that ask for it.
    pub(super) detect: Condition,
    /// The expression for the URL.
    pub(super) url: Program,
    /// The hosts that the URL may have.
    pub(super) hosts: Vec<HostPattern>,
}

impl Confirm {
    /// Returns its programs.
    pub(super) fn programs(&self) -> [&Program; 2] {
        [&self.detect, &self.url]
    }

    /// Returns true if a request asks for a confirmation. An error counts as false.
    pub(super) fn is(&self, machine: &mut Machine, bound: &Bound<'_, '_>) -> bool {
        self.detect.holds(machine, bound).unwrap_or(false)
    }

    /// Returns the URL to fetch.
    ///
    /// # Errors
    /// Returns the reason why the URL of the request is not fetched.
    pub(super) fn url(
        &self,
        machine: &mut Machine,
        context: &Context<'_>,
    ) -> Result<Box<str>, Failed> {
        let refused = |message: String| (ReasonCode::UrlRefused, message);
        let value = machine
            .eval(&self.url, context)
            .map_err(|trap| (ReasonCode::RuleError, trap.place_in(&self.url)))?;
        let url = value.as_text().ok_or_else(|| refused("the request names no URL".to_owned()))?;
        check_named(url, &self.hosts)
            .map_err(|error| refused(format!("the URL of the confirmation: {error}")))?;
        Ok(url.into())
    }
}
