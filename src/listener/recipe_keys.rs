//! The schema of recipes, and of the requests that test listeners and recipes: a row for each key.
//! Knows no compilation.

use super::config_keys::{FRAGMENT, SECRET_ENCODINGS};
use super::outcome::Outcome;
use super::reason::ReasonCode;
use crate::config::{Field, FieldType, Table, optional, required};

static A_FOLLOWING: FieldType = FieldType::Table(&FOLLOWING);

/// The schema of a recipe file.
pub static RECIPE: Table = Table {
    name: "a recipe",
    doc: "The signatures, challenges and event types of one provider.",
    fields: &[
        required("title", FieldType::Text, "The provider's name as it writes it."),
        optional(
            "like",
            FieldType::Text,
            "Another recipe, whose signatures the provider uses. Its keys apply where this file does not set them, and its secrets take the name of the first secret of this file.",
        ),
        required("documentation", FieldType::Text, "The page that says so."),
        required(
            "setup",
            FieldType::Text,
            "The steps of the set-up at the provider, one in each line; `{url}` and `{secret}` are replaced.",
        ),
        optional(
            "covers",
            FieldType::List(&FieldType::Text),
            "The parts of a request that the signature covers.",
        )
        .or_derived("that of the recipe under `like`; without `like` it is required"),
        optional(
            "unsigned",
            FieldType::List(&FieldType::Text),
            "The important parts of a request that the signature does not cover.",
        )
        .or_derived("that of the recipe under `like`; without `like` it is required"),
        optional(
            "retries",
            FieldType::Bool,
            "True if the provider sends a delivery again that was refused with 429 or 503; false if it is lost.",
        )
        .or_derived("not known"),
        optional(
            "form_fields",
            FieldType::List(&FieldType::Text),
            "The fields of the form that the provider sends unless its settings say JSON. A rule that reads other members of the body gets a warning.",
        ),
        optional(
            "secrets",
            FieldType::Map(&FieldType::Table(&RECIPE_SECRET)),
            "The secrets that it needs; the first is the main one.",
        ),
        optional(
            "vars",
            FieldType::Map(&FieldType::Table(&RECIPE_VAR)),
            "Settings that it needs, which are no secrets.",
        ),
        optional(
            "listener",
            FieldType::Table(&FRAGMENT),
            "The settings of a listener of this provider.",
        )
        .or_derived("that of the recipe under `like`; without `like` it is required"),
        optional("send", FieldType::Table(&SEND), "The form of a delivery of the provider."),
        optional(
            "scaffold",
            FieldType::Text,
            "The verification written out, for senders that differ from the recipe. `hookgate init` adds it to the file as a comment.",
        ),
        optional(
            "keys",
            FieldType::Map(&FieldType::Text),
            "The key documents of URLs for all samples: the text of a JWK Set or a certificate.",
        ),
        required(
            "sample",
            FieldType::List(&FieldType::Table(&SAMPLE)),
            "Requests with their expected results: the tests of the recipe.",
        ),
    ],
    one_of: &[],
};

/// The row of the key documents of a test.
pub(crate) const KEYS: Field = optional(
    "keys",
    FieldType::Map(&KEY_DOCUMENT),
    "The key documents of URLs, because tests have no network: the text of a JWK Set or a certificate, or `{ file = \"…\" }` relative to this file.",
);
const KEY_DOCUMENT: FieldType = FieldType::OneOf(&[FieldType::Text, FieldType::Table(&KEY_FILE)]);

static KEY_FILE: Table = Table {
    name: "a key file",
    doc: "A key document in a file.",
    fields: &[required("file", FieldType::Text, "The file, relative to this one.")],
    one_of: &[],
};

pub(super) static RECIPE_SECRET: Table = Table {
    name: "a recipe's secret",
    doc: "A secret that the provider and the listener share, or a key that is pinned.",
    fields: &[
        required("what", FieldType::Text, "Its meaning at the provider."),
        optional("encoding", FieldType::Word(SECRET_ENCODINGS), "The encoding at the provider.")
            .or("utf8"),
        optional("optional", FieldType::Bool, "True if the listener works without it.").or("false"),
    ],
    one_of: &[],
};

