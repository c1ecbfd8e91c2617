//! The outcomes of requests: one table with a row for each outcome.
//!
//! Logs, metrics and tests use the name. To add an outcome, write its row. Knows no pipeline.

use std::fmt;

/// Generates the enum and the table from the rows.
macro_rules! outcomes {
    ($($outcome:ident { name: $name:literal, status: $status:literal, retry: $retry:literal, doc: $doc:literal, })+) => {
        /// The outcome of a request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Outcome {
            $(
                #[doc = $doc]
                $outcome,
            )+
        }

        const ROWS: &[&OutcomeRow] = &[$(Outcome::$outcome.row()),+];

        impl Outcome {
            /// The names of all outcomes.
            pub(crate) const NAMES: &'static [&'static str] = &[$($name),+];

            /// Returns its row of the table.
            pub const fn row(self) -> &'static OutcomeRow {
                match self {
                    $(Self::$outcome => &OutcomeRow {
                        outcome: Self::$outcome,
                        name: $name,
                        status: $status,
                        retry: $retry,
                        doc: $doc,
                    },)+
                }
            }
        }
    };
}

/// The properties of an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutcomeRow {
    /// The outcome.
    pub outcome: Outcome,
    /// The name in logs, metrics and tests.
    pub name: &'static str,
    /// The HTTP status, unless the listener defines another one.
    pub status: u16,
    /// True if the sender should send the same request again.
    pub retry: bool,
    /// The meaning.
    pub doc: &'static str,
}

outcomes! {
    Accepted { name: "accepted", status: 200, retry: false,
        doc: "The request is an event, and on disk.", }
    Challenged { name: "challenged", status: 200, retry: false,
        doc: "The provider asked whether the listener is there, and has its answer.", }
    Confirmed { name: "confirmed", status: 200, retry: false,
        doc: "The provider asked to confirm a subscription, and the gateway confirmed it.", }
    Filtered { name: "filtered", status: 200, retry: false,
        doc: "The listener's filter does not want it.", }
    Duplicate { name: "duplicate", status: 200, retry: false,
        doc: "The same event was accepted before, within the window.", }
    UnknownListener { name: "unknown_listener", status: 404, retry: false,
        doc: "No listener has this id, or the path is not that of a listener.", }
    MethodNotAllowed { name: "method_not_allowed", status: 405, retry: false,
        doc: "The listener does not take this method.", }
    RequestTimeout { name: "request_timeout", status: 408, retry: true,
        doc: "The body did not arrive in time.", }
    BodyTooLarge { name: "body_too_large", status: 413, retry: false,
        doc: "The body is larger than the limit, as sent or unpacked.", }
    UnsupportedEncoding { name: "unsupported_encoding", status: 415, retry: false,
        doc: "The body is compressed in a way that is not taken, or does not unpack.", }
    HeadersTooLarge { name: "headers_too_large", status: 431, retry: false,
        doc: "There are more headers than the limit, or larger ones.", }
    MalformedBody { name: "malformed_body", status: 400, retry: false,
        doc: "The body is damaged, has a key twice, or has too many parts.", }
    ChallengeRefused { name: "challenge_refused", status: 400, retry: false,
        doc: "The challenge would sign a string that is no token.", }
    ChallengeFailed { name: "challenge_failed", status: 500, retry: true,
        doc: "The answer to the challenge could not be made.", }
    VerificationFailed { name: "verification_failed", status: 401, retry: false,
        doc: "A check of the sender failed.", }
    KeysUnavailable { name: "keys_unavailable", status: 503, retry: true,
        doc: "The keys of the sender could not be fetched, so the request could not be verified.", }
    ConfirmationFailed { name: "confirmation_failed", status: 503, retry: true,
        doc: "The subscription could not be confirmed.", }
    TooManyFailures { name: "too_many_failures", status: 429, retry: true,
        doc: "The sender's requests keep failing verification.", }
    RateLimited { name: "rate_limited", status: 429, retry: true,
        doc: "The listener takes no more requests at the moment.", }
    SchemaViolated { name: "schema_violated", status: 422, retry: false,
        doc: "The body is not as the listener's schema has it.", }
    Unavailable { name: "unavailable", status: 503, retry: true,
        doc: "The event could not be stored.", }
}

impl Outcome {
    /// Returns the name in logs, metrics and tests.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Returns the HTTP status, unless the listener defines another one.
    pub fn status(self) -> u16 {
        self.row().status
    }

    /// Returns true if a request with this outcome was refused before the listener could decide on
    /// it.
    pub fn is_before_decision(self) -> bool {
        matches!(
            self,
            Self::UnknownListener
                | Self::RequestTimeout
                | Self::BodyTooLarge
                | Self::UnsupportedEncoding
                | Self::HeadersTooLarge
                | Self::KeysUnavailable
                | Self::Unavailable
        )
    }

    /// Returns true if the request was rejected: it became no event, and was no repeat, no challenge, no
    /// confirmation and nothing that the listener filters out.
    pub fn is_rejected(self) -> bool {
        !matches!(
            self,
            Self::Accepted | Self::Challenged | Self::Confirmed | Self::Filtered | Self::Duplicate
        )
    }

    /// Returns the outcome with a name.
    pub fn find(name: &str) -> Option<Self> {
        ROWS.iter().find(|row| row.name == name).map(|row| row.outcome)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Returns every outcome, in order.
pub fn all_outcomes() -> impl Iterator<Item = &'static OutcomeRow> {
    ROWS.iter().copied()
}
