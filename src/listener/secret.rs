//! Decoding of configured secrets. Knows no sources of secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use zeroize::Zeroizing;

use crate::engine::Secrets;

/// The encoding of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// The text itself.
    Utf8,
    /// Hex, in upper or lower case.
    Hex,
    /// Base64.
    Base64,
    /// Base64 with the prefix `whsec_` or `whpk_` (Standard Webhooks).
    Whsec,
}

impl Encoding {
    /// Returns the encoding with a name.
    pub fn find(name: &str) -> Option<Self> {
        Some(match name {
            "utf8" => Self::Utf8,
            "hex" => Self::Hex,
            "base64" => Self::Base64,
            "whsec" => Self::Whsec,
            _ => return None,
        })
    }

    /// Returns the name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf8",
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Whsec => "whsec",
        }
    }
}

/// Decodes a secret and adds it to the secrets of a name. No message contains its text.
///
/// # Errors
/// Returns a message if the secret is empty or not in the encoding.
pub fn decode(
    secrets: &mut Secrets,
    name: &str,
    written: &str,
    encoding: Encoding,
) -> Result<(), String> {
    // Files end in a line break that is not part of the secret.
    let written = written.trim_end_matches(['\r', '\n']);
    if written.is_empty() {
        return Err(format!("the secret `{name}` is empty"));
    }
    let bytes = match encoding {
        Encoding::Utf8 => {
            secrets.add(name, written);
            return Ok(());
        }
        Encoding::Hex => hex::decode(written.trim()).ok(),
        Encoding::Base64 => STANDARD_PAD_INDIFFERENT.decode(written.trim()).ok(),
        Encoding::Whsec => {
            let bare = bare(written.trim());
            STANDARD_PAD_INDIFFERENT.decode(bare).ok().or_else(|| loose(bare))
        }
    };
    let bytes = bytes.map(Zeroizing::new).filter(|bytes| !bytes.is_empty());
    let bytes =
        bytes.ok_or_else(|| format!("the secret `{name}` is not in `{}`", encoding.name()))?;
    secrets.add_bytes(name, bytes.as_slice());
    Ok(())
}

/// The prefix of a secret of Standard Webhooks.
const WHSEC: &str = "whsec_";
/// The prefix of a public key of Standard Webhooks.
const WHPK: &str = "whpk_";

/// Returns the base64 of a secret of Standard Webhooks. Supabase shows the version of the signature
/// before the secret.
fn bare(written: &str) -> &str {
    let bare = written.strip_prefix("v1,").unwrap_or(written);
    bare.strip_prefix(WHSEC).or(bare.strip_prefix(WHPK)).unwrap_or(bare)
}

/// The shortest secret of Standard Webhooks, in bytes: the specification asks for 24 to 64.
const LEAST_WHSEC_BYTES: usize = 24;
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Returns the likely cause of a secret that is not in its encoding. The advice has no part of it.
pub(super) fn advice(written: &str) -> Option<String> {
    let text = written.trim();
    if text.starts_with(BYTE_ORDER_MARK) {
        return Some("it begins with a byte order mark: save the file as UTF-8 without one".into());
    }
    None
}

/// Returns a message and its advice for a secret that was decoded and is probably not the one that
/// the provider has. `is_stated` is true if a recipe or the file states the encoding.
pub(super) fn doubt(
    name: &str,
    written: &str,
    encoding: Encoding,
    is_stated: bool,
) -> Option<(String, &'static str)> {
    let written = written.trim_end_matches(['\r', '\n']);
    match encoding {
        Encoding::Utf8 => doubt_text(name, written, is_stated),
        Encoding::Whsec => doubt_whsec(name, written.trim()),
        Encoding::Hex | Encoding::Base64 => None,
    }
}

fn doubt_text(name: &str, written: &str, is_stated: bool) -> Option<(String, &'static str)> {
    // Keys and certificates are read without the text around them.
    if written.contains("-----BEGIN ") {
        return None;
    }
    if written.starts_with(BYTE_ORDER_MARK) {
        let message =
            format!("the secret `{name}` begins with a byte order mark, which is a part of it");
        return Some((message, "save the file as UTF-8 without a byte order mark"));
    }
    if written.trim() != written {
        let message =
            format!("the secret `{name}` has white space around it, which is a part of it");
        return Some((message, "remove the white space where the secret is set"));
    }
    let bare = written.strip_prefix("v1,").unwrap_or(written);
    let encoded = bare.strip_prefix(WHSEC).filter(|_| !is_stated)?;
    STANDARD_PAD_INDIFFERENT.decode(encoded).ok()?;
    let message =
        format!("the secret `{name}` has the form of Standard Webhooks and is read as a string");
    Some((
        message,
        "write `encoding = \"whsec\"` beside its source, or `encoding = \"utf8\"` if the string itself is the key",
    ))
}

fn doubt_whsec(name: &str, written: &str) -> Option<(String, &'static str)> {
    // A public key has a fixed length, and is not a secret.
    if written.starts_with(WHPK) {
        return None;
    }
    let bare = bare(written);
    let bytes = STANDARD_PAD_INDIFFERENT.decode(bare).ok().or_else(|| loose(bare));
    let length = bytes.map(Zeroizing::new)?.len();
    if length >= LEAST_WHSEC_BYTES {
        return None;
    }
    let message = format!(
        "the secret `{name}` has {length} bytes after decoding; one of Standard Webhooks has 24 to 64"
    );
    Some((message, "copy it whole, with `whsec_` at its start"))
}

/// Decodes base64 and ignores unused bits of the last letter. Some secrets in use were shortened by
/// a letter, and other libraries accept them.
fn loose(text: &str) -> Option<Vec<u8>> {
    let config = base64::engine::GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent);
    base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, config).decode(text).ok()
}
