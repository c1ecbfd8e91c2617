//! Warnings about rate limits that lose events, because their provider sends them only once.

use super::super::rate::Policy;
use super::Assembly;
use crate::diagnostic::{Code, Diagnostic};

/// The least burst for a provider that does not send a refused delivery again. One push to a large
/// repository makes some dozens of deliveries at once.
const LEAST_BURST: u64 = 100;

impl Assembly<'_> {
    /// Warns about a limit that loses events: a low one of a provider that does not send again, and
    /// the default of a listener whose senders no secret verifies.
    pub(super) fn warn_of_limit(&mut self, limit: Option<Policy>) {
        if self.told.iter().any(Diagnostic::is_error) {
            return;
        }
        match limit {
            Some(limit) => self.warn_of_low_limit(limit),
            None => self.warn_of_default_limit(),
        }
    }

    fn warn_of_low_limit(&mut self, limit: Policy) {
        let (Some(part), Some(recipe)) = (self.part("rate_limit"), self.recipe) else {
            return;
        };
        if recipe.retries != Some(false) || limit.burst >= LEAST_BURST {
            return;
        }
        let message = format!(
            "{} does not send a refused delivery again: of more than {} at once the rest are lost",
            recipe.title, limit.burst
        );
        let warning = Diagnostic::new(Code::W0611, part.node.span, message)
            .help(format!("allow a burst: `burst = {}`", Policy::NOT_RETRIED.burst));
        self.report_if_not_allowed(part.of_recipe, warning);
    }

    /// A listener without verification has its own warning, unless its file allows that.
    fn warn_of_default_limit(&mut self) {
        let is_told = !self.verifies() && !self.engine.host().allowed.contains(&Code::W0608);
        if self.secured || is_told {
            return;
        }
        let message = "this listener takes one request in 10 seconds: no verification reads a secret, and no `[rate_limit]` is set";
        let help = "write `[rate_limit]`, and below it `requests = 10` and `burst = 100`";
        let warning = Diagnostic::new(Code::W0612, self.name_span(), message).help(help);
        self.report_if_not_allowed(false, warning);
    }
}
