//! What may stand in a listener file and in a recipe, a row a key.

use crate::config::{Field, Table, Takes, optional, required};

/// The encodings of signatures.
const ENCODINGS: &[&str] = &["hex", "base64", "base64url"];
/// The encodings of secrets.
const SECRET_ENCODINGS: &[&str] = &["utf8", "hex", "base64", "whsec"];
/// The hash functions of signatures.
const HASHES: &[&str] = &["sha1", "sha256", "sha384", "sha512"];

/// One expression, or several.
const EXPRESSIONS: Takes = Takes::OneOf(&[Takes::Expression, Takes::List(&Takes::Expression)]);
/// One text, or several.
const TEXTS: Takes = Takes::OneOf(&[Takes::Text, Takes::List(&Takes::Text)]);

static A_CHECK: Takes = Takes::Table(&CHECK);
static A_CHALLENGE: Takes = Takes::Table(&CHALLENGES);
static A_HEADER: Takes = Takes::OneOf(&HEADER_VALUES);
static HEADER_VALUES: [Takes; 2] = [Takes::Template, Takes::Table(&HEADER)];

static A_SAMPLE: Takes = Takes::Table(&SAMPLE);

/// A listener file.
pub static LISTENER: Table = Table {
    name: "a listener",
    doc: "One file a listener, `listeners/NAME.toml`.",
    fields: &[
        required(
            "id",
            Takes::Uuid,
            "The listener's id, a UUID: its place in the URL that the provider posts to.",
        ),
        required("name", Takes::Text, "What logs, metrics and commands call it."),
        required("tenant", Takes::Text, "The tenant that its events belong to."),
        optional(
            "provider",
            Takes::Text,
            "A recipe that fills in what this file leaves out; `hookgate init` lists them.",
        ),
        optional(
            "url",
            Takes::Text,
            "The URL that the provider posts to, without a query, where a proxy writes it anew. Left out: `public_url` and the path of the listener.",
        ),
        optional("description", Takes::Text, "Words for whoever reads the file next."),
        SECRETS,
        optional(
            "vars",
            Takes::Map(&Takes::Any),
            "Settings that programs read as `vars.NAME`. `vars.tolerance` overrides the tolerance of every signed time.",
        ),
        METHODS,
        VERIFY,
        CHALLENGE,
        RATE_LIMIT,
        SCHEMA,
        FILTER,
        DEDUPLICATE,
        EVENT,
        RESPONSE,
        REDACT,
        KEEP_RAW,
        SAMPLES,
        ALLOW,
    ],
    one_of: &[],
};

/// The part of a recipe that a listener is filled from.
static FRAGMENT: Table = Table {
    name: "a recipe's listener",
    doc: "What a listener of this provider has if its file does not say otherwise.",
    fields: &[
        METHODS,
        VERIFY,
        CHALLENGE,
        RATE_LIMIT,
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
    Takes::Map(&SECRET_SOURCES),
    "The secrets that its programs may read, by name; each from the environment or a file. A list has several that are active at once, the newest first.",
);
const SECRET_SOURCES: Takes =
    Takes::OneOf(&[Takes::Table(&SECRET), Takes::List(&Takes::Table(&SECRET))]);
const METHODS: Field = optional(
    "methods",
    Takes::List(&Takes::Word(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])),
    "The methods that it takes, besides those of its challenges. Left out: POST.",
);
const VERIFY: Field = optional(
    "verify",
    Takes::List(&A_CHECK),
    "The checks that a request has to pass, all of them. With a provider they come after the recipe's.",
);
const CHALLENGE: Field = optional(
    "challenge",
    Takes::List(&A_CHALLENGE),
    "How a provider's question whether the listener is there is recognised and answered; the first that is recognised counts.",
);
const RATE_LIMIT: Field = optional(
    "rate_limit",
    Takes::Table(&RATE),
    "How many requests it takes. Left out: 5 a second with a burst of 50 where a check reads a secret, a key or a credential; else one in 10 seconds.",
);
const SCHEMA: Field = optional(
    "schema",
    Takes::Table(&SCHEMAS),
    "What the body has to look like: a JSON Schema (draft 7, 2020-12), or its shorthand.",
);
const FILTER: Field = optional("filter", Takes::Table(&FILTERS), "Which requests become events.");
const DEDUPLICATE: Field =
    optional("deduplicate", Takes::Table(&DEDUP), "How repeats of one event are recognised.");
