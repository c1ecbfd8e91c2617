//! Decryption: published vectors, and every way in which a ciphertext is refused.

use super::{members, text, vectors};
use crate::builtins::testing::{heap, invoked, told as call};
use crate::value::Value;

/// The GCM specification (McGrew and Viega), appendix B: key, data and tag of the test cases 4, 10
/// and 16, which share the rest.
const GCM: [(&str, &str, &str); 3] = [
    (
        "feffe9928665731c6d6a8f9467308308",
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
        "5bc94fbc3221a5db94fae95ae7121a47",
    ),
    (
        "feffe9928665731c6d6a8f9467308308feffe9928665731c",
        "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710",
        "2519498e80f1478f37ba55bd6d27618c",
    ),
    (
        "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
        "76fc6ece0f4e1768cddf8853bb2d551b",
    ),
];
const GCM_IV: &str = "cafebabefacedbaddecaf888";
const GCM_AAD: &str = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
const GCM_PLAINTEXT: &str = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

fn decrypted_gcm(key: &[u8], iv: &[u8], data: &[u8], aad: &[u8]) -> String {
    let [key, iv, data, aad] = [key, iv, data, aad].map(Value::Bytes);
    call("DECRYPT_AES_GCM", &[key, iv, data, aad])
}

#[test]
fn aes_gcm_decrypts_the_vectors_of_its_specification() {
    for (key, data, tag) in GCM {
        let data = [bytes(data), bytes(tag)].concat();
        let answer = decrypted_gcm(&bytes(key), &bytes(GCM_IV), &data, &bytes(GCM_AAD));
        assert_eq!(answer, format!("\"{GCM_PLAINTEXT}\""));
    }
}

#[test]
fn any_change_of_an_aes_gcm_argument_answers_null() {
    let (key, data, tag) = GCM[2];
    let (key, iv, aad) = (bytes(key), bytes(GCM_IV), bytes(GCM_AAD));
    let data = [bytes(data), bytes(tag)].concat();
    let flipped = |bytes: &[u8], at: usize| {
        let mut changed = bytes.to_vec();
        changed[at / 8] ^= 1 << (at % 8);
        changed
    };
    for at in 0..data.len() * 8 {
        assert_eq!(decrypted_gcm(&key, &iv, &flipped(&data, at), &aad), "null", "bit {at}");
    }
    for at in [0, 7, 95] {
        assert_eq!(decrypted_gcm(&flipped(&key, at), &iv, &data, &aad), "null");
        assert_eq!(decrypted_gcm(&key, &flipped(&iv, at), &data, &aad), "null");
        assert_eq!(decrypted_gcm(&key, &iv, &data, &flipped(&aad, at)), "null");
    }
    for short in [0, 1, 15, 16, data.len() - 1] {
        assert_eq!(decrypted_gcm(&key, &iv, &data[..short], &aad), "null");
    }
    for length in [0, 8, 15, 17, 33] {
        assert_eq!(decrypted_gcm(&vec![0; length], &iv, &data, &aad), "null");
        assert_eq!(decrypted_gcm(&key, &vec![0; length], &data, &aad), "null");
    }
    assert_eq!(decrypted_gcm(&key, &iv, &data, b""), "null");
}

/// Made with Python's `cryptography` 48.0.0.
#[test]
fn aes_gcm_takes_an_iv_of_sixteen_bytes_and_no_additional_data() {
    let key = [7; 16];
    let data = bytes("2a04956c5504a38b60b8ce7e06a99d8a89b2f33f2e");
    let args = [Value::SecretBytes(&key), Value::Bytes(&[9; 16]), Value::Bytes(&data), Value::Null];
    assert_eq!(call("DECRYPT_AES_GCM", &args), format!("\"{}\"", hex::encode("hello")));
}

/// RFC 3602, section 4: key, IV, ciphertext and plaintext of the cases 1 to 4. The RFC does not pad,
/// so the padding block was added with OpenSSL.
#[test]
fn aes_cbc_decrypts_the_vectors_of_the_rfc() {
    let cases = [
        (
            "06a9214036b8a15b512e03d534120006",
            "3dafba429d9eb430b422da802c9fac41",
            "e353779c1079aeb82708942dbe77181ab97c825e1c785146542d396941bce55d",
            "53696e676c6520626c6f636b206d7367",
        ),
        (
            "c286696d887c9aa0611bbb3e2025a45a",
            "562e17996d093d28ddb3ba695a2e6f58",
            "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1bcfd81022202366bde6dd260a15841a1",
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        ),
        (
            "6c3ea0477630ce21a2ce334aa746c2cd",
            "c782dc4c098c66cbd9cd27d825682c81",
            "d0a02b3836451753d493665d33f0e8862dea54cdb293abc7506939276772f8d5021c19216bad525c8579695d83ba2684d248b3e0f2388c137102846eb06272ff",
            "5468697320697320612034382d62797465206d657373616765202865786163746c7920332041455320626c6f636b7329",
        ),
        (
            "56e47a38c5598974bc46903dba290349",
            "8ce82eefbea0da3c44699ed7db51b7d9",
            "c30e32ffedc0774e6aff6af0869f71aa0f3af07a9a31a9c684db207eb0ef8e4e35907aa632c3ffdf868bb7b29d3d46ad83ce9f9a102ee99d49a53e87f4c3da5578b8d04731041aa2d9787ca4a4fa3eef",
            "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf",
        ),
    ];
    for (key, iv, data, plaintext) in cases {
        let (key, iv, data) = (bytes(key), bytes(iv), bytes(data));
        let args = [Value::SecretBytes(&key), Value::Bytes(&iv), Value::Bytes(&data)];
        assert_eq!(call("DECRYPT_AES_CBC", &args), format!("\"{plaintext}\""));
    }
}

