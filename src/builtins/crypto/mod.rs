//! Functions of the crypto family: digests, signatures, secrets.
//!
//! All of them fail on null, except the comparison `$SECURE_EQUALS`: a missing signature must never
//! equal a missing digest. Data of a sender never causes a fault: it passes the verification or
//! does not. Only arguments of the rule's author (a key, a hash function, an algorithm) can cause a
//! fault. Knows no requests and no store of secrets.

mod digest;
mod encoded;
mod hmac;
mod jwt;
mod key;
mod public_key;
mod secret;
#[cfg(test)]
mod tests;

use super::function::Function;
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

/// The kinds that have bytes to hash, sign or compare.
const CONTENT: Kinds = Kinds::TEXT.or(Kinds::BYTES).or(Kinds::SECRET);
