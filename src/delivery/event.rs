//! An event, and the value that programs see of it. Knows neither envelopes nor the store.

use ulid::Ulid;
use uuid::Uuid;

use crate::value::{
    JsonError, OwnedObject, OwnedValue, Projection, RepeatedKeys, Time, read_json_part,
};

/// An event to send.
#[derive(Debug, Clone, Copy)]
pub struct Event<'e> {
    /// The id of the event.
    pub id: Uuid,
    /// The request that carried the event.
    pub request: Uuid,
    /// The event type.
    pub kind: &'e str,
    /// The time of acceptance.
    pub at: Time,
    /// The event data, as JSON.
    pub data: &'e str,
}

/// Returns an id as a ULID, as Socotra writes ids (<https://github.com/ulid/spec>). The ids are
/// UUIDs of version 7, which begin with the time like ULIDs.
pub fn locator(id: Uuid) -> String {
    Ulid::from(id.as_u128()).to_string()
}

impl Event<'_> {
    /// Returns the value of the variable `event` of programs. Builds only the wanted parts of the
    /// data, and does not read data that is not wanted.
    ///
    /// # Errors
    /// Returns an error if the data is not JSON.
    ///
    /// ```
    /// use hookgate::delivery::{Event, Programs};
    /// use hookgate::engine::Time;
    /// use uuid::Uuid;
    ///
    /// let event = Event {
    ///     id: Uuid::nil(),
    ///     request: Uuid::nil(),
    ///     kind: "opened",
    ///     at: Time::from_epoch(0_i64.into())?,
    ///     data: r#"{"urgent": true, "text": "x"}"#,
    /// };
    /// let programs = Programs::compile(Some("event.data.urgent"), None)?;
    /// let value = event.to_value(programs.wanted())?.to_string();
    /// assert!(value.ends_with(r#""data":{"urgent":true}}"#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_value(self, wanted: &Projection) -> Result<OwnedValue, JsonError> {
        let data = wanted.member("data").map(|wanted| self.part(wanted)).transpose()?;
        let text = |text: &str| OwnedValue::Text(text.into());
        let members = [
            ("id", text(&self.id.to_string())),
            ("locator", text(&locator(self.id))),
            ("request_id", text(&self.request.to_string())),
            ("type", text(self.kind)),
            ("created_at", text(&self.at.to_string())),
            ("data", data.unwrap_or(OwnedValue::Null)),
        ];
        let members = members.into_iter().map(|(key, value)| (key.into(), value)).collect();
        Ok(OwnedValue::Object(OwnedObject::new(members).0))
    }

    /// Returns the wanted parts of the data. A listener accepts an event whose data repeats a key
    /// that its own programs do not read; there the last value counts.
    ///
    /// # Errors
    /// Returns an error if the data is not JSON.
    pub(super) fn part(&self, wanted: &Projection) -> Result<OwnedValue, JsonError> {
        read_json_part(self.data.as_bytes(), wanted, RepeatedKeys::LastCounts)
    }
}
