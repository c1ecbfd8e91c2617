//! The schema of listener files: a row for each key. `recipe_keys.rs` has the other keys of recipes
//! and of tests. Knows no compilation.

use super::body::Format;
use crate::config::{Field, FieldType, Table, optional, required};

/// The keys of `hookgate.toml`, for listener files that have one by mistake. A test of the gateway
/// holds them to its schema.
pub(crate) const GATEWAY_KEYS: &[&str] =
    &["public_url", "server", "limits", "store", "retention", "delivery", "sink", "tenants", "log"];

/// The encodings of signatures.
const ENCODINGS: &[&str] = &["hex", "base64", "base64url"];
/// The encodings of secrets.
pub(super) const SECRET_ENCODINGS: &[&str] = &["utf8", "hex", "base64", "whsec"];
/// The hash functions of signatures.
const HASHES: &[&str] = &["sha1", "sha256", "sha384", "sha512"];

/// One expression or a list of expressions.
const EXPRESSIONS: FieldType =
    FieldType::OneOf(&[FieldType::Expression, FieldType::List(&FieldType::Expression)]);
/// One string or a list of strings.
const TEXTS: FieldType = FieldType::OneOf(&[FieldType::Text, FieldType::List(&FieldType::Text)]);

static A_CHECK: FieldType = FieldType::Table(&CHECK);
static A_CHALLENGE: FieldType = FieldType::Table(&CHALLENGES);
static A_HEADER: FieldType = FieldType::OneOf(&HEADER_VALUES);
static HEADER_VALUES: [FieldType; 2] = [FieldType::Template, FieldType::Table(&HEADER)];

/// The schema of a listener file.
pub static LISTENER: Table = Table {
    name: "a listener",
    doc: "One file a listener, `listeners/NAME.toml`.",
    fields: &[
        required(
            "id",
            FieldType::Uuid,
            "The listener's id, a UUID: its place in the URL that the provider posts to.",
        ),
        required("name", FieldType::Text, "The name in logs, metrics and commands."),
        required("tenant", FieldType::Id, "The tenant that its events belong to."),
        optional(
            "provider",
            FieldType::Text,
            "A recipe, whose settings apply if this file does not set them; `hookgate init` lists the recipes.",
        ),
        optional(
            "url",
            FieldType::Text,
            "The URL that the provider posts to, without a query, where a proxy writes it anew.",
        )
        .or_derived("`public_url` and the path of the listener"),
        optional("description", FieldType::Text, "A description, for people."),
        SECRETS,
        optional(
            "vars",
            FieldType::Map(&FieldType::Any),
            "Settings that programs read as `vars.NAME`. `vars.tolerance` overrides the tolerance of every signed time.",
        ),
        DEFINE,
        METHODS,
        BODY,
        VERIFY,
        CHALLENGE,
        CONFIRM,
        RATE_LIMIT,
        JSON,
        SCHEMA,
        FILTER,
        DEDUPLICATE,
        EVENT,
        RESPONSE,
        REDACT,
        CAPTURE,
        SAMPLES,
        ALLOW,
    ],
    one_of: &[],
};

/// The schema of the listener part of a recipe: the defaults for its listeners.
pub(super) static FRAGMENT: Table = Table {
    name: "a recipe's listener",
    doc: "The settings of a listener of this provider, if its file does not set them.",
    fields: &[
        DEFINE,
        METHODS,
        BODY,
        VERIFY,
        CHALLENGE,
        CONFIRM,
        RATE_LIMIT,
        JSON,
        SCHEMA,
        FILTER,
        DEDUPLICATE,
        EVENT,
        RESPONSE,
        REDACT,
        ALLOW,
    ],
    one_of: &[],
};

const SECRETS: Field = optional(
    "secrets",
    FieldType::Map(&SECRET_SOURCES),
    "The secrets that its programs may read, by name; each from the environment or a file. A list has several that are active at once, the newest first.",
);
const SECRET_SOURCES: FieldType =
    FieldType::OneOf(&[FieldType::Table(&SECRET), FieldType::List(&FieldType::Table(&SECRET))]);
