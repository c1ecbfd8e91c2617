//! The verifications of a listener: compiles their configuration. Knows no requests.

use std::sync::Arc;
use std::time::Duration;

use super::super::condition::Condition;
use super::super::keys::KeySet;
use super::super::lints::{LintedRule, Lints};
use super::super::oracle;
use super::super::verify::{
    Credential, Encoding, Hash, Hashing, Jwt, JwtKeys, KeySource, Kind, PublicKey, Rule, Signature,
    SignatureAlgorithm, SignatureAlgorithms, SignatureSource, SignedTime, Signs, Verification,
};
use super::Assembly;
use super::part::Part;
use super::parts::Tokens;
use crate::builtins::KeyType;
use crate::check::Checked;
use crate::config::duration;
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::{Engine, OwnedValue, Program, RootDeclaration, Value};

/// Maximum number of payloads of a verification, for providers that sign in several forms.
const MAX_PAYLOADS: usize = 4;

/// A signature algorithm.
struct PublicKeyAlgorithm {
    name: &'static str,
    /// The name in messages.
    shown: &'static str,
    /// The name in a JWK (RFC 7518, section 3.1). Empty if there is none.
    jose: &'static str,
    kind: KeyType,
    /// The expression to run with `key`, `message` and `signature`.
    source: &'static str,
}

const fn algorithm(
    name: &'static str,
    shown: &'static str,
    jose: &'static str,
    kind: KeyType,
    source: &'static str,
) -> PublicKeyAlgorithm {
    PublicKeyAlgorithm { name, shown, jose, kind, source }
}

/// The signature algorithms: name, name in messages, name in a JWK, type of the key, expression.
const ALGORITHMS: &[PublicKeyAlgorithm] = &[
    algorithm(
        "ed25519",
        "Ed25519",
        "EdDSA",
        KeyType::Ed25519,
        "$ED25519_VERIFY(key, message, signature)",
    ),
    algorithm(
        "ecdsa-p256-sha256",
        "ECDSA",
        "ES256",
        KeyType::P256,
        "$ECDSA_P256_VERIFY(key, message, signature)",
    ),
    algorithm(
        "ecdsa-p256-sha1",
        "ECDSA",
        "",
        KeyType::P256,
        "$ECDSA_P256_VERIFY(key, message, signature, \"sha1\")",
    ),
    algorithm(
        "ecdsa-p384-sha384",
        "ECDSA",
        "ES384",
        KeyType::P384,
        "$ECDSA_P384_VERIFY(key, message, signature)",
    ),
    algorithm(
        "rsa-pss-sha256",
        "RSA-PSS",
        "PS256",
        KeyType::Rsa,
        "$RSA_PSS_VERIFY(key, message, signature, \"sha256\")",
    ),
    algorithm(
        "rsa-pss-sha384",
        "RSA-PSS",
        "PS384",
        KeyType::Rsa,
        "$RSA_PSS_VERIFY(key, message, signature, \"sha384\")",
    ),
    algorithm(
        "rsa-pss-sha512",
        "RSA-PSS",
        "PS512",
        KeyType::Rsa,
        "$RSA_PSS_VERIFY(key, message, signature, \"sha512\")",
    ),
    algorithm(
        "rsa-sha1",
        "RSA",
        "",
        KeyType::Rsa,
        "$RSA_VERIFY(key, message, signature, \"sha1\")",
    ),
    algorithm(
        "rsa-sha256",
        "RSA",
        "RS256",
        KeyType::Rsa,
        "$RSA_VERIFY(key, message, signature, \"sha256\")",
    ),
    algorithm(
        "rsa-sha384",
        "RSA",
        "RS384",
        KeyType::Rsa,
        "$RSA_VERIFY(key, message, signature, \"sha384\")",
    ),
    algorithm(
        "rsa-sha512",
        "RSA",
        "RS512",
        KeyType::Rsa,
        "$RSA_VERIFY(key, message, signature, \"sha512\")",
    ),
];

impl<'a> Assembly<'a> {
    /// Compiles the verifications. Also returns the information for the lints.
    pub(super) fn checks(&mut self, vars: &OwnedValue) -> (Vec<Verification>, Lints) {
        let tolerance = Override::of(vars);
        let mut lints = Lints::default();
        let mut checks = Vec::new();
        for part in self.parts("verify") {
            let enforce = part.flag("enforce");
            if let Some(kind) = self.kind(part, vars, &tolerance, &mut lints) {
                let name = part.str("name").unwrap_or("").into();
                checks.push(Verification { name, enforce, kind });
            }
        }
        (checks, lints)
    }

