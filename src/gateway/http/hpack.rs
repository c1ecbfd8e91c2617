//! A scanner for HTTP/2 header blocks (RFC 7541), limited to the facts that memory depends on: the
//! fields that enter the dynamic table, and the number of fields. Decodes nothing.
//!
//! A field in the dynamic table keeps alive the whole buffer that it was read into. So the size of
//! the table in bytes does not bound its memory. The gateway announces a table of size 0; this
//! scanner detects a peer that uses a table anyway.

/// A scanner for the header blocks of one connection, in order.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    state: HuffmanState,
    /// Fields of the block so far.
    fields: usize,
    /// True if the block adds a field to the dynamic table.
    inserts: bool,
    /// True if the last table size that the peer set is 0.
    is_table_empty: bool,
}

#[derive(Debug, Default, Clone, Copy)]
enum HuffmanState {
    /// The start of a representation.
    #[default]
    Field,
    /// An integer that continues: its purpose, its value so far, and its next shift.
    Integer(Purpose, u64, u32),
    /// The start of a string length, and the number of strings to come, including this one.
    String(u8),
    /// The bytes of a string to skip, and the number of strings after it.
    Skip(u64, u8),
}

#[derive(Debug, Clone, Copy)]
enum Purpose {
    /// An index of a complete field in a table.
    Indexed,
    /// An index of a name; 0 if the name follows as a string.
    Name,
    /// The size of the dynamic table.
    Size,
    /// The length of a string, and the number of strings after it.
    Length(u8),
}

impl Scanner {
    /// Begins a block.
    pub(super) fn begin(&mut self) {
        self.state = HuffmanState::Field;
        self.fields = 0;
        self.inserts = false;
    }

    /// Returns the number of fields of the block so far.
    pub(super) fn fields(&self) -> usize {
        self.fields
    }

    /// Returns true if the block adds a field to a table that the peer did not set to size 0.
    pub(super) fn fills_table(&self) -> bool {
        self.inserts && !self.is_table_empty
    }

    /// Scans a part of a block.
    pub(super) fn scan(&mut self, mut bytes: &[u8]) {
        loop {
            if let HuffmanState::Skip(left, strings) = self.state {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                bytes = bytes.get(here..).unwrap_or_default();
                self.skip(left - here as u64, strings);
                if matches!(self.state, HuffmanState::Skip(..)) {
                    return;
                }
            }
            let Some((first, rest)) = bytes.split_first() else {
                return;
            };
            bytes = rest;
            self.byte(*first);
        }
    }

    fn byte(&mut self, byte: u8) {
        match self.state {
            HuffmanState::Field => self.field(byte),
            HuffmanState::String(strings) => {
                self.integer(Purpose::Length(strings.saturating_sub(1)), byte, 0x7f);
            }
            HuffmanState::Integer(purpose, value, shift) => {
                let part = u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
                let value = value.saturating_add(part);
                match byte & 0x80 {
                    0 => self.value(purpose, value),
                    // The decoder refuses longer integers.
                    _ => self.state = HuffmanState::Integer(purpose, value, (shift + 7).min(56)),
                }
            }
            HuffmanState::Skip(..) => {}
        }
    }

    /// Reads the first byte of a representation (section 6).
    fn field(&mut self, byte: u8) {
        let (purpose, mask) = match byte {
            0x80.. => (Purpose::Indexed, 0x7f),
            0x40.. => {
                self.inserts = true;
                (Purpose::Name, 0x3f)
            }
            0x20.. => (Purpose::Size, 0x1f),
            _ => (Purpose::Name, 0x0f),
        };
        self.integer(purpose, byte, mask);
    }

    /// Reads the first byte of an integer (section 5.1).
    fn integer(&mut self, purpose: Purpose, byte: u8, mask: u8) {
        let value = byte & mask;
        match value == mask {
            true => self.state = HuffmanState::Integer(purpose, u64::from(value), 0),
            false => self.value(purpose, u64::from(value)),
        }
    }

    fn value(&mut self, purpose: Purpose, value: u64) {
        match purpose {
            Purpose::Indexed => {
                self.fields += 1;
                self.state = HuffmanState::Field;
            }
            Purpose::Size => {
                self.is_table_empty = value == 0;
                self.state = HuffmanState::Field;
            }
            Purpose::Name => {
                self.fields += 1;
                self.state = HuffmanState::String(if value == 0 { 2 } else { 1 });
            }
            Purpose::Length(strings) => self.skip(value, strings),
        }
    }

    fn skip(&mut self, left: u64, strings: u8) {
        self.state = match (left, strings) {
            (0, 0) => HuffmanState::Field,
            (0, _) => HuffmanState::String(strings),
            _ => HuffmanState::Skip(left, strings),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::Scanner;

    fn scanned(parts: &[&[u8]]) -> (usize, bool) {
        let mut scanner = Scanner::default();
        scanner.begin();
        parts.iter().for_each(|part| scanner.scan(part));
        (scanner.fields(), scanner.fills_table())
    }

    #[test]
    fn hpack_fields_are_counted_and_table_inserts_are_detected() {
        // RFC 7541, C.2.1 to C.2.4.
        let literal = b"\x40\x0acustom-key\x0dcustom-header";
        assert_eq!(scanned(&[literal]), (1, true));
        assert_eq!(scanned(&[b"\x04\x0c/sample/path"]), (1, false));
        assert_eq!(scanned(&[b"\x10\x08password\x06secret"]), (1, false));
        assert_eq!(scanned(&[b"\x82"]), (1, false));
        // C.4.1, with Huffman codes.
        let huffman = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
        assert_eq!(scanned(&[huffman]), (4, true));
        assert_eq!(scanned(&[&[0xd3; 845]]), (845, false));
    }

    #[test]
    fn hpack_blocks_are_scanned_in_fragments_of_any_length() {
        let block = b"\x20\x82\x40\x0acustom-key\x0dcustom-header\x00\x01a\x00\x1f\x80\x01\x7f\x00";
        let whole = scanned(&[block]);
        for at in 0..block.len() {
            let (one, two) = block.split_at(at);
            assert_eq!(scanned(&[one, two]), whole, "{at}");
        }
        let bytes: Vec<&[u8]> = block.chunks(1).collect();
        assert_eq!(scanned(&bytes), whole);
    }

    #[test]
    fn a_peer_with_an_empty_hpack_table_does_not_fill_memory() {
        let mut scanner = Scanner::default();
        scanner.begin();
        scanner.scan(b"\x20\x40\x01a\x01b");
        assert!(!scanner.fills_table());
        scanner.begin();
        scanner.scan(b"\x40\x01a\x01b");
        assert!(!scanner.fills_table());
        // The table size is 4096 again.
        scanner.begin();
        scanner.scan(b"\x3f\xe1\x1f\x40\x01a\x01b");
        assert!(scanner.fills_table());
    }

    #[test]
    fn long_hpack_integers_do_not_overflow() {
        let mut block = vec![0x00, 0x7f];
        block.extend([0xff; 40]);
        block.push(0x01);
        scanned(&[&block]);
    }
}
