//! An API: a group of operations with one format of errors. Knows no operation.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::json;

use super::call::Answer;
use super::fault::Fault;

/// An API.
pub(super) struct Api {
    /// Name in the OpenAPI description.
    pub name: &'static str,
    /// Paths of operations, with another spelling that is served too.
    pub aliases: &'static [(&'static str, &'static str)],
    /// Returns a fault in the format of the API.
    pub fault: fn(&Fault) -> Answer,
    /// Returns the schema of errors.
    pub error_schema: fn(&mut SchemaGenerator) -> Schema,
}

/// Hookgate's own operations.
pub(super) static HOOKGATE: Api = Api::plain("Hookgate");

impl Api {
    /// Returns an API with Hookgate's own format of errors.
    pub(super) const fn plain(name: &'static str) -> Self {
        Self { name, aliases: &[], fault: plain_fault, error_schema: plain_schema }
    }
}

/// Returns a fault in Hookgate's own format.
fn plain_fault(fault: &Fault) -> Answer {
    let code = match fault {
        Fault::Unauthenticated => "ErrorUnauthenticated",
        Fault::Forbidden(_) => "ErrorForbidden",
        Fault::NotFound(_) => "ErrorNotFound",
        Fault::Model(_)
        | Fault::Members(_)
        | Fault::Parameters(_)
        | Fault::Filter(_)
        | Fault::Body(..) => "ErrorRequest",
        Fault::Changed => "ErrorChanged",
        Fault::Quota(_) => "ErrorQuotaExceeded",
        Fault::Many(_) | Fault::Store(_) => "ErrorUnavailable",
        Fault::Server(_) => "ErrorServer",
    };
    let message = fault.message();
    let error = match fault.members() {
        Some(members) => {
            let details: Vec<_> = members
                .iter()
                .map(|(property, message)| json!({ "property": property, "message": message }))
                .collect();
            json!({ "code": code, "message": message, "details": details })
        }
        None => json!({ "code": code, "message": message }),
    };
    Answer::text(fault.status(), "application/json", json!({ "error": error }).to_string())
}

fn plain_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "required": ["error"],
        "properties": { "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": { "type": "string" },
                "message": { "type": "string" },
                "details": { "type": "array", "items": {
                    "type": "object",
                    "properties": { "property": { "type": "string" }, "message": { "type": "string" } },
                } },
            },
        } },
    })
}
