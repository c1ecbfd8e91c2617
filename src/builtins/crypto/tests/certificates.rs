//! Certificates of every supported type of key, and those whose keys are refused. Made here, each
//! with a key of its own.

use crate::builtins::{KeyType, read_certificate};

const P256: &str = "MIIBAzCBq6ADAgECAgEBMAoGCCqGSM49BAMCMAwxCjAIBgNVBAMMAWswHhcNMjUwMTAxMDAwMDAwWhcNNDUwMTAxMDAwMDAwWjAMMQowCAYDVQQDDAFrMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEy69tPp/RCFNmrBc4uBzCwpBTRkQr4IW41mN29Z/M/atQnQu/daQsndQkNjniAzZ47j/Djg5P67Bzg5WoSFhXyDAKBggqhkjOPQQDAgNHADBEAiArqkTjj45G1fmUs4cCAvL6SRK2ul2YfqC3tVJlatUdXgIgYjyNeZIigs47Wcj9MIYvnBikDC8X+M4v+LmW2+0YiWk=";
const P384: &str = "MIIBQTCByKADAgECAgEBMAoGCCqGSM49BAMCMAwxCjAIBgNVBAMMAWswHhcNMjUwMTAxMDAwMDAwWhcNNDUwMTAxMDAwMDAwWjAMMQowCAYDVQQDDAFrMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEL4y8ML645x8r7H9gtyf6DOHak41bg6ryDLG1IMqBqOBLENGHUwWLeuveN0gmqMeQsy4m2vrnWmZAOwYwbR7mPpuFR7aYo6bukdWfO3lYA3PlmK/svu3tOr0qqNd1cMWnMAoGCCqGSM49BAMCA2gAMGUCMQDea7EX0DiYESdzx2nIeSESodDLDg3Z5dk+wlugmYmMdzEX44ggiE9j3kTRBaalc8QCMHd7yYdZFR/rvpMf4kiy5bBz1VqwYesaboQIZuw11Qhf/ItbfpqjyNMaRhRFp/KpTg==";
const ED25519: &str = "MIHDMHegAwIBAgIBATAFBgMrZXAwDDEKMAgGA1UEAwwBazAeFw0yNTAxMDEwMDAwMDBaFw00NTAxMDEwMDAwMDBaMAwxCjAIBgNVBAMMAWswKjAFBgMrZXADIQBSXcJzV6DriRH2BslkxCwb0+PHb55tUN4ydRLEeYqcWDAFBgMrZXADQQAdTgiBL0i9UPZjKZePjuHz3hMQ8FckHNoGSvcbFp/lAix0lr7f75W20sSN6gY7aBWzcyPFFH8Kfv0KoYqASHEM";
const P521: &str = "MIIBizCB7qADAgECAgEBMAoGCCqGSM49BAMCMAwxCjAIBgNVBAMMAWswHhcNMjUwMTAxMDAwMDAwWhcNNDUwMTAxMDAwMDAwWjAMMQowCAYDVQQDDAFrMIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAH2tFA+p7Wk0IaDQ+8b95jkL4XF8f/veylIuiVcTo8tbYAK50pYoZaB1DVZc7J1OdReJb7rj1jXpWSVMGkGjmGIwAWsEgWPlzqVX+IRKEd7xpUa5pBBYNZxHXf45BrfM+NbBSX7ow82j2a+drUBFc6u7UTF0rRGMqAFrU9rX6FZIw4lIwCgYIKoZIzj0EAwIDgYsAMIGHAkF5dLxnAdY5WISc271/BiIzXCYkmY7FaNFYLulDlLCk18/osbflRTQd7JkO7L6m9Abq3xFsrJNY5srLKVJee6poGwJCAZEnVnB4hcVpq2VsGXA83FMl9vGzIBIQD78vU6hVQ4mG2bE6nvGF0aT4Y8DQ8f61VkMRwOS2aTC2cgpvTFCG0Wkv";
const SHORT_RSA: &str = "MIIBizCB9aADAgECAgEBMA0GCSqGSIb3DQEBCwUAMAwxCjAIBgNVBAMMAWswHhcNMjUwMTAxMDAwMDAwWhcNNDUwMTAxMDAwMDAwWjAMMQowCAYDVQQDDAFrMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDhKblgcUoJB2MGLefKkh46IbDeaQ9NZCCCVNOBQrNcPa5u7J9agKUc8/4ekRJXvRH1F++lTuPj9IGBt2AtoxVJNC3TA5ei86tf0UwJudUTVOq1IwjpUYP3TijhtM6wGVxst93yezDWEBl8YxaDqVDxpbxk+Rba+yuZkDYNY8z/ewIDAQABMA0GCSqGSIb3DQEBCwUAA4GBAK5+dPzLZU+KcTLXeg+DUM+iCHIYW2x2XRArOxQcv3vij5k1YrzzgrO3lLcbV1q1mk9yvVtmeBInPbZgUDqxGAnwR8VG0ir9Pm3zR+tU7cTaAQcq2ixDxkzHLI5Ogf8SMzYDubbRKtrQBFIt0xUswloDMKdE3BMVZS7xy91vRJMZ";

fn pem(label: &str, body: &str) -> String {
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

#[test]
fn a_certificate_gives_its_key_and_the_type_of_it() {
    for (body, kind, length) in
        [(P256, KeyType::P256, 65), (P384, KeyType::P384, 97), (ED25519, KeyType::Ed25519, 32)]
    {
        let key = read_certificate(&pem("CERTIFICATE", body)).unwrap();
        assert_eq!((key.kind, key.bytes.len()), (kind, length));
        assert!(key.may_be(Some("any id")) && key.allows("ES256"));
    }
    let chain = [pem("CERTIFICATE", P384), pem("CERTIFICATE", P256)].concat();
    assert_eq!(read_certificate(&chain).unwrap().kind, KeyType::P384, "the first one counts");
}

#[test]
fn a_certificate_with_another_key_or_in_another_form_is_refused() {
    for body in [P521, SHORT_RSA, "", "AAAA", "no base64!"] {
        assert!(read_certificate(&pem("CERTIFICATE", body)).is_err(), "{body}");
    }
    assert!(read_certificate(&pem("PUBLIC KEY", P256)).is_err());
    assert!(read_certificate(P256).is_err());
    let cut = P256.get(..P256.len() / 2).unwrap();
    assert!(read_certificate(&pem("CERTIFICATE", cut)).is_err());
}