    fn kind(
        &mut self,
        part: Part<'a>,
        vars: &OwnedValue,
        tolerance: &Override,
        lints: &mut Lints,
    ) -> Option<Kind> {
        if let Some(rule) = part.get("rule") {
            let engine = self.verifying.clone();
            let checked = self.checked(rule, &engine)?;
            let program = self.lower(rule, &checked)?;
            let signs = self.signed_by_rule(&checked);
            lints.rules.push(LintedRule { checked, program: program.clone(), at: rule.place() });
            return Some(Kind::Rule(Rule { condition: Condition::new(program), signs }));
        }
        if let Some(part) = part.get("signature") {
            return self.signature(part, tolerance, lints).map(Kind::Signature);
        }
        if let Some(part) = part.get("public_key") {
            return self.public_key(part, vars, tolerance, lints).map(Kind::PublicKey);
        }
        if let Some(part) = part.get("credential") {
            let header = part.text("header");
            return Some(Kind::Credential(Credential { header: header.into() }));
        }
        if let Some(part) = part.get("jwt") {
            return self.jwt(part, vars).map(Kind::Jwt);
        }
        self.addresses(part.get("addresses")?)
    }

    /// Returns the texts that a rule signs with its secrets. Comparisons with a secret do not
    /// count.
    fn signed_by_rule(&self, checked: &Checked) -> Vec<Signs> {
        let uses = oracle::uses(checked).into_iter().filter(|one| !one.compares);
        uses.map(|one| {
            let message = one.message.and_then(|message| self.compile_parsed(message.parsed));
            Signs { secret: one.secret, message }
        })
        .collect()
    }

    /// Rejects rules that may accept a signature which a challenge gives to any sender (signing
    /// oracle).
    pub(super) fn guard_rules(&mut self, checks: &[Verification], lints: &Lints, tokens: &Tokens) {
        let rules = checks.iter().filter_map(|check| match &check.kind {
            Kind::Rule(rule) => Some(rule),
            _ => None,
        });
        for (rule, seen) in rules.zip(&lints.rules) {
            let by_challenge =
                |signs: &&Signs| tokens.iter().any(|(secret, _)| *secret == signs.secret);
            let mut unknown = rule.signs.iter().filter(|signs| signs.message.is_none());
            if let Some(signs) = unknown.find(by_challenge) {
                let told = oracle::unguarded(seen.at.span, &signs.secret);
                self.report_if_not_allowed(seen.at.of_recipe, told);
            }
        }
    }

    fn signature(
        &mut self,
        part: Part<'a>,
        tolerance: &Override,
        lints: &mut Lints,
    ) -> Option<Signature> {
        let secret: Box<str> = part.str("secret")?.into();
        self.known_secret(part.get("secret")?, &secret);
        let inferred = part.str("hash") == Some("inferred");
        let hashing = match part.str("hash").and_then(Hash::find) {
            Some(hash) => Hashing::Fixed(hash),
            None => Hashing::Inferred(inferred_hashes(part)),
        };
        let payloads = self.payloads(part, lints);
        let mut received = self.received(part)?;
        if let (true, Hashing::Inferred(hashes)) = (inferred, &hashing) {
            received.prefixes =
                hashes.iter().map(|hash| format!("{}=", hash.name()).into()).collect();
        }
        let time = self.signed_time(part, tolerance, lints);
        Some(Signature { secret, hashing, payloads, received, time })
    }

    fn public_key(
        &mut self,
        part: Part<'a>,
        vars: &OwnedValue,
        tolerance: &Override,
        lints: &mut Lints,
    ) -> Option<PublicKey> {
        let key = self.key_source(part, vars);
        let algorithms = self.algorithms(part);
        let key_id = part.get("key_id").and_then(|part| self.program(part));
        let payloads = self.payloads(part, lints);
        let received = self.received(part)?;
        let time = self.signed_time(part, tolerance, lints);
        let (key, algorithms) = (key?, algorithms?);
        Some(PublicKey { key, key_id, algorithms, payloads, received, time })
    }