const DEFINE: Field = optional(
    "define",
    FieldType::Map(&FieldType::Expression),
    "Named expressions. Every other expression of the listener may have the names, and reads as if the expressions were written there. A definition that calls a function is evaluated once for each request.",
);
const METHODS: Field = optional(
    "methods",
    FieldType::List(&FieldType::Word(&[
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS",
    ])),
    "The methods that it takes, besides those of its challenges.",
)
.or_list(&["POST"]);
const BODY: Field = optional("body", FieldType::Table(&BODIES), "The body of its requests.");
const VERIFY: Field = optional(
    "verify",
    FieldType::List(&A_CHECK),
    "The checks that a request has to pass, all of them. With a provider they come after the recipe's.",
);
const CHALLENGE: Field = optional(
    "challenge",
    FieldType::List(&A_CHALLENGE),
    "The challenges of a provider (requests that test the endpoint), and the responses to them. The first match counts.",
);
const CONFIRM: Field = optional(
    "confirm",
    FieldType::Table(&CONFIRMATIONS),
    "The confirmation of a subscription: a verified request that asks to fetch a URL.",
);
const RATE_LIMIT: Field = optional(
    "rate_limit",
    FieldType::Table(&RATE),
    "The rate limit of the listener.",
).or_derived("5 a second with a burst of 50 where a check reads a secret, a key or a credential, and 100 a second with a burst of 1,000 if the provider is known not to send a refused delivery again; else one in 10 seconds");
const JSON: Field =
    optional("json", FieldType::Table(&JSON_READING), "The reading of JSON bodies.");
const SCHEMA: Field = optional(
    "schema",
    FieldType::Table(&SCHEMAS),
    "The schema of the body: a JSON Schema (draft 7, 2020-12), or its shorthand.",
);
const FILTER: Field =
    optional("filter", FieldType::Table(&FILTERS), "Which requests become events.");
const DEDUPLICATE: Field =
    optional("deduplicate", FieldType::Table(&DEDUP), "The deduplication of events.");
const EVENT: Field =
    optional("event", FieldType::Table(&EVENTS), "The event that an accepted request produces.");
const RESPONSE: Field = optional(
    "response",
    FieldType::Table(&RESPONSES),
    "The answer to an accepted request, where the provider wants its own.",
);
const REDACT: Field = optional(
    "redact",
    FieldType::Table(&REDACTION),
    "Values that must not be written to any log. `Authorization`, cookies and known secrets are always redacted.",
);
const CAPTURE: Field = optional(
    "capture",
    FieldType::Bool,
    "True to keep the original request, encrypted, so that its signature can be verified again.",
)
.or("false")
.renamed_from("keep_raw");
const SAMPLES: Field = optional(
    "samples",
    FieldType::List(&FieldType::Text),
    "Files with sample bodies. `hookgate check` verifies members and deduplication keys against them.",
);
const ALLOW: Field = optional(
    "allow",
    FieldType::List(&FieldType::Text),
    "Warnings that are not told, by their codes.",
);

static SECRET: Table = Table {
    name: "a secret",
    doc: "The source of a secret, read at start and at each reload.",
    fields: &[
        optional("env", FieldType::Text, "The environment variable that holds it."),
        optional(
            "file",
            FieldType::Text,
            "The file that holds it, relative to the configuration's folder; a final line end is left out.",
        ),
        optional(
            "encoding",
            FieldType::Word(SECRET_ENCODINGS),
            "The encoding: the string itself, in hex, in base64, or with the prefix `whsec_` before base64. Stripe's `whsec_` is part of the string: `utf8`.",
        ).or_derived("the recipe's, else `utf8`"),
    ],
    one_of: &["env", "file"],
};

