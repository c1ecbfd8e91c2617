//! Well-formed secrets that are wrong.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookgate::listener::{Sample, SecretEncoding};
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::changes::other;
use super::facts::{Facts, Kind};

pub(super) type Secrets = Vec<(String, Vec<String>)>;

/// A public RSA key whose private key is unknown.
const RSA: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwfwC4SCw2e8aZq0UGG2i
2O5S8o9yUr8kDPYhIv388fWBjxfW1dXIFdhcOKkQbQu0HyLR59cn5h+QtxKPHt9X
aS1M+JmJQ5J1QUmAhqdiJK5C2tu4ACzqlnYx+pbLcTUDHRUG2GkZU7cELs0bIhbX
9p5BcWjwMtqHiT7bCQS74NNO0NhpIvFc+llIqocFaFA93Rq3SsDpBkdkJq8vvVCu
gTtYp5aiqCEPc0zwAu1u4OQ0/d4J0RbQ+UPQLdIKDR3FaX03Rfqzuac6jVe83Yfe
EhwEJ6/32QVQvC2qPDDBHDnyVp9b9WaHuA7cQeLXIivvy2wJEJFpgqKTt8zZpR9o
TQIDAQAB
-----END PUBLIC KEY-----
";

/// The generator point of P-256: the public key of the private key 1.
const P256: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

/// Returns each way to give a sample's listener a wrong secret: the changed name, and the change.
pub(super) fn wrong(facts: &Facts, sample: &Sample) -> Vec<(String, Secrets)> {
    let mut all = Vec::new();
    for name in read(facts) {
        let (at, (_, texts)) = sample
            .secrets
            .iter()
            .enumerate()
            .find(|(_, (known, _))| *known == name)
            .unwrap_or_else(|| panic!("{}: `{}` has no {name}", facts.recipe.name, sample.name));
        for (what, write) in ways(facts, &name) {
            let mut secrets = sample.secrets.clone();
            secrets[at].1 = texts.iter().map(|text| write(text)).collect();
            all.push((format!("{name}: {what}"), secrets));
        }
    }
    all
}

/// Returns the names of the secrets that verifications read.
fn read(facts: &Facts) -> Vec<String> {
    let names = facts.recipe.secrets.iter().map(|secret| secret.name.clone());
    names
        .filter(|name| {
            let quoted = format!("SECRETS(\"{name}\")");
            facts.checks.iter().any(|one| one.secret == *name || one.received.contains(&quoted))
        })
        .collect()
}

type Write = Box<dyn Fn(&str) -> String>;

fn ways(facts: &Facts, name: &str) -> Vec<(&'static str, Write)> {
    let key = facts.checks.iter().find(|one| one.kind == Kind::PublicKey && one.secret == name);
    if let Some(check) = key {
        let algorithm = check.algorithm.clone();
        return vec![("another key", Box::new(move |text| public_key(&algorithm, text)))];
    }
    let encoding = facts.recipe.secrets.iter().find(|one| one.name == name).unwrap().encoding;
    match encoding {
        SecretEncoding::Utf8 => vec![
            ("another at its end", Box::new(other)),
            ("longer", Box::new(|text| format!("{text}x"))),
            ("shorter", Box::new(|text| text[..text.len() - 1].to_owned())),
            ("in capitals", Box::new(swapped)),
            ("a space before", Box::new(|text| format!(" {text}"))),
        ],
        SecretEncoding::Hex => vec![
            ("another at its end", Box::new(other)),
            ("longer", Box::new(|text| format!("{text}01"))),
            // Not its last byte: HMAC pads a key with zeros, and that byte may be zero.
            ("shorter", Box::new(|text| text[2..].to_owned())),
        ],
        SecretEncoding::Base64 | SecretEncoding::Whsec => vec![
            ("another at its start", Box::new(|text| replaced(text, |at| at))),
            ("another inside", Box::new(|text| replaced(text, |at| at + 4))),
        ],
    }
}

/// Returns base64 with another character at an offset from its start.
fn replaced(text: &str, place: impl Fn(usize) -> usize) -> String {
    let at = place(text.find('_').map_or(0, |at| at + 1));
    format!("{}{}{}", &text[..at], other(&text[at..=at]), &text[at + 1..])
}

fn swapped(text: &str) -> String {
    let swap =
        |c: char| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    let swapped: String = text.chars().map(swap).collect();
    if swapped == text { format!("{text}A") } else { swapped }
}

/// Returns another key for an algorithm, in the notation of the given one.
fn public_key(algorithm: &str, like: &str) -> String {
    match algorithm {
        "ed25519" => {
            let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
            let key = pair.public_key().as_ref();
            match like.strip_prefix("whpk_") {
                Some(_) => format!("whpk_{}", STANDARD.encode(key)),
                None => hex::encode(key),
            }
        }
        _ if algorithm.starts_with("ecdsa") => STANDARD.encode(hex::decode(P256).unwrap()),
        _ => RSA.to_owned(),
    }
}