    /// Returns the source of a public key: a secret, a fixed URL, or a URL that the request names.
    fn key_source(&mut self, part: Part<'a>, vars: &OwnedValue) -> Option<KeySource> {
        if let Some(url) = part.get("certificate_url") {
            return self.named_url(part, url).map(KeySource::Url);
        }
        if let Some(hosts) = part.get("certificate_hosts") {
            let message =
                "`certificate_hosts` are the hosts of `certificate_url`, and there is none";
            let wrong = Diagnostic::new(Code::E0605, hosts.node.span, message);
            self.report(
                hosts,
                wrong.help("write `certificate_url`, an expression, or remove this key"),
            );
        }
        if let Some(url) = part.get("jwks_url") {
            return self.fixed_url(url, vars).map(KeySource::Url);
        }
        let key: Box<str> = part.str("key")?.into();
        self.known_secret(part.get("key")?, &key);
        Some(KeySource::Secret(key))
    }

    /// Returns the algorithm of a public key check, or those among which the request chooses.
    fn algorithms(&mut self, part: Part<'a>) -> Option<SignatureAlgorithms> {
        let given = part.get("algorithm")?;
        let name = part.get("algorithm_name");
        match (given.node.as_str(), name) {
            (Some(one), None) => algorithm_of(one).map(SignatureAlgorithms::One),
            (Some(_), Some(name)) => {
                self.wrong(name, "`algorithm_name` chooses in a table of algorithms: `algorithm = { \"2\" = \"rsa-sha256\" }`");
                None
            }
            (None, None) => {
                self.wrong(given, "a table of algorithms needs `algorithm_name`, the name that the request gives its algorithm");
                None
            }
            (None, Some(name)) => {
                let name = self.program(name)?;
                let named = |(entry, value): (&crate::document::Entry, Part<'a>)| {
                    Some((entry.key.text.as_str().into(), algorithm_of(value.node.as_str()?)?))
                };
                Some(SignatureAlgorithms::Named {
                    name,
                    all: given.entries().filter_map(named).collect(),
                })
            }
        }
    }

    fn payloads(&mut self, part: Part<'a>, lints: &mut Lints) -> Vec<Program> {
        let parts = part.get("payload").map(Part::one_or_more).unwrap_or_default();
        if parts.len() > MAX_PAYLOADS {
            // Each payload adds one hash of a forged request.
            self.wrong(part, format!("a check has at most {MAX_PAYLOADS} payloads"));
            return Vec::new();
        }
        let programs: Vec<Program> =
            parts.into_iter().filter_map(|part| self.program(part)).collect();
        lints.payloads.extend(programs.iter().cloned());
        programs
    }

    fn received(&mut self, part: Part<'a>) -> Option<SignatureSource> {
        let place = part.get("received").and_then(|part| self.program(part))?;
        let prefixes = part.get("prefix").map(Part::one_or_more).unwrap_or_default();
        let prefixes = prefixes.into_iter().filter_map(|part| part.node.as_str()).map(Into::into);
        let encoding = part.str("encoding").and_then(Encoding::find)?;
        let separator = part.str("separator").filter(|text| !text.is_empty()).map(Into::into);
        Some(SignatureSource { place, prefixes: prefixes.collect(), separator, encoding })
    }

    fn signed_time(
        &mut self,
        part: Part<'a>,
        tolerance: &Override,
        lints: &mut Lints,
    ) -> Option<SignedTime> {
        let time = part.get("time")?;
        let text = time.node.as_text()?;
        // The time in the request is parsed like any time in the language.
        let before = "$PARSE_TIME(";
        // The closing parenthesis is on its own line, because the expression may end in a comment.
        let source = format!("{before}{}\n)", text.value);
        let engine = self.engine.clone();
        let checked = self.checked_text(time, text, &engine, &source, before.len())?;
        let program = self.lower(time, &checked)?;
        let tolerance = match tolerance {
            Override::None => part.duration("tolerance"),
            Override::Off => None,
            Override::To(duration) => Some(*duration),
        };
        lints.times.push((program.clone(), time.place()));
        Some(SignedTime { program, tolerance })
    }

    /// Returns the source of the keys of a token's issuer: a file, or a fixed URL.
    fn jwt_keys(&mut self, part: Part<'a>, vars: &OwnedValue) -> Option<JwtKeys> {
        if let Some(url) = part.get("jwks_url") {
            return self.fixed_url(url, vars).map(JwtKeys::Url);
        }
        let file = part.get("jwks")?;
        let content = self.file(file)?;
        match KeySet::read_jwks(&content) {
            Ok(keys) => Some(JwtKeys::Pinned(Arc::new(keys))),
            Err(message) => {
                self.wrong(file, message);
                None
            }
        }
    }

