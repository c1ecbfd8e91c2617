//! A page of a list: a JSON array that is written item by item and bounded in bytes. Does not know
//! the items' types.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::call::Answer;
use super::fault::Fault;

/// Largest page, in bytes. An item that does not fit ends the page; the first item is always
/// accepted.
pub(super) const PAGE_BYTES: usize = 2 << 20;

/// Rows that are read from the store at a time.
pub(super) const BATCH_ROWS: usize = 100;

/// Bytes that are read from the store at a time.
pub(super) const BATCH_BYTES: usize = 512 << 10;

/// Rows that a filter or an order examines if SQL cannot express it.
pub(super) const SCAN_ROWS: usize = 10_000;

/// Longest duration of such a scan.
const SCAN_TIMEOUT: Duration = Duration::from_secs(5);

/// A scan of rows by a filter or an order that SQL cannot express, bounded in rows and in time.
pub(super) struct Scan {
    rows: usize,
    began: Instant,
}

impl Scan {
    pub(super) fn new() -> Self {
        Self { rows: 0, began: Instant::now() }
    }

    /// Counts the next rows. Returns the reason to refuse the scan if it exceeds a bound.
    pub(super) fn refusal(&mut self, rows: usize) -> Option<String> {
        self.rows += rows;
        if self.rows > SCAN_ROWS {
            return Some(format!("there are more than {SCAN_ROWS} webhooks to look at"));
        }
        let slow = self.began.elapsed() > SCAN_TIMEOUT;
        slow.then(|| "looking at the webhooks one by one takes too long".to_owned())
    }
}

/// A page that is being written.
pub(super) struct JsonPage {
    text: Vec<u8>,
    items: usize,
}

impl JsonPage {
    /// Starts a page that is an array.
    pub(super) fn array() -> Self {
        Self::after("[")
    }

    /// Starts a page whose array is inside another text. `beginning` is that text up to and
    /// including `[`.
    pub(super) fn after(beginning: &str) -> Self {
        Self { text: beginning.into(), items: 0 }
    }

    /// Writes an item. Returns false if the item does not fit into the page.
    pub(super) fn push(&mut self, item: &impl Serialize) -> Result<bool, Fault> {
        let before = self.text.len();
        if self.items > 0 {
            self.text.push(b',');
        }
        serde_json::to_writer(&mut self.text, item)
            .map_err(|error| Fault::Server(error.to_string()))?;
        if self.text.len() > PAGE_BYTES && self.items > 0 {
            self.text.truncate(before);
            return Ok(false);
        }
        self.items += 1;
        Ok(true)
    }

    /// Returns the number of items.
    pub(super) fn items(&self) -> usize {
        self.items
    }

    /// Returns the page as an answer.
    pub(super) fn answer(self) -> Answer {
        self.answer_before("]")
    }

    /// Returns the page as an answer. `end` is the text after the items, beginning with `]`.
    pub(super) fn answer_before(mut self, end: &str) -> Answer {
        self.text.extend_from_slice(end.as_bytes());
        Answer::bytes(200, "application/json", self.text)
    }
}