pub(super) static CHECK: Table = Table {
    name: "a verification",
    doc: "One verification of a request's sender.",
    fields: &[
        required("name", FieldType::Text, "The name in the log."),
        optional(
            "enforce",
            FieldType::Bool,
            "With `false` a failure is recorded, and the request goes on.",
        )
        .or("true"),
        optional(
            "rule",
            FieldType::Expression,
            "An expression that has to hold. Null and errors are failures.",
        ),
        optional(
            "signature",
            FieldType::Table(&SIGNATURE),
            "An HMAC of the request, made with a secret that the sender knows too.",
        ),
        optional(
            "public_key",
            FieldType::Table(&PUBLIC_KEY),
            "A signature that was made with the sender's private key.",
        ),
        optional(
            "credential",
            FieldType::Table(&CREDENTIAL),
            "An API key or access token of this gateway.",
        ),
        optional(
            "jwt",
            FieldType::Table(&JWT),
            "A token of another issuer, verified with its public keys.",
        ),
        optional(
            "addresses",
            FieldType::List(&FieldType::Text),
            "The networks that senders are in: `192.0.2.0/24`, `2001:db8::1`.",
        ),
    ],
    one_of: &["rule", "signature", "public_key", "credential", "jwt", "addresses"],
};

const PAYLOAD: Field = required(
    "payload",
    EXPRESSIONS,
    "The signed payload, as an expression. In a list, one of them has to match.",
);
const RECEIVED: Field = required(
    "received",
    FieldType::Expression,
    "The signature in the request: a string, or a list of candidates.",
);
const PREFIX: Field = optional(
    "prefix",
    TEXTS,
    "The prefix of a signature; signatures with another prefix are ignored. In a list, an empty string makes the prefix optional.",
);
const SEPARATOR: Field =
    optional("separator", FieldType::Text, "The separator of several signatures in one string.");
const TIME: Field = optional(
    "time",
    FieldType::Expression,
    "The time that the sender signed: a Unix time, or a date that `$PARSE_TIME` reads.",
);
const TOLERANCE: Field = optional(
    "tolerance",
    FieldType::OneOf(&[FieldType::Duration, FieldType::Word(&["off"])]),
    "The tolerance: the largest difference between the signed time and the clock, in both directions.",
)
.or("300s");

static SIGNATURE: Table = Table {
    name: "a signature",
    doc: "An HMAC (RFC 2104) of the signed payload.",
    fields: &[
        required(
            "secret",
            FieldType::Text,
            "The name of the secret; all that are active are tried.",
        ),
        required(
            "hash",
            FieldType::Word(&["sha1", "sha256", "sha384", "sha512", "inferred"]),
            "The hash function; `inferred` takes it from the signature's own prefix, as WebSub does: `sha256=…`.",
        ),
        optional(
            "hashes",
            FieldType::List(&FieldType::Word(HASHES)),
            "With `inferred`, the hash functions that are allowed.",
        )
        .or_list(&["sha256", "sha384", "sha512"]),
        PAYLOAD,
        RECEIVED,
        PREFIX,
        SEPARATOR,
        required(
            "encoding",
            FieldType::Word(ENCODINGS),
            "The encoding of the signature. Hex in lowercase or uppercase; base64 in its exact alphabet, with or without padding.",
        ),
        TIME,
        TOLERANCE,
    ],
    one_of: &[],
};

const PUBLIC_KEY_ALGORITHM: FieldType = FieldType::Word(&[
    "ed25519",
    "ecdsa-p256-sha256",
    "ecdsa-p256-sha1",
    "ecdsa-p384-sha384",
    "rsa-pss-sha256",
    "rsa-pss-sha384",
    "rsa-pss-sha512",
    "rsa-sha1",
    "rsa-sha256",
    "rsa-sha384",
    "rsa-sha512",
]);
const JWKS_URL: Field = optional(
    "jwks_url",
    FieldType::Template,
    "The URL of the keys, a JWK Set or a certificate, by `https`. The gateway fetches and caches it. It may have `${vars.NAME}`.",
);

