//! Listeners with every kind of verification, and requests to them.

use std::sync::Arc;

use hookgate::engine::{Machine, Time};
use hookgate::listener::{
    ConfigSource, Decision, DecisionContext, Listener, NoKeys, Presented, Recipe, Request, Sample,
    Unlimited, decide, find_recipe, load, recipe_names,
};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};

/// Returns the id of a listener by its number.
pub fn id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// A listener, and true if it needs a secret that only its senders have.
pub struct Fixture {
    pub secured: bool,
    pub listener: Arc<Listener>,
}

/// Verifications that need the secret or the key.
const SECURED: &[&str] = &[
    r#"
[[verify]]
name = "signature"
signature = { secret = "S", hash = "sha256", payload = '"${headers["x-ts"]}.${raw_body}"', received = 'headers["x-sig"]', prefix = "v1=", separator = ",", encoding = "hex", time = 'headers["x-ts"]', tolerance = 300 }
"#,
    r#"
[[verify]]
name = "signature"
signature = { secret = "S", hash = "inferred", hashes = ["sha1", "sha256"], payload = 'raw_body', received = 'headers["x-sig"]', prefix = ["sha1=", "sha256="], encoding = "hex" }
"#,
    r#"
[[verify]]
name = "rule"
rule = '$HMAC_SHA256($SECRET("S"), raw_body).$BASE64() == headers["x-sig"]'
"#,
    r#"
[[verify]]
name = "token"
rule = 'headers["x-token"] == $SECRET("S") OR query_params.token == $SECRET("S")'
"#,
    r#"
[[verify]]
name = "signature"
public_key = { algorithm = "ed25519", key = "K", payload = '"${headers["x-ts"]}${raw_body}"', received = 'headers["x-sig"]', encoding = "hex", time = 'headers["x-ts"]', tolerance = 300 }
"#,
    r#"
[[verify]]
name = "token"
jwt = { header = "Authorization", jwks = "keys.json", algorithms = ["EdDSA"], issuer = "https://issuer.example.com", audience = "hookgate" }
"#,
    r#"
[[verify]]
name = "credential"
credential = { header = "Authorization" }
"#,
    r#"
[[verify]]
name = "credential"
credential = { header = "x-api-key" }
[[verify]]
name = "network"
addresses = ["192.0.2.0/24", "2001:db8::/32"]
"#,
];

/// Listeners without a secret.
const OPEN: &[&str] = &[
    "",
    r#"
[schema]
shape = { type = "string", data = { id = "string", n = "number" } }
[filter]
keep_when = 'parsed_body.data.n > 1 OR headers["x-a"] IN parsed_body.data.id OR query_params.a == "1"'
[deduplicate]
keys = ["data.id", 'headers["x-id"]']
window = "10m"
[event]
type = 'parsed_body.type'
id = 'parsed_body.data.id'
data = '{ "id": parsed_body.data.id, "at": $PARSE_TIME(parsed_body.data.at), "n": $INTEGER(parsed_body.data.n) * 2 }'
[response]
status = 200
body = '{ "got": parsed_body.data, "by": http_method, "from": remote_address }'
[redact]
paths = ["parsed_body.data.email", "query_params.token"]
"#,
    r#"
methods = ["POST", "PUT", "GET"]
[[verify]]
name = "json"
rule = '$STARTS_WITH($LOWERCASE(headers["content-type"]), "application/json")'
[[challenge]]
name = "echo"
methods = ["GET"]
detect = 'query_params.challenge != NULL'
status = 200
headers = { "Content-Type" = "text/plain" }
body = { expr = 'query_params.challenge' }
[event]
type = '$EXTRACT(headers["x-event"], "[a-z.]+")'
data = '$CONCAT(parsed_body.items.$MAP(i => i.id), ",")'
[response]
status = 200
body = '$CONCAT([headers["x-a"], raw_body])'
"#,
];

