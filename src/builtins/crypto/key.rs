//! Public keys in the formats in which senders publish them: PEM, DER, raw, JWK and JWK Set.
//!
//! The operator writes the key, so a key that does not decode is a fault that names the expected
//! format. This module does not check owners or expiry dates: of a certificate it uses only the
//! key.

use spki::der::asn1::{AnyRef, UintRef};
use spki::der::{Decode, Reader, SliceReader};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use zeroize::Zeroizing;

use super::encoded::{decode, text_of};
use super::jwk::{self, Jwk, KeyType};
use crate::builtins::Args;
use crate::value::{Fault, Heap, Object, RepeatedKeys, Value, read_json_into};

const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ELLIPTIC_CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// Returns the public keys of a type in an argument: the key itself, or those keys of a JWK or a
/// JWK Set that `fits` accepts.
pub(super) fn candidates(
    heap: &Heap,
    args: Args<'_, '_>,
    at: usize,
    kind: KeyType,
    fits: impl Fn(&Jwk) -> bool,
) -> Result<Vec<Vec<u8>>, Fault> {
    let value = args.value(at);
    let Some(object) = as_jwk(heap, value)? else {
        return read(kind, value).map(|key| vec![key]).map_err(|wanted| not_read(args, at, wanted));
    };
    let keys = jwk::keys(object)
        .map_err(|message| not_read(args, at, format!("a JWK or a JWK Set: {message}")))?;
    let keys = keys.into_iter().filter(|key| key.kind == kind && fits(key));
    Ok(keys.map(|key| key.bytes).collect())
}

/// Returns the public keys of a type in an argument, at least one.
pub(super) fn arguments(
    heap: &Heap,
    args: Args<'_, '_>,
    at: usize,
    kind: KeyType,
) -> Result<Vec<Vec<u8>>, Fault> {
    let keys = candidates(heap, args, at, kind, |_| true)?;
    if keys.is_empty() {
        return Err(not_read(args, at, format!("{}, and this JWK Set has none", wanted(kind))));
    }
    Ok(keys)
}

fn not_read(args: Args<'_, '_>, at: usize, wanted: String) -> Fault {
    args.meaningless(at, wanted).help(
        "a public key is PEM (`-----BEGIN PUBLIC KEY-----`), that without its first and last line, the bytes of the key in hex or base64, or a JWK",
    )
}

/// Returns the object of a JWK or a JWK Set: an object, or its JSON. `None` for any other form of a
/// key, and for JSON that does not read.
pub(super) fn as_jwk<'a>(heap: &'a Heap, value: Value<'a>) -> Result<Option<Object<'a>>, Fault> {
    if let Value::Object(object) = value {
        return Ok(Some(object));
    }
    let Some(json) = text_of(value).map(str::trim).filter(|text| text.starts_with('{')) else {
        return Ok(None);
    };
    heap.work_on_bytes(json.len())?;
    match read_json_into(heap, json, RepeatedKeys::Refuse) {
        Err(fault) if fault.kind().is_limit() => Err(fault),
        read => Ok(read.ok().and_then(Value::as_object)),
    }
}

/// Reads a key of a type. An error is the expected format.
fn read(kind: KeyType, value: Value<'_>) -> Result<Vec<u8>, String> {
    match kind {
        KeyType::Rsa => rsa(value),
        KeyType::P256 => curve(value, P256, 65).ok_or_else(|| none_of(kind)),
        KeyType::P384 => curve(value, P384, 97).ok_or_else(|| none_of(kind)),
        KeyType::Ed25519 => ed25519(value).ok_or_else(|| none_of(kind)),
    }
}

fn wanted(kind: KeyType) -> &'static str {
    match kind {
        KeyType::Rsa => "an RSA public key",
        KeyType::P256 => "a P-256 public key with its point uncompressed",
        KeyType::P384 => "a P-384 public key with its point uncompressed",
        KeyType::Ed25519 => "an Ed25519 public key",
    }
}

fn none_of(kind: KeyType) -> String {
    format!("{}, and the text is not one", wanted(kind))
}

