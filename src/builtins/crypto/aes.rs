//! Decryption of data that a sender encrypted with a shared key: AES (FIPS 197) with GCM (NIST SP
//! 800-38D) or CBC (NIST SP 800-38A). Knows no envelope of a sender.
//!
//! The data and the initialization vector come from the sender, and the key may too, in an envelope
//! that is encrypted itself. So every failure is null, and no failure says more than another.

use ::aes::{Aes128, Aes192, Aes256};
use aes_gcm::AesGcm;
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aead::{Aead, KeyInit, Nonce, Payload};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};

use super::CONTENT;
use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{Fault, Kinds, Value};

const KEY: Param = Param::new("key", Kinds::BYTES.or(Kinds::SECRET));
const IV: Param = Param::new("iv", CONTENT.or(Kinds::NULL));
const DATA: Param = Param::new("data", Kinds::BYTES.or(Kinds::NULL));

pub(super) const DECRYPT_AES_GCM: Function = Function {
    name: "DECRYPT_AES_GCM",
    family: Family::Crypto,
    params: &[KEY, IV, DATA, Param::new("aad", CONTENT.or(Kinds::NULL))],
    result: Kinds::BYTES.or(Kinds::NULL),
    doc: "The plaintext of data that was encrypted with AES-GCM, else null. The key has 16, 24 or 32 bytes, the IV 12 or 16; the tag of 16 bytes stands at the end of the data. `aad` is the additional data that was authenticated, or null.",
    examples: &[
        // Test case 16 of the GCM specification (McGrew and Viega).
        example(
            "$DECRYPT_AES_GCM($UNHEX(\"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308\"), $UNHEX(\"cafebabefacedbaddecaf888\"), $UNHEX(\"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b\"), $UNHEX(\"feedfacedeadbeeffeedfacedeadbeefabaddad2\")).$HEX()",
            "\"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39\"",
        ),
        example(
            "$DECRYPT_AES_GCM($UNHEX(\"feffe9928665731c6d6a8f9467308308\"), $UNHEX(\"cafebabefacedbaddecaf888\"), $UNHEX(\"522dc1f099567d07f47f37a32a84427d\"), NULL)",
            "null",
        ),
        example("$DECRYPT_AES_GCM($SECRET('ZOOM'), \"nonce\", missing, NULL)", "null"),
        example("$DECRYPT_AES_GCM(\"a key\", \"nonce\", $BYTES(\"data\"), NULL)", "E0202"),
    ],
    null: NullPropagation::Null,
    declassifies: true,
    role: Role::Decrypt,
    code: Code::Native(decrypt_gcm),
};

pub(super) const DECRYPT_AES_CBC: Function = Function {
    name: "DECRYPT_AES_CBC",
    family: Family::Crypto,
    params: &[KEY, IV, DATA],
    result: Kinds::BYTES.or(Kinds::NULL),
    doc: "The plaintext of data that was encrypted with AES-CBC and padded as PKCS#7, else null. The key has 16, 24 or 32 bytes, the IV 16. CBC does not detect changes, so in a listener it decrypts only what a verification has accepted.",
    examples: &[
        // RFC 3602, section 4, case 1, with a block of padding.
        example(
            "$DECRYPT_AES_CBC($UNHEX(\"06a9214036b8a15b512e03d534120006\"), $UNHEX(\"3dafba429d9eb430b422da802c9fac41\"), $UNHEX(\"e353779c1079aeb82708942dbe77181ab97c825e1c785146542d396941bce55d\")).$TEXT()",
            "\"Single block msg\"",
        ),
        example(
            "$DECRYPT_AES_CBC($UNHEX(\"06a9214036b8a15b512e03d534120006\"), $UNHEX(\"3dafba429d9eb430b422da802c9fac41\"), $UNHEX(\"e353779c1079aeb82708942dbe77181a\"))",
            "null",
        ),
        example("$DECRYPT_AES_CBC($SECRET('ZOOM'), missing, $BYTES(\"data\"))", "null"),
        example("$DECRYPT_AES_CBC(\"a key\", \"iv\", $BYTES(\"data\"))", "E0202"),
    ],
    null: NullPropagation::Null,
    declassifies: true,
    role: Role::DecryptUnauthenticated,
    code: Code::Native(decrypt_cbc),
};

/// Steps of work for 64 bytes of data, on a processor without instructions for AES.
const WORK: usize = 4;

fn decrypt_gcm<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    decrypted(env, args, |key, iv, data| {
        let payload = Payload { msg: data, aad: args.value(3).content().unwrap_or_default() };
        match (key.len(), iv.len()) {
            (16, 12) => open::<AesGcm<Aes128, U12>>(key, iv, payload),
            (24, 12) => open::<AesGcm<Aes192, U12>>(key, iv, payload),
            (32, 12) => open::<AesGcm<Aes256, U12>>(key, iv, payload),
            (16, 16) => open::<AesGcm<Aes128, U16>>(key, iv, payload),
            (24, 16) => open::<AesGcm<Aes192, U16>>(key, iv, payload),
            (32, 16) => open::<AesGcm<Aes256, U16>>(key, iv, payload),
            _ => None,
        }
    })
}

fn open<C: Aead + KeyInit>(key: &[u8], iv: &[u8], payload: Payload<'_, '_>) -> Option<Vec<u8>> {
    let cipher = C::new_from_slice(key).ok()?;
    let nonce: &Nonce<C> = iv.try_into().ok()?;
    cipher.decrypt(nonce, payload).ok()
}

fn decrypt_cbc<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    decrypted(env, args, |key, iv, data| match key.len() {
        16 => unpadded::<Decryptor<Aes128>>(key, iv, data),
        24 => unpadded::<Decryptor<Aes192>>(key, iv, data),
        32 => unpadded::<Decryptor<Aes256>>(key, iv, data),
        _ => None,
    })
}

fn unpadded<C: BlockModeDecrypt + KeyIvInit>(
    key: &[u8],
    iv: &[u8],
    data: &[u8],
) -> Option<Vec<u8>> {
    C::new_from_slices(key, iv).ok()?.decrypt_padded_vec::<Pkcs7>(data).ok()
}

/// Decrypts the third argument. Null if an argument is missing or the decryption fails.
fn decrypted<'a>(
    env: &Env<'a>,
    args: Args<'_, 'a>,
    decrypt: impl FnOnce(&[u8], &[u8], &[u8]) -> Option<Vec<u8>>,
) -> Result<Value<'a>, Fault> {
    let content = |at: usize| args.value(at).content();
    let (Some(key), Some(iv), Some(data)) = (content(0), content(1), content(2)) else {
        return Ok(Value::Null);
    };
    env.heap.work_on_bytes(data.len().saturating_mul(WORK))?;
    // The copy outside the heap exists for a moment only; its bytes are charged before.
    env.heap.charge(data.len())?;
    match decrypt(key, iv, data) {
        Some(plain) => env.heap.bytes(&plain).map(Value::Bytes),
        None => Ok(Value::Null),
    }
}
