//! Tokens of an issuer: JSON Web Tokens with a pinned key set.

use hookgate::listener::Listener;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
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
    listener_with(keys, algorithms, "")
}

/// Returns a listener with another line in its `[verify.jwt]`.
fn listener_with(keys: &[Value], algorithms: &str, line: &str) -> Listener {
    let set = json!({ "keys": keys }).to_string();
    let check = format!(
        "[[verify]]\nname = \"token\"\n[verify.jwt]\njwks = \"keys.json\"\nalgorithms = [{algorithms}]\nissuer = \"https://issuer.example\"\naudience = \"hooks\"\n{line}\n"
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
        (without("nbf"), "accepted"),
        (with("nbf", json!((NOW - 60).to_string())), BAD),
        (with("iat", json!("today")), BAD),
    ] {
        let token = token(&head, &claims, |text| pair.sign(text).as_ref().to_vec());
        let decision = presented(&listener, &token);
        assert_eq!(outcome_of(&decision), outcome, "{claims}: {}", messages_of(&decision));
        assert!(!messages_of(&decision).contains(&token));
    }
    assert!(listener.is_secured());
}

#[test]
fn max_age_bounds_iat_and_accepts_a_jwt_without_exp() {
    let pair = ed25519(7);
    let strict = listener(&[jwk("a", &pair)], "\"EdDSA\"");
    let aged = listener_with(&[jwk("a", &pair)], "\"EdDSA\"", "max_age = \"5m\"");
    let head = json!({ "alg": "EdDSA", "kid": "a" });
    let claims = |times: Value| {
        let mut claims = json!({ "iss": "https://issuer.example", "aud": "hooks" });
        claims.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
        claims
    };
    for (times, outcome) in [
        (json!({ "iat": NOW }), "accepted"),
        // A clock skew of thirty seconds is tolerated in both directions.
        (json!({ "iat": NOW - 329 }), "accepted"),
        (json!({ "iat": NOW - 330 }), BAD),
        (json!({ "iat": NOW + 30 }), "accepted"),
        (json!({ "iat": NOW + 31 }), BAD),
        (json!({ "exp": NOW + 60 }), BAD),
        (json!({ "iat": NOW, "exp": NOW + 60 }), "accepted"),
        (json!({ "iat": NOW, "exp": NOW - 60 }), BAD),
        (json!({ "iat": NOW, "nbf": NOW + 60 }), BAD),
        (json!({}), BAD),
    ] {
        let token = token(&head, &claims(times.clone()), |text| pair.sign(text).as_ref().to_vec());
        assert_eq!(outcome_of(&presented(&aged, &token)), outcome, "{times}");
        if times.get("exp").is_none() {
            assert_eq!(outcome_of(&presented(&strict, &token)), BAD, "{times}");
        }
    }
    let token =
        token(&head, &claims(json!({ "iat": NOW })), |text| pair.sign(text).as_ref().to_vec());
    assert!(messages_of(&presented(&strict, &token)).contains("`max_age` accepts one with `iat`"));
}

