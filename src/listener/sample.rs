//! Samples: requests with their expected results.
//!
//! The tests of recipes and `hookgate test` use them. Knows no files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::decide::Event;
use super::recipe_keys::SAMPLE;
use super::response::Response;
use crate::config::Section;
use crate::document::Node;
use crate::engine::{OwnedValue, Time};
use crate::value::{Budget, Heap, equal, read_json};

/// A request with its expected result.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    /// A description.
    pub name: String,
    /// The place of publication.
    pub source: Option<String>,
    /// The official package that made or verified the request, with its version.
    pub sdk: Option<String>,
    /// The expected outcome.
    pub expect: String,
    /// A reason code that the decision must contain.
    pub reason: Option<String>,
    /// The method.
    pub method: String,
    /// The public URL, if it is not derived from the listener.
    pub url: Option<String>,
    /// The raw query.
    pub query: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body, if the sample contains it.
    pub body: Option<Vec<u8>>,
    /// The file that contains the body.
    pub body_file: Option<String>,
    /// The time of the request.
    pub now: Option<Time>,
    /// The client address.
    pub remote_address: Option<String>,
    /// Encoded secrets, the newest of a name first.
    pub secrets: Vec<(String, Vec<String>)>,
    /// Variables.
    pub vars: Vec<(Box<str>, OwnedValue)>,
    /// Key documents by URL.
    pub keys: Vec<(String, String)>,
    /// The files of key documents, by URL.
    pub key_files: Vec<(String, String)>,
    /// The expected status of the response.
    pub status: Option<u64>,
    /// Expected headers of the response.
    pub response_headers: Vec<(String, String)>,
    /// The expected content type of the response, without parameters.
    pub response_type: Option<String>,
    /// The expected body of the response, byte for byte.
    pub response_body: Option<String>,
    /// The expected body of the response, as JSON.
    pub response_json: Option<String>,
    /// The expected type of the event.
    pub event_type: Option<String>,
    /// The expected provider id of the event.
    pub event_id: Option<String>,
    /// The expected data of the event, as JSON.
    pub event_data: Option<String>,
    /// Further requests to the same listener.
    pub then: Vec<Sample>,
}

/// A difference between the expected and the actual result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The compared part: `outcome`, `response body`.
    pub what: String,
    /// The expected value.
    pub wanted: String,
    /// The actual value.
    pub found: String,
}

impl Sample {
    /// Reads a sample that was checked against its schema.
    pub(crate) fn of(node: &Node) -> Self {
        let text = |key: &str| node.get(key).and_then(Node::as_str).map(ToOwned::to_owned);
        let encoded = || text("body_base64").and_then(|text| STANDARD.decode(text).ok());
        let vars = node.get("vars").map(Node::entries).unwrap_or_default();
        let pairs = |key: &str| node.get(key).map(pairs).unwrap_or_default();
        Self {
            name: text("name").unwrap_or_default(),
            source: text("source"),
            sdk: text("sdk"),
            expect: text("expect").unwrap_or_default(),
            reason: text("reason"),
            method: Section::new(&SAMPLE, node).text("method").to_owned(),
            url: text("url"),
            query: text("query").unwrap_or_default(),
            headers: pairs("headers"),
            body: text("body").map(String::into_bytes).or_else(encoded),
            body_file: text("body_file"),
            now: node.get("now").and_then(time),
            remote_address: text("remote_address"),
            secrets: node.get("secrets").map(secrets).unwrap_or_default(),
            vars: vars
                .iter()
                .map(|entry| (entry.key.text.as_str().into(), entry.value.to_value()))
                .collect(),
            keys: node.get("keys").map(pairs_of_texts).unwrap_or_default(),
            key_files: node.get("keys").map(key_files).unwrap_or_default(),
            status: node.get("status").and_then(Node::as_count),
            response_headers: pairs("response_headers"),
            response_type: None,
            response_body: text("response_body"),
            response_json: text("response_json"),
            event_type: text("event_type"),
            event_id: text("event_id"),
            event_data: text("event_data"),
            then: node
                .get("then")
                .map(Node::items)
                .unwrap_or_default()
                .iter()
                .map(Self::of)
                .collect(),
        }
    }

