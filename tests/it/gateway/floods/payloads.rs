//! The payloads of floods.

use std::io::Write;

/// A megabyte of gzip that decompresses to nearly a gigabyte.
pub(super) fn bomb() -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&vec![0; 1 << 20]).unwrap();
    // Concatenated gzip members are decompressed one after the other (RFC 1952).
    let part = packed.finish().unwrap();
    part.repeat(1_000_000 / part.len())
}

/// A megabyte of maximally nested JSON.
pub(super) fn deep() -> Vec<u8> {
    "[".repeat(1_000_000).into_bytes()
}

/// Keys with equal hashes, by the hash of strings in Java, which many hash tables use (multiply by
/// 31).
pub(super) fn colliding(count: usize) -> Vec<String> {
    let bits = usize::BITS - count.leading_zeros();
    (0..count)
        .map(|number| {
            (0..bits).map(|bit| if number >> bit & 1 == 0 { "Aa" } else { "BB" }).collect()
        })
        .collect()
}

/// The common hash.
pub(super) fn hash(text: &str) -> u32 {
    text.bytes().fold(0, |hash: u32, byte| hash.wrapping_mul(31).wrapping_add(byte.into()))
}

/// A megabyte of an object with such keys.
pub(super) fn colliding_object() -> Vec<u8> {
    let members: Vec<String> = colliding(25_000).iter().map(|key| format!("\"{key}\":1")).collect();
    format!("{{{}}}", members.join(",")).into_bytes()
}

/// A megabyte of a form with such keys.
pub(super) fn colliding_form(fields: usize) -> Vec<u8> {
    let fields: Vec<String> = colliding(fields).iter().map(|key| format!("{key}=1")).collect();
    fields.join("&").into_bytes()
}

/// A gzip header, then empty deflate blocks: four in five bytes.
pub(super) fn empty_blocks(bytes: usize) -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    // Each block has ten bits: not the last block, fixed codes, end of block.
    let blocks = [0b0000_0010_u8, 0b0000_1000, 0b0010_0000, 0b1000_0000, 0];
    packed.extend(blocks.iter().cycle().take(bytes));
    packed
}

/// Bytes that do not compress.
pub(super) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}
