//! JSON Web Keys: published keys, the choice of a key, and keys that must not be used.

use serde_json::{Value as Json, json};

use super::{members, text, vectors};
use crate::builtins::testing::told as call;
use crate::value::Value;

const CLAIMS: &str = r#"{"sub":"7","exp":1}"#;

/// The key of RFC 7515, appendix A.3, and the token of that appendix.
const RFC_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const RFC_TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

fn all_algorithms() -> Json {
    json!(["RS256", "PS256", "ES256", "ES384", "EdDSA"])
}

fn verified(token: &str, keys: &Json, algorithms: &Json) -> String {
    call("JWT_VERIFY", &[token.into(), Value::from(keys), Value::from(algorithms)])
}

#[test]
fn a_jwk_of_the_rfc_verifies_its_token_as_an_object_and_as_json() {
    let object: Json = serde_json::from_str(RFC_KEY).unwrap();
    let padded = format!("\n {RFC_KEY}\n");
    for key in [Value::from(&object), RFC_KEY.into(), Value::SecretText(&padded)] {
        let answer = call("JWT_VERIFY", &[RFC_TOKEN.into(), key, "ES256".into()]);
        assert!(answer.contains("\"iss\":\"joe\""), "{answer}");
        assert_eq!(call("JWT_VERIFY", &[RFC_TOKEN.into(), key, "ES384".into()]), "null");
    }
}

#[test]
fn the_key_id_of_a_token_chooses_the_key_of_a_set() {
    let vectors = &vectors()["jwk"];
    let set = &vectors["jwks"];
    for (algorithm, token) in members(&vectors["tokens"]) {
        assert_eq!(verified(token, set, &all_algorithms()), CLAIMS, "{algorithm}");
        // The rule has to allow the algorithm of the token.
        let others: Vec<Json> = all_algorithms().as_array().unwrap().clone();
        let others = others.into_iter().filter(|one| one != algorithm).collect();
        assert_eq!(verified(token, set, &Json::Array(others)), "null", "{algorithm}");
    }
    for (algorithm, token) in members(&vectors["tokens_without_kid"]) {
        assert_eq!(verified(token, set, &all_algorithms()), CLAIMS, "{algorithm}");
    }
    for name in ["wrong_kid", "unknown_kid", "repeated_claim"] {
        assert_eq!(verified(text(&vectors[name]), set, &all_algorithms()), "null", "{name}");
    }
}

#[test]
fn a_jwk_is_used_only_for_signatures_and_for_its_own_algorithm() {
    let vectors = &vectors()["jwk"];
    let key = &vectors["jwks"]["keys"][0];
    let token = text(&vectors["tokens"]["RS256"]);
    for (member, value, accepted) in [
        ("use", json!("sig"), true),
        ("use", json!("enc"), false),
        ("key_ops", json!(["verify"]), true),
        ("key_ops", json!(["encrypt"]), false),
        ("alg", json!("RS256"), true),
        ("alg", json!("PS256"), false),
        ("alg", json!("RSA-OAEP"), false),
        ("kid", json!("other"), false),
        ("kty", json!("oct"), false),
    ] {
        let mut key = key.clone();
        key[member] = value.clone();
        let answer = verified(token, &json!({ "keys": [key] }), &json!("RS256"));
        assert_eq!(answer == CLAIMS, accepted, "{member} {value}: {answer}");
    }
}

#[test]
fn a_set_without_a_usable_key_is_a_fault() {
    let token = text(&vectors()["jwk"]["tokens"]["RS256"]).to_owned();
    let point = json!({ "kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA" });
    let key: Json = serde_json::from_str(RFC_KEY).unwrap();
    for keys in [
        json!({}),
        json!({ "keys": [] }),
        json!({ "keys": {} }),
        json!({ "keys": [{ "kty": "oct", "k": "AAAA" }, 7] }),
        point,
        json!({ "keys": vec![key; 33] }),
    ] {
        let answer = verified(&token, &keys, &json!("ES256"));
        // A token of an algorithm that is not allowed is refused before its key is read.
        assert_eq!(answer, "null", "{keys}");
        let answer = verified(&token, &keys, &json!("RS256"));
        assert!(answer.starts_with("BadArgument"), "{keys}: {answer}");
    }
}

#[test]
fn a_jwk_is_never_used_as_an_hmac_secret() {
    let set = &vectors()["jwk"]["jwks"];
    let json = set.to_string();
    let token = text(&vectors()["tokens"]["HS256"]).to_owned();
    for key in [Value::from(set), Value::Text(&json), Value::SecretText(&json), RFC_KEY.into()] {
        let answer = call("JWT_VERIFY", &[token.as_str().into(), key, "HS256".into()]);
        assert!(answer.starts_with("BadArgument"), "{answer}");
    }
}

#[test]
fn public_key_functions_accept_jwks_and_other_forms_of_their_keys() {
    let vectors = &vectors()["jwk"];
    let set = &vectors["jwks"];
    let json = set.to_string();
    let (p384, rsa) = (text(&vectors["p384_public"]), text(&vectors["rsa_public"]));
    for key in [Value::from(set), Value::SecretText(&json), p384.into()] {
        for signature in super::texts(&vectors["p384_signatures"]) {
            assert_eq!(call("ECDSA_P384_VERIFY", &[key, "hello".into(), signature.into()]), "true");
            assert_eq!(
                call("ECDSA_P384_VERIFY", &[key, "hallo".into(), signature.into()]),
                "false"
            );
        }
    }
    for key in [Value::from(set), rsa.into()] {
        for (hash, signature) in members(&vectors["pss"]) {
            let args = [key, "hello".into(), signature.into(), hash.into()];
            assert_eq!(call("RSA_PSS_VERIFY", &args), "true", "{hash}");
            // The padding of PKCS#1 v1.5 is another.
            assert_eq!(call("RSA_VERIFY", &args), "false", "{hash}");
        }
    }
    let only = json!({ "keys": [vectors["jwks"]["keys"][0]] });
    let answer = call("ED25519_VERIFY", &[Value::from(&only), "hello".into(), "00".into()]);
    assert!(answer.contains("an Ed25519 public key, and this JWK Set has none"), "{answer}");
}

#[test]
fn a_token_is_decoded_without_its_key() {
    let vectors = &vectors()["jwk"];
    let answer = call("DECODE_JWT", &[text(&vectors["tokens"]["ES384"]).into()]);
    assert_eq!(answer, format!(r#"{{"header":{{"alg":"ES384","kid":"p384"}},"claims":{CLAIMS}}}"#));
    // A repeated key is refused in both, and so is anything that is not two objects.
    for token in [
        text(&vectors["repeated_claim"]),
        "eyJhbGciOiJhIiwiYWxnIjoiYiJ9.e30.AA",
        "e30.e30",
        "e30.W10.AA",
        "e30.e30.A=",
        "",
        "..",
    ] {
        assert_eq!(call("DECODE_JWT", &[token.into()]), "null", "{token}");
    }
    assert_eq!(call("DECODE_JWT", &["e30.e30.".into()]), r#"{"header":{},"claims":{}}"#);
}
