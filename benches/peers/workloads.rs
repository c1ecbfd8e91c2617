//! The rules and requests for every engine.
//!
//! A workload has a request for which its rules hold, used in the measurement, and one for which
//! they do not.

use ::hookgate::engine::Time;
use chrono::{DateTime, Days, FixedOffset, Utc};
use serde_json::{Value, json};

use crate::by_hand;

/// A request as a host receives it: one object with a member for each part.
pub struct Request {
    pub parts: Value,
    pub now: DateTime<FixedOffset>,
    /// The same time, as a Hookgate host reads its clock.
    pub time: Time,
}

impl Request {
    fn new(parsed_body: Value, user_agent: &str, env: &str) -> Self {
        Self::of(json!({
            "parsed_body": parsed_body,
            "headers": { "content-type": "application/json", "user-agent": user_agent },
            "query_params": { "env": env },
        }))
    }

    fn of(parts: Value) -> Self {
        // Some engines read only the clock of the machine, so the requests are of today.
        Self::at(parts, Utc::now().fixed_offset())
    }

    /// A request with a parsed body.
    pub fn of_body(parsed_body: Value, now: DateTime<FixedOffset>) -> Self {
        let parts = [("parsed_body".to_owned(), parsed_body)].into_iter().collect();
        Self::at(Value::Object(parts), now)
    }

    fn at(parts: Value, now: DateTime<FixedOffset>) -> Self {
        Self { parts, now, time: Time::new(now).expect("a year of four digits") }
    }
}

/// Tests that a string of the request has this value.
pub struct Clause {
    pub path: String,
    pub text: String,
}

impl Clause {
    fn new(path: &[&str], text: &str) -> Self {
        Self { path: path.join("."), text: text.to_owned() }
    }
}

/// A rule in the language of each engine.
#[derive(Clone, Copy)]
pub enum Filter {
    ProdAndSecurity,
    NotHookshot,
    LastSevenDays,
    AnyFix,
}

pub enum Rule {
    All(Vec<Clause>),
    Filter(Filter),
}

pub struct Workload {
    pub name: &'static str,
    pub rules: Vec<Rule>,
    /// Returns the number of rules that hold, by hand.
    pub by_hand: fn(&Request) -> usize,
    pub holds: Request,
    pub fails: Request,
}

/// Rules of clauses, and the same by hand: the macro expands to code that a programmer would write.
macro_rules! rules {
    ($name:ident, $by_hand:ident: $([$($($key:ident).+ == $text:literal),+])+) => {
        pub fn $name() -> Vec<Rule> {
            vec![$(Rule::All(vec![$(Clause::new(&[$(stringify!($key)),+], $text)),+])),+]
        }

        pub fn $by_hand(request: &Request) -> usize {
            let text = |path| by_hand::text(&request.parts, path);
            0 $(+ usize::from($(text(&[$(stringify!($key)),+]) == Some($text))&&+))+
        }
    };
}

rules! { event_type, event_type_by_hand:
    [parsed_body.event_type == "issue_created"]
}

rules! { open_high_eng, open_high_eng_by_hand:
    [
        parsed_body.issue.priority == "High",
        parsed_body.issue.status == "Open",
        parsed_body.project.key == "ENG"
    ]
}

rules! { twenty, twenty_by_hand:
    [parsed_body.event_type == "issue_created"]
    [parsed_body.event_type == "issue_deleted"]
    [parsed_body.issue.priority == "High", parsed_body.issue.status == "Open"]
    [parsed_body.issue.priority == "Low", parsed_body.issue.status == "Open"]
    [parsed_body.issue.status == "Closed"]
    [parsed_body.issue.assignee == "jdoe", parsed_body.project.key == "ENG"]
    [parsed_body.issue.assignee == "asmith"]
    [parsed_body.issue.id == "JIRA-1234"]
    [parsed_body.issue.kind == "bug", parsed_body.issue.priority == "High"]
    [parsed_body.issue.kind == "task"]
    [parsed_body.project.key == "ENG", query_params.env == "prod"]
    [parsed_body.project.key == "OPS", query_params.env == "prod"]
    [parsed_body.project.name == "Engineering"]
    [parsed_body.project.name == "Operations"]
    [parsed_body.user.id == "56789"]
    [parsed_body.user.name == "Jane Doe", parsed_body.issue.assignee == "jdoe"]
    [parsed_body.user.name == "John Doe"]
    [query_params.env == "prod"]
    [query_params.env == "staging", parsed_body.issue.priority == "High"]
    [
        parsed_body.event_type == "issue_created",
        parsed_body.issue.kind == "bug",
        parsed_body.project.key == "ENG",
        query_params.env == "prod"
    ]
}

