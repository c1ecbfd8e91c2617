//! Verification of public-key signatures. Knows no headers and no key formats.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use ring::signature::{self, RsaParameters, UnparsedPublicKey, VerificationAlgorithm};
use sha1::{Digest, Sha1};

use super::encoded::bytes_of;
use super::jwk::KeyType;
use super::{CONTENT, key};
use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{Fault, Heap, Kinds, Value, quoted};

const PUBLIC_KEY: Param = Param::new("public_key", CONTENT.or(Kinds::OBJECT));
const MESSAGE: Param = Param::new("message", CONTENT);
const SIGNATURE: Param = Param::new("signature", Kinds::TEXT.or(Kinds::BYTES));

pub(super) const ED25519_VERIFY: Function = Function {
    name: "ED25519_VERIFY",
    family: Family::Crypto,
    params: &[PUBLIC_KEY, MESSAGE, SIGNATURE],
    result: Kinds::BOOLEAN,
    doc: "True if an Ed25519 signature of a message is valid for a public key: PEM, hex, base64, `whpk_` and base64, or a JWK. Of a JWK Set, one key has to fit.",
    examples: &[
        example(
            "$ED25519_VERIFY(\"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c\", \"r\", \"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00\")",
            "true",
        ),
        example(
            "$ED25519_VERIFY(\"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c\", \"r\", \"92a009a9\")",
            "false",
        ),
        example(
            "$ED25519_VERIFY(\"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c\", \"r\", missing)",
            "E0310",
        ),
        example("$ED25519_VERIFY(\"3d4017c3\", \"r\", \"92a009a9\")", "E0314"),
    ],
    null: NullPropagation::Fault,
    declassifies: true,
    role: Role::Ordinary,
    code: Code::Native(ed25519_verify),
};

pub(super) const ECDSA_P256_VERIFY: Function = Function {
    name: "ECDSA_P256_VERIFY",
    family: Family::Crypto,
    params: &[PUBLIC_KEY, MESSAGE, SIGNATURE, Param::new("hash", Kinds::TEXT).optional()],
    result: Kinds::BOOLEAN,
    doc: "True if an ECDSA signature (P-256; DER, or 64 bytes) of a message's `sha256`, or `sha1` if that is named, is valid for a public key: PEM, its base64 content, or a JWK.",
    examples: &[
        example(
            "$ECDSA_P256_VERIFY(\"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==\", '1600112502[{\"email\":\"hello@world.com\",\"event\":\"dropped\",\"reason\":\"Bounced Address\",\"sg_event_id\":\"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA\",\"sg_message_id\":\"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0\",\"smtp-id\":\"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>\",\"timestamp\":1600112492}]\\r\\n', \"MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=\")",
            "true",
        ),
        example(
            "$ECDSA_P256_VERIFY(\"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==\", \"Hello\", \"MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=\")",
            "false",
        ),
        example(
            "$ECDSA_P256_VERIFY(\"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==\", \"Hello\", \"MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=\", \"sha1\")",
            "false",
        ),
        example("$ECDSA_P256_VERIFY(\"a key\", \"Hello\", \"MEUCIGHQ\")", "E0314"),
        example("$ECDSA_P256_VERIFY(missing, \"Hello\", \"MEUCIGHQ\")", "E0310"),
    ],
    null: NullPropagation::Fault,
    declassifies: true,
    role: Role::Ordinary,
    code: Code::Native(ecdsa_p256_verify),
};

pub(super) const RSA_VERIFY: Function = Function {
    name: "RSA_VERIFY",
    family: Family::Crypto,
    params: &[PUBLIC_KEY, MESSAGE, SIGNATURE, Param::new("hash", Kinds::TEXT)],
    result: Kinds::BOOLEAN,
    doc: "True if an RSA signature (PKCS#1 v1.5) of a message's `sha1`, `sha256`, `sha384` or `sha512` is valid for a public key: PEM, its base64 content, or a JWK; of a certificate, the key counts and nothing else.",
    examples: &[
        example(
            "$RSA_VERIFY(\"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxXFvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQIDAQAB\", \"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ\", \"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw\", \"sha256\")",
            "true",
        ),
        example("$RSA_VERIFY(\"a key\", \"Hello\", \"cC4hiUPo\", \"sha256\")", "E0314"),
        example("$RSA_VERIFY(missing, \"Hello\", \"cC4hiUPo\", \"sha256\")", "E0310"),
    ],
    null: NullPropagation::Fault,
    declassifies: true,
    role: Role::Ordinary,
    code: Code::Native(rsa_verify),
};