#[test]
fn a_jwt_with_a_repeated_key_is_refused() {
    let pair = ed25519(7);
    let listener = listener(&[jwk("a", &pair)], "\"EdDSA\"");
    let good = claims().to_string();
    let repeated = good.replacen('{', r#"{"aud":"other","#, 1);
    for (head, claims, outcome) in [
        (r#"{"alg":"EdDSA"}"#, &good, "accepted"),
        (r#"{"alg":"EdDSA"}"#, &repeated, BAD),
        (r#"{"alg":"none","alg":"EdDSA"}"#, &good, BAD),
        (r#"{"alg":"EdDSA","kid":"a","kid":"b"}"#, &good, BAD),
    ] {
        let signed = format!("{}.{}", url_safe(head.as_bytes()), url_safe(claims.as_bytes()));
        let token = format!("{signed}.{}", url_safe(pair.sign(signed.as_bytes()).as_ref()));
        assert_eq!(outcome_of(&presented(&listener, &token)), outcome, "{head} {claims}");
    }
}

#[test]
fn a_jwt_with_a_p384_key_or_an_rsa_pss_signature_is_accepted() {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P384_SHA384_FIXED_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
    let point = pair.public_key().as_ref();
    let p384 = json!({ "kty": "EC", "crv": "P-384", "kid": "p384", "x": url_safe(&point[1..49]), "y": url_safe(&point[49..]) });
    let rsa = rsa_key();
    let public: PublicKeyComponents<Vec<u8>> = rsa.public().into();
    let jwk =
        json!({ "kty": "RSA", "kid": "rsa", "n": url_safe(&public.n), "e": url_safe(&public.e) });
    let listener = listener(&[p384, jwk], "\"ES384\", \"PS256\"");
    let by_curve = |text: &[u8]| pair.sign(&random, text).unwrap().as_ref().to_vec();
    let by_rsa = |padding: &'static dyn RsaEncoding, text: &[u8]| {
        let mut signature = vec![0; rsa.public().modulus_len()];
        rsa.sign(padding, &random, text, &mut signature).unwrap();
        signature
    };
    let head = |algorithm: &str, key: &str| json!({ "alg": algorithm, "kid": key });
    let pss = |text: &[u8]| by_rsa(&RSA_PSS_SHA256, text);
    let pkcs1 = |text: &[u8]| by_rsa(&RSA_PKCS1_SHA256, text);
    for (token, outcome) in [
        (token(&head("ES384", "p384"), &claims(), by_curve), "accepted"),
        (token(&head("PS256", "rsa"), &claims(), pss), "accepted"),
        (token(&head("PS256", "p384"), &claims(), pss), BAD),
        (token(&head("PS256", "rsa"), &claims(), pkcs1), BAD),
        // The token cannot choose an algorithm that the listener does not name.
        (token(&head("RS256", "rsa"), &claims(), pkcs1), BAD),
    ] {
        assert_eq!(outcome_of(&presented(&listener, &token)), outcome, "{token}");
    }
}

/// Returns the RSA key of the tests.
fn rsa_key() -> RsaKeyPair {
    use base64::Engine as _;
    let pem = include_str!("../../cases/rsa_private_key.txt");
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
    RsaKeyPair::from_pkcs8(&der).unwrap()
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

/// Returns a listener that verifies Ed25519 signatures with the keys of a JWK Set.
fn public_key_listener(set: &str, line: &str) -> Listener {
    let check = format!(
        "secrets.SET = {{ file = \"set.json\" }}\n[[verify]]\nname = \"signature\"\n[verify.public_key]\nalgorithm = \"ed25519\"\nkey = \"SET\"\npayload = 'raw_body'\nreceived = 'headers[\"x-signature\"]'\nencoding = \"hex\"\n{line}\n"
    );
    let loaded = loaded(&check, &[("set.json", set)]);
    loaded.listener.unwrap_or_else(|| panic!("{:?}", super::rendered(&loaded.diagnostics)))
}

fn signed(pair: &Ed25519KeyPair) -> Sent {
    let signature = hex::encode(pair.sign(b"{}").as_ref());
    Sent::json("{}").with("X-Signature", signature)
}

#[test]
fn a_public_key_verification_takes_a_jwk_set_and_the_key_id_of_the_request() {
    let pairs = [ed25519(1), ed25519(2)];
    let set = json!({ "keys": [jwk("one", &pairs[0]), jwk("two", &pairs[1])] }).to_string();
    let listener = |line: &str| public_key_listener(&set, line);
    let (named, any) = (listener("key_id = 'headers[\"x-key-id\"]'"), listener(""));
    for (pair, id, by_name, without_name) in [
        (&pairs[0], "one", ("accepted", 2), ("accepted", 2)),
        (&pairs[1], "two", ("accepted", 2), ("accepted", 4)),
        (&pairs[1], "one", ("verification_failed signature_wrong", 2), ("accepted", 4)),
        (&pairs[1], "none", ("verification_failed signature_wrong", 0), ("accepted", 4)),
        (
            &ed25519(3),
            "one",
            ("verification_failed signature_wrong", 2),
            ("verification_failed signature_wrong", 4),
        ),
    ] {
        let sent = signed(pair).with("X-Key-Id", id);
        for (listener, (outcome, hashed)) in [(&named, by_name), (&any, without_name)] {
            let decision = sent.to(listener);
            let found = (outcome_of(&decision), decision.hashed_bytes);
            assert_eq!(found, (outcome.to_owned(), hashed), "{id}");
        }
    }
    let decision = signed(&pairs[0]).to(&named);
    assert_eq!(outcome_of(&decision), "verification_failed missing_signature");
}

#[test]
fn a_key_of_a_jwk_set_verifies_only_signatures_of_its_own_algorithm() {
    let pair = ed25519(1);
    for (algorithm, outcome) in [
        (json!("EdDSA"), "accepted"),
        (json!(null), "accepted"),
        (json!("ES256"), "verification_failed signature_wrong"),
    ] {
        let mut key = jwk("one", &pair);
        key["alg"] = algorithm;
        let listener = public_key_listener(&json!({ "keys": [key] }).to_string(), "");
        assert_eq!(outcome_of(&signed(&pair).to(&listener)), outcome);
    }
}

#[test]
fn more_than_sixteen_fitting_keys_need_the_key_id_of_the_request() {
    let pairs: Vec<Ed25519KeyPair> = (1..=17).map(ed25519).collect();
    let key = |at: usize| jwk(&at.to_string(), &pairs[at]);
    let set = |count: usize| json!({ "keys": (0..count).map(key).collect::<Vec<_>>() }).to_string();
    let last = |count: usize, line: &str| {
        let sent = signed(&pairs[count - 1]).with("X-Key-Id", (count - 1).to_string());
        sent.to(&public_key_listener(&set(count), line))
    };
    assert_eq!(outcome_of(&last(16, "")), "accepted");
    let refused = last(17, "");
    assert_eq!(outcome_of(&refused), "verification_failed rule_error");
    assert!(refused.reasons.iter().any(|reason| reason.message.contains("`key_id` chooses one")));
    assert_eq!(refused.hashed_bytes, 0);
    assert_eq!(outcome_of(&last(17, "key_id = 'headers[\"x-key-id\"]'")), "accepted");
}
