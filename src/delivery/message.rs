//! Messages for a Slack channel, for people to read. Knows no endpoints.

use serde_json::json;

use super::event::Event;
use crate::value::{JsonError, OwnedValue, Projection, Value};

/// Members of an entity that contain its name, best first.
const NAMES: &[&str] = &["name", "title", "subject", "summary", "key", "id"];

/// Members of an entity that contain its link.
const LINKS: &[&str] = &["link", "html_url", "url"];

/// Returns the Slack message of an event: the event type, the name of the entity, and a link
/// (<https://api.slack.com/reference/surfaces/formatting>).
///
/// ```
/// use hookgate::delivery::slack_message;
///
/// let entity = serde_json::json!({ "name": "Fix <b>", "link": "https://example.com/7" });
/// let message = slack_message("task_comment_added", &entity);
/// assert_eq!(message["text"], "*Task comment added*: <https://example.com/7|Fix &lt;b&gt;>");
/// ```
pub fn slack_message<'v>(kind: &str, entity: impl Into<Value<'v>>) -> serde_json::Value {
    let entity = entity.into().as_object();
    let found = |members: &[&str]| {
        members.iter().find_map(|member| match entity?.get(member)? {
            Value::Text(text) if !text.is_empty() => Some(text.to_owned()),
            Value::Number(number) => Some(number.to_string()),
            Value::BigNumber(number) => Some(number.to_string()),
            _ => None,
        })
    };
    let name = found(NAMES).map(|name| escaped(&shortened(&name)));
    let link = found(LINKS).filter(|link| is_link(link));
    let about = match (link, name) {
        (Some(link), Some(name)) => format!(": <{link}|{name}>"),
        (Some(link), None) => format!(": <{link}>"),
        (None, Some(name)) => format!(": {name}"),
        (None, None) => String::new(),
    };
    json!({ "text": format!("*{}*{about}", escaped(&words(kind))) })
}

/// Returns the members of the event data that a Slack message shows.
///
/// # Errors
/// Returns an error if the data is not JSON.
pub(crate) fn slack_entity(event: &Event<'_>) -> Result<OwnedValue, JsonError> {
    let mut wanted = Projection::default();
    NAMES.iter().chain(LINKS).for_each(|member| wanted.add([*member]));
    event.part(&wanted)
}

/// Returns an event type as words: `Task comment added`.
fn words(kind: &str) -> String {
    let words = kind.replace(['_', '.', '-'], " ");
    let mut letters = words.trim().chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => "Event".to_owned(),
    }
}

/// Returns a name on one line, with at most 200 characters.
fn shortened(name: &str) -> String {
    let line: String = name.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// Escapes the three control characters of Slack.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn is_link(text: &str) -> bool {
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    is_web && !text.contains(['|', '<', '>', ' ', '\n'])
}