static PUBLIC_KEY: Table = Table {
    name: "a public key check",
    doc: "A signature that was made with the sender's private key.",
    fields: &[
        required(
            "algorithm",
            FieldType::OneOf(&[PUBLIC_KEY_ALGORITHM, FieldType::Map(&PUBLIC_KEY_ALGORITHM)]),
            "The algorithm: `ed25519`; `ecdsa-p256-sha256`, `ecdsa-p256-sha1`, `ecdsa-p384-sha384`; `rsa-` and `sha1`, `sha256`, `sha384` or `sha512`; `rsa-pss-` and `sha256`, `sha384` or `sha512`. As a table, the algorithms by the names that a request may give them.",
        ),
        optional(
            "algorithm_name",
            FieldType::Expression,
            "With a table of algorithms, the name that the request gives its algorithm. Another name is a failure.",
        ),
        optional(
            "key",
            FieldType::Text,
            "The name of the secret that holds the public key or certificate: PEM, hex, base64, `whpk_`, a JWK or a JWK Set. It is pinned, and never fetched.",
        ),
        JWKS_URL,
        optional(
            "certificate_url",
            FieldType::Expression,
            "The URL of the certificate, as the request names it. Its host has to match one of `certificate_hosts`.",
        ),
        optional(
            "certificate_hosts",
            FieldType::List(&FieldType::Text),
            "The hosts that `certificate_url` may have, at port 443: `sns.*.amazonaws.com`; `*` stands for exactly one label.",
        ),
        optional(
            "key_id",
            FieldType::Expression,
            "The id (`kid`) of the key in a JWK Set, as the request names it. Without it, each key of the right type is tried.",
        ),
        PAYLOAD,
        RECEIVED,
        PREFIX,
        SEPARATOR,
        required("encoding", FieldType::Word(ENCODINGS), "The encoding of the signature."),
        TIME,
        TOLERANCE,
    ],
    one_of: &["key", "jwks_url", "certificate_url"],
};

static CREDENTIAL: Table = Table {
    name: "a credential check",
    doc: "An API key or access token that this gateway issued.",
    fields: &[optional(
        "header",
        FieldType::Text,
        "The header that holds it; in `Authorization` it comes after `Bearer `.",
    )
    .or("Authorization")],
    one_of: &[],
};

static JWT: Table = Table {
    name: "a token check",
    doc: "A JSON Web Token (RFC 7519) of another issuer. `exp` is required, or `iat` with `max_age`; `nbf` counts where it is present.",
    fields: &[
        optional(
            "header",
            FieldType::Text,
            "The header that holds it; in `Authorization` it comes after `Bearer `.",
        )
        .or("Authorization"),
        optional(
            "jwks",
            FieldType::Text,
            "The file with the keys, a JWK Set (RFC 7517), relative to the configuration's folder.",
        ),
        JWKS_URL,
        required(
            "algorithms",
            FieldType::List(&FieldType::Word(&[
                "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
            ])),
            "The accepted algorithms: `RS256` and `PS256`, each to `512`; `ES256`, `ES384`; `EdDSA`. The header of the token does not extend them.",
        ),
        required(
            "issuer",
            FieldType::Template,
            "The required `iss` claim. It may have `${vars.NAME}`.",
        ),
        required(
            "audience",
            FieldType::Template,
            "The required `aud` claim: a string, or a member of a list. It may have `${vars.NAME}`.",
        ),
        optional(
            "rule",
            FieldType::Expression,
            "An expression over `claims` and the request that has to hold: `claims.email == vars.email`. Null and errors are failures.",
        ),
        optional("leeway", FieldType::Duration, "The allowed difference between the clocks.")
            .or("30s"),
        optional(
            "max_age",
            FieldType::Duration,
            "The largest age of a token by its `iat`, which is then required. Tokens without `exp` need it.",
        ),
    ],
    one_of: &["jwks", "jwks_url"],
};

const STATUS: Field = optional(
    "status",
    FieldType::OneOf(&[FieldType::Count(200, 599), FieldType::Text]),
    "The HTTP status: `200`, or `\"200 OK\"`.",
)
.or("200");
const HEADERS: Field = optional(
    "headers",
    FieldType::Map(&A_HEADER),
    "Headers; a string is a template, `{ expr = \"…\" }` an expression.",
);

static HEADER: Table = Table {
    name: "a header",
    doc: "A header whose value is an expression; where it is null, the header is left out.",
    fields: &[required("expr", FieldType::Expression, "The value.")],
    one_of: &[],
};

