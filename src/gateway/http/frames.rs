//! The frames that an HTTP/2 peer sends (RFC 9113, section 4), inspected before the HTTP/2
//! implementation reads them.
//!
//! The HTTP/2 implementation bounds streams, windows and header lists. This file bounds the rest:
//! control frames, memory behind the dynamic table, trailer fields, and header blocks that do not
//! end. It decodes no field.

use std::time::Instant;

use super::hpack::Scanner;

/// The reason to close a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Violation {
    #[error("too many HTTP/2 control frames")]
    ControlFrames,
    #[error("the peer uses an HPACK table that it was told not to use")]
    Table,
    #[error("a header block has too many fields")]
    Fields,
}

/// Facts about the frames read so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FrameCounts {
    /// True while a header block has begun and not ended.
    pub is_head_open: bool,
    /// True if a header block continued in further frames. Its fields are held decoded.
    pub is_head_continued: bool,
    /// Bytes that the dynamic table may hold until the peer has acknowledged its size.
    pub table: usize,
}

/// The frame reader of one connection.
#[derive(Debug)]
pub(super) struct FrameReader {
    head: [u8; 9],
    have: usize,
    /// Bytes of the payload that are still to come.
    left: usize,
    kind: u8,
    flags: u8,
    /// Bytes of padding length and priority that precede a header block.
    before_block: usize,
    is_padded: bool,
    padding: usize,
    scanner: Scanner,
    /// Fields that a header block may have.
    most_fields: usize,
    /// The highest stream number so far. A header block on this or an earlier stream is a trailer
    /// section.
    last_stream: u32,
    is_trailer: bool,
    is_acknowledged: bool,
    tokens: Tokens,
    /// Bytes read so far, and their number when a table buffer was last counted.
    bytes: usize,
    charged: usize,
    seen: FrameCounts,
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// Allowance for the pseudo-header fields of a head, such as `:method` and `:path`.
const PSEUDO: usize = 8;

/// Fields that a trailer section may have.
const TRAILERS: usize = 32;

/// Bytes of the buffer that a field in the dynamic table keeps alive.
const FIELD_BUFFER_BYTES: usize = 16 << 10;

/// Bytes within which fields of the dynamic table share a buffer.
const SHARED_BUFFER_BYTES: usize = 8 << 10;

/// Token bucket for the control frames of one connection: its capacity in tokens, and the tokens
/// added each second.
const BURST: f64 = 400.0;
const A_SECOND: f64 = 50.0;

/// Tokens that a request adds: a few control frames may follow it, such as WINDOW_UPDATE and PING.
const A_REQUEST: f64 = 4.0;

/// Bytes of data that add one token, in either direction: data causes WINDOW_UPDATE frames.
const A_TOKEN: f64 = 4096.0;

/// Tokens that a RST_STREAM frame takes: a cancelled stream has cost as much as its request.
const RESET: f64 = 10.0;

#[derive(Debug)]
struct Tokens {
    left: f64,
    at: Instant,
}

impl Tokens {
    fn add(&mut self, tokens: f64) {
        self.left = (self.left + tokens).min(BURST);
    }

    fn take(&mut self, tokens: f64) -> Result<(), Violation> {
        if self.left < tokens {
            let now = Instant::now();
            self.add(now.duration_since(self.at).as_secs_f64() * A_SECOND);
            self.at = now;
        }
        if self.left < tokens {
            return Err(Violation::ControlFrames);
        }
        self.left -= tokens;
        Ok(())
    }
}

impl FrameReader {
    /// Returns a reader for the frames after the preface. `headers` is the limit on headers of a
    /// head.
    ///
    /// A head with somewhat more headers is answered with 431. A head with more than twice as many
    /// is not decoded at all.
    pub(super) fn new(headers: usize) -> Self {
        Self {
            most_fields: headers.saturating_mul(2).saturating_add(PSEUDO),
            head: [0; 9],
            have: 0,
            left: 0,
            kind: DATA,
            flags: 0,
            before_block: 0,
            is_padded: false,
            padding: 0,
            scanner: Scanner::default(),
            last_stream: 0,
            is_trailer: false,
            is_acknowledged: false,
            tokens: Tokens { left: BURST, at: Instant::now() },
            bytes: 0,
            charged: 0,
            seen: FrameCounts::default(),
        }
    }

