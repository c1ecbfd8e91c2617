//! The faults of calls, with their HTTP status. Knows no operation and no format of errors.

use super::budget::BudgetError;
use crate::gateway::store::StoreError;

/// Longest error message, and longest name of a member in it, in bytes. An answer must not echo a
/// whole request.
const MAX_MESSAGE_BYTES: usize = 512;

/// Invalid members that an answer lists.
pub(super) const MAX_MEMBERS: usize = 20;

/// The reason why a call fails.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// No key, or a key that is unknown or invalid.
    #[error("a key that is known and good is needed: `Authorization: Bearer hg_…`")]
    Unauthenticated,
    /// A key without the needed permission.
    #[error("{0}")]
    Forbidden(String),
    /// An object that does not exist or belongs to another tenant.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A body that cannot be parsed.
    #[error("{0}")]
    Model(String),
    /// Invalid members of the body, by their paths, with their errors.
    #[error("{}", listed(.0))]
    Members(Vec<(String, String)>),
    /// Invalid parameters of the query, with their errors.
    #[error("{}", listed(.0))]
    Parameters(Vec<(String, String)>),
    /// An invalid filter or order, or one that selects too many rows.
    #[error("{0}")]
    Filter(String),
    /// A body that is too large, too slow or cannot be decompressed: the status and the message.
    #[error("{1}")]
    Body(u16, &'static str),
    /// Concurrent changes by others, in every attempt.
    #[error("it was changed by someone else at the same time; try again")]
    Changed,
    /// A quota of the tenant that is used up.
    #[error("{0}")]
    Quota(String),
    /// Too many concurrent calls or streams.
    #[error("{0}")]
    Many(String),
    /// A failure of the store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An internal error.
    #[error("{0}")]
    Server(String),
}

fn listed(wrong: &[(String, String)]) -> String {
    let wrong: Vec<String> = wrong.iter().map(|(name, wrong)| format!("{name}: {wrong}")).collect();
    wrong.join("; ")
}

impl From<BudgetError> for Fault {
    fn from(error: BudgetError) -> Self {
        Self::Many(error.to_string())
    }
}

impl Fault {
    /// Returns a fault about one member of a body.
    pub(super) fn member(property: &str, wrong: impl Into<String>) -> Self {
        Self::Members(vec![(property.to_owned(), wrong.into())])
    }

    /// Returns a fault about one parameter of a query.
    pub(super) fn parameter(name: &str, wrong: impl Into<String>) -> Self {
        Self::Parameters(vec![(name.to_owned(), wrong.into())])
    }

    /// Returns the faults about members of all checks as one.
    pub(super) fn all(checks: impl IntoIterator<Item = Result<(), Self>>) -> Result<(), Self> {
        let mut wrong = Vec::new();
        for check in checks {
            match check {
                Ok(()) => {}
                Err(Self::Members(members)) => wrong.extend(members),
                Err(fault) => return Err(fault),
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(Self::Members(wrong)) }
    }

    /// Returns the invalid members or parameters with their errors, shortened for an answer.
    pub(super) fn members(&self) -> Option<Vec<(String, String)>> {
        let (Self::Members(members) | Self::Parameters(members)) = self else {
            return None;
        };
        let shown = members.iter().take(MAX_MEMBERS);
        Some(shown.map(|(name, wrong)| (excerpt(name), excerpt(wrong))).collect())
    }

    /// Returns the error message, shortened for an answer.
    pub(super) fn message(&self) -> String {
        excerpt(&self.to_string())
    }

    /// Returns the HTTP status.
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Unauthenticated => 401,
            Self::Forbidden(_) => 403,
            Self::NotFound(_) => 404,
            Self::Model(_) | Self::Members(_) | Self::Parameters(_) | Self::Filter(_) => 400,
            Self::Body(status, _) => *status,
            Self::Changed | Self::Quota(_) => 409,
            Self::Many(_) | Self::Store(_) => 503,
            Self::Server(_) => 500,
        }
    }
}

/// Returns a string for an error message, shortened to `MAX_MESSAGE_BYTES`.
fn excerpt(text: &str) -> String {
    match text.len() > MAX_MESSAGE_BYTES {
        true => format!("{}…", first_bytes(text, MAX_MESSAGE_BYTES)),
        false => text.to_owned(),
    }
}

/// Returns at most the first `most` bytes of a string, without splitting a character.
pub(super) fn first_bytes(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}