    /// Compiles the rule on the claims of a token. The rule has no secrets: the token proves the
    /// sender.
    fn claims_rule(&mut self, part: Part<'a>) -> Option<Program> {
        let rule = part.get("rule")?;
        let claims = RootDeclaration::new("claims");
        let engine = self.verifying.clone().without_secrets().roots([claims]);
        let checked = self.checked(rule, &engine)?;
        self.lower(rule, &checked)
    }

    fn jwt(&mut self, part: Part<'a>, vars: &OwnedValue) -> Option<Jwt> {
        let keys = self.jwt_keys(part, vars);
        let issuer = self.constant(part.get("issuer")?, vars);
        let audience = self.constant(part.get("audience")?, vars);
        let rule = self.claims_rule(part);
        // A rule with an error must not be left out of a listener.
        if part.get("rule").is_some() && rule.is_none() {
            return None;
        }
        let algorithms = part.get("algorithms")?.items().map(|part| part.node.to_value()).collect();
        let leeway = part.duration("leeway").unwrap_or_default();
        let max_age = part.get("max_age").and_then(|part| duration::of(part.node));
        Some(Jwt {
            header: part.text("header").into(),
            keys: keys?,
            algorithms,
            issuer: issuer?,
            audience: audience?,
            leeway,
            max_age,
            rule,
            program: Engine::new().compile("$JWT_VERIFY(token, key, algorithm)").ok()?,
        })
    }

    fn addresses(&mut self, part: Part<'a>) -> Option<Kind> {
        let mut networks = Vec::new();
        for part in part.items().collect::<Vec<_>>() {
            let text = part.node.as_str().unwrap_or("");
            let bare = || text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from);
            match text.parse::<ipnet::IpNet>().or_else(|_| bare()) {
                Ok(network) => networks.push(canonical(network)),
                Err(_) => self.wrong(part, format!("`{text}` is no network: `192.0.2.0/24`")),
            }
        }
        Some(Kind::Addresses(networks))
    }
}

/// Returns the algorithm of a name. The schema has no other names.
fn algorithm_of(name: &str) -> Option<SignatureAlgorithm> {
    let row = ALGORITHMS.iter().find(|algorithm| algorithm.name == name)?;
    let program = Engine::new().compile(row.source).ok()?;
    Some(SignatureAlgorithm { shown: row.shown, jose: row.jose, kind: row.kind, program })
}

/// Converts a network of IPv4-mapped IPv6 addresses (RFC 4291, section 2.5.5.2) to its IPv4 form.
fn canonical(network: ipnet::IpNet) -> ipnet::IpNet {
    let bare = || {
        let length = network.prefix_len().checked_sub(96)?;
        let address = network.network().to_canonical();
        ipnet::IpNet::new(address, length).ok().filter(|_| address.is_ipv4())
    };
    match network {
        ipnet::IpNet::V6(_) => bare().unwrap_or(network),
        ipnet::IpNet::V4(_) => network,
    }
}

fn inferred_hashes(part: Part<'_>) -> Vec<Hash> {
    part.section("hashes").texts("hashes").into_iter().filter_map(Hash::find).collect()
}

/// The value of `vars.tolerance`, which overrides the tolerance of every signed time.
enum Override {
    None,
    Off,
    To(Duration),
}

impl Override {
    fn of(vars: &OwnedValue) -> Self {
        let found = vars.borrow().as_object().and_then(|vars| vars.get("tolerance"));
        found.and_then(Self::from).unwrap_or(Self::None)
    }

    fn from(value: Value<'_>) -> Option<Self> {
        let seconds = match (value.as_text(), value) {
            (Some("off"), _) => return Some(Self::Off),
            (Some(text), _) => duration::parse(text)?,
            (None, Value::Number(number)) => {
                Duration::from_secs(u64::try_from(number.as_integer()?).ok()?)
            }
            _ => return None,
        };
        Some(Self::To(seconds))
    }
}

/// Returns true if a value is a valid `vars.tolerance`.
pub(super) fn is_tolerance(value: &OwnedValue) -> bool {
    Override::from(value.borrow()).is_some()
}