    /// Counts bytes that were written to the peer.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.tokens.add(bytes as f64 / A_TOKEN);
    }

    /// Reads the next bytes.
    ///
    /// # Errors
    /// Returns the reason to close the connection.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Result<FrameCounts, Violation> {
        self.bytes = self.bytes.saturating_add(bytes.len());
        while !bytes.is_empty() {
            if self.have < self.head.len() {
                let wanted = self.head.len() - self.have;
                let (now, rest) = bytes.split_at(wanted.min(bytes.len()));
                if let Some(place) = self.head.get_mut(self.have..self.have + now.len()) {
                    place.copy_from_slice(now);
                }
                self.have += now.len();
                bytes = rest;
                if self.have < self.head.len() {
                    break;
                }
                self.begin()?;
            } else {
                let (now, rest) = bytes.split_at(self.left.min(bytes.len()));
                self.payload(now)?;
                self.left -= now.len();
                bytes = rest;
            }
            if self.left == 0 {
                self.end()?;
            }
        }
        Ok(self.seen)
    }

    /// Begins a frame whose header is complete.
    fn begin(&mut self) -> Result<(), Violation> {
        let [a, b, c, kind, flags, d, e, f, g] = self.head;
        self.left = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        (self.kind, self.flags) = (kind, flags);
        let stream = u32::from_be_bytes([d & 0x7f, e, f, g]);
        match kind {
            HEADERS => self.begin_block(stream),
            CONTINUATION => {
                (self.before_block, self.padding, self.is_padded) = (0, 0, false);
                self.tokens.take(1.0)?;
            }
            DATA if self.left > 0 => self.tokens.add(self.left as f64 / A_TOKEN),
            DATA => self.tokens.take(1.0)?,
            RST_STREAM => self.tokens.take(RESET)?,
            SETTINGS if flags & ACK != 0 => {
                self.is_acknowledged = true;
                self.tokens.take(1.0)?;
            }
            _ => self.tokens.take(1.0)?,
        }
        Ok(())
    }

    fn begin_block(&mut self, stream: u32) {
        self.is_trailer = stream <= self.last_stream;
        self.last_stream = self.last_stream.max(stream);
        self.is_padded = self.flags & PADDED != 0;
        let priority = if self.flags & PRIORITY != 0 { 5 } else { 0 };
        self.before_block = usize::from(self.is_padded) + priority;
        self.padding = 0;
        self.scanner.begin();
        self.seen.is_head_open = true;
        if !self.is_trailer {
            self.tokens.add(A_REQUEST);
        }
    }

    /// Reads a part of the payload. `left` still counts this part.
    fn payload(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        if !matches!(self.kind, HEADERS | CONTINUATION) {
            return Ok(());
        }
        let (before, bytes) = bytes.split_at(self.before_block.min(bytes.len()));
        if let Some(length) = before.first()
            && std::mem::take(&mut self.is_padded)
        {
            self.padding = usize::from(*length);
        }
        self.before_block -= before.len();
        let block = (self.left - before.len()).saturating_sub(self.padding);
        self.scanner.scan(bytes.get(..block.min(bytes.len())).unwrap_or_default());
        let most = if self.is_trailer { TRAILERS } else { self.most_fields };
        if self.scanner.fields() > most {
            return Err(Violation::Fields);
        }
        Ok(())
    }

    /// Ends a frame.
    fn end(&mut self) -> Result<(), Violation> {
        self.have = 0;
        if !matches!(self.kind, HEADERS | CONTINUATION) {
            return Ok(());
        }
        if self.scanner.fills_table() {
            if self.is_acknowledged {
                return Err(Violation::Table);
            }
            self.charge_table();
        }
        let ends = self.flags & END_HEADERS != 0;
        self.seen.is_head_continued |= !ends;
        self.seen.is_head_open = !ends;
        Ok(())
    }

    /// Counts the buffer that a field in the table keeps alive, once for all fields that share it.
    fn charge_table(&mut self) {
        if self.seen.table == 0 || self.bytes - self.charged > SHARED_BUFFER_BYTES {
            self.seen.table += FIELD_BUFFER_BYTES;
            self.charged = self.bytes;
        }
    }
}