/// A secret that occurs in no input.
pub fn random() -> String {
    let mut bytes = [0; 24];
    SystemRandom::new().fill(&mut bytes).expect("a random number generator");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A key pair that signed no input.
pub fn key_pair() -> Ed25519KeyPair {
    let mut seed = [0; 32];
    SystemRandom::new().fill(&mut seed).expect("a random number generator");
    Ed25519KeyPair::from_seed_unchecked(&seed).expect("a valid seed")
}

/// The key set with the public key of a pair.
pub fn key_set(pair: &Ed25519KeyPair) -> String {
    let x = url_safe(pair.public_key().as_ref());
    format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","use":"sig","kid":"k1","x":"{x}"}}]}}"#)
}

/// Base64 in the alphabet of URLs, without padding.
pub fn url_safe(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns the text of a listener file. The text after its head may start with top-level keys.
pub fn file(number: usize, rest: &str) -> String {
    let id = id(number);
    let secrets = match ["\"S\"", "\"K\""].iter().any(|name| rest.contains(name)) {
        true => "secrets = { S = { env = \"S\" }, K = { env = \"K\" } }\n",
        false => "",
    };
    format!(
        "id = \"{id}\"\nname = \"fuzz {number}\"\ntenant = \"acme\"\ncapture = true\n{secrets}{rest}"
    )
}

/// Loads the listener of a file, with this secret and key.
pub fn listener(number: usize, rest: &str, secret: &str, pair: &Ed25519KeyPair) -> Listener {
    let keys = key_set(pair);
    let public: String =
        pair.public_key().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let files = |name: &str| match name {
        "keys.json" => Ok(keys.clone().into_bytes()),
        _ => Err("there is no such file".to_owned()),
    };
    let environment = |name: &str| match name {
        "S" => Some(secret.to_owned()),
        "K" => Some(public.clone()),
        _ => None,
    };
    let outside = ConfigSource { file: &files, environment: &environment, ..ConfigSource::empty() };
    let loaded = load("fuzz.toml", &file(number, rest), &outside);
    let report: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    loaded.listener.unwrap_or_else(|| panic!("{}", report.join("\n")))
}

/// All listeners. The number of a listener is its index.
pub fn fixtures() -> Vec<Fixture> {
    let (secret, pair) = (random(), key_pair());
    let open = OPEN.iter().map(|rest| (false, *rest));
    let secured = SECURED.iter().map(|rest| (true, *rest));
    open.chain(secured)
        .enumerate()
        .map(|(number, (secured, rest))| Fixture {
            secured,
            listener: Arc::new(listener(number, rest, &secret, &pair)),
        })
        .collect()
}

/// All recipes.
pub fn recipes() -> impl Iterator<Item = &'static Recipe> {
    recipe_names().map(|name| find_recipe(name).unwrap_or_else(|| panic!("{name} has a fault")))
}

/// A request that can be changed and sent.
#[derive(Clone)]
pub struct Sent {
    pub method: String,
    pub url: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub now: Time,
}

impl Sent {
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: "POST".to_owned(),
            url: "https://hooks.example.com/hook".to_owned(),
            query: String::new(),
            headers: Vec::new(),
            body: body.into(),
            now: Time::from_epoch(NOW.into()).expect("a time"),
        }
    }

    /// The request of a sample.
    pub fn of(sample: &Sample) -> Self {
        let mut sent = Self::new(sample.body.clone().unwrap_or_default());
        sent.method.clone_from(&sample.method);
        sent.query.clone_from(&sample.query);
        sent.headers.clone_from(&sample.headers);
        sent.now = sample.now.unwrap_or(sent.now);
        match (&sample.url, sample.query.as_str()) {
            (Some(url), _) => sent.url.clone_from(url),
            (None, "") => {}
            (None, query) => sent.url = format!("{}?{query}", sent.url),
        }
        sent
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Calls `look` with the request.
    pub fn seen<T>(&self, look: impl FnOnce(&Request<'_>) -> T) -> T {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        look(&Request {
            id: "r1",
            method: &self.method,
            url: &self.url,
            raw_query: &self.query,
            headers: &headers,
            raw_body: &self.body,
            unpacked: &self.body,
            remote_address: None,
            received_at: self.now,
        })
    }

    pub fn to(&self, listener: &Listener, machine: &mut Machine) -> Decision {
        self.seen(|request| decided(listener, request, machine))
    }
}

/// Returns the decision of a request, without rate limits.
pub fn decided(listener: &Listener, request: &Request<'_>, machine: &mut Machine) -> Decision {
    let presented = Presented::None;
    let mut surroundings =
        DecisionContext { machine, limiter: &mut Unlimited, presented: &presented, keys: &NoKeys };
    decide(listener, request, request.received_at, &mut surroundings)
}

/// The time at which requests are sent.
pub const NOW: i64 = 1_760_000_000;
