//! Tokens of an issuer: JSON Web Tokens with a pinned key set.

use hookgate::listener::Listener;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::{NOW, Sent, loaded, messages_of, outcome_of};

fn url_safe(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn ed25519(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn jwk(id: &str, pair: &Ed25519KeyPair) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": url_safe(pair.public_key().as_ref()) })
}

/// Returns a listener that accepts tokens signed with these keys.
fn listener(keys: &[Value], algorithms: &str) -> Listener {
    let set = json!({ "keys": keys }).to_string();
    let check = format!(
        "[[verify]]\nname = \"token\"\n[verify.jwt]\njwks = \"keys.json\"\nalgorithms = [{algorithms}]\nissuer = \"https://issuer.example\"\naudience = \"hooks\"\n"
    );
    let loaded = loaded(&check, &[("keys.json", &set)]);
    loaded.listener.unwrap_or_else(|| panic!("{:?}", super::rendered(&loaded.diagnostics)))
}

fn claims() -> Value {
    json!({ "iss": "https://issuer.example", "aud": "hooks", "exp": NOW + 60, "nbf": NOW - 60 })
}

fn token(head: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let signed = format!(
        "{}.{}",
        url_safe(head.to_string().as_bytes()),
        url_safe(claims.to_string().as_bytes())
    );
    let signature = url_safe(&sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn presented(listener: &Listener, token: &str) -> hookgate::listener::Decision {
    Sent::json("{}").with("Authorization", format!("Bearer {token}")).to(listener)
}

const BAD: &str = "verification_failed bad_token";

#[test]
fn a_forged_jwt_is_hashed_once_for_each_candidate_key_and_not_if_too_long() {
    let pairs: Vec<_> = (1..=20).map(ed25519).collect();
    let keys: Vec<_> =
        pairs.iter().enumerate().map(|(at, pair)| jwk(&at.to_string(), pair)).collect();
    let listener = listener(&keys, "\"EdDSA\", \"ES256\", \"RS256\"");
    let forged = |head: Value| token(&head, &claims(), |_| vec![0; 64]);
    let sizes = |head: Value, keys: u64| (forged(head.clone()), forged(head).len() as u64 * keys);
    let long =
        token(&json!({ "alg": "EdDSA" }), &json!({ "a": "a".repeat(20_000) }), |_| vec![0; 64]);
    for (token, hashed) in [
        sizes(json!({ "alg": "EdDSA", "kid": "7" }), 1),
        sizes(json!({ "alg": "EdDSA", "kid": "none" }), 0),
        sizes(json!({ "alg": "EdDSA" }), 20),
        sizes(json!({ "alg": "RS256" }), 0),
        sizes(json!({ "alg": "HS256" }), 0),
        sizes(json!({ "kid": "7" }), 0),
        (long, 0),
        ("a.b.c".to_owned(), 0),
    ] {
        let decision = presented(&listener, &token);
        assert_eq!(
            (outcome_of(&decision).as_str(), decision.hashed_bytes),
            (BAD, hashed),
            "{token}"
        );
    }
    let keys: Vec<_> = (0..33).map(|at| jwk(&at.to_string(), &ed25519(at))).collect();
    let set = json!({ "keys": keys }).to_string();
    let check = "[[verify]]\nname = \"token\"\n[verify.jwt]\njwks = \"keys.json\"\nalgorithms = [\"EdDSA\"]\nissuer = \"i\"\naudience = \"a\"\n";
    let message = super::rendered(&loaded(check, &[("keys.json", &set)]).diagnostics).join("\n");
    assert!(message.contains("more than 32"), "{message}");
}

#[test]
fn jwt_claims_are_checked_for_time_issuer_and_audience() {
    let pair = ed25519(7);
    let listener = listener(&[jwk("a", &pair)], "\"EdDSA\"");
    let head = json!({ "alg": "EdDSA", "kid": "a" });
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    for (claims, outcome) in [
        (claims(), "accepted"),
        (with("aud", json!(["other", "hooks"])), "accepted"),
        (with("aud", json!("other")), BAD),
        (with("aud", json!(["other"])), BAD),
        (without("aud"), BAD),
        (with("iss", json!("https://other.example")), BAD),
        (without("iss"), BAD),
        // A clock skew of thirty seconds is tolerated.
        (with("exp", json!(NOW - 29)), "accepted"),
        (with("exp", json!(NOW - 30)), BAD),
        (with("exp", json!((NOW + 60).to_string())), BAD),
        (without("exp"), BAD),
        (with("nbf", json!(NOW + 30)), "accepted"),
        (with("nbf", json!(NOW + 31)), BAD),
        (without("nbf"), BAD),
    ] {
        let token = token(&head, &claims, |text| pair.sign(text).as_ref().to_vec());
        let decision = presented(&listener, &token);
        assert_eq!(outcome_of(&decision), outcome, "{claims}: {}", messages_of(&decision));
        assert!(!messages_of(&decision).contains(&token));
    }
    assert!(listener.is_secured());
}

#[test]
fn a_jwt_needs_a_pinned_key_and_an_allowed_algorithm() {
    let (pair, other) = (ed25519(7), ed25519(8));
    let listener = listener(&[jwk("a", &pair), jwk("b", &other)], "\"EdDSA\"");
    let signed = |pair: &Ed25519KeyPair, head: Value| {
        token(&head, &claims(), |text| pair.sign(text).as_ref().to_vec())
    };
    let good = signed(&pair, json!({ "alg": "EdDSA", "kid": "a" }));
    let (head, rest) = good.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let none = url_safe(br#"{"alg":"none"}"#);
    let hmac = |key: &[u8]| {
        token(&json!({ "alg": "HS256" }), &claims(), |text| {
            super::sha256(std::str::from_utf8(key).unwrap_or("key"), text)
        })
    };
    for (token, outcome) in [
        (good.clone(), "accepted"),
        (signed(&other, json!({ "alg": "EdDSA", "kid": "b" })), "accepted"),
        (signed(&other, json!({ "alg": "EdDSA" })), "accepted"),
        // Only the key that the token names is tried.
        (signed(&other, json!({ "alg": "EdDSA", "kid": "a" })), BAD),
        (signed(&pair, json!({ "alg": "EdDSA", "kid": "c" })), BAD),
        (signed(&ed25519(9), json!({ "alg": "EdDSA", "kid": "a" })), BAD),
        (signed(&pair, json!({ "alg": "RS256", "kid": "a" })), BAD),
        (signed(&pair, json!({ "alg": "none", "kid": "a" })), BAD),
        (format!("{none}.{body}."), BAD),
        (format!("{none}.{body}.{signature}"), BAD),
        (hmac(pair.public_key().as_ref()), BAD),
        (format!("{head}.{body}"), BAD),
        (format!("{head}.{}.{signature}", url_safe(br#"{"iss":"https://issuer.example"}"#)), BAD),
        ("no token".to_owned(), BAD),
        (String::new(), "verification_failed missing_credential"),
    ] {
        assert_eq!(outcome_of(&presented(&listener, &token)), outcome, "{token}");
    }
    assert_eq!(
        outcome_of(&Sent::json("{}").to(&listener)),
        "verification_failed missing_credential"
    );
    // The listener's algorithms decide, not the token's header.
    let other = self::listener(&[jwk("a", &pair)], "\"RS256\", \"ES256\"");
    assert_eq!(outcome_of(&presented(&other, &good)), BAD);
}

#[test]
fn a_jwt_with_a_p256_key_is_accepted() {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
            .unwrap();
    let point = pair.public_key().as_ref();
    let key = json!({ "kty": "EC", "crv": "P-256", "use": "sig", "x": url_safe(&point[1..33]), "y": url_safe(&point[33..]) });
    let sign = |text: &[u8]| pair.sign(&random, text).unwrap().as_ref().to_vec();
    let token = token(&json!({ "alg": "ES256" }), &claims(), sign);
    assert_eq!(
        outcome_of(&presented(&listener(std::slice::from_ref(&key), "\"ES256\""), &token)),
        "accepted"
    );
    assert_eq!(outcome_of(&presented(&listener(&[key], "\"EdDSA\""), &token)), BAD);
}

#[test]
fn a_jwks_without_a_signing_key_is_refused() {
    let check = "[[verify]]\nname = \"token\"\n[verify.jwt]\njwks = \"keys.json\"\nalgorithms = [\"ES256\"]\nissuer = \"a\"\naudience = \"b\"\n";
    let pair = ed25519(7);
    let mut encrypts = jwk("a", &pair);
    encrypts["use"] = json!("enc");
    for (set, report) in [
        ("{".to_owned(), "not JSON"),
        ("[]".to_owned(), "a list `keys`"),
        (json!({ "keys": [] }).to_string(), "no public key"),
        (json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0" }] }).to_string(), "no public key"),
        (json!({ "keys": [encrypts] }).to_string(), "no public key"),
    ] {
        let loaded = loaded(check, &[("keys.json", &set)]);
        let message = super::rendered(&loaded.diagnostics).join("\n");
        assert!(loaded.listener.is_none() && message.contains(report), "{set}: {message}");
        assert!(message.contains("E0605"), "{message}");
    }
}