pub(super) const ECDSA_P384_VERIFY: Function = Function {
    name: "ECDSA_P384_VERIFY",
    family: Family::Crypto,
    params: &[PUBLIC_KEY, MESSAGE, SIGNATURE],
    result: Kinds::BOOLEAN,
    doc: "True if an ECDSA signature (P-384; DER, or 96 bytes) of a message's `sha384` is valid for a public key: PEM, its base64 content, or a JWK.",
    examples: &[
        example(
            "$ECDSA_P384_VERIFY(\"MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEXrYUFj4tPQkN0ejf7+l4MY8IvAGr64D3avarGxhTZcBwop7dW89fpuHkBZOblxDSir/vOnXH0pz9wPdCyKsNBsCs99OSWcLbRnq8Ptoy2jKTX5uxvl6Zd2+p0Ggp6SgI\", \"hello\", \"MGYCMQD4ui51kn86s7D3p0pFA+sDKhgk3QrcTbjFAFsvH4OS/5smLN0Tps8/Rv91ErHPNBYCMQD0d20TQ8TlKNLFoH358mMvHNwEOSS2i/5L4k6VCEvY9x+TfKtVaLkA8pnHjycwZBE=\")",
            "true",
        ),
        example("$ECDSA_P384_VERIFY(\"a key\", \"Hello\", \"MEUCIGHQ\")", "E0314"),
        example("$ECDSA_P384_VERIFY(missing, \"Hello\", \"MEUCIGHQ\")", "E0310"),
    ],
    null: NullPropagation::Fault,
    declassifies: true,
    role: Role::Ordinary,
    code: Code::Native(ecdsa_p384_verify),
};

pub(super) const RSA_PSS_VERIFY: Function = Function {
    name: "RSA_PSS_VERIFY",
    family: Family::Crypto,
    params: &[PUBLIC_KEY, MESSAGE, SIGNATURE, Param::new("hash", Kinds::TEXT)],
    result: Kinds::BOOLEAN,
    doc: "True if an RSA-PSS signature of a message's `sha256`, `sha384` or `sha512` is valid for a public key: PEM, its base64 content, or a JWK; the salt is as long as the digest.",
    examples: &[
        example(
            "$RSA_PSS_VERIFY(\"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAseY2t1TjrjSzTaigj5pKw2CTsvdZ45C8GPGS5P6/6ntg3CIY+EfG7YlFZNjBccQhx01mKqJeODYx1ItfYqPCRaYXe+b4YOAdtkgY0SqWapNNmg8EXIFSXvR9vebPvSop/UZWc5TOEokrtshB45awmSfM3/Dub2vFeKU8jQMwA+IGrHFCYgnV+2rK0tK5wyXkYZJD3h99EuN1xTmeihDBRPW5NmOYltb1LC8sgCrlvX0Y+xlr7hm5OdEk2hcc491XUvinew8tx2qNpLtlw3Bo7EU4F8K74ZwpWDkbGaMI9+hntRVUoUMzM2FgfZhFBpgo8df7IBlkB9bi4j44jDz0XQIDAQAB\", \"hello\", \"XrIJW2HeX6C3NW2o+roGNxMkNdyALfPH6lXqanJyaF1bBMdQ5mwSqCdGywm7Ua0R+qbGunI53KzH+ojlhxNqPXeIkFQPIMwGdzP4NEUIksS3LYX3NXUNRpEPmCoUezlpdk1m9TfD928+K2Xg51XogqhXXIGNWt6Gycjht5AOZ9CktWWUl5FyUZrdvlwTj9WeUvaobPG+eyIRkxqvB99zrcVUesPiHdS6OFwQjzy3M71ompw6v55B+7JaQ7jhxagKr2XelTyVNRJJPVY7hIaRK5sk2Eev5CqNQny0CTCMWm0qJmQdd1BYM5dowqSoZhbIPP5czVixmFvSXL8fnnhCxw==\", \"sha256\")",
            "true",
        ),
        example("$RSA_PSS_VERIFY(\"a key\", \"Hello\", \"cC4hiUPo\", \"sha256\")", "E0314"),
        example("$RSA_PSS_VERIFY(missing, \"Hello\", \"cC4hiUPo\", \"sha256\")", "E0310"),
    ],
    null: NullPropagation::Fault,
    declassifies: true,
    role: Role::Ordinary,
    code: Code::Native(rsa_pss_verify),
};

fn ed25519_verify<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    verify_argument(env, args, KeyType::Ed25519, &signature::ED25519)
}

