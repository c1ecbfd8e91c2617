//! The workloads by hand, over `serde_json::Value` and over a type with only the fields that are
//! read.

use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::workloads::Request;

pub const NAME: &str = "by-hand";

/// The secret that signs the challenge.
pub const ZOOM: &str = "a secret of some length";

pub fn text<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    path.iter().try_fold(value, |value, key| value.get(key))?.as_str()
}

fn contains(value: &Value, path: &[&str], part: &str) -> bool {
    text(value, path).is_some_and(|text| text.to_lowercase().contains(part))
}

pub fn prod_and_security(request: &Request) -> usize {
    let is_prod = text(&request.parts, &["query_params", "env"]) == Some("prod");
    let summary = &["parsed_body", "issue", "summary"];
    usize::from(is_prod && contains(&request.parts, summary, "security"))
}

pub fn not_hookshot(request: &Request) -> usize {
    usize::from(!contains(&request.parts, &["headers", "user-agent"], "hookshot"))
}

pub fn last_seven_days(request: &Request) -> usize {
    let created = text(&request.parts, &["parsed_body", "issue", "created_at"]);
    let created = created.and_then(|created| chrono::DateTime::parse_from_rfc3339(created).ok());
    let since = request.now - chrono::Days::new(7);
    usize::from(created.is_some_and(|created| created > since))
}

pub fn any_fix(request: &Request) -> usize {
    let commits = request.parts.get("parsed_body").and_then(|body| body.get("commits"));
    let commits = commits.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let fixes = commits.iter().filter(|commit| contains(commit, &["message"], "fix"));
    usize::from(fixes.count() > 0)
}

/// The answer to the challenge of Zoom.
pub fn challenge(request: &Request) -> Value {
    let token = text(&request.parts, &["parsed_body", "payload", "plainToken"]).unwrap_or("");
    let mut mac = Hmac::<Sha256>::new_from_slice(ZOOM.as_bytes()).unwrap();
    mac.update(token.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    json!({ "plainToken": token, "encryptedToken": signature })
}

/// Evaluates the three clauses on the bytes of a body.
pub fn of_bytes(body: &[u8]) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap();
    text(&body, &["issue", "priority"]) == Some("High")
        && text(&body, &["issue", "status"]) == Some("Open")
        && text(&body, &["project", "key"]) == Some("ENG")
}

/// The fields of a body that the three clauses read.
#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow)]
    issue: Issue<'b>,
    #[serde(borrow)]
    project: Project<'b>,
}

#[derive(Deserialize)]
struct Issue<'b> {
    priority: &'b str,
    status: &'b str,
}

#[derive(Deserialize)]
struct Project<'b> {
    key: &'b str,
}

/// The same with a type of only the fields that are read.
pub fn of_bytes_typed(body: &[u8]) -> bool {
    let body: Body = serde_json::from_slice(body).unwrap();
    body.issue.priority == "High" && body.issue.status == "Open" && body.project.key == "ENG"
}
