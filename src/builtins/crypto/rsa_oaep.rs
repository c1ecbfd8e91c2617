//! Decryption of keys that a sender encrypted with the receiver's public key: RSAES-OAEP (RFC 8017,
//! section 7.1). Knows no envelope of a sender.
//!
//! `ring` has no OAEP, so this is the crate `rsa`, from version 0.10: its private operation runs in
//! constant time and is blinded with random numbers of the system, against the timing attack Marvin
//! (RUSTSEC-2023-0071). Only OAEP is compiled in. Blinding does not change a result, so evaluations
//! stay deterministic.

use rsa::PrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::PublicKeyParts;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use super::{CONTENT, key};
use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{Fault, Kinds, Value, quoted};

pub(super) const DECRYPT_RSA_OAEP: Function = Function {
    name: "DECRYPT_RSA_OAEP",
    family: Family::Crypto,
    params: &[
        Param::new("private_key", CONTENT),
        Param::new("data", Kinds::BYTES.or(Kinds::NULL)),
        Param::new("hash", Kinds::TEXT),
    ],
    result: Kinds::SECRET.or(Kinds::NULL),
    doc: "The plaintext of data that was encrypted with RSA-OAEP (an empty label; `sha1`, `sha256`, `sha384` or `sha512` for both hash functions), else null. The private key is PEM or its base64 content, of 2048 to 4096 bits. The plaintext is someone's key, so it stays secret.",
    examples: &[
        example(
            "$DECRYPT_RSA_OAEP($SECRET('RSA_KEY'), $UNBASE64(\"N0leTn34e/jq8hWar8izni5OFnkj64UQPLOGk736+BYYZyqkD7rB6X5w+XQfcNNxUgp44b7L93mJ9/tsLcLkJXzO0rNexPlECD3fVkR8Gx9uKlTHv8ng4kggCcuXd0+T8Y0mqWViiQGITA0lPZYOiyJ0GcqePvGqyhkxSoUprbUNv1lDUrZj3YG5L7f24HYXnJE1sTcSuH+NwXMqHdxpgh7C7y9d/mAI+c0a0O5WMuOeM2sqGCDr/Js1gz68cn4ACliM8ifxBP5TU40orAvBPwzmJ9Gi7skr+x1UX57Pm6eKVGSBxyupvqVTre7cQRMhOhafV4qormL6WoOarYwxuA==\"), \"sha1\") == \"a symmetric key!\"",
            "true",
        ),
        example(
            "$DECRYPT_RSA_OAEP($SECRET('RSA_KEY'), $UNBASE64(\"N0leTn34e/jq8hWar8izni5OFnkj64UQPLOGk736+BYYZyqkD7rB6X5w+XQfcNNxUgp44b7L93mJ9/tsLcLkJXzO0rNexPlECD3fVkR8Gx9uKlTHv8ng4kggCcuXd0+T8Y0mqWViiQGITA0lPZYOiyJ0GcqePvGqyhkxSoUprbUNv1lDUrZj3YG5L7f24HYXnJE1sTcSuH+NwXMqHdxpgh7C7y9d/mAI+c0a0O5WMuOeM2sqGCDr/Js1gz68cn4ACliM8ifxBP5TU40orAvBPwzmJ9Gi7skr+x1UX57Pm6eKVGSBxyupvqVTre7cQRMhOhafV4qormL6WoOarYwxuA==\"), \"sha256\") == NULL",
            "true",
        ),
        example("$DECRYPT_RSA_OAEP($SECRET('RSA_KEY'), missing, \"sha256\") == NULL", "true"),
        example(
            "$DECRYPT_RSA_OAEP($SECRET('ZOOM'), $BYTES(\"data\"), \"sha256\") != NULL",
            "E0314",
        ),
        example(
            "$DECRYPT_RSA_OAEP($SECRET('RSA_KEY'), $BYTES(\"data\"), \"md5\") != NULL",
            "E0314",
        ),
    ],
    null: NullPropagation::Fault,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(decrypt_rsa_oaep),
};

/// Cost of a private operation with the shortest key in steps. It grows with the cube of the length.
const DECRYPTION: usize = 25_000;

/// Accepted lengths of the modulus, in bits. A longer key takes too long for a request.
const BITS: std::ops::RangeInclusive<u32> = 2048..=4096;

fn decrypt_rsa_oaep<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let decrypt = decryption(args)?;
    let Some(data) = args.value(1).content() else {
        return Ok(Value::Null);
    };
    env.heap.work(DECRYPTION)?;
    let key = private_key(args)?;
    env.heap.work(longer_key(key.n().bit_width()))?;
    match decrypt(&key, data).map(Zeroizing::new) {
        Ok(plain) => env.heap.bytes(&plain).map(Value::SecretBytes),
        Err(_) => Ok(Value::Null),
    }
}

/// Returns the steps that a key of more than 2048 bits costs in addition.
fn longer_key(bits: u32) -> usize {
    let ratio = f64::from(bits) / f64::from(*BITS.start());
    (DECRYPTION as f64 * (ratio.powi(3) - 1.0)) as usize
}

/// A decryption with a hash function.
type Decrypt = fn(&PrivateKey, &[u8]) -> rsa::Result<Vec<u8>>;

fn decryption(args: Args<'_, '_>) -> Result<Decrypt, Fault> {
    Ok(match args.text(2)? {
        "sha1" => PrivateKey::oaep_decrypt::<Sha1>,
        "sha256" => PrivateKey::oaep_decrypt::<Sha256>,
        "sha384" => PrivateKey::oaep_decrypt::<Sha384>,
        "sha512" => PrivateKey::oaep_decrypt::<Sha512>,
        other => {
            let wanted = format!("`sha1`, `sha256`, `sha384` or `sha512`, not {}", quoted(other));
            return Err(args.meaningless(2, wanted));
        }
    })
}

/// Reads the private key: PKCS#8 or PKCS#1.
fn private_key(args: Args<'_, '_>) -> Result<PrivateKey, Fault> {
    let wanted =
        "an RSA private key of 2048 to 4096 bits without a password, and the text is not one";
    let der = key::spelled(args.value(0), "").map(Zeroizing::new);
    let key = der.and_then(|der| {
        let pkcs8 = PrivateKey::from_pkcs8_der(&der).ok();
        pkcs8.or_else(|| PrivateKey::from_pkcs1_der(&der).ok())
    });
    let key = key.filter(|key| BITS.contains(&key.n().bit_width()));
    key.ok_or_else(|| {
        args.meaningless(0, wanted)
            .help("a private key is PEM (`-----BEGIN PRIVATE KEY-----`), or that without its first and last line")
    })
}
