//! The signed time of a request, and its tolerance (replay protection). Knows no clock.

use std::time::Duration;

use super::{Evidence, SignedContent};
use crate::engine::{Program, Value};
use crate::listener::reason::{Failed, ReasonCode};

/// The signed time of a request.
#[derive(Debug)]
pub(in crate::listener) struct SignedTime {
    /// The program that returns the time, or null if the request has no time.
    pub(in crate::listener) program: Program,
    /// Maximum distance from now in either direction, which covers clock skew. `None` if the time
    /// is not checked.
    pub(in crate::listener) tolerance: Option<Duration>,
}

impl SignedTime {
    /// Returns the signed content, and the information if a time in it was checked.
    pub(super) fn signed(time: Option<&Self>, hash: [u8; 32]) -> SignedContent {
        SignedContent { hash, timed: Self::is_held(time) }
    }

    /// Returns true if there is a time that is checked.
    pub(super) fn is_held(time: Option<&Self>) -> bool {
        time.is_some_and(|time| time.tolerance.is_some())
    }

    /// Checks the distance of the signed time from now.
    pub(super) fn check(&self, evidence: &mut Evidence<'_, '_>) -> Result<(), Failed> {
        let Some(tolerance) = self.tolerance else {
            return Ok(());
        };
        let signed = match evidence.machine.eval(&self.program, evidence.context) {
            Ok(Value::Time(time)) => time,
            Ok(_) => {
                return Err((ReasonCode::MissingTime, "the request has no signed time".to_owned()));
            }
            Err(trap) => return Err((ReasonCode::BadTime, trap.place_in(&self.program))),
        };
        let age = evidence.now.epoch_millis().saturating_sub(signed.epoch_millis());
        let allowed = i64::try_from(tolerance.as_millis()).unwrap_or(i64::MAX);
        let seconds = tolerance.as_secs();
        if age > allowed {
            let message = format!("signed {} s ago, more than {seconds} s", age / 1000);
            return Err((ReasonCode::Stale, message));
        }
        if age < -allowed {
            let message = format!("signed {} s in the future, more than {seconds} s", -age / 1000);
            return Err((ReasonCode::Future, message));
        }
        Ok(())
    }
}
