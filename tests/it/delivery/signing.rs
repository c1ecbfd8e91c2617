//! Signing secrets that someone chooses: taken and refused ones.

use hookgate::delivery::{SigningSecret, SigningSecretError as Error};

/// Returns a secret of Standard Webhooks with a key of a length.
fn secret_of(bytes: usize) -> String {
    use base64::Engine as _;
    format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(vec![7; bytes]))
}

#[test]
fn signing_secret_has_a_key_of_24_bytes_or_more() {
    let taken = [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
        secret_of(24),
        secret_of(25),
        secret_of(64),
        secret_of(25).trim_end_matches('=').to_owned(),
        "a plain text of 24 bytes".to_owned(),
        "x".repeat(512),
    ];
    for text in taken {
        let secret = SigningSecret::read(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(secret.reveal(), text);
    }
}

#[test]
fn weak_or_mistyped_signing_secret_is_refused_with_the_reason() {
    let good = secret_of(32);
    for (text, error) in [
        (String::new(), Error::Length),
        ("x".to_owned(), Error::Length),
        ("x".repeat(23), Error::Length),
        ("x".repeat(513), Error::Length),
        ("whsec_".to_owned(), Error::KeyLength),
        ("whsec_YQ==".to_owned(), Error::KeyLength),
        (secret_of(23), Error::KeyLength),
        (secret_of(65), Error::KeyLength),
        ("whsec_!".to_owned(), Error::NoBase64),
        (good.replace("whsec_Bw", "whsec_-_"), Error::NoBase64),
        (format!("v1,{good}"), Error::Prefix),
        (format!("\"{good}\""), Error::Prefix),
        (format!("secret={good}"), Error::Prefix),
        (good.replace("whsec_", "WHSEC_"), Error::Prefix),
        (good.replace("whsec_", "whsec-"), Error::Prefix),
        (good.replace("whsec_", "whsec"), Error::Prefix),
        (good.replace("whsec_", "whsk_"), Error::KeyPair),
        (good.replace("whsec_", "whpk_"), Error::KeyPair),
        (format!(" {good}"), Error::Space),
        (format!("{good}\n"), Error::Space),
        (format!("{}\0", "x".repeat(30)), Error::Space),
    ] {
        let refused = SigningSecret::read(&text).expect_err(&text);
        assert_eq!(refused, error, "{text}");
        let repeats = text.len() > 8 && refused.to_string().contains(text.as_str());
        assert!(!repeats, "the error repeats the secret: {refused}");
    }
}