const EVENT: Field = optional("event", Takes::Table(&EVENTS), "What a request becomes.");
const RESPONSE: Field = optional(
    "response",
    Takes::Table(&RESPONSES),
    "The answer to an accepted request, where the provider wants its own.",
);
const REDACT: Field = optional(
    "redact",
    Takes::Table(&REDACTION),
    "What must not be written to any log. `Authorization`, cookies and every known secret never are.",
);
const KEEP_RAW: Field = optional(
    "keep_raw",
    Takes::Bool,
    "Whether the original request is kept, encrypted, so that its signature can be checked again. Left out: false.",
);
const SAMPLES: Field = optional(
    "samples",
    Takes::List(&Takes::Text),
    "Files with sample bodies, for `hookgate check`: members and deduplication keys are held to them.",
);
const ALLOW: Field =
    optional("allow", Takes::List(&Takes::Text), "Warnings that are not told, by their codes.");

static SECRET: Table = Table {
    name: "a secret",
    doc: "Where a secret is read from, at start and at each reload.",
    fields: &[
        optional("env", Takes::Text, "The environment variable that holds it."),
        optional(
            "file",
            Takes::Text,
            "The file that holds it, relative to the configuration's folder; a final line end is left out.",
        ),
        optional(
            "encoding",
            Takes::Word(SECRET_ENCODINGS),
            "How it is written: as the text itself, in hex, in base64, or with the prefix `whsec_` before base64. Left out: the recipe's, else `utf8`. Stripe's `whsec_` is part of the text: `utf8`.",
        ),
    ],
    one_of: &["env", "file"],
};

static CHECK: Table = Table {
    name: "a check",
    doc: "One check of a request's sender.",
    fields: &[
        required("name", Takes::Text, "What the log calls it."),
        optional(
            "enforce",
            Takes::Bool,
            "With `false` a failure is recorded, and the request goes on. Left out: true.",
        ),
        optional(
            "rule",
            Takes::Expression,
            "An expression that has to hold. Null and errors are failures.",
        ),
        optional(
            "signature",
            Takes::Table(&SIGNATURE),
            "An HMAC of the request, made with a secret that the sender knows too.",
        ),
        optional(
            "public_key",
            Takes::Table(&PUBLIC_KEY),
            "A signature that was made with the sender's private key.",
        ),
        optional(
            "credential",
            Takes::Table(&CREDENTIAL),
            "An API key or access token of this gateway.",
        ),
        optional(
            "jwt",
            Takes::Table(&JWT),
            "A token that somebody else issued, checked against pinned keys.",
        ),
        optional(
            "addresses",
            Takes::List(&Takes::Text),
            "The networks that senders are in: `192.0.2.0/24`, `2001:db8::1`.",
        ),
    ],
    one_of: &["rule", "signature", "public_key", "credential", "jwt", "addresses"],
};

const PAYLOAD: Field = required(
    "payload",
    EXPRESSIONS,
    "What the sender signed, as an expression; of a list any may be it.",
);
const RECEIVED: Field = required(
    "received",
    Takes::Expression,
    "Where the signature stands: a text, or a list of candidates.",
);
const PREFIX: Field = optional(
    "prefix",
    TEXTS,
    "What a signature begins with; others are passed over. In a list, an empty text means that it may be left out.",
);
const SEPARATOR: Field =
    optional("separator", Takes::Text, "What stands between several signatures in one text.");
const TIME: Field = optional(
    "time",
    Takes::Expression,
    "The time that the sender signed: seconds, milliseconds, or a date that `$PARSE_TIME` reads.",
);
const TOLERANCE: Field = optional(
    "tolerance",
    Takes::OneOf(&[Takes::Duration, Takes::Word(&["off"])]),
    "How far the signed time may be from now, to either side. Left out: 300 seconds.",
);

