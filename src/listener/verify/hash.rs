//! Hash functions and HMACs of messages (RFC 2104). A message is hashed once, with and without the
//! last line break of its body. Knows no requests.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::listener) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// All hash functions.
    pub(super) const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    pub(in crate::listener) fn find(name: &str) -> Option<Self> {
        Some(match name {
            "sha1" => Self::Sha1,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }

    pub(in crate::listener) fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Returns the length of a digest in bytes.
    pub(super) fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Returns the HMAC of a message, or `None` if the secret is empty: anyone can sign with that.
    pub(in crate::listener) fn sign(self, secret: &[u8], message: &[u8]) -> Option<Vec<u8>> {
        self.digests(secret, &Signable::whole(message)).map(|digests| digests.whole)
    }

    /// Returns the HMAC of a message, and the HMAC of the message without the last line break of
    /// its body.
    pub(super) fn digests(self, secret: &[u8], message: &Signable<'_>) -> Option<Digests> {
        if secret.is_empty() {
            return None;
        }
        match self {
            Self::Sha1 => digests::<Hmac<Sha1>>(secret, message),
            Self::Sha256 => digests::<Hmac<Sha256>>(secret, message),
            Self::Sha384 => digests::<Hmac<Sha384>>(secret, message),
            Self::Sha512 => digests::<Hmac<Sha512>>(secret, message),
        }
    }
}

/// A message, split at the last line break of the body if it contains the body.
pub(super) struct Signable<'m> {
    before: &'m [u8],
    line_end: &'m [u8],
    after: &'m [u8],
}

/// Maximum bytes of a message after the body, such as a time or an id.
const MAX_BYTES_AFTER: usize = 1024;

impl<'m> Signable<'m> {
    /// Creates a message without a known body.
    pub(super) fn whole(message: &'m [u8]) -> Self {
        Self { before: message, line_end: b"", after: b"" }
    }

    /// Creates a message that contains a body. Returns `None` if it does not, or if the text after
    /// the body contains a line feed.
    pub(super) fn with_body(message: &'m [u8], body: &[u8]) -> Option<Self> {
        // A body that is only a line break could match anywhere in a message.
        let line_end = line_end(body).filter(|line_end| body.len() > *line_end)?;
        let behind = message.iter().rev().take(MAX_BYTES_AFTER).position(|byte| *byte == b'\n')?;
        let (begin, after) = message.split_at_checked(message.len().checked_sub(behind)?)?;
        let before = begin.get(..begin.len().checked_sub(line_end)?)?;
        let line_end = begin.get(before.len()..)?;
        begin.ends_with(body).then_some(Self { before, line_end, after })
    }

    /// Returns the length in bytes.
    pub(super) fn len(&self) -> u64 {
        let bytes = self.before.len() + self.line_end.len() + self.after.len();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// Returns the length in bytes of the line break at the end of a body, if there is one. Proxies and
/// test tools often add one.
pub(super) fn line_end(body: &[u8]) -> Option<usize> {
    [b"\r\n".as_slice(), b"\n"].into_iter().find(|end| body.ends_with(end)).map(<[u8]>::len)
}

/// The HMACs of a message.
pub(super) struct Digests {
    pub(super) whole: Vec<u8>,
    /// The HMAC of the message without the last line break of its body.
    pub(super) without_line_end: Option<Vec<u8>>,
}

/// Hashes a message once: the state is copied before the line break.
fn digests<M: Mac + KeyInit + Clone>(secret: &[u8], message: &Signable<'_>) -> Option<Digests> {
    let Signable { before, line_end, after } = message;
    let mac = <M as KeyInit>::new_from_slice(secret).ok()?.chain_update(before);
    let finished = |mac: M| mac.chain_update(after).finalize().into_bytes().to_vec();
    let without_line_end = (!line_end.is_empty()).then(|| finished(mac.clone()));
    Some(Digests { whole: finished(mac.chain_update(line_end)), without_line_end })
}
