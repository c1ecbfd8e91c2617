//! Read-only members of forms. A client may send back what the gateway answered, so a read-only
//! member is accepted with its stored value. Another value is refused: ignored silently, it would
//! look like a change that was made. Knows no API.

use chrono::DateTime;

use super::fault::Fault;
use crate::gateway::ops::ids::uuid_of;

/// A read-only member of a form, by its name. A missing member and null are always accepted.
pub(super) struct ReadOnly<'n>(pub &'n str);

impl ReadOnly<'_> {
    /// Checks a string.
    pub(super) fn text(&self, given: Option<&str>, stored: Option<&str>) -> Result<(), Fault> {
        self.same(given, stored, given == stored)
    }

    /// Checks an id. `stored` is a UUID; `shown` is the form of it in answers. Every spelling of the
    /// id is accepted.
    pub(super) fn id(&self, given: Option<&str>, stored: &str, shown: String) -> Result<(), Fault> {
        let is_same = given.and_then(uuid_of).is_some_and(|id| uuid_of(stored) == Some(id));
        self.same(given, Some(&shown), is_same)
    }

    /// Checks a time of RFC 3339. Clients write it with another offset, or with milliseconds only.
    pub(super) fn time(&self, given: Option<&str>, stored: Option<&str>) -> Result<(), Fault> {
        let instant =
            |text| DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis());
        let is_same = given.and_then(instant) == stored.and_then(instant);
        self.same(given, stored, is_same && given.and_then(instant).is_some())
    }

    fn same(&self, given: Option<&str>, stored: Option<&str>, same: bool) -> Result<(), Fault> {
        if given.is_none() || same {
            return Ok(());
        }
        let stored = stored.map_or_else(|| "null".to_owned(), |stored| format!("`{stored}`"));
        let wrong = format!("is read-only; it is {stored} now: send that, or leave it out");
        Err(Fault::member(self.0, wrong))
    }

    /// Checks a member of a form that creates something: nothing is stored yet.
    pub(super) fn unset(&self, given: Option<&str>) -> Result<(), Fault> {
        match given {
            None => Ok(()),
            Some(_) => {
                Err(Fault::member(self.0, "is read-only; the gateway sets it: leave it out"))
            }
        }
    }
}
