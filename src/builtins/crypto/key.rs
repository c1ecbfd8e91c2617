//! Public keys in the formats in which senders publish them.
//!
//! The operator writes the key, so a key that does not decode is a fault that names the expected
//! format. This module does not check owners or expiry dates: of a certificate it uses only the
//! key.

use spki::der::asn1::{AnyRef, UintRef};
use spki::der::{Decode, Reader, SliceReader};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use super::encoded::{decode, text_of};
use crate::builtins::Args;
use crate::value::{Fault, Value};

const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ELLIPTIC_CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// A function that reads a public key from a value, or returns the expected format as its error.
pub(super) type ReadKey = fn(Value<'_>) -> Result<Vec<u8>, String>;

/// Returns the public key in an argument.
pub(super) fn argument(args: Args<'_, '_>, at: usize, read: ReadKey) -> Result<Vec<u8>, Fault> {
    read(args.value(at)).map_err(|wanted| {
        args.meaningless(at, wanted).help(
            "a public key is PEM (`-----BEGIN PUBLIC KEY-----`), that without its first and last line, or the bytes of the key in hex or base64",
        )
    })
}

/// Reads the 32 bytes of an Ed25519 key: raw, with the prefix `whpk_`, or in a SPKI.
pub(super) fn ed25519(value: Value<'_>) -> Result<Vec<u8>, String> {
    let bytes = spelled(value, "whpk_");
    let key = bytes.and_then(|bytes| match bytes.len() {
        32 => Some(bytes),
        _ => subject_key(&bytes, |info| info.algorithm.oid == ED25519),
    });
    key.filter(|key| key.len() == 32)
        .ok_or_else(|| "an Ed25519 public key, and this is none".to_owned())
}

/// Reads the uncompressed point of a P-256 key: raw, or in a SPKI.
pub(super) fn p256(value: Value<'_>) -> Result<Vec<u8>, String> {
    let is_point = |key: &[u8]| key.len() == 65 && key.first() == Some(&4);
    let is_p256 = |info: &SubjectPublicKeyInfoRef<'_>| {
        info.algorithm.oid == ELLIPTIC_CURVE && info.algorithm.parameters_oid() == Ok(P256)
    };
    let key = spelled(value, "").and_then(|bytes| {
        if is_point(&bytes) { Some(bytes) } else { subject_key(&bytes, is_p256) }
    });
    key.filter(|key| is_point(key)).ok_or_else(|| {
        "a P-256 public key with its point uncompressed, and this is none".to_owned()
    })
}

/// Reads an RSA key in PKCS#1 form: raw, or in a SPKI.
pub(super) fn rsa(value: Value<'_>) -> Result<Vec<u8>, String> {
    let wanted = || "an RSA public key, and this is none".to_owned();
    let bytes = spelled(value, "").ok_or_else(wanted)?;
    let key = subject_key(&bytes, |info| info.algorithm.oid == RSA).unwrap_or(bytes);
    let bits = modulus_bits(&key).ok_or_else(wanted)?;
    if !(2048..=8192).contains(&bits) {
        return Err(format!("an RSA public key of 2048 to 8192 bits, not {bits}"));
    }
    Ok(key)
}

/// Returns the length of the modulus of a PKCS#1 key in bits, rounded up to whole bytes.
fn modulus_bits(key: &[u8]) -> Option<usize> {
    let mut reader = SliceReader::new(key).ok()?;
    let numbers = reader.sequence(|numbers| {
        let modulus = UintRef::decode(numbers)?;
        UintRef::decode(numbers).map(|exponent| (modulus, exponent))
    });
    let (modulus, exponent) = numbers.ok()?;
    reader.finish().ok()?;
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    let usable = is_odd(modulus.as_bytes()) && is_odd(exponent.as_bytes());
    usable.then(|| modulus.as_bytes().len() * 8)
}

/// Decodes the bytes of a value: raw, PEM, hex or base64, with an optional prefix.
fn spelled(value: Value<'_>, prefix: &str) -> Option<Vec<u8>> {
    let Some(text) = text_of(value) else {
        return value.content().map(<[u8]>::to_vec);
    };
    let spelling = pem_body(text).unwrap_or(text);
    let compact: String = spelling.split_ascii_whitespace().collect();
    decode(compact.strip_prefix(prefix).unwrap_or(&compact))
}

/// Returns the content between the first and the last line of PEM. The label is ignored, because
/// the content itself shows its type.
fn pem_body(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (_, rest) = rest.split_once("-----")?;
    rest.split_once("-----END ").map(|(body, _)| body)
}

/// Returns the key in a SPKI or a certificate if it has the wanted algorithm.
fn subject_key(
    der: &[u8],
    wanted: impl Fn(&SubjectPublicKeyInfoRef<'_>) -> bool,
) -> Option<Vec<u8>> {
    let whole = SubjectPublicKeyInfoRef::from_der(der).ok();
    let info = whole.or_else(|| in_certificate(der)).filter(|info| wanted(info))?;
    info.subject_public_key.as_bytes().map(<[u8]>::to_vec)
}

/// Returns the key of an X.509 certificate: the first of its signed fields that is a SPKI.
fn in_certificate(der: &[u8]) -> Option<SubjectPublicKeyInfoRef<'_>> {
    let certificate = AnyRef::from_der(der).ok()?;
    let mut parts = SliceReader::new(certificate.value()).ok()?;
    let signed = AnyRef::decode(&mut parts).ok()?;
    let mut fields = SliceReader::new(signed.value()).ok()?;
    while let Ok(field) = fields.tlv_bytes() {
        if let Ok(info) = SubjectPublicKeyInfoRef::from_der(field) {
            return Some(info);
        }
    }
    None
}
