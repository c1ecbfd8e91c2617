//! The log of a webhook: its delivery attempts with the bodies that were sent. Only reads.

use super::answers::{LOG_MEMBERS, WebhookLog};
use super::page::Asked;
use crate::delivery::Api;
use crate::gateway::manage::call::{Answer, Call};
use crate::gateway::manage::fault::{Fault, first_bytes};
use crate::gateway::manage::page::{BATCH_BYTES, JsonPage, PAGE_BYTES, SCAN_ROWS};
use crate::gateway::store::{AttemptFilter, AttemptRecord, PageRequest};

/// Largest message, in bytes.
const MESSAGE_BYTES: usize = 64 << 10;

/// Longest reason of a failure, in bytes.
const REASON_BYTES: usize = 512;

pub(super) async fn list(call: Call) -> Result<Answer, Fault> {
    let found = call.subscription(Api::Awork, call.part("webhookId")).await?;
    let asked = Asked::of(&call, LOG_MEMBERS)?;
    let listeners = call.caller.listeners.clone();
    let filter = AttemptFilter { subscription_id: found.record.id, listeners };
    let (attempts, total) = match asked.is_plain() {
        true => plain(&call, &asked, &filter).await?,
        false => selected(&call, &asked, &filter).await?,
    };
    let mut page = JsonPage::array();
    let share = message_share(asked.size);
    for mut attempt in attempts {
        attempt.reason = attempt.reason.map(|reason| excerpt(&reason, REASON_BYTES).to_owned());
        // One body at a time: the bodies of a page can be a thousand times as large as the page.
        let body = call.app.store.body(attempt.delivery_id).await?;
        let message = body.map(|body| excerpt(&body, share).to_owned());
        if !page.push(&WebhookLog::of(&filter.subscription_id, &attempt, message))? {
            return Err(Fault::Server("a page of logs is longer than its parts".to_owned()));
        }
    }
    Ok(asked.answer(page, total))
}

/// Reads a page of attempts in the order of the store.
async fn plain(
    call: &Call,
    asked: &Asked,
    filter: &AttemptFilter,
) -> Result<(Vec<AttemptRecord>, usize), Fault> {
    let (offset, limit) = (asked.offset(), asked.size);
    // No limit in bytes: the next page is requested by number, so a page that ends early would lose
    // rows. Attempts are short.
    let page = PageRequest { after: None, offset, limit, bytes: usize::MAX };
    let attempts = call.app.store.attempt_page(filter, page).await?;
    let total = call.app.store.count_attempts(filter).await?;
    Ok((attempts.into_iter().map(|(_, attempt)| attempt).collect(), total))
}

/// Selects a page of attempts by filter and order, among the newest `SCAN_ROWS` attempts.
async fn selected(
    call: &Call,
    asked: &Asked,
    filter: &AttemptFilter,
) -> Result<(Vec<AttemptRecord>, usize), Fault> {
    let mut matches = asked.matches();
    let (mut after, mut left) = (None, SCAN_ROWS);
    loop {
        let page = PageRequest { after, offset: 0, limit: left.min(1000), bytes: BATCH_BYTES };
        let batch = call.app.store.attempt_page(filter, page).await?;
        if batch.is_empty() {
            return Ok(matches.page());
        }
        after = batch.last().map(|(sequence, _)| *sequence);
        left = left.saturating_sub(batch.len());
        for (place, (_, attempt)) in batch.into_iter().enumerate() {
            let shown = WebhookLog::of(&filter.subscription_id, &attempt, None);
            let reason = attempt.reason.as_ref().map_or(0, String::len);
            matches.look(&shown, attempt, size_of::<AttemptRecord>() + reason)?;
            // Yields to other tasks every 16 rows, because rows are small.
            if place % 16 == 15 {
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Returns the bytes available to each message on a page: half of the page, in equal parts.
///
/// A page of this API cannot end early, because the next page is requested by number. So its
/// messages are shortened.
fn message_share(rows: usize) -> usize {
    (PAGE_BYTES / 2 / rows.max(1)).min(MESSAGE_BYTES)
}

/// Returns the beginning of a string that takes at most `most` bytes as a JSON string.
fn excerpt(text: &str, most: usize) -> &str {
    let text = first_bytes(text, most);
    let mut left = most;
    for (at, character) in text.char_indices() {
        let Some(rest) = left.checked_sub(escaped_bytes(character)) else {
            return text.get(..at).unwrap_or_default();
        };
        left = rest;
    }
    text
}

/// Returns the bytes that a character takes in a JSON string (RFC 8259, section 7).
fn escaped_bytes(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_excerpts_are_measured_in_escaped_json_bytes() {
        for text in ["plain", "\"quoted\" \\ \n\t", "\u{1}\u{1f}\u{0}", "äöü€🦀", ""] {
            for most in 0..=30 {
                let part = excerpt(text, most);
                let json = serde_json::to_string(part).unwrap();
                assert!(json.len() - 2 <= most, "{text:?} {most}");
                assert!(text.starts_with(part));
                let whole = serde_json::to_string(text).unwrap().len() - 2;
                assert_eq!(part == text, whole <= most, "{text:?} {most}");
            }
        }
    }

    #[test]
    fn log_messages_of_the_largest_page_fit_the_page_limit() {
        for rows in [1, 10, 16, 17, 100, 1000] {
            assert!(message_share(rows) * rows <= PAGE_BYTES / 2);
        }
        assert_eq!(message_share(10), 64 << 10);
    }
}