pub(super) static CHALLENGES: Table = Table {
    name: "a challenge",
    doc: "A provider's question whether the listener is there.",
    fields: &[
        optional("name", FieldType::Text, "The name in the log.").or("challenge"),
        required("detect", FieldType::Expression, "An expression that holds for challenges only."),
        optional(
            "methods",
            FieldType::List(&FieldType::Word(&["GET", "HEAD", "POST", "PUT", "OPTIONS"])),
            "The methods it comes by.",
        )
        .or_derived("those of the listener"),
        STATUS,
        HEADERS,
        optional(
            "body",
            FieldType::OneOf(&[FieldType::Expression, FieldType::Mapper]),
            "The body: an expression or a mapper. Text answers as it is, objects and lists as JSON.",
        ),
        optional(
            "tokens",
            FieldType::Map(&FieldType::Table(&TOKEN)),
            "Signed tokens, which the response reads as `challenge_token[\"NAME\"]`.",
        ),
        optional(
            "verified",
            FieldType::Bool,
            "True if the request has to pass verification first.",
        )
        .or("false"),
        optional(
            "token_pattern",
            FieldType::Text,
            "A pattern that a string must match before it is signed for an unverified sender. It must not match the text of a delivery.",
        )
        .or("[A-Za-z0-9_-]{1,128}"),
    ],
    one_of: &[],
};

/// The default of a key that a listener needs, and that a recipe may give.
const OF_THE_RECIPE: &str = "the recipe's; without one it is required";

static CONFIRMATIONS: Table = Table {
    name: "a confirmation",
    doc: "The confirmation of a subscription: the gateway fetches a URL that a verified request names, once.",
    fields: &[
        optional(
            "detect",
            FieldType::Expression,
            "An expression that holds for requests that ask for it only.",
        )
        .or_derived(OF_THE_RECIPE),
        optional("url", FieldType::Expression, "The URL to fetch, as the request names it.")
            .or_derived(OF_THE_RECIPE),
        optional(
            "hosts",
            FieldType::List(&FieldType::Text),
            "The hosts that `url` may have, at port 443: `sns.*.amazonaws.com`; `*` stands for exactly one label.",
        )
        .or_derived(OF_THE_RECIPE),
    ],
    one_of: &[],
};

static TOKEN: Table = Table {
    name: "a token",
    doc: "An HMAC of a part of the challenge.",
    fields: &[
        required("secret", FieldType::Text, "The name of the secret."),
        required("hash", FieldType::Word(HASHES), "The hash function."),
        required("payload", FieldType::Expression, "The signed payload: one path of the request."),
        required("encoding", FieldType::Word(ENCODINGS), "The encoding of the token."),
    ],
    one_of: &[],
};

static BODIES: Table = Table {
    name: "a body",
    doc: "The body of the requests of a listener.",
    fields: &[
        optional(
            "format",
            FieldType::OneOf(&[
                FieldType::Word(&["auto", "json", "ndjson", "xml", "multipart", "form", "text"]),
                FieldType::List(&FieldType::Word(&Format::NAMES)),
            ]),
            "The format of bodies. With several, the bytes choose among them, never a header. `auto` reads JSON and XML by their bytes, and other bodies by their content type.",
        )
        .or("auto"),
        optional(
            "max_size",
            FieldType::Count(1, 1 << 30),
            "Bytes of a body, as sent and unpacked; a larger one is answered 413, with the outcome `body_too_large`. At most `limits.body` of the gateway.",
        )
        .or_derived("`limits.body` of the gateway"),
    ],
    one_of: &[],
};

static RATE: Table = Table {
    name: "a rate limit",
    doc: "The rate of requests, counted after verification.",
    fields: &[
        optional(
            "requests",
            FieldType::Count(1, 1_000_000),
            "The number of requests in one period.",
        )
        .or_derived("the recipe's, else those of the default limit"),
        optional("per", FieldType::Duration, "The period of `requests`.").or("1s"),
        optional(
            "burst",
            FieldType::Count(1, 10_000_000),
            "The number of requests at once, after a pause.",
        )
        .or_derived("the requests of ten seconds, at least 1; without `requests`, that of the default limit"),
    ],
    one_of: &[],
};

