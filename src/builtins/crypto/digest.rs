//! Digests and checksums of messages. Knows no keys.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::CONTENT;
use crate::builtins::function::{
    Code, Example, Family, Function, Native, NullPropagation, Param, Role, example,
};
use crate::builtins::{Args, Env};
use crate::value::{Fault, Kinds, Number, Value};

const PARTS: &[Param] = &[Param::new("part", CONTENT), Param::new("more", CONTENT).rest()];

/// Builds the row of a digest function.
const fn row(
    name: &'static str,
    doc: &'static str,
    examples: &'static [Example],
    code: Native,
) -> Function {
    Function {
        name,
        family: Family::Crypto,
        params: PARTS,
        result: Kinds::BYTES,
        doc,
        examples,
        null: NullPropagation::Fault,
        declassifies: true,
        role: Role::Digest,
        code: Code::Native(code),
    }
}

pub(super) const SHA1: Function = row(
    "SHA1",
    "The SHA-1 digest of the parts, one behind the other. Forgeable: for senders that know no better.",
    &[
        example("$SHA1(\"abc\").$HEX()", "\"a9993e364706816aba3e25717850c26c9cd0d89d\""),
        example("$SHA1(\"a\", \"bc\") == $SHA1(\"abc\")", "true"),
        example("$SHA1(missing)", "E0310"),
    ],
    digest::<Sha1>,
);

pub(super) const SHA256: Function = row(
    "SHA256",
    "The SHA-256 digest of the parts, one behind the other; parts may be secrets. The digest of secrets alone is secret.",
    &[
        example(
            "$SHA256(\"abc\")",
            "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"",
        ),
        example(
            "$SHA256(\"\").$HEX()",
            "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"",
        ),
        example("$SHA256($SECRET('ZOOM'), \"{}\") == $SHA256(\"zoom-secret{}\")", "true"),
        example("$KIND($SHA256($SECRET('ZOOM')))", "\"secret\""),
        example("$SHA256(\"abc\", missing)", "E0310"),
    ],
    digest::<Sha256>,
);

pub(super) const SHA512: Function = row(
    "SHA512",
    "The SHA-512 digest of the parts, one behind the other; parts may be secrets. The digest of secrets alone is secret.",
    &[
        example(
            "$SHA512(\"abc\").$HEX()",
            "\"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f\"",
        ),
        example("$SHA512(\"a\", \"b\", \"c\") == $SHA512(\"abc\")", "true"),
        example("$SHA512(missing)", "E0310"),
    ],
    digest::<Sha512>,
);

pub(super) const MD5: Function = row(
    "MD5",
    "The MD5 digest of the parts, one behind the other. Forgeable: for deduplication, not for proof.",
    &[
        example("$MD5(\"abc\")", "\"900150983cd24fb0d6963f7d28e17f72\""),
        example("$MD5(\"\").$HEX()", "\"d41d8cd98f00b204e9800998ecf8427e\""),
        example("$MD5(missing)", "E0310"),
    ],
    digest::<Md5>,
);

pub(super) const CRC32: Function = Function {
    name: "CRC32",
    family: Family::Crypto,
    params: &[Param::new("value", Kinds::TEXT.or(Kinds::BYTES))],
    result: Kinds::NUMBER,
    doc: "The CRC-32 checksum (IEEE) of a string or bytes, from 0 to 4294967295.",
    examples: &[
        example("$CRC32(\"123456789\")", "3421780262"),
        example("$CRC32(\"\")", "0"),
        example("$CRC32(missing)", "E0310"),
    ],
    null: NullPropagation::Fault,
    // A checksum of a short secret reveals the secret.
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(crc32),
};

fn digest<'a, D: Digest>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let mut digest = D::new();
    for at in 0..args.len() {
        digest.update(args.content(at)?);
    }
    env.heap.bytes(&digest.finalize()).map(Value::Bytes)
}

fn crc32<'a>(_: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let checksum = crc32fast::hash(args.content(0)?);
    Ok(Value::Number(Number::from(u64::from(checksum))))
}