fn ecdsa_p256_verify<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    match args.optional_text(3)? {
        None | Some("sha256") => {}
        Some("sha1") => return ecdsa_sha1(env.heap, args).map(Value::Bool),
        Some(other) => {
            return Err(args.meaningless(3, format!("`sha1` or `sha256`, not {}", quoted(other))));
        }
    }
    let algorithm: &'static dyn VerificationAlgorithm = if is_raw(args, 64) {
        &signature::ECDSA_P256_SHA256_FIXED
    } else {
        &signature::ECDSA_P256_SHA256_ASN1
    };
    verify_argument(env, args, KeyType::P256, algorithm)
}

fn ecdsa_p384_verify<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let algorithm: &'static dyn VerificationAlgorithm = if is_raw(args, 96) {
        &signature::ECDSA_P384_SHA384_FIXED
    } else {
        &signature::ECDSA_P384_SHA384_ASN1
    };
    verify_argument(env, args, KeyType::P384, algorithm)
}

/// Returns true if a signature has the length of its two numbers alone. A DER signature is longer,
/// except for about one signature in 2^48.
fn is_raw(args: Args<'_, '_>, length: usize) -> bool {
    bytes_of(args.value(2)).is_some_and(|signature| signature.len() == length)
}

/// Verifies ECDSA over SHA-1. eBay still uses it, and ring does not support it.
fn ecdsa_sha1(heap: &Heap, args: Args<'_, '_>) -> Result<bool, Fault> {
    let keys = key::arguments(heap, args, 0, KeyType::P256)?;
    let message = args.content(1)?;
    heap.work(VERIFICATION * keys.len())?;
    heap.work_on_bytes(message.len())?;
    let Some(signature) = bytes_of(args.value(2)) else {
        return Ok(false);
    };
    let signature = match signature.len() {
        64 => Signature::from_slice(&signature),
        _ => Signature::from_der(&signature),
    };
    let Ok(signature) = signature else {
        return Ok(false);
    };
    let digest = Sha1::digest(message);
    Ok(keys.iter().any(|key| {
        let key = VerifyingKey::from_sec1_bytes(key);
        key.is_ok_and(|key| key.verify_prehash(&digest, &signature).is_ok())
    }))
}

fn rsa_verify<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    verify_argument(env, args, KeyType::Rsa, rsa_algorithm(args)?)
}

fn rsa_algorithm(args: Args<'_, '_>) -> Result<&'static RsaParameters, Fault> {
    Ok(match args.text(3)? {
        "sha1" => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        "sha256" => &signature::RSA_PKCS1_2048_8192_SHA256,
        "sha384" => &signature::RSA_PKCS1_2048_8192_SHA384,
        "sha512" => &signature::RSA_PKCS1_2048_8192_SHA512,
        other => {
            let wanted = format!("`sha1`, `sha256`, `sha384` or `sha512`, not {}", quoted(other));
            return Err(args.meaningless(3, wanted));
        }
    })
}

fn rsa_pss_verify<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    verify_argument(env, args, KeyType::Rsa, rsa_pss_algorithm(args)?)
}

fn rsa_pss_algorithm(args: Args<'_, '_>) -> Result<&'static RsaParameters, Fault> {
    Ok(match args.text(3)? {
        "sha256" => &signature::RSA_PSS_2048_8192_SHA256,
        "sha384" => &signature::RSA_PSS_2048_8192_SHA384,
        "sha512" => &signature::RSA_PSS_2048_8192_SHA512,
        other => {
            let wanted = format!("`sha256`, `sha384` or `sha512`, not {}", quoted(other));
            return Err(args.meaningless(3, wanted));
        }
    })
}

/// Verifies the signature in the third argument with each key of a type in the first. A signature
/// that does not decode returns false and is not a fault, because the sender supplies it.
fn verify_argument<'a>(
    env: &Env<'a>,
    args: Args<'_, 'a>,
    kind: KeyType,
    algorithm: &'static dyn VerificationAlgorithm,
) -> Result<Value<'a>, Fault> {
    let keys = key::arguments(env.heap, args, 0, kind)?;
    let message = args.content(1)?;
    let Some(signature) = bytes_of(args.value(2)) else {
        return Ok(Value::Bool(false));
    };
    for key in &keys {
        if verify(env.heap, algorithm, key, message, &signature)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

/// Cost of a verification in steps, in addition to the cost of its message.
const VERIFICATION: usize = 2000;

/// Returns true if a signature of a message is valid.
pub(super) fn verify(
    heap: &Heap,
    algorithm: &'static dyn VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<bool, Fault> {
    heap.work(VERIFICATION)?;
    Ok(UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok())
}
