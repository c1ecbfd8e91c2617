//! JSON Web Tokens (RFC 7515, RFC 7519): returns the claims of tokens with a valid signature, and
//! the content of tokens without a verification.
//!
//! Knows no clock and no issuer: `exp`, `nbf`, `iss` and `aud` are ordinary claims, which the rule
//! has to compare. Header and claims with a repeated key are never read: readers disagree on which
//! one counts.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, VerificationAlgorithm};
use sha2::{Sha256, Sha384, Sha512};

use super::jwk::KeyType;
use super::{CONTENT, hmac, key, public_key};
use crate::builtins::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use crate::builtins::{Args, Env};
use crate::value::{
    Fault, FaultKind, Heap, Kinds, Object, RepeatedKeys, Value, quoted, read_json_into,
};

pub(super) const JWT_VERIFY: Function = Function {
    name: "JWT_VERIFY",
    family: Family::Crypto,
    params: &[
        // The row accepts secrets only so that the code can reject them: the result is the content
        // of the token.
        Param::new("token", Kinds::TEXT.or(Kinds::SECRET)),
        Param::new("key", CONTENT.or(Kinds::OBJECT)),
        Param::new("algorithms", Kinds::TEXT.or(Kinds::LIST)),
    ],
    result: Kinds::OBJECT.or(Kinds::NULL),
    doc: "The claims of a JSON Web Token with a valid signature by one of the algorithms (`HS256`, `RS256`, `PS256`, each to `512`, `ES256`, `ES384`, `EdDSA`), else null. The key is a secret, a public key, or a JWK Set, of which the token's `kid` names a key. Times are not checked: compare `exp` or `iat` with `$TIME()`.",
    examples: &[
        example(
            "$JWT_VERIFY(\"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk\", $UNBASE64(\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"), \"HS256\")",
            "{\"iss\":\"joe\",\"exp\":1300819380,\"http://example.com/is_root\":true}",
        ),
        example(
            "$JWT_VERIFY(\"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk\", $SECRET('ZOOM'), [\"HS256\"])",
            "null",
        ),
        example(
            "$JWT_VERIFY(\"eyJhbGciOiJFZERTQSIsImtpZCI6ImVkIn0.eyJzdWIiOiI3IiwiZXhwIjoxfQ.jXlWFn4-uEEjpjDETeefllw9J7FtkH6pAx6VCny5YaigEDR191SdZvtXrhWPyOsgwyvj7KaNrJ8yaZ05yDtIBQ\", { \"keys\": [{ \"kty\": \"OKP\", \"crv\": \"Ed25519\", \"kid\": \"ed\", \"x\": \"vm64XTZCpelZSKeTpkdI5BW2NdPGA3a9YKddnw8GhmM\" }] }, \"EdDSA\").sub",
            "\"7\"",
        ),
        example("$JWT_VERIFY(\"no token\", $SECRET('ZOOM'), \"HS256\")", "null"),
        example("$JWT_VERIFY(missing, $SECRET('ZOOM'), \"HS256\")", "E0310"),
        example("$JWT_VERIFY(\"no token\", $SECRET('ZOOM'), [\"HS256\", \"none\"])", "E0314"),
    ],
    null: NullPropagation::Fault,
    declassifies: true,
    role: Role::VerifyToken,
    code: Code::Native(jwt_verify),
};

pub(super) const DECODE_JWT: Function = Function {
    name: "DECODE_JWT",
    family: Family::Crypto,
    params: &[Param::new("token", Kinds::TEXT)],
    result: Kinds::OBJECT.or(Kinds::NULL),
    doc: "The header and the claims of a JSON Web Token as `{header, claims}`, or null for any other string. Nothing is verified: anyone can write such a token. In a verification the rule must require `$JWT_VERIFY` of the same token.",
    examples: &[
        example(
            "$DECODE_JWT(\"eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.eyJpc3MiOiJqb2UifQ.c2ln\")",
            "{\"header\":{\"alg\":\"HS256\",\"kid\":\"k1\"},\"claims\":{\"iss\":\"joe\"}}",
        ),
        example("$DECODE_JWT(\"no token\")", "null"),
        // The claims are `{"iss":"a","iss":"b"}`.
        example(
            "$DECODE_JWT(\"eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.eyJpc3MiOiJhIiwiaXNzIjoiYiJ9.c2ln\")",
            "null",
        ),
        example("$DECODE_JWT(missing)", "null"),
    ],
    null: NullPropagation::Null,
    declassifies: false,
    role: Role::DecodeToken,
    code: Code::Native(decode_jwt),
};