static SIGNATURE: Table = Table {
    name: "a signature",
    doc: "An HMAC (RFC 2104) of what the sender signed.",
    fields: &[
        required("secret", Takes::Text, "The name of the secret; all that are active are tried."),
        required(
            "hash",
            Takes::Word(&["sha1", "sha256", "sha384", "sha512", "inferred"]),
            "The hash function; `inferred` takes it from the signature's own prefix, as WebSub does: `sha256=…`.",
        ),
        optional(
            "hashes",
            Takes::List(&Takes::Word(HASHES)),
            "With `inferred`, the hash functions that are allowed. Left out: sha256, sha384 and sha512.",
        ),
        PAYLOAD,
        RECEIVED,
        PREFIX,
        SEPARATOR,
        required(
            "encoding",
            Takes::Word(ENCODINGS),
            "How the signature is written. Hex in any case; base64 in its exact alphabet, padded or not.",
        ),
        TIME,
        TOLERANCE,
    ],
    one_of: &[],
};

static PUBLIC_KEY: Table = Table {
    name: "a public key check",
    doc: "A signature that was made with the sender's private key.",
    fields: &[
        required(
            "algorithm",
            Takes::Word(&[
                "ed25519",
                "ecdsa-p256-sha256",
                "ecdsa-p256-sha1",
                "rsa-sha1",
                "rsa-sha256",
                "rsa-sha384",
                "rsa-sha512",
            ]),
            "The algorithm.",
        ),
        required(
            "key",
            Takes::Text,
            "The name of the secret that holds the public key or certificate: PEM, hex, base64 or `whpk_`. It is pinned, and never fetched.",
        ),
        PAYLOAD,
        RECEIVED,
        PREFIX,
        SEPARATOR,
        required("encoding", Takes::Word(ENCODINGS), "How the signature is written."),
        TIME,
        TOLERANCE,
    ],
    one_of: &[],
};

static CREDENTIAL: Table = Table {
    name: "a credential check",
    doc: "An API key or access token that this gateway issued.",
    fields: &[optional(
        "header",
        Takes::Text,
        "The header that holds it; in `Authorization` it comes after `Bearer `. Left out: `Authorization`.",
    )],
    one_of: &[],
};

static JWT: Table = Table {
    name: "a token check",
    doc: "A JSON Web Token (RFC 7519) that somebody else issued. `exp` and `nbf` have to be there and are held to the clock.",
    fields: &[
        optional(
            "header",
            Takes::Text,
            "The header that holds it; in `Authorization` it comes after `Bearer `. Left out: `Authorization`.",
        ),
        required(
            "jwks",
            Takes::Text,
            "The file with the keys, a JWK Set (RFC 7517), relative to the configuration's folder.",
        ),
        required(
            "algorithms",
            Takes::List(&Takes::Word(&["RS256", "RS384", "RS512", "ES256", "EdDSA"])),
            "The algorithms that are taken, whatever the token says.",
        ),
        required("issuer", Takes::Text, "What `iss` has to be."),
        required("audience", Takes::Text, "What `aud` has to be, or to have in it."),
        optional("leeway", Takes::Duration, "How far the clocks may differ. Left out: 30 seconds."),
    ],
    one_of: &[],
};

const STATUS: Field = optional(
    "status",
    Takes::OneOf(&[Takes::Count(200, 599), Takes::Text]),
    "The HTTP status: `200`, or `\"200 OK\"`.",
);
const HEADERS: Field = optional(
    "headers",
    Takes::Map(&A_HEADER),
    "Headers; a text is a template, `{ expr = \"…\" }` an expression.",
);

static HEADER: Table = Table {
    name: "a header",
    doc: "A header whose value is an expression; where it is null, the header is left out.",
    fields: &[required("expr", Takes::Expression, "The value.")],
    one_of: &[],
};

static CHALLENGES: Table = Table {
    name: "a challenge",
    doc: "A provider's question whether the listener is there.",
    fields: &[
        optional("name", Takes::Text, "What the log calls it. Left out: `challenge`."),
        required("detect", Takes::Expression, "An expression that holds for challenges only."),
        optional(
            "methods",
            Takes::List(&Takes::Word(&["GET", "HEAD", "POST", "PUT"])),
            "The methods it comes by. Left out: those of the listener.",
        ),
        STATUS,
        HEADERS,
        optional(
            "body",
            Takes::OneOf(&[Takes::Expression, Takes::Mapper]),
            "The body: an expression or a mapper. Text answers as it is, objects and lists as JSON.",
        ),
        optional(
            "tokens",
            Takes::Map(&Takes::Table(&TOKEN)),
            "Signed tokens, which the response reads as `challenge_token[\"NAME\"]`.",
        ),
        optional(
            "verified",
            Takes::Bool,
            "Whether the request has to pass verification first. Left out: false.",
        ),
        optional(
            "token_pattern",
            Takes::Text,
            "What a text has to look like that is signed for a sender nobody verified. Left out: `[A-Za-z0-9_-]{1,128}`.",
        ),
    ],
    one_of: &[],
};