#[test]
fn a_malformed_aes_cbc_ciphertext_answers_null() {
    let (key, iv) = ([1; 32], [2; 16]);
    for length in [0, 1, 15, 17, 31, 16] {
        let data = vec![3; length];
        let args = [Value::Bytes(&key), Value::Bytes(&iv), Value::Bytes(&data)];
        assert_eq!(call("DECRYPT_AES_CBC", &args), "null", "{length} bytes");
    }
    for (key, iv) in [(16, 12), (15, 16), (0, 16), (32, 0)] {
        let (key, iv) = (vec![1; key], vec![2; iv]);
        let args = [Value::Bytes(&key), Value::Bytes(&iv), Value::Bytes(&[3; 32])];
        assert_eq!(call("DECRYPT_AES_CBC", &args), "null");
    }
}

#[test]
fn rsa_oaep_decrypts_with_every_hash_and_the_plaintext_stays_secret() {
    let vectors = &vectors()["jwk"];
    for key in ["rsa_private_pem", "rsa_private_pkcs1"].map(|name| text(&vectors[name])) {
        for (hash, data) in members(&vectors["oaep"]) {
            let data = super::base64url(data);
            let (heap, args) = (heap(), [Value::SecretText(key), Value::Bytes(&data), hash.into()]);
            let answer = invoked(&heap, "DECRYPT_RSA_OAEP", &args).unwrap();
            assert!(matches!(answer, Value::SecretBytes(b"a symmetric key!")), "{hash}");
            // A key in the source does not make the plaintext public.
            let args = [key.into(), Value::Bytes(&data), hash.into()];
            let answer = invoked(&heap, "DECRYPT_RSA_OAEP", &args).unwrap();
            assert!(matches!(answer, Value::SecretBytes(_)), "{hash}");
        }
    }
}

#[test]
fn a_malformed_rsa_oaep_ciphertext_answers_null_and_a_wrong_key_is_a_fault() {
    let vectors = &vectors()["jwk"];
    let key = Value::SecretText(text(&vectors["rsa_private_pem"]));
    let good = super::base64url(text(&vectors["oaep"]["sha256"]));
    let mut changed = good.clone();
    changed[200] ^= 1;
    let ff = [0xff; 256];
    for data in [&good[1..], &good[..255], &changed, &[], &[0; 256], &ff, &[1; 300]] {
        assert_eq!(call("DECRYPT_RSA_OAEP", &[key, Value::Bytes(data), "sha256".into()]), "null");
    }
    assert_eq!(call("DECRYPT_RSA_OAEP", &[key, Value::Bytes(&good), "sha1".into()]), "null");
    let public = text(&vectors["rsa_public"]);
    for key in
        ["", "no key", public, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
    {
        let args = [Value::SecretText(key), Value::Bytes(&good), "sha256".into()];
        let answer = call("DECRYPT_RSA_OAEP", &args);
        assert_eq!(answer, "BadArgument: `$DECRYPT_RSA_OAEP` fails on the content of the secret");
    }
}

#[test]
fn a_digest_of_secrets_alone_stays_secret_and_any_other_part_releases_it() {
    let (heap, secret) = (heap(), Value::SecretText("key"));
    let is_secret = |name: &str, args: &[Value<'_>]| {
        let args = heap_copy(&heap, args);
        matches!(invoked(&heap, name, &args).unwrap(), Value::SecretBytes(_))
    };
    for name in ["SHA1", "SHA256", "SHA512", "MD5", "HMAC_MD5", "HMAC_SHA1", "HMAC_SHA256"] {
        assert!(is_secret(name, &[secret, Value::SecretBytes(b"other")]), "{name}");
        assert!(!is_secret(name, &[secret, "part".into()]), "{name}");
        assert!(!is_secret(name, &["part".into(), secret]), "{name}");
    }
    assert!(is_secret("SHA256", &[secret]));
    assert!(!is_secret("SHA256", &[secret, secret, "".into()]));
    assert!(!is_secret("SHA256", &["public".into()]));
}

#[test]
fn a_plaintext_stays_secret_if_the_ciphertext_is_secret_or_the_iv_alone() {
    // RFC 3602, section 4, case 1.
    let key = bytes("06a9214036b8a15b512e03d534120006");
    let iv = bytes("3dafba429d9eb430b422da802c9fac41");
    let data = bytes("e353779c1079aeb82708942dbe77181ab97c825e1c785146542d396941bce55d");
    let heap = heap();
    let args = |secret: [bool; 3]| {
        let one = |is_secret: bool, bytes| {
            if is_secret { Value::SecretBytes(bytes) } else { Value::Bytes(bytes) }
        };
        [one(secret[0], &key[..]), one(secret[1], &iv[..]), one(secret[2], &data[..])]
    };
    for (secret, stays_secret) in [
        ([false, false, false], false),
        ([true, false, false], false),
        ([true, true, false], false),
        ([false, true, false], true),
        ([true, false, true], true),
    ] {
        let answer = invoked(&heap, "DECRYPT_AES_CBC", &args(secret)).unwrap();
        assert_eq!(answer.holds_secret(), stays_secret, "{secret:?}");
    }
}

/// Returns the arguments with the lifetime of the heap.
fn heap_copy<'a>(heap: &'a crate::value::Heap, args: &[Value<'_>]) -> Vec<Value<'a>> {
    let copy = |arg: &Value<'_>| match arg {
        Value::SecretText(text) => Value::SecretText(heap.text(text).unwrap()),
        Value::SecretBytes(bytes) => Value::SecretBytes(heap.bytes(bytes).unwrap()),
        other => Value::Text(heap.text(other.as_text().unwrap()).unwrap()),
    };
    args.iter().map(copy).collect()
}