/// A signature algorithm with its name in the header of a token.
struct Algorithm {
    name: &'static str,
    scheme: Scheme,
}

/// The type of key and the verification of a signature with it.
enum Scheme {
    Secret(fn(&[u8], &[u8], &[u8]) -> bool),
    PublicKey(KeyType, &'static dyn VerificationAlgorithm),
}

use Scheme::{PublicKey, Secret};

const fn with_public_key(
    name: &'static str,
    key: KeyType,
    verification: &'static dyn VerificationAlgorithm,
) -> Algorithm {
    Algorithm { name, scheme: PublicKey(key, verification) }
}

static ALGORITHMS: [Algorithm; 12] = [
    Algorithm { name: "HS256", scheme: Secret(hmac::verify::<Sha256>) },
    Algorithm { name: "HS384", scheme: Secret(hmac::verify::<Sha384>) },
    Algorithm { name: "HS512", scheme: Secret(hmac::verify::<Sha512>) },
    with_public_key("RS256", KeyType::Rsa, &signature::RSA_PKCS1_2048_8192_SHA256),
    with_public_key("RS384", KeyType::Rsa, &signature::RSA_PKCS1_2048_8192_SHA384),
    with_public_key("RS512", KeyType::Rsa, &signature::RSA_PKCS1_2048_8192_SHA512),
    with_public_key("PS256", KeyType::Rsa, &signature::RSA_PSS_2048_8192_SHA256),
    with_public_key("PS384", KeyType::Rsa, &signature::RSA_PSS_2048_8192_SHA384),
    with_public_key("PS512", KeyType::Rsa, &signature::RSA_PSS_2048_8192_SHA512),
    with_public_key("ES256", KeyType::P256, &signature::ECDSA_P256_SHA256_FIXED),
    with_public_key("ES384", KeyType::P384, &signature::ECDSA_P384_SHA384_FIXED),
    with_public_key("EdDSA", KeyType::Ed25519, &signature::ED25519),
];

/// Returns the type of public key that an algorithm needs. `None` for algorithms with a shared
/// secret, and for unknown ones.
#[cfg(feature = "listener")]
pub(crate) fn key_type(algorithm: &str) -> Option<KeyType> {
    ALGORITHMS.iter().find(|known| known.name == algorithm).and_then(|known| match known.scheme {
        PublicKey(kind, _) => Some(kind),
        Secret(_) => None,
    })
}

fn decode_jwt<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let Some(token) = Token::read(env.heap, args.text(0)?)? else {
        return Ok(Value::Null);
    };
    let claims = token.claims(env.heap)?;
    if claims.is_null() {
        return Ok(Value::Null);
    }
    let mut content = env.heap.object_builder();
    content.push("header", Value::Object(token.header))?;
    content.push("claims", claims)?;
    content.finish()
}

fn jwt_verify<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let allowed = allowed(env.heap, args)?;
    if args.value(0).holds_secret() {
        return Err(Fault::new(
            FaultKind::SecretLeaves,
            "the claims of a token made with a secret would tell of it",
        ));
    }
    match Token::read(env.heap, args.text(0)?)? {
        Some(token) if token.is_signed(env, args, &allowed)? => token.claims(env.heap),
        _ => Ok(Value::Null),
    }
}

/// A token in compact form, split into its parts.
struct Token<'a> {
    header: Object<'a>,
    /// Header and claims in the encoded form that was signed.
    signed: &'a str,
    claims: &'a str,
    signature: Vec<u8>,
}

impl<'a> Token<'a> {
    fn read(heap: &'a Heap, text: &'a str) -> Result<Option<Self>, Fault> {
        let Some((signed, signature)) = text.rsplit_once('.') else {
            return Ok(None);
        };
        let Some((header, claims)) = signed.split_once('.') else {
            return Ok(None);
        };
        let Some(signature) = decode(signature) else {
            return Ok(None);
        };
        let header = read_object(heap, header)?.and_then(Value::as_object);
        Ok(header.map(|header| Self { header, signed, claims, signature }))
    }