static TOKEN: Table = Table {
    name: "a token",
    doc: "An HMAC of a part of the challenge.",
    fields: &[
        required("secret", Takes::Text, "The name of the secret."),
        required("hash", Takes::Word(HASHES), "The hash function."),
        required("payload", Takes::Expression, "What is signed: one path of the request."),
        required("encoding", Takes::Word(ENCODINGS), "How the token is written."),
    ],
    one_of: &[],
};

static RATE: Table = Table {
    name: "a rate limit",
    doc: "How many requests are taken; counted after verification.",
    fields: &[
        required("requests", Takes::Count(1, 1_000_000), "How many requests, in so much time."),
        optional("per", Takes::Duration, "In how much time. Left out: one second."),
        optional(
            "burst",
            Takes::Count(1, 10_000_000),
            "How many at once, after a pause. Left out: what ten seconds allow, at least one.",
        ),
    ],
    one_of: &[],
};

static SCHEMAS: Table = Table {
    name: "a schema",
    doc: "What the body has to look like.",
    fields: &[
        optional(
            "file",
            Takes::Text,
            "A file with a JSON Schema or its shorthand, relative to the configuration's folder.",
        ),
        optional("json", Takes::Text, "The same as a text."),
        optional(
            "shape",
            Takes::Map(&Takes::Any),
            "The shorthand as a table: `{ action = \"string\" }`. Every member it names has to be there.",
        ),
    ],
    one_of: &["file", "json", "shape"],
};

static FILTERS: Table = Table {
    name: "a filter",
    doc: "Which requests become events. An error in it keeps the event, and is recorded.",
    fields: &[
        optional("keep_when", Takes::Expression, "Requests become events where this holds."),
        optional("drop_when", Takes::Expression, "Requests become no events where this holds."),
    ],
    one_of: &["keep_when", "drop_when"],
};

static DEDUP: Table = Table {
    name: "deduplication",
    doc: "How repeats of one event are recognised.",
    fields: &[
        optional(
            "keys",
            Takes::List(&Takes::Expression),
            "Expressions that together tell events apart. A path that begins with no name of the request is one in `parsed_body`.",
        ),
        optional(
            "window",
            Takes::Duration,
            "How long a key is remembered, from 1 second to 24 hours, counted from the first. Left out: 10 minutes.",
        ),
        optional(
            "signature",
            Takes::Bool,
            "Whether a signed request is also recognised by what was signed. Left out: one that has no signed time is, as it could be replayed for ever. With `true`, also one whose time is held to the clock: for keys that are not signed. With `false`, two events that are the same to the letter are two.",
        ),
    ],
    one_of: &[],
};

static EVENTS: Table = Table {
    name: "an event",
    doc: "What a request becomes.",
    fields: &[
        optional("type", Takes::Expression, "The event's type. Left out: null."),
        optional("id", Takes::Expression, "The provider's own id of the event. Left out: null."),
        optional(
            "data",
            Takes::OneOf(&[Takes::Expression, Takes::Mapper]),
            "The event's data: an expression or a mapper. Left out: `parsed_body`.",
        ),
        optional("types", Takes::List(&Takes::Text), "The types that subscribers may choose from."),
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
            Takes::OneOf(&[Takes::Expression, Takes::Mapper]),
            "The body: an expression or a mapper.",
        ),
    ],
    one_of: &[],
};

static REDACTION: Table = Table {
    name: "redaction",
    doc: "What must not be written to any log.",
    fields: &[
        optional(
            "paths",
            Takes::List(&Takes::Text),
            "Paths of the request: `parsed_body.user.email`, `query_params.token`; `[*]` is every element.",
        ),
        optional("headers", Takes::List(&Takes::Text), "Names of headers."),
    ],
    one_of: &[],
};