    /// Returns all differences between the expected and the actual result.
    pub fn mismatches(
        &self,
        outcome: &str,
        codes: &[&str],
        response: &Response,
        event: Option<&Event>,
    ) -> Vec<Mismatch> {
        let mut found = Vec::new();
        let mut differs = |what: &str, wanted: &str, came: &str| {
            if wanted != came {
                let (wanted, found_) = (wanted.to_owned(), came.to_owned());
                found.push(Mismatch { what: what.to_owned(), wanted, found: found_ });
            }
        };
        differs("outcome", &self.expect, outcome);
        if let Some(reason) = &self.reason
            && !codes.contains(&reason.as_str())
        {
            differs("reason", reason, &codes.join(", "));
        }
        if let Some(status) = self.status {
            differs("status", &status.to_string(), &response.status.to_string());
        }
        for (name, wanted) in &self.response_headers {
            differs(&format!("header `{name}`"), wanted, response.header(name).unwrap_or("(none)"));
        }
        if let Some(wanted) = &self.response_type {
            let essence =
                |text: &str| text.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
            let found = response.header("content-type").unwrap_or("");
            differs("content type", &essence(wanted), &essence(found));
        }
        let body = String::from_utf8_lossy(&response.body);
        if let Some(wanted) = &self.response_body {
            differs("response body", wanted, &body);
        }
        if let Some(wanted) = &self.response_json {
            json_differs(&mut differs, "response body", wanted, &body);
        }
        let kind = event.and_then(|event| event.kind.as_deref());
        if let Some(wanted) = &self.event_type {
            differs("event type", wanted, kind.unwrap_or("(none)"));
        }
        if let Some(wanted) = &self.event_id {
            let id = event.and_then(|event| event.provider_id.as_deref());
            differs("event id", wanted, id.unwrap_or("(none)"));
        }
        if let Some(wanted) = &self.event_data {
            let data = event.and_then(|event| event.data.as_ref());
            let data = data.map(ToString::to_string).unwrap_or_default();
            json_differs(&mut differs, "event data", wanted, &data);
        }
        found
    }
}

/// Reports JSON that differs in more than white space and the order of keys.
fn json_differs(differs: &mut impl FnMut(&str, &str, &str), what: &str, wanted: &str, found: &str) {
    if !is_same_json(wanted, found) {
        differs(what, wanted, found);
    }
}

/// Returns true if both texts are JSON with equal values.
fn is_same_json(left: &str, right: &str) -> bool {
    let (Ok(left), Ok(right)) = (read_json(left.as_bytes()), read_json(right.as_bytes())) else {
        return false;
    };
    let heap = Heap::new(Budget { bytes: usize::MAX, steps: u64::MAX });
    equal(&heap, left.borrow(), right.borrow()).unwrap_or(false)
}

/// Reads pairs from a table or from a list of pairs.
pub(super) fn pairs(node: &Node) -> Vec<(String, String)> {
    let text = |node: &Node| node.as_str().unwrap_or("").to_owned();
    let of_table = node.entries().iter().map(|entry| (entry.key.text.clone(), text(&entry.value)));
    let of_list = node.items().iter().filter_map(|pair| match pair.items() {
        [name, value] => Some((text(name), text(value))),
        _ => None,
    });
    of_table.chain(of_list).collect()
}

/// Returns the entries of a table that are strings.
fn pairs_of_texts(node: &Node) -> Vec<(String, String)> {
    let text = |value: &Node| value.as_str().map(ToOwned::to_owned);
    let entries = node.entries().iter();
    entries.filter_map(|entry| Some((entry.key.text.clone(), text(&entry.value)?))).collect()
}

/// Returns the entries of a table that name a file.
fn key_files(node: &Node) -> Vec<(String, String)> {
    let file = |value: &Node| value.get("file").and_then(Node::as_str).map(ToOwned::to_owned);
    let entries = node.entries().iter();
    entries.filter_map(|entry| Some((entry.key.text.clone(), file(&entry.value)?))).collect()
}

fn secrets(node: &Node) -> Vec<(String, Vec<String>)> {
    let texts = |node: &Node| match node.as_str() {
        Some(text) => vec![text.to_owned()],
        None => node.items().iter().filter_map(Node::as_str).map(ToOwned::to_owned).collect(),
    };
    node.entries().iter().map(|entry| (entry.key.text.clone(), texts(&entry.value))).collect()
}

fn time(node: &Node) -> Option<Time> {
    match node.to_value() {
        OwnedValue::Number(number) => Time::from_epoch(number).ok(),
        OwnedValue::Text(text) => text.parse().ok(),
        _ => None,
    }
}