static RECIPE_VAR: Table = Table {
    name: "a recipe's setting",
    doc: "A setting that is no secret.",
    fields: &[
        required("what", FieldType::Text, "Its meaning at the provider."),
        optional("default", FieldType::Any, "The default, if a listener does not set it."),
    ],
    one_of: &[],
};

pub(super) static SEND: Table = Table {
    name: "sending",
    doc: "The form of a delivery of the provider.",
    fields: &[
        optional("method", FieldType::Text, "The method.").or("POST"),
        optional("content_type", FieldType::Text, "The content type.").or("application/json"),
        optional(
            "headers",
            FieldType::List(&FieldType::List(&FieldType::Text)),
            "Names and expressions; each sees the headers before it.",
        ),
        optional(
            "credentials",
            FieldType::List(&FieldType::List(&FieldType::Text)),
            "Headers that carry a secret as it is: the name of the header, the scheme (`plain`, `bearer` or `basic`), and the name of the secret.",
        ),
    ],
    one_of: &[],
};

/// Rows of a request with its expected result, and of a request that follows it. The other rows are
/// those of the first alone.
macro_rules! sample_rows {
    ($($own:expr),* $(,)?) => {
        &[
            required("name", FieldType::Text, "The name of the test."),
            optional("source", FieldType::Text, "The source of the request."),
            optional(
                "sdk",
                FieldType::Text,
                "The official package that made or verified the request, with its version: `stripe@23.1.0`.",
            ),
            required(
                "expect",
                FieldType::Word(Outcome::NAMES),
                "The outcome: see [Outcomes](#outcomes).",
            ),
            optional(
                "reason",
                FieldType::Word(ReasonCode::NAMES),
                "A reason code that the decision has to contain: see [Reason codes](#reason-codes).",
            ),
            optional("method", FieldType::Text, "The method.").or("POST"),
            optional("query", FieldType::Text, "The raw query."),
            optional(
                "headers",
                FieldType::OneOf(&[
                    FieldType::Map(&FieldType::Text),
                    FieldType::List(&FieldType::List(&FieldType::Text)),
                ]),
                "Headers; as a list of pairs, where one is repeated.",
            ),
            optional("body", FieldType::Text, "The body as a string."),
            optional("body_base64", FieldType::Text, "The body as bytes."),
            optional("body_file", FieldType::Text, "The body as a file, relative to this one."),
            optional(
                "now",
                FieldType::OneOf(&[FieldType::Number, FieldType::Text]),
                "The time: seconds since the epoch, or RFC 3339.",
            ),
            optional("remote_address", FieldType::Text, "The address that it comes from."),
            optional("status", FieldType::Count(100, 599), "The HTTP status of the response."),
            optional(
                "response_headers",
                FieldType::Map(&FieldType::Text),
                "Headers that the response has to have.",
            ),
            optional("response_body", FieldType::Text, "The response's body, byte for byte."),
            optional("response_json", FieldType::Text, "The response's body, as JSON."),
            optional("event_type", FieldType::Text, "The type of the event."),
            optional("event_id", FieldType::Text, "The provider's id of the event."),
            optional("event_data", FieldType::Text, "The event's data, as JSON."),
            $($own),*
        ]
    };
}

/// The schema of a request with its expected result.
pub static SAMPLE: Table = Table {
    name: "a test",
    doc: "A request with its expected result.",
    fields: sample_rows![
        optional("url", FieldType::Text, "The public URL.").or_derived("made from the listener"),
        optional(
            "secrets",
            FieldType::Map(&FieldType::OneOf(&[
                FieldType::Text,
                FieldType::List(&FieldType::Text),
            ])),
            "The secrets as the provider shows them.",
        ),
        optional("vars", FieldType::Map(&FieldType::Any), "Settings, in place of the listener's."),
        KEYS,
        optional(
            "then",
            FieldType::List(&A_FOLLOWING),
            "Requests that follow, to the same listener: a repeat, one too many.",
        ),
    ],
    one_of: &[],
};

/// The schema of a request that follows another one. It goes to the same listener, which has the
/// secrets and the settings of the first.
static FOLLOWING: Table = Table {
    name: "a following request",
    doc: "A request to the listener of the test before it, with its expected result.",
    fields: sample_rows![],
    one_of: &[],
};
