//! Tests beyond the examples of the rows: published vectors, invalid keys, tokens and signatures,
//! and the protection of secrets.

#[cfg(feature = "listener")]
mod certificates;
mod decryption;
mod jwk;

use serde_json::Value as Json;

use crate::builtins::testing::told as call;
use crate::value::Value;

/// Valid signatures for every scheme, and invalid ones that must be rejected.
fn vectors() -> Json {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap()
}

fn texts(json: &Json) -> Vec<&str> {
    json.as_array().unwrap().iter().map(text).collect()
}

fn members(json: &Json) -> Vec<(&str, &str)> {
    let members = json.as_object().unwrap().iter();
    members.map(|(name, value)| (name.as_str(), text(value))).collect()
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// RFC 2202 (SHA-1) and RFC 4231 (the others): secret and message in hex, and the expected codes.
#[test]
fn hmacs_match_the_rfc_test_vectors() {
    let cases = [
        (
            "HMAC_SHA1",
            "0b".repeat(20),
            hex::encode("Hi There"),
            "b617318655057264e28bc0b6fb378c8ef146be00",
        ),
        (
            "HMAC_SHA1",
            "aa".repeat(80),
            hex::encode("Test Using Larger Than Block-Size Key - Hash Key First"),
            "aa4ae5e15272d00e95705637ce8a3b55ed402112",
        ),
        (
            "HMAC_SHA256",
            "0b".repeat(20),
            hex::encode("Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            "HMAC_SHA256",
            "aa".repeat(20),
            "dd".repeat(50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        ),
        (
            "HMAC_SHA256",
            "aa".repeat(131),
            hex::encode("Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            "HMAC_SHA384",
            "0b".repeat(20),
            hex::encode("Hi There"),
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
        ),
        (
            "HMAC_SHA512",
            "0b".repeat(20),
            hex::encode("Hi There"),
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
        ),
    ];
    for (name, secret, message, code) in cases {
        let (secret, message) = (hex::decode(secret).unwrap(), hex::decode(message).unwrap());
        let args = [Value::Bytes(&secret), Value::Bytes(&message)];
        assert_eq!(call(name, &args), quoted(code), "{name}");
        let args = [Value::SecretBytes(&secret), Value::Bytes(&message)];
        assert_eq!(call(name, &args), quoted(code), "{name} with a secret");
    }
}

#[test]
fn hash_arguments_are_concatenated_without_a_separator() {
    let parts: [Value<'_>; 4] = ["".into(), Value::Bytes(b"a"), Value::SecretText("b"), "c".into()];
    assert_eq!(call("MD5", &parts), quoted("900150983cd24fb0d6963f7d28e17f72"));
    assert_eq!(call("SHA1", &parts), quoted("a9993e364706816aba3e25717850c26c9cd0d89d"));
}

#[test]
fn a_checksum_of_a_secret_is_refused_as_an_escape() {
    let answer = call("CRC32", &[Value::SecretText("hunter2")]);
    assert!(answer.starts_with("SecretLeaves"), "{answer}");
}

#[test]
fn hmac_and_hash_functions_trap_on_null_and_secure_equals_is_false() {
    let two = [
        "HMAC_SHA1",
        "HMAC_SHA256",
        "HMAC_SHA384",
        "HMAC_SHA512",
        "SHA1",
        "SHA256",
        "SHA512",
        "MD5",
    ];
    for name in two {
        for args in [[Value::Null, "x".into()], ["x".into(), Value::Null]] {
            let answer = call(name, &args);
            assert!(answer.starts_with("Null"), "{name}: {answer}");
        }
    }
    let secret = Value::SecretText("x");
    for args in [[Value::Null, secret], [secret, Value::Null], [Value::Null, Value::Null]] {
        assert_eq!(call("SECURE_EQUALS", &args), "false");
    }
}

#[test]
fn hmac_and_jwt_with_an_empty_secret_are_a_fault() {
    for secret in [Value::Text(""), Value::Bytes(b""), Value::SecretText("")] {
        let answer = call("HMAC_SHA256", &[secret, "x".into()]);
        assert!(answer.starts_with("NoSecret"), "{answer}");
        let token = vectors()["tokens"]["HS256"].as_str().unwrap().to_owned();
        let answer = call("JWT_VERIFY", &[token.as_str().into(), secret, "HS256".into()]);
        assert!(answer.starts_with("NoSecret"), "{answer}");
    }
}

#[test]
fn secure_equals_compares_the_bytes_of_values_of_all_kinds() {
    let forms = |text: &'static str| {
        let bytes = text.as_bytes();
        [
            Value::Text(text),
            Value::Encoded(text),
            Value::Bytes(bytes),
            Value::SecretText(text),
            Value::SecretBytes(bytes),
        ]
    };
    for a in forms("same") {
        for b in forms("same") {
            assert_eq!(call("SECURE_EQUALS", &[a, b]), "true");
        }
        for b in forms("sama").into_iter().chain(forms("same ")).chain(forms("")) {
            assert_eq!(call("SECURE_EQUALS", &[a, b]), "false");
        }
    }
}

/// RFC 8032, section 7.1.
#[test]
fn ed25519_signatures_of_the_rfc_verify() {
    let cases = [
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];
    for (key, message, signature) in cases {
        let message = hex::decode(message).unwrap();
        let args = [key.into(), Value::Bytes(&message), signature.into()];
        assert_eq!(call("ED25519_VERIFY", &args), "true");
        let args = [key.into(), "another".into(), signature.into()];
        assert_eq!(call("ED25519_VERIFY", &args), "false");
    }
}

#[test]
fn public_keys_are_read_in_every_encoding() {
    let vectors = vectors();
    let ed25519 = text(&vectors["ed25519_signature"]);
    for key in texts(&vectors["ed25519_keys"]) {
        let args = [key.into(), "hello".into(), ed25519.into()];
        assert_eq!(call("ED25519_VERIFY", &args), "true", "{key}");
    }
    for key in texts(&vectors["p256_keys"]) {
        for signature in texts(&vectors["p256_signatures"]) {
            let args = [Value::SecretText(key), "hello".into(), signature.into()];
            assert_eq!(call("ECDSA_P256_VERIFY", &args), "true", "{key} {signature}");
        }
    }
    for key in texts(&vectors["rsa_keys"]) {
        for (hash, signature) in members(&vectors["rsa_signatures"]) {
            let args = [key.into(), "hello".into(), signature.into(), hash.into()];
            assert_eq!(call("RSA_VERIFY", &args), "true", "{key} {hash}");
        }
    }
}

#[test]
fn a_certificate_is_accepted_for_its_public_key() {
    let paypal = &vectors()["paypal"];
    for (certificate, expected) in [("certificate", "true"), ("other_certificate", "false")] {
        let key = text(&paypal[certificate]).into();
        let (message, signature) = (text(&paypal["message"]), text(&paypal["signature"]));
        let args = [key, message.into(), signature.into(), "sha256".into()];
        assert_eq!(call("RSA_VERIFY", &args), expected);
    }
}

#[test]
fn an_invalid_public_key_is_a_fault_and_does_not_quote_a_secret() {
    let vectors = vectors();
    for (what, key) in members(&vectors["wrong_keys"]) {
        let args: [Value<'_>; 4] = [key.into(), "hello".into(), "00".into(), "sha256".into()];
        for (name, count) in [("ED25519_VERIFY", 3), ("ECDSA_P256_VERIFY", 3), ("RSA_VERIFY", 4)] {
            let answer = call(name, &args[..count]);
            assert!(answer.starts_with("BadArgument"), "{name} {what}: {answer}");
        }
        // An error message never shows the content of a secret, even if that is not a valid key.
        let mut args = args;
        args[0] = Value::SecretText(key);
        let answer = call("RSA_VERIFY", &args);
        assert_eq!(answer, "BadArgument: `$RSA_VERIFY` fails on the content of the secret");
    }
}

#[test]
fn a_public_key_of_another_algorithm_is_refused() {
    let vectors = vectors();
    for (name, family) in [
        ("ED25519_VERIFY", "p256_keys"),
        ("ED25519_VERIFY", "rsa_keys"),
        ("ECDSA_P256_VERIFY", "ed25519_keys"),
        ("ECDSA_P256_VERIFY", "rsa_keys"),
    ] {
        for key in texts(&vectors[family]) {
            let answer = call(name, &[key.into(), "hello".into(), "00".into()]);
            assert!(answer.starts_with("BadArgument"), "{name} {key}: {answer}");
        }
    }
}

#[test]
fn a_small_rsa_key_is_refused_with_its_size() {
    let vectors = vectors();
    let key = text(&vectors["wrong_keys"]["rsa_1024"]);
    let answer = call("RSA_VERIFY", &[key.into(), "hello".into(), "00".into(), "sha256".into()]);
    assert!(answer.ends_with("an RSA public key of 2048 to 8192 bits, not 1024"), "{answer}");
}

#[test]
fn a_malformed_signature_verifies_as_false() {
    let vectors = vectors();
    let key = texts(&vectors["ed25519_keys"])[0];
    let point = texts(&vectors["p256_keys"])[0];
    let modulus = texts(&vectors["rsa_keys"])[0];
    let long = "ab".repeat(100_000);
    for signature in ["", "00", "no signature", "é", "v1a,AAAA", "====", &long] {
        for (name, key, hash) in [
            ("ED25519_VERIFY", key, None),
            ("ECDSA_P256_VERIFY", point, None),
            ("RSA_VERIFY", modulus, Some("sha1")),
        ] {
            let mut args = vec![key.into(), "hello".into(), signature.into()];
            args.extend(hash.map(Value::from));
            assert_eq!(call(name, &args), "false", "{name} {signature}");
        }
    }
}

#[test]
fn a_signature_with_another_hash_is_false_and_an_unknown_hash_is_a_fault() {
    let vectors = vectors();
    let (key, signature) =
        (texts(&vectors["rsa_keys"])[0], text(&vectors["rsa_signatures"]["sha256"]));
    let args =
        |hash: &'static str| [Value::from(key), "hello".into(), signature.into(), hash.into()];
    assert_eq!(call("RSA_VERIFY", &args("sha512")), "false");
    for hash in ["", "md5", "SHA-256"] {
        let answer = call("RSA_VERIFY", &args(hash));
        assert!(answer.starts_with("BadArgument"), "{answer}");
    }
}

/// RFC 7515, appendices A.1 to A.3.
#[test]
fn jwts_of_the_rfc_return_their_claims() {
    const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    // The appendix gives the point as two numbers.
    let x = base64url("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
    let y = base64url("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    let point = [vec![4], x, y].concat();
    let secret = base64url(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    );
    let cases = [
        (
            "HS256",
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
            secret,
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ),
        (
            "ES256",
            "eyJhbGciOiJFUzI1NiJ9",
            point,
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
    ];
    for (algorithm, header, key, signature) in cases {
        let token = format!("{header}.{CLAIMS}.{signature}");
        let args = [token.as_str().into(), Value::Bytes(&key), algorithm.into()];
        let claims = r#"{"iss":"joe","exp":1300819380,"http://example.com/is_root":true}"#;
        assert_eq!(call("JWT_VERIFY", &args), claims);
    }
}

fn base64url(text: &str) -> Vec<u8> {
    super::encoded::decode(text).unwrap()
}

/// Returns the key for the tokens of an algorithm.
fn key<'v>(vectors: &'v Json, algorithm: &str) -> Value<'v> {
    match &algorithm[..2] {
        "HS" => Value::SecretText(text(&vectors["secret"])),
        "ES" => texts(&vectors["p256_keys"])[0].into(),
        "Ed" => texts(&vectors["ed25519_keys"])[0].into(),
        _ => texts(&vectors["rsa_keys"])[0].into(),
    }
}

#[test]
fn a_jwt_is_verified_only_with_the_algorithm_it_was_signed_with() {
    let vectors = vectors();
    let tokens = members(&vectors["tokens"]);
    assert_eq!(tokens.len(), 11);
    for (algorithm, token) in &tokens {
        let key = key(&vectors, algorithm);
        let args = [(*token).into(), key, (*algorithm).into()];
        assert_eq!(call("JWT_VERIFY", &args), r#"{"sub":"7","exp":1}"#, "{algorithm}");
        for (other, _) in tokens.iter().filter(|(other, _)| other != algorithm) {
            let key = self::key(&vectors, other);
            assert_eq!(call("JWT_VERIFY", &[(*token).into(), key, (*other).into()]), "null");
        }
    }
}

#[test]
fn a_jwt_may_use_any_algorithm_of_the_list() {
    let vectors = vectors();
    let list = serde_json::json!(["HS512", "HS256"]);
    for algorithm in ["HS256", "HS512", "HS384"] {
        let token = text(&vectors["tokens"][algorithm]);
        let answer =
            call("JWT_VERIFY", &[token.into(), key(&vectors, "HS256"), Value::from(&list)]);
        assert_eq!(answer == "null", algorithm == "HS384", "{answer}");
    }
}

#[test]
fn a_malformed_jwt_returns_null() {
    let vectors = vectors();
    for (what, token) in members(&vectors["wrong_tokens"]) {
        let answer = call("JWT_VERIFY", &[token.into(), key(&vectors, "HS256"), "HS256".into()]);
        assert_eq!(answer, "null", "{what}");
    }
}

#[test]
fn a_public_key_is_never_used_as_an_hmac_secret() {
    let vectors = vectors();
    let token = text(&vectors["confused_token"]);
    let pem = texts(&vectors["rsa_keys"])[0];
    for algorithms in [serde_json::json!(["HS256"]), serde_json::json!(["RS256", "HS256"])] {
        for key in [Value::Text(pem), Value::Bytes(pem.as_bytes()), Value::SecretText(pem)] {
            let answer = call("JWT_VERIFY", &[token.into(), key, Value::from(&algorithms)]);
            assert!(answer.starts_with("BadArgument"), "{answer}");
        }
    }
    let answer = call("JWT_VERIFY", &[token.into(), pem.into(), "RS256".into()]);
    assert_eq!(answer, "null");
}

#[test]
fn unknown_jwt_algorithms_are_a_fault() {
    let token = text(&vectors()["tokens"]["HS256"]).to_owned();
    for algorithms in [
        serde_json::json!("none"),
        serde_json::json!(""),
        serde_json::json!([]),
        serde_json::json!(["HS256", "ES512"]),
        serde_json::json!(["HS256", 7]),
    ] {
        let args = [token.as_str().into(), Value::SecretText("x"), Value::from(&algorithms)];
        let answer = call("JWT_VERIFY", &args);
        assert!(answer.starts_with("BadArgument"), "{algorithms}: {answer}");
    }
}

#[test]
fn the_claims_of_a_secret_jwt_are_refused_as_an_escape() {
    let vectors = vectors();
    let token = Value::SecretText(text(&vectors["tokens"]["HS256"]));
    let answer = call("JWT_VERIFY", &[token, key(&vectors, "HS256"), "HS256".into()]);
    assert!(answer.starts_with("SecretLeaves"), "{answer}");
}
