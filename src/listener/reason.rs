//! The reasons for an outcome: a reason code and a message from each step, for the readers of the
//! log.
//!
//! A reason never contains a secret or a computed digest: with a digest, a reader of the log could
//! sign. Knows no pipeline.

use std::fmt;

use serde::{Serialize, Serializer};

/// Generates the enum and its names from the rows.
macro_rules! reason_codes {
    ($($code:ident { name: $name:literal, doc: $doc:literal, })+) => {
        /// A reason code: the result of a step.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ReasonCode {
            $(
                #[doc = $doc]
                $code,
            )+
        }

        impl ReasonCode {
            /// The names of all reason codes.
            pub(crate) const NAMES: &'static [&'static str] = &[$($name),+];

            /// Returns the name in logs and tests.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)+
                }
            }

            /// Returns the meaning.
            pub fn doc(self) -> &'static str {
                match self {
                    $(Self::$code => $doc,)+
                }
            }
        }

        const REASON_CODES: &[ReasonCode] = &[$(ReasonCode::$code),+];
    };
}

reason_codes! {
    Passed { name: "passed", doc: "The check passed.", }
    RuleFalse { name: "rule_false", doc: "The rule does not hold.", }
    RuleError { name: "rule_error", doc: "The rule was stopped by an error.", }
    NoPayload { name: "no_payload", doc: "The signed payload could not be built.", }
    MissingSignature { name: "missing_signature", doc: "The request has no signature.", }
    TooManySignatures { name: "too_many_signatures", doc: "The request has more signatures than are looked at.", }
    WrongPrefix { name: "wrong_prefix", doc: "No signature begins as it has to.", }
    WrongEncoding { name: "wrong_encoding", doc: "The signature is not in its encoding.", }
    WrongLength { name: "wrong_length", doc: "The signature is too short or too long for its hash.", }
    UnknownHash { name: "unknown_hash", doc: "The signature names no hash that is allowed.", }
    DigestDiffers { name: "digest_differs", doc: "The signature is that of another string or another secret.", }
    SignatureWrong { name: "signature_wrong", doc: "The signature was not made with the private key.", }
    TokenSigned { name: "token_signed", doc: "The signed text has the shape of a challenge's token, which anyone can have signed.", }
    MissingTime { name: "missing_time", doc: "The request has no signed time.", }
    BadTime { name: "bad_time", doc: "The signed time is no time.", }
    Stale { name: "stale", doc: "The signed time is too long ago.", }
    Future { name: "future", doc: "The signed time lies ahead.", }
    MissingCredential { name: "missing_credential", doc: "The request has no credential.", }
    WrongCredential { name: "wrong_credential", doc: "The credential is not known, expired or revoked.", }
    MissingScope { name: "missing_scope", doc: "The credential is good, but does not have the scope `send`.", }
    NotForListener { name: "not_for_listener", doc: "The credential is good, but not for this listener.", }
    BadToken { name: "bad_token", doc: "The listener does not accept the token.", }
    KeysUnavailable { name: "keys_unavailable", doc: "The keys of the sender could not be fetched from their URL.", }
    UrlRefused { name: "url_refused", doc: "The request names a URL that the listener does not allow.", }
    AddressNotAllowed { name: "address_not_allowed", doc: "The sender's address is in none of the networks.", }
    MethodNotTaken { name: "method_not_taken", doc: "The listener takes other methods.", }
    BadJson { name: "bad_json", doc: "The body is not valid JSON.", }
    BadFormat { name: "bad_format", doc: "The body is not in the format that the listener reads.", }
    BodyNotParsed { name: "body_not_parsed", doc: "The body is in no format that the listener reads; `parsed_body` is null.", }
    JsonDuplicateKey { name: "json_duplicate_key", doc: "An object of the body has a key twice.", }
    TooManyFields { name: "too_many_fields", doc: "The form has more fields than are read.", }
    SchemaDiffers { name: "schema_differs", doc: "The body differs from the schema.", }
    FilterFalse { name: "filter_false", doc: "The filter does not keep it.", }
    FilterTrue { name: "filter_true", doc: "The filter drops it.", }
    FilterError { name: "filter_error", doc: "The filter was stopped by an error; the event is kept.", }
    RateExceeded { name: "rate_exceeded", doc: "There were more requests than the listener takes.", }
    DedupMissing { name: "dedup_missing", doc: "The deduplication keys are all null; repeats are recognised by the whole body.", }
    DedupError { name: "dedup_error", doc: "A deduplication key was stopped by an error, so the whole body is the key.", }
    SeenBefore { name: "seen_before", doc: "An event with these keys was accepted before.", }
    MapError { name: "map_error", doc: "The event could not be mapped; its data is the body.", }
    ResponseError { name: "response_error", doc: "The response was stopped by an error.", }
    BadChallengeToken { name: "bad_challenge_token", doc: "The string that the challenge asks to sign does not match the pattern of a token.", }
    Answered { name: "answered", doc: "The challenge was answered.", }
    Confirmed { name: "confirmed", doc: "The subscription was confirmed.", }
    ConfirmationFailed { name: "confirmation_failed", doc: "The subscription could not be confirmed.", }
    UnknownId { name: "unknown_id", doc: "No listener has the id in the path.", }
    WrongPath { name: "wrong_path", doc: "The path is not that of a listener.", }
    NotStored { name: "not_stored", doc: "The store did not take it.", }
}

impl Serialize for ReasonCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Returns every reason code, in order.
pub fn all_reason_codes() -> impl Iterator<Item = ReasonCode> {
    REASON_CODES.iter().copied()
}

/// The reason code of a failure, with its message.
pub(super) type Failed = (ReasonCode, String);

/// The result of one step, with its subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The reason code. Stored logs have it under its former name.
    #[serde(rename = "finding")]
    pub code: ReasonCode,
    /// The message, with the expected value.
    pub message: String,
    /// The name of the verification, rule or challenge, if the step has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// The step: `verify`, `filter`.
    pub step: &'static str,
    /// True if the result counts. A verification that is only monitored records its result and lets
    /// the request pass.
    #[serde(skip_serializing_if = "is_true")]
    pub enforced: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_true(value: &bool) -> bool {
    *value
}

impl Reason {
    /// Creates the result of a step.
    pub fn new(step: &'static str, code: ReasonCode, message: impl Into<String>) -> Self {
        Self { step, name: None, code, message: message.into(), enforced: true }
    }

    /// Sets the name of the verification, rule or challenge.
    #[must_use]
    pub fn of(mut self, name: impl Into<Box<str>>) -> Self {
        self.name = Some(name.into());
        self
    }
}

/// Formats one line: ``verify `signature`: digest_differs: …``.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.step)?;
        if let Some(name) = &self.name {
            write!(f, " `{name}`")?;
        }
        write!(f, ": {}: {}", self.code, self.message)?;
        if self.enforced { Ok(()) } else { f.write_str(" (monitored only)") }
    }
}
