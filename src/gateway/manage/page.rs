//! A page of a list: a JSON array that is written item by item, and bounded in bytes.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::call::{Answer, Fault};

/// Bytes of a page. An item that does not fit ends the page; one item is always taken.
pub(super) const PAGE_BYTES: usize = 2 << 20;

/// Rows that are read from the store at a time.
pub(super) const BATCH_ROWS: usize = 100;

/// Bytes that are read from the store at a time.
pub(super) const BATCH_BYTES: usize = 512 << 10;

/// Rows that a filter or an order which SQL cannot express looks at.
pub(super) const SCAN_ROWS: usize = 10_000;

/// How long it looks at them.
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

    /// Counts rows that are looked at next; answers why not, where there are too many.
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
    /// An array by itself.
    pub(super) fn array() -> Self {
        Self::after("[")
    }

    /// An array after the beginning of the text around it, which opens the array.
    pub(super) fn after(beginning: &str) -> Self {
        Self { text: beginning.into(), items: 0 }
    }

    /// Writes an item; answers whether it fits into the page.
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

    /// How many items it has.
    pub(super) fn items(&self) -> usize {
        self.items
    }

    /// The page as an answer.
    pub(super) fn answer(self) -> Answer {
        self.answer_before("]")
    }

    /// The page as an answer, before the end of the text around it, which closes the array.
    pub(super) fn answer_before(mut self, end: &str) -> Answer {
        self.text.extend_from_slice(end.as_bytes());
        Answer::bytes(200, "application/json", self.text)
    }
}
