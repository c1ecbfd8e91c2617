//! Public keys as JSON Web Keys (RFC 7517; RFC 7518, section 6; RFC 8037): one key, or a set of
//! keys of which the token names one. Knows no tokens and no network.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use spki::der::Encode;
use spki::der::asn1::UintRef;

#[cfg(feature = "listener")]
use crate::value::read_json;
use crate::value::{Object, Value};

/// Maximum number of keys in a set. A signature without a key id is tried with each of them. The
/// large issuers publish less than ten.
const MAX_KEYS: usize = 32;

/// The types of public keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyType {
    /// RSA. The key is in PKCS#1 form.
    Rsa,
    /// The elliptic curve P-256. The key is an uncompressed point.
    P256,
    /// The elliptic curve P-384. The key is an uncompressed point.
    P384,
    /// Ed25519. The key has 32 bytes.
    Ed25519,
}

/// A public key of a set.
#[derive(Debug, Clone)]
pub(crate) struct Jwk {
    /// The id by which a token names it (`kid`).
    id: Option<Box<str>>,
    /// The only algorithm that it is for (`alg`).
    algorithm: Option<Box<str>>,
    /// The type of the key.
    pub(crate) kind: KeyType,
    /// The key in the form of its type.
    pub(crate) bytes: Vec<u8>,
}

impl Jwk {
    /// Creates a key without an id, for any algorithm of its type.
    #[cfg(feature = "listener")]
    pub(super) fn unnamed(kind: KeyType, bytes: Vec<u8>) -> Self {
        Self { id: None, algorithm: None, kind, bytes }
    }

    /// Returns true if a signature of the key with this id may be of this key. If both have an id,
    /// the ids must be equal.
    pub(crate) fn may_be(&self, id: Option<&str>) -> bool {
        match (id, &self.id) {
            (Some(named), Some(id)) => named == &**id,
            _ => true,
        }
    }

    /// Returns true if the key may be used with an algorithm, by its name in tokens. The type of
    /// the key is not compared.
    pub(crate) fn allows(&self, algorithm: &str) -> bool {
        self.algorithm.as_deref().is_none_or(|only| only == algorithm)
    }
}

/// Returns the usable public keys of a JWK or a JWK Set. Keys of other types, of other uses and
/// with members that do not decode are passed over.
///
/// # Errors
/// Returns a message if the object is neither, if it has no usable key, or too many.
pub(super) fn keys(object: Object<'_>) -> Result<Vec<Jwk>, String> {
    let keys: Vec<Jwk> = match object.get("keys") {
        Some(Value::List(keys)) => {
            keys.iter().filter_map(Value::as_object).filter_map(usable).collect()
        }
        None if object.get("kty").is_some() => usable(object).into_iter().collect(),
        _ => return Err("a JWK Set is an object with a list `keys`".to_owned()),
    };
    if keys.is_empty() {
        return Err("it has no public key of RSA, P-256, P-384 or Ed25519".to_owned());
    }
    if keys.len() > MAX_KEYS {
        return Err(format!("it has {} public keys, more than {MAX_KEYS}", keys.len()));
    }
    Ok(keys)
}

/// Reads the usable public keys of a JWK or a JWK Set in JSON.
///
/// # Errors
/// Returns a message as [`keys`] does, or if the text is not a JSON object.
#[cfg(feature = "listener")]
pub(crate) fn read(json: &[u8]) -> Result<Vec<Jwk>, String> {
    let set = read_json(json).map_err(|error| format!("this is not JSON: {error}"))?;
    match set.borrow().as_object() {
        Some(object) => keys(object),
        None => Err("a JWK Set is an object with a list `keys`".to_owned()),
    }
}

fn usable(jwk: Object<'_>) -> Option<Jwk> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_text);
    let bytes = |name: &str| text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let (kind, bytes) = match (text("kty")?, text("crv")) {
        ("RSA", _) => (KeyType::Rsa, rsa(&bytes("n")?, &bytes("e")?)?),
        ("EC", Some("P-256")) => (KeyType::P256, point(bytes("x")?, bytes("y")?, 32)?),
        ("EC", Some("P-384")) => (KeyType::P384, point(bytes("x")?, bytes("y")?, 48)?),
        ("OKP", Some("Ed25519")) => (KeyType::Ed25519, bytes("x").filter(|x| x.len() == 32)?),
        _ => return None,
    };
    let [id, algorithm] = ["kid", "alg"].map(|name| text(name).map(Into::into));
    verifies(jwk).then_some(Jwk { id, algorithm, kind, bytes })
}

/// Returns true if a key is for signatures: by its `use` and its `key_ops`. A missing member does
/// not count.
fn verifies(jwk: Object<'_>) -> bool {
    let of_use = jwk.get("use").is_none_or(|used| used.as_text() == Some("sig"));
    let of_operations = jwk.get("key_ops").and_then(Value::as_list).is_none_or(|operations| {
        operations.iter().any(|one| matches!(one.as_text(), Some("verify")))
    });
    of_use && of_operations
}

/// Returns an uncompressed point (SEC 1, section 2.3.3) from coordinates of `size` bytes.
fn point(x: Vec<u8>, y: Vec<u8>, size: usize) -> Option<Vec<u8>> {
    let is_full = x.len() == size && y.len() == size;
    is_full.then(|| [vec![4], x, y].concat())
}

/// Encodes an RSA key in PKCS#1 form: a sequence of modulus and exponent (RFC 8017, appendix
/// A.1.1).
fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    let (modulus, exponent) = (UintRef::new(modulus).ok()?, UintRef::new(exponent).ok()?);
    let mut numbers = Vec::new();
    modulus.encode_to_vec(&mut numbers).ok()?;
    exponent.encode_to_vec(&mut numbers).ok()?;
    let length = u32::try_from(numbers.len()).ok()?;
    let tag = spki::der::Tag::Sequence;
    let header = spki::der::Header::new(tag, spki::der::Length::new(length));
    let mut der = header.to_der().ok()?;
    der.extend_from_slice(&numbers);
    Some(der)
}