/// A recipe file.
pub static RECIPE: Table = Table {
    name: "a recipe",
    doc: "How one provider signs, challenges and names its deliveries.",
    fields: &[
        required("title", Takes::Text, "The provider's name as it writes it."),
        required("documentation", Takes::Text, "The page that says so."),
        required(
            "setup",
            Takes::Text,
            "What to do at the provider, a step a line; `{url}` and `{secret}` are filled in.",
        ),
        required("covers", Takes::List(&Takes::Text), "What the signature covers."),
        required("unsigned", Takes::List(&Takes::Text), "What matters and is not covered."),
        optional(
            "secrets",
            Takes::Map(&Takes::Table(&RECIPE_SECRET)),
            "The secrets that it needs; the first is the main one.",
        ),
        optional(
            "vars",
            Takes::Map(&Takes::Table(&RECIPE_VAR)),
            "Settings that it needs, which are no secrets.",
        ),
        required("listener", Takes::Table(&FRAGMENT), "What a listener of this provider has."),
        optional("send", Takes::Table(&SEND), "How the provider makes a delivery."),
        required(
            "sample",
            Takes::List(&Takes::Table(&SAMPLE)),
            "Requests and what becomes of them: the recipe's tests.",
        ),
    ],
    one_of: &[],
};

static RECIPE_SECRET: Table = Table {
    name: "a recipe's secret",
    doc: "A secret that the provider and the listener share, or a key that is pinned.",
    fields: &[
        required("what", Takes::Text, "What it is at the provider."),
        optional("encoding", Takes::Word(SECRET_ENCODINGS), "How the provider writes it."),
        optional("optional", Takes::Bool, "Whether the listener works without it."),
    ],
    one_of: &[],
};

static RECIPE_VAR: Table = Table {
    name: "a recipe's setting",
    doc: "A setting that is no secret.",
    fields: &[
        required("what", Takes::Text, "What it is at the provider."),
        optional("default", Takes::Any, "What it is, where a listener does not say."),
    ],
    one_of: &[],
};

static SEND: Table = Table {
    name: "sending",
    doc: "How the provider makes a delivery.",
    fields: &[
        optional("method", Takes::Text, "The method. Left out: POST."),
        optional("content_type", Takes::Text, "The content type. Left out: application/json."),
        optional(
            "headers",
            Takes::List(&Takes::List(&Takes::Text)),
            "Names and expressions; each sees the headers before it.",
        ),
    ],
    one_of: &[],
};

/// A request with what is expected of it.
pub static SAMPLE: Table = Table {
    name: "a sample",
    doc: "A request, and what becomes of it.",
    fields: &[
        required("name", Takes::Text, "What is shown, in a user's words."),
        optional("source", Takes::Text, "Where it was published."),
        required("expect", Takes::Text, "The outcome."),
        optional("reason", Takes::Text, "A finding that has to be among the reasons."),
        optional("method", Takes::Text, "The method. Left out: POST."),
        optional("url", Takes::Text, "The public URL. Left out: made from the listener."),
        optional("query", Takes::Text, "The raw query."),
        optional(
            "headers",
            Takes::OneOf(&[Takes::Map(&Takes::Text), Takes::List(&Takes::List(&Takes::Text))]),
            "Headers; as a list of pairs, where one is repeated.",
        ),
        optional("body", Takes::Text, "The body as text."),
        optional("body_base64", Takes::Text, "The body as bytes."),
        optional("body_file", Takes::Text, "The body as a file, relative to this one."),
        optional(
            "now",
            Takes::OneOf(&[Takes::Number, Takes::Text]),
            "The time: seconds since the epoch, or RFC 3339.",
        ),
        optional("remote_address", Takes::Text, "The address that it comes from."),
        optional(
            "secrets",
            Takes::Map(&Takes::OneOf(&[Takes::Text, Takes::List(&Takes::Text)])),
            "The secrets as the provider shows them.",
        ),
        optional("vars", Takes::Map(&Takes::Any), "Settings, in place of the listener's."),
        optional("status", Takes::Count(100, 599), "The HTTP status of the response."),
        optional(
            "response_headers",
            Takes::Map(&Takes::Text),
            "Headers that the response has to have.",
        ),
        optional("response_body", Takes::Text, "The response's body, byte for byte."),
        optional("response_json", Takes::Text, "The response's body, as JSON."),
        optional("event_type", Takes::Text, "The type of the event."),
        optional("event_id", Takes::Text, "The provider's id of the event."),
        optional("event_data", Takes::Text, "The event's data, as JSON."),
        optional(
            "then",
            Takes::List(&A_SAMPLE),
            "Requests that follow, to the same listener: a repeat, one too many.",
        ),
    ],
    one_of: &[],
};