    /// Returns true if the signature is valid for the algorithm in the header and that algorithm is
    /// allowed.
    fn is_signed(
        &self,
        env: &Env<'a>,
        args: Args<'_, 'a>,
        allowed: &[&Algorithm],
    ) -> Result<bool, Fault> {
        // `crit` lists extensions that the reader must understand. No extension is supported.
        if self.header.get("crit").is_some() {
            return Ok(false);
        }
        let name = self.header.get("alg").and_then(Value::as_text);
        let Some(algorithm) = allowed.iter().find(|algorithm| Some(algorithm.name) == name) else {
            return Ok(false);
        };
        env.heap.work_on_bytes(self.signed.len())?;
        let (signed, signature) = (self.signed.as_bytes(), self.signature.as_slice());
        match algorithm.scheme {
            Secret(verify) => Ok(verify(hmac::secret(args, 1)?, signed, signature)),
            PublicKey(kind, verification) => {
                let id = self.header.get("kid").and_then(Value::as_text);
                let keys = key::candidates(env.heap, args, 1, kind, |key| {
                    key.may_be(id) && key.allows(algorithm.name)
                })?;
                for key in &keys {
                    if public_key::verify(env.heap, verification, key, signed, signature)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    fn claims(&self, heap: &'a Heap) -> Result<Value<'a>, Fault> {
        Ok(read_object(heap, self.claims)?.unwrap_or(Value::Null))
    }
}

/// Decodes a part of a token as a JSON object. Returns `None` if it is not one.
fn read_object<'a>(heap: &'a Heap, part: &str) -> Result<Option<Value<'a>>, Fault> {
    let Some(json) = decode(part).and_then(|bytes| String::from_utf8(bytes).ok()) else {
        return Ok(None);
    };
    heap.work_on_bytes(json.len())?;
    match read_json_into(heap, &json, RepeatedKeys::Refuse) {
        Ok(value) => Ok(Some(value).filter(|value| value.as_object().is_some())),
        Err(fault) if fault.kind().is_limit() => Err(fault),
        Err(_) => Ok(None),
    }
}

/// Decodes base64 as tokens use it: URL-safe and without padding. No other spelling is accepted, so
/// each signature has exactly one encoding.
fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

/// Returns the algorithms that the last argument allows, after a check that the key fits them. The
/// header of the token has no influence.
fn allowed(heap: &Heap, args: Args<'_, '_>) -> Result<Vec<&'static Algorithm>, Fault> {
    let mut allowed = Vec::new();
    match args.value(2) {
        Value::List(names) => {
            heap.work(names.len())?;
            for name in names.iter() {
                allowed.push(named(args, name)?);
            }
        }
        name => allowed.push(named(args, name)?),
    }
    check_key(heap, args, &allowed)?;
    Ok(allowed)
}

fn named(args: Args<'_, '_>, name: Value<'_>) -> Result<&'static Algorithm, Fault> {
    let found = ALGORITHMS.iter().find(|algorithm| Some(algorithm.name) == name.as_text());
    found.ok_or_else(|| {
        let names: Vec<&str> = ALGORITHMS.iter().map(|algorithm| algorithm.name).collect();
        let found = name.as_text().map_or_else(|| name.kind().phrase().to_owned(), quoted);
        args.meaningless(2, format!("names of algorithms, and {found} is none"))
            .help(format!("an algorithm is one of {}", names.join(", ")))
    })
}

/// Rejects arguments that would allow an attacker to sign with a public key: HMAC accepts any bytes
/// as its secret, and the token selects the algorithm.
fn check_key(heap: &Heap, args: Args<'_, '_>, allowed: &[&Algorithm]) -> Result<(), Fault> {
    let by_secret = allowed.iter().filter(|known| matches!(known.scheme, Secret(_))).count();
    if allowed.is_empty() {
        return Err(args.meaningless(2, "at least one algorithm"));
    }
    if by_secret == 0 {
        return Ok(());
    }
    if by_secret < allowed.len() {
        return Err(args
            .meaningless(2, "either `HS…` or others: a key is a secret or it is public")
            .help("write two calls, each with its own key: `$COALESCE($JWT_VERIFY(…), $JWT_VERIFY(…))`"));
    }
    let is_jwk = key::as_jwk(heap, args.value(1))?
        .is_some_and(|object| object.get("kty").is_some() || object.get("keys").is_some());
    if is_jwk {
        return Err(args.meaningless(1, "a secret for `HS…`, and this is a JWK: a key for others"));
    }
    let is_pem = args.content(1)?.windows(PEM.len()).any(|part| part == PEM);
    if is_pem {
        return Err(args.meaningless(1, "a secret for `HS…`, and this is PEM: a key for others"));
    }
    Ok(())
}

const PEM: &[u8] = b"-----BEGIN ";
