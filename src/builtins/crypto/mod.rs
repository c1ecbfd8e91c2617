//! Functions of the crypto family: digests, signatures, decryption, secrets.
//!
//! All of them fail on null, except the comparison `$SECURE_EQUALS`: a missing signature must never
//! equal a missing digest. Decryption answers null instead: what follows it reads null. Data of a
//! sender never causes a fault: it passes the verification or
//! does not. Only arguments of the rule's author (a key, a hash function, an algorithm) can cause a
//! fault. Knows no requests and no store of secrets.

mod aes;
mod digest;
mod encoded;
mod hmac;
mod jwk;
mod jwt;
mod key;
mod public_key;
mod rsa_oaep;
mod secret;
#[cfg(test)]
mod tests;

#[cfg(feature = "listener")]
#[cfg(feature = "listener")]
pub(crate) use jwk::read as read_jwks;
pub(crate) use jwk::{Jwk, KeyType};
#[cfg(feature = "listener")]
pub(crate) use jwt::key_type;
#[cfg(feature = "listener")]
pub(crate) use key::read_certificate;

use super::function::Function;
use crate::value::Kinds;

pub(super) const FUNCTIONS: &[Function] = &[
    hmac::MD5,
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
    public_key::ECDSA_P384_VERIFY,
    public_key::RSA_VERIFY,
    public_key::RSA_PSS_VERIFY,
    jwt::JWT_VERIFY,
    jwt::DECODE_JWT,
    aes::DECRYPT_AES_GCM,
    aes::DECRYPT_AES_CBC,
    rsa_oaep::DECRYPT_RSA_OAEP,
    secret::SECURE_EQUALS,
    secret::SECRET,
    secret::SECRETS,
];

/// The kinds that have bytes to hash, sign or compare.
const CONTENT: Kinds = Kinds::TEXT.or(Kinds::BYTES).or(Kinds::SECRET);