static SCHEMAS: Table = Table {
    name: "a schema",
    doc: "The schema of the body.",
    fields: &[
        optional(
            "file",
            FieldType::Text,
            "A file with a JSON Schema or its shorthand, relative to the configuration's folder.",
        ),
        optional("json", FieldType::Text, "The same as a string."),
        optional(
            "shape",
            FieldType::Map(&FieldType::Any),
            "The shorthand as a table: `{ action = \"string\" }`. Every member it names has to be there.",
        ),
    ],
    one_of: &["file", "json", "shape"],
};

static FILTERS: Table = Table {
    name: "a filter",
    doc: "Which requests become events. An error in it keeps the event, and is recorded.",
    fields: &[
        optional("keep_when", FieldType::Expression, "Requests become events where this holds."),
        optional("drop_when", FieldType::Expression, "Requests become no events where this holds."),
    ],
    one_of: &["keep_when", "drop_when"],
};

static JSON_READING: Table = Table {
    name: "the reading of JSON",
    doc: "The reading of JSON bodies, also in the field `payload` of a form.",
    fields: &[optional(
        "duplicate_keys",
        FieldType::Word(&["refuse", "last"]),
        "The treatment of an object that has a key twice, because readers of JSON disagree on it. `refuse` answers 400 after verification. `last` takes the last value, and hands the event on without the others. `$PARSE_JSON` in the listener follows it.",
    )
    .or("refuse")],
    one_of: &[],
};

static DEDUP: Table = Table {
    name: "deduplication",
    doc: "The deduplication of events.",
    fields: &[
        optional(
            "keys",
            FieldType::List(&FieldType::Expression),
            "Expressions that together tell events apart. A path that begins with no name of the request is one in `parsed_body`.",
        ),
        optional(
            "window",
            FieldType::Duration,
            "The time for which a key is stored, from 1 second to 24 hours, counted from its first request.",
        ).or("10m"),
        optional(
            "signature",
            FieldType::Bool,
            "If true, the signed content of a request is a deduplication key too, also when its signed time is checked: for keys that are not signed. If false, two events with the same content are two events.",
        ).or_derived("true if no signed time is checked, because the request could be replayed at any time"),
    ],
    one_of: &[],
};

static EVENTS: Table = Table {
    name: "an event",
    doc: "The event that an accepted request produces.",
    fields: &[
        optional("type", FieldType::Expression, "The event's type."),
        optional("id", FieldType::Expression, "The provider's own id of the event."),
        optional(
            "data",
            FieldType::OneOf(&[FieldType::Expression, FieldType::Mapper]),
            "The event's data: an expression or a mapper.",
        )
        .or_derived("the parsed body"),
        optional(
            "types",
            FieldType::List(&FieldType::Text),
            "The types that subscribers may choose from.",
        ),
    ],
    one_of: &[],
};

static RESPONSES: Table = Table {
    name: "a response",
    doc: "The answer to an accepted request.",
    fields: &[
        STATUS,
        HEADERS,
        optional(
            "body",
            FieldType::OneOf(&[FieldType::Expression, FieldType::Mapper]),
            "The body: an expression or a mapper.",
        ),
    ],
    one_of: &[],
};

static REDACTION: Table = Table {
    name: "redaction",
    doc: "Values that must not be written to any log.",
    fields: &[
        optional(
            "paths",
            FieldType::List(&FieldType::Text),
            "Paths of the request: `parsed_body.user.email`, `query_params.token`; `[*]` is every element.",
        ),
        optional("headers", FieldType::List(&FieldType::Text), "Names of headers."),
    ],
    one_of: &[],
};

#[cfg(test)]
mod tests {
    #[cfg(feature = "gateway")]
    #[test]
    fn the_keys_of_the_gateway_are_those_of_its_schema() {
        let names: Vec<&str> =
            crate::gateway::GATEWAY.fields.iter().map(|field| field.name).collect();
        assert_eq!(names, super::GATEWAY_KEYS);
    }
}
