//! The ids of the gateway as types, so that one is not given in place of another. Does not know
//! what has the ids.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Defines ids that are strings. Each derefs to `str`, as `String` does. A function that needs a
/// certain id takes its type.
macro_rules! string_ids {
    ($($(#[$doc:meta])* $id:ident,)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
            #[serde(transparent)]
            pub struct $id(String);

            impl $id {
                /// Returns the id as a string.
                pub fn as_str(&self) -> &str {
                    &self.0
                }
            }

            impl From<String> for $id {
                fn from(id: String) -> Self {
                    Self(id)
                }
            }

            impl From<&str> for $id {
                fn from(id: &str) -> Self {
                    Self(id.to_owned())
                }
            }

            impl From<$id> for String {
                fn from(id: $id) -> Self {
                    id.0
                }
            }

            impl From<Uuid> for $id {
                fn from(id: Uuid) -> Self {
                    Self(id.to_string())
                }
            }

            impl Deref for $id {
                type Target = str;

                fn deref(&self) -> &str {
                    &self.0
                }
            }

            impl AsRef<str> for $id {
                fn as_ref(&self) -> &str {
                    &self.0
                }
            }

            /// For look-ups by a string in maps.
            impl Borrow<str> for $id {
                fn borrow(&self) -> &str {
                    &self.0
                }
            }

            impl PartialEq<str> for $id {
                fn eq(&self, other: &str) -> bool {
                    self.0 == *other
                }
            }

            impl PartialEq<&str> for $id {
                fn eq(&self, other: &&str) -> bool {
                    self.0 == **other
                }
            }

            impl fmt::Display for $id {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.pad(&self.0)
                }
            }

            impl fmt::Debug for $id {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    fmt::Debug::fmt(&self.0, f)
                }
            }
        )+
    };
}

string_ids! {
    /// The id of a tenant, as listeners and operators name it.
    TenantId,
    /// The id of a listener: a UUID.
    ListenerId,
    /// The id of a subscription: a UUID.
    SubscriptionId,
    /// The id of an event: a UUID that begins with the time.
    EventId,
    /// The id of a request: a UUID that begins with the time.
    RequestId,
}

impl TenantId {
    /// Returns the id of a new tenant: letters, digits, `-` and `_`. `None` for any other string.
    pub fn checked(id: &str) -> Option<Self> {
        crate::config::is_id(id).then(|| Self::from(id))
    }
}
