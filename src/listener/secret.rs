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
            let bare = written.trim();
            // Supabase shows the version of the signature before the secret.
            let bare = bare.strip_prefix("v1,").unwrap_or(bare);
            let bare = bare.strip_prefix("whsec_").or(bare.strip_prefix("whpk_")).unwrap_or(bare);
            STANDARD_PAD_INDIFFERENT.decode(bare).ok().or_else(|| loose(bare))
        }
    };
    let bytes = bytes.map(Zeroizing::new).filter(|bytes| !bytes.is_empty());
    let bytes =
        bytes.ok_or_else(|| format!("the secret `{name}` is not in `{}`", encoding.name()))?;
    secrets.add_bytes(name, bytes.as_slice());
    Ok(())
}

/// Decodes base64 and ignores unused bits of the last letter. Some secrets in use were shortened by
/// a letter, and other libraries accept them.
fn loose(text: &str) -> Option<Vec<u8>> {
    let config = base64::engine::GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent);
    base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, config).decode(text).ok()
}
