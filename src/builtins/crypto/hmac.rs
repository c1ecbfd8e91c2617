//! HMACs (message authentication codes), which most webhook senders use for signatures. Knows no
//! header of a sender.

use ::hmac::{EagerHash, Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::CONTENT;
use crate::builtins::function::{
    Code, Example, Family, Function, Native, NullPropagation, Param, Role, example,
};
use crate::builtins::{Args, Env};
use crate::value::{Fault, FaultKind, Kinds, Value};

const PARAMS: &[Param] = &[Param::new("secret", CONTENT), Param::new("message", CONTENT)];

/// Builds the row of an HMAC function.
const fn row(
    name: &'static str,
    doc: &'static str,
    examples: &'static [Example],
    code: Native,
) -> Function {
    Function {
        name,
        family: Family::Crypto,
        params: PARAMS,
        result: Kinds::BYTES,
        doc,
        examples,
        null: NullPropagation::Fault,
        declassifies: true,
        role: Role::Hmac,
        code: Code::Native(code),
    }
}

pub(super) const MD5: Function = row(
    "HMAC_MD5",
    "The HMAC-MD5 of a message with a secret, 16 bytes: for senders that have nothing better.",
    &[
        example(
            "$HMAC_MD5(\"Jefe\", \"what do ya want for nothing?\").$HEX()",
            "\"750c783e6ab0b503eaa86e310a5db738\"",
        ),
        example("$HMAC_MD5($SECRET('ZOOM'), missing)", "E0310"),
        example("$HMAC_MD5($SECRET('EMPTY'), \"Hello\")", "E0311"),
    ],
    sign::<Md5>,
);

pub(super) const SHA1: Function = row(
    "HMAC_SHA1",
    "The HMAC-SHA1 of a message with a secret, 20 bytes: for senders that know no better.",
    &[
        example(
            "$HMAC_SHA1(\"Jefe\", \"what do ya want for nothing?\").$HEX()",
            "\"effcdf6ae5eb2fa2d27416d5f184df9c259a7c79\"",
        ),
        example(
            "$HMAC_SHA1(\"0123456789abcdef\", '{\"yo\":true}').$HEX()",
            "\"126f2c800419c60137ce748d7672e77b65cf16d6\"",
        ),
        example("$HMAC_SHA1($SECRET('ZOOM'), missing)", "E0310"),
    ],
    sign::<Sha1>,
);

pub(super) const SHA256: Function = row(
    "HMAC_SHA256",
    "The HMAC-SHA256 of a message with a secret, 32 bytes.",
    &[
        example(
            "$HMAC_SHA256(\"It's a Secret to Everybody\", \"Hello, World!\").$HEX()",
            "\"757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17\"",
        ),
        example(
            "$HMAC_SHA256(\"Jefe\", \"what do ya want for nothing?\")",
            "\"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843\"",
        ),
        example(
            "$HMAC_SHA256($SECRET('ZOOM'), \"\") == $HMAC_SHA256(\"zoom-secret\", \"\")",
            "true",
        ),
        example("$HMAC_SHA256($SECRET('ZOOM'), missing)", "E0310"),
        example("$HMAC_SHA256($SECRET('EMPTY'), \"Hello\")", "E0311"),
        example("$HMAC_SHA256(\"\", \"Hello\")", "E0311"),
    ],
    sign::<Sha256>,
);

pub(super) const SHA384: Function = row(
    "HMAC_SHA384",
    "The HMAC-SHA384 of a message with a secret, 48 bytes.",
    &[
        example(
            "$HMAC_SHA384(\"Jefe\", \"what do ya want for nothing?\").$HEX()",
            "\"af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649\"",
        ),
        example("$HMAC_SHA384(missing, \"Hello\")", "E0310"),
    ],
    sign::<Sha384>,
);

pub(super) const SHA512: Function = row(
    "HMAC_SHA512",
    "The HMAC-SHA512 of a message with a secret, 64 bytes.",
    &[
        example(
            "$HMAC_SHA512(\"Jefe\", \"what do ya want for nothing?\").$HEX()",
            "\"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737\"",
        ),
        example("$HMAC_SHA512($SECRET('ZOOM'), missing)", "E0310"),
    ],
    sign::<Sha512>,
);

/// Number of blocks that an HMAC hashes in addition to its message. Each counts as one step.
const BLOCKS: usize = 4;

fn sign<'a, D: EagerHash>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (secret, message) = (secret(args, 0)?, args.content(1)?);
    env.heap.work(BLOCKS)?;
    let code = keyed::<D>(secret).map(|mac| mac.chain_update(message).finalize());
    let code = code.ok_or_else(|| args.wrong(0))?;
    env.heap.bytes(&code.into_bytes()).map(Value::Bytes)
}

/// Returns true if a code is the HMAC of a message. The comparison runs in constant time.
pub(super) fn verify<D: EagerHash>(secret: &[u8], message: &[u8], code: &[u8]) -> bool {
    keyed::<D>(secret).is_some_and(|mac| mac.chain_update(message).verify_slice(code).is_ok())
}

/// Creates an HMAC. Never returns `None`: an HMAC accepts a key of any length.
fn keyed<D: EagerHash>(secret: &[u8]) -> Option<Hmac<D>> {
    Hmac::new_from_slice(secret).ok()
}

/// Returns the bytes of an argument that is a signing secret. An empty secret is a fault.
pub(super) fn secret<'a>(args: Args<'_, 'a>, at: usize) -> Result<&'a [u8], Fault> {
    let secret = args.content(at)?;
    if secret.is_empty() {
        return Err(Fault::new(FaultKind::NoSecret, "the secret to sign with is empty")
            .help("anyone can sign with an empty secret"));
    }
    Ok(secret)
}
