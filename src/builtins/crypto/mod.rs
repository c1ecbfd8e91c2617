//! Functions of the crypto family: digests, signatures, secrets.
//!
//! They trap on null, all but the comparison: an absent signature must never equal an absent
//! digest. Whatever a stranger sends is verified or it is not; only what the rule's author gave
//! (a key, a hash, an algorithm) can be a fault.

mod digest;
mod encoded;
mod hmac;
mod jwt;
mod key;
mod public_key;
mod secret;
#[cfg(test)]
mod tests;

use super::registry::Function;
use crate::value::Kinds;

pub(super) const FUNCTIONS: &[Function] = &[
    hmac::SHA1,
    hmac::SHA256,
    hmac::SHA384,
    hmac::SHA512,
    digest::SHA1,
    digest::SHA256,
    digest::SHA512,
    digest::MD5,
    digest::CRC32,
    public_key::ED25519_VERIFY,
    public_key::ECDSA_P256_VERIFY,
    public_key::RSA_VERIFY,
    jwt::JWT_VERIFY,
    secret::SECURE_EQUALS,
    secret::SECRET,
    secret::SECRETS,
];

/// What has bytes to hash, to sign or to compare.
const CONTENT: Kinds = Kinds::TEXT.or(Kinds::BYTES).or(Kinds::SECRET);