/// Reads the 32 bytes of an Ed25519 key: raw, with the prefix `whpk_`, or in a SPKI.
fn ed25519(value: Value<'_>) -> Option<Vec<u8>> {
    let bytes = spelled(value, "whpk_")?;
    let key = match bytes.len() {
        32 => Some(bytes),
        _ => subject_key(&bytes, |info| info.algorithm.oid == ED25519),
    };
    key.filter(|key| key.len() == 32)
}

/// Reads the uncompressed point of a key on a curve: raw, of `length` bytes, or in a SPKI.
fn curve(value: Value<'_>, curve: ObjectIdentifier, length: usize) -> Option<Vec<u8>> {
    let is_point = |key: &[u8]| key.len() == length && key.first() == Some(&4);
    let is_of_curve = |info: &SubjectPublicKeyInfoRef<'_>| {
        info.algorithm.oid == ELLIPTIC_CURVE && info.algorithm.parameters_oid() == Ok(curve)
    };
    let bytes = spelled(value, "")?;
    let key = if is_point(&bytes) { Some(bytes) } else { subject_key(&bytes, is_of_curve) };
    key.filter(|key| is_point(key))
}

/// Reads an RSA key in PKCS#1 form: raw, or in a SPKI.
fn rsa(value: Value<'_>) -> Result<Vec<u8>, String> {
    let wanted = || none_of(KeyType::Rsa);
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
pub(super) fn spelled(value: Value<'_>, prefix: &str) -> Option<Vec<u8>> {
    let Some(text) = text_of(value) else {
        return value.content().map(<[u8]>::to_vec);
    };
    let spelling = pem_body(text).unwrap_or(text);
    // A private key is read here too.
    let compact: Zeroizing<String> = Zeroizing::new(spelling.split_ascii_whitespace().collect());
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

/// Reads the public key of a certificate in PEM. The first certificate of the text counts.
///
/// # Errors
/// Returns a message if the text is no certificate, or if its key is of no supported type.
#[cfg(feature = "listener")]
pub(crate) fn read_certificate(pem: &str) -> Result<Jwk, String> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    let unreadable = || "this is no certificate in PEM".to_owned();
    let body = pem.find(BEGIN).and_then(|at| pem.get(at..)).and_then(pem_body);
    let compact: String = body.ok_or_else(unreadable)?.split_ascii_whitespace().collect();
    let der = decode(&compact).ok_or_else(unreadable)?;
    let info = in_certificate(&der).ok_or_else(unreadable)?;
    let key = info.subject_public_key.as_bytes().unwrap_or_default();
    let kind = kind_of(&info).filter(|kind| is_key(*kind, key));
    let kind = kind.ok_or("its key is not RSA of 2048 to 8192 bits, P-256, P-384 or Ed25519")?;
    Ok(Jwk::unnamed(kind, key.to_vec()))
}

/// Returns the type of the key in a SPKI, if it is supported.
#[cfg(feature = "listener")]
fn kind_of(info: &SubjectPublicKeyInfoRef<'_>) -> Option<KeyType> {
    match info.algorithm.oid {
        RSA => Some(KeyType::Rsa),
        ED25519 => Some(KeyType::Ed25519),
        ELLIPTIC_CURVE => match info.algorithm.parameters_oid() {
            Ok(P256) => Some(KeyType::P256),
            Ok(P384) => Some(KeyType::P384),
            _ => None,
        },
        _ => None,
    }
}

/// Returns true if the bytes have the form of a key of a type.
#[cfg(feature = "listener")]
fn is_key(kind: KeyType, key: &[u8]) -> bool {
    let is_point = |length: usize| key.len() == length && key.first() == Some(&4);
    match kind {
        KeyType::Rsa => modulus_bits(key).is_some_and(|bits| (2048..=8192).contains(&bits)),
        KeyType::P256 => is_point(65),
        KeyType::P384 => is_point(97),
        KeyType::Ed25519 => key.len() == 32,
    }
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