/// Returns a rule with this number of clauses.
pub fn long(clauses: usize) -> Rule {
    let clause =
        |at| Clause { path: format!("parsed_body.issue.field{at}"), text: format!("value{at}") };
    Rule::All((0..clauses).map(clause).collect())
}

fn issue(kind: &str, priority: &str, summary: &str, days_ago: u64) -> Value {
    let created = Utc::now() - Days::new(days_ago);
    json!({
        "event_type": kind,
        "issue": {
            "id": "JIRA-1234",
            "summary": summary,
            "kind": "bug",
            "priority": priority,
            "status": "Open",
            "assignee": "jdoe",
            "created_at": created.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "labels": [{ "name": "ui" }, { "name": "login" }, { "name": "bug" }],
        },
        "project": { "key": "ENG", "name": "Engineering" },
        "user": { "id": "56789", "name": "Jane Doe" },
    })
}

fn of_interest() -> Request {
    let body = issue("issue_created", "High", "Critical Security bug in login flow", 1);
    Request::new(body, "Custom-Sender/7.0", "prod")
}

fn of_none() -> Request {
    let body = issue("issue_updated", "Low", "Wrong colour of a button", 30);
    Request::new(body, "Atlassian-Jira-Hookshot/7.0", "staging")
}

/// A push of about 10 KB; its last commit has this message.
fn push(last: &str) -> Request {
    let mut body: Value = serde_json::from_str(include_str!("../gateway/push.json")).unwrap();
    let commit = |at: usize| {
        let message = if at == 7 { last } else { "Describe how the queue is drained" };
        json!({
            "id": format!("{at:040x}"),
            "message": message,
            "timestamp": "2025-08-17T12:30:00Z",
            "url": format!("https://github.com/Codertocat/Hello-World/commit/{at:040x}"),
            "author": { "name": "Codertocat", "email": "codertocat@example.com" },
            "added": ["docs/queue.md"],
            "removed": [],
            "modified": ["src/queue/drain.rs", "src/queue/mod.rs"],
        })
    };
    body["commits"] = (0..8).map(commit).collect();
    Request::new(body, "GitHub-Hookshot/044aadd", "prod")
}

fn filtered(name: &'static str, filter: Filter, by_hand: fn(&Request) -> usize) -> Workload {
    let (holds, fails) = (of_interest(), of_none());
    Workload { name, rules: vec![Rule::Filter(filter)], by_hand, holds, fails }
}

/// The cases that are measured with a finished context, and with one built for each evaluation.
pub fn all() -> Vec<Workload> {
    let of_clauses = |name, rules, by_hand| {
        let (holds, fails) = (of_interest(), of_none());
        Workload { name, rules, by_hand, holds, fails }
    };
    vec![
        of_clauses("F1 event type", event_type(), event_type_by_hand),
        of_clauses("F2 three clauses", open_high_eng(), open_high_eng_by_hand),
        filtered("F3 prod and security", Filter::ProdAndSecurity, by_hand::prod_and_security),
        filtered("F4 not hookshot", Filter::NotHookshot, by_hand::not_hookshot),
        filtered("F5 last 7 days", Filter::LastSevenDays, by_hand::last_seven_days),
        Workload {
            holds: push("FIX: drain the queue twice"),
            fails: push("Drain the queue twice"),
            ..filtered("F6 any fix of 8 commits", Filter::AnyFix, by_hand::any_fix)
        },
        of_clauses("F7 twenty rules", twenty(), twenty_by_hand),
    ]
}

/// The challenge of Zoom.
pub fn challenge() -> Request {
    let payload = json!({ "plainToken": "qgg8vlvZRS6UYooatFL8Aw" });
    let body = json!({ "event": "endpoint.url_validation", "payload": payload });
    Request::new(body, "Zoom Marketplace/1.0a", "prod")
}

/// The body of a long issue, about 14 KB, for the three clauses.
pub fn body(priority: &str) -> Vec<u8> {
    let mut body = issue("issue_created", priority, "Critical Security bug in login flow", 1);
    let comment = |at: usize| {
        json!({
            "id": 10_000 + at,
            "author": { "id": "56789", "name": "Jane Doe", "active": true },
            "created": "2025-08-17T12:30:00.000+0000",
            "body": "Seen again on \"staging\", with the second factor turned off.\nLogs attached.",
            "visibility": { "type": "role", "value": "Developers" },
        })
    };
    body["issue"]["comments"] = (0..54).map(comment).collect();
    serde_json::to_vec(&body).unwrap()
}
