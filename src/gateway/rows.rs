//! What may stand in `hookgate.toml`, a row a key.

use crate::config::{Field, Table, Takes, optional, required};
use crate::listener::SAMPLE;

/// The gateway's file, `hookgate.toml`.
pub static GATEWAY: Table = Table {
    name: "the gateway",
    doc: "The gateway's own settings, `hookgate.toml`; beside it stands the folder `listeners`.",
    fields: &[
        required(
            "public_url",
            Takes::Text,
            "The URL that providers reach the gateway by, without a path: `https://hooks.example.com`. What is signed and compared is made from it, never from `Host`.",
        ),
        SERVER,
        LIMITS,
        STORE,
        RETENTION,
        DELIVERY,
        SINK,
        TENANTS,
        LOG,
    ],
    one_of: &[],
};

/// A test file, `*.test.toml`.
pub static TEST_FILE: Table = Table {
    name: "a test file",
    doc: "Requests to one listener, and what becomes of them.",
    fields: &[
        optional(
            "listener",
            Takes::Text,
            "The listener: its file, relative to this one, or its name in the configuration.",
        ),
        optional("provider", Takes::Text, "A recipe, whose listener is tried as it is."),
        optional(
            "secrets",
            Takes::Map(&SECRET),
            "The secrets, in place of those that the listener's file names.",
        ),
        optional("vars", Takes::Map(&Takes::Any), "Settings, before those of the listener's file."),
        optional(
            "now",
            Takes::OneOf(&[Takes::Number, Takes::Text]),
            "The time of requests that do not say one.",
        ),
        required("test", Takes::List(&A_TEST), "The requests."),
    ],
    one_of: &["listener", "provider"],
};

static A_TEST: Takes = Takes::Table(&SAMPLE);
static SECRET: Takes = Takes::OneOf(&[Takes::Text, Takes::List(&Takes::Text)]);

const SERVER: Field = optional("server", Takes::Table(&SERVERS), "Where the gateway listens.");
const LIMITS: Field = optional(
    "limits",
    Takes::Table(&LIMIT),
    "How large requests may be, how long they may take, how many there may be.",
);
const STORE: Field = optional("store", Takes::Table(&STORES), "Where events and logs are kept.");
const RETENTION: Field =
    optional("retention", Takes::Table(&RETAINED), "How long what is stored is kept.");
const DELIVERY: Field = optional(
    "delivery",
    Takes::Table(&DELIVERIES),
    "How events are delivered to those who subscribe.",
);
const SINK: Field = optional(
    "sink",
    Takes::List(&A_SINK),
    "Files on this machine that events are written to, a line of JSON each.",
);
const TENANTS: Field = optional(
    "tenants",
    Takes::Map(&A_TENANT),
    "The tenants by id, each with the sources of its secrets. A tenant without a table uses files below the configuration's folder, and variables that do not begin with `HOOKGATE_`.",
);
static A_TENANT: Takes = Takes::Table(&TENANT);
static TENANT: Table = Table {
    name: "a tenant",
    doc: "The sources that listeners of this tenant may name for secrets; what a list names is not for tenants whose own lists do not name it.",
    fields: &[
        optional(
            "secret_env",
            Takes::List(&Takes::Text),
            "Variables of the environment: `ACME_TOKEN`, or `ACME_*` for all that begin so; `HOOKGATE_KEY` is never read. default: all but those that begin with `HOOKGATE_`.",
        ),
        optional(
            "secret_files",
            Takes::List(&Takes::Text),
            "Files, relative to the configuration's folder: `secrets/acme/` for all below, `secrets/acme*` for all that begin so; only here may they be outside of it. The store, its key and the configuration are never read. default: those below the folder.",
        ),
    ],
    one_of: &[],
};
static A_SINK: Takes = Takes::Table(&SINKS);
const LOG: Field = optional(
    "log",
    Takes::Table(&LOGS),
    "How the gateway's own log is written, to standard error.",
);

static SERVERS: Table = Table {
    name: "the server",
    doc: "Where the gateway listens.",
    fields: &[
        optional("listen", Takes::Text, "The address for senders. Left out: `127.0.0.1:8080`."),
        optional(
            "management",
            Takes::Text,
            "The address for health, metrics and management. Left out: `127.0.0.1:8081`.",
        ),
        optional(
            "trusted_proxies",
            Takes::List(&Takes::Text),
            "Networks whose `X-Forwarded-For` is believed; the sender is the right-most hop that is in none of them. Where that hop is missing or is no IP address, the sender's address is unknown: checks of `addresses` fail.",
        ),
        optional(
            "tls",
            Takes::Table(&TLS),
            "Certificates for the address for senders; read again when the files change.",
        ),
        optional(
            "drain",
            Takes::Duration,
            "How long requests in flight may take after the gateway is told to stop; idle connections are closed at once. Left out: 30 seconds.",
        ),
        optional(
            "shutdown_delay",
            Takes::Duration,
            "How long the address for senders still accepts connections after `/readyz` answers 503, so that a load balancer can take the gateway out first. Left out: 0 seconds.",
        ),
        optional(
            "management_hosts",
            Takes::List(&Takes::Text),
            "Host names that requests to the management address may name in `Host`, besides `localhost` and IP addresses, which are always allowed. A request that names another host is answered with 421. Left out: none.",
        ),
    ],
    one_of: &[],
};

static TLS: Table = Table {
    name: "TLS",
    doc: "Certificates.",
    fields: &[
        required(
            "certificate",
            Takes::Text,
            "The file with the certificate and those that lead to its root, in PEM.",
        ),
        required("key", Takes::Text, "The file with the private key, in PEM."),
    ],
    one_of: &[],
};

static LIMIT: Table = Table {
    name: "limits",
    doc: "How large requests may be, how long they may take, how many there may be.",
    fields: &[
        optional(
            "body",
            Takes::Count(1, 1 << 30),
            "Bytes of a body, as sent and unpacked. Left out: 1048576.",
        ),
        optional("headers", Takes::Count(1, 1000), "How many headers. Left out: 100."),
        optional(
            "header_bytes",
            Takes::Count(8192, 1 << 20),
            "Bytes of all headers. Left out: 32768.",
        ),
        optional(
            "header_time",
            Takes::Duration,
            "How long headers may take to arrive, and a TLS handshake may take. Left out: 10 seconds.",
        ),
        optional(
            "body_time",
            Takes::Duration,
            "How long a body may take to arrive. Left out: 20 seconds.",
        ),
        optional(
            "idle_timeout",
            Takes::Duration,
            "How long a connection may stay open without a request in progress; HTTP/2 PINGs do not count. Left out: as `header_time`.",
        ),
        optional(
            "write_timeout",
            Takes::Duration,
            "How long a peer may take to read the next 16 KiB of an answer. Left out: 10 seconds.",
        ),
        optional(
            "connections",
            Takes::Count(1, 1_000_000),
            "How many connections at a time, as far as the system lets files be open. When all are in use, a new connection takes the place of one without a request in progress. HTTP/2, TLS and large heads or bodies need more memory, so fewer such connections fit. The management address has an eighth of this. Left out: 12000.",
        ),
        optional(
            "connections_per_address",
            Takes::Count(1, 1_000_000),
            "How many connections one address (IPv6: one /64) may have at a time; past that, its oldest connection without a request gives way. Trusted proxies are exempt. Left out: 1000.",
        ),
        optional(
            "connections_per_proxy",
            Takes::Count(1, 1_000_000),
            "How many connections one address of `server.trusted_proxies` may have at a time. Left out: 8000.",
        ),
        optional(
            "streams_per_connection",
            Takes::Count(1, 1000),
            "How many requests one HTTP/2 connection may have in progress at a time. Left out: 32.",
        ),
        optional(
            "memory",
            Takes::Count(1 << 20, 1 << 40),
            "Bytes that all requests may hold at a time: decoded heads, copies of heads, bodies, unpacked bodies. Half is for heads and the first 16 KiB of each body. A request that finds no room is answered with 503. Left out: 67108864.",
        ),
        optional(
            "management_memory",
            Takes::Count(1 << 20, 1 << 40),
            "Bytes of all answers of the management address that are being built, or are not yet read by their clients. One tenant may hold a quarter. A call that finds no room within 5 seconds is answered 503 with `Retry-After`. default: 67108864",
        ),
        optional(
            "streams",
            Takes::Count(1, 100_000),
            "How many streams of events (`/events/stream`) may be open at a time. default: 200",
        ),
        optional(
            "streams_per_tenant",
            Takes::Count(1, 100_000),
            "How many of them may be of one tenant. default: 50",
        ),
        optional(
            "failures",
            Takes::Count(1, 1_000_000),
            "How many requests of one address may fail verification in a minute, before further failures are answered with 429 and its requests are verified one at a time. Left out: 60.",
        ),
        optional(
            "challenges",
            Takes::Count(1, 1_000_000),
            "How many challenges of one listener are answered in a minute to senders without verification; when they are used up, the first of each other address still is, up to as many again. Challenges from verified senders have a limit of the same size of their own. Left out: 600.",
        ),
        optional(
            "challenges_per_address",
            Takes::Count(1, 1_000_000),
            "How many challenges of one address, an IPv4 address or an IPv6 /48, one listener takes in a minute without verification, whether they are answered or not. Left out: 30.",
        ),
    ],
    one_of: &[],
};

static STORES: Table = Table {
    name: "the store",
    doc: "Where events and logs are kept.",
    fields: &[
        optional(
            "path",
            Takes::Text,
            "The file of the database, relative to the configuration's folder. Left out: `hookgate.db`.",
        ),
        optional(
            "wal_bytes",
            Takes::Count(1 << 19, 1 << 34),
            "Bytes of the write-ahead log at which it is copied into the database and restarted; less on a small volume, and at most a quarter of `retention.bytes`. Left out: 67108864.",
        ),
    ],
    one_of: &[],
};

static RETAINED: Table = Table {
    name: "retention",
    doc: "How long what is stored is kept.",
    fields: &[
        optional(
            "requests",
            Takes::Duration,
            "Logs of requests that were taken. Left out: 30 days.",
        ),
        optional("events", Takes::Duration, "Events. Left out: 30 days."),
        optional(
            "deliveries",
            Takes::Duration,
            "Deliveries that ended, with their attempts. Left out: 30 days.",
        ),
        optional(
            "diverted",
            Takes::Duration,
            "Events that were given up and are kept to be sent again. Left out: 365 days.",
        ),
        optional(
            "diverted_rows",
            Takes::Count(1, 1_000_000_000),
            "How many of these are kept for a subscription; the oldest go first. default: 100000.",
        ),
        optional(
            "diverted_rows_per_tenant",
            Takes::Count(1, 1_000_000_000),
            "How many of these are kept for a tenant; the oldest of the largest go first. default: 1000000.",
        ),
        optional(
            "refused",
            Takes::Duration,
            "Logs of requests that were refused. Left out: 7 days.",
        ),
        optional(
            "refused_bytes",
            Takes::Count(1 << 16, 1 << 40),
            "Bytes of all logs of requests that were refused. Left out: 67108864.",
        ),
        optional("audit", Takes::Duration, "The audit log. Left out: 365 days."),
        optional(
            "bytes",
            Takes::Count(1 << 20, 1 << 50),
            "Bytes of the database and its write-ahead log; the oldest goes first. Left out: no limit.",
        ),
    ],
    one_of: &[],
};

static DELIVERIES: Table = Table {
    name: "delivery",
    doc: "How events are delivered to those who subscribe.",
    fields: &[
        optional(
            "allow",
            Takes::List(&Takes::Text),
            "Private networks that may be sent to all the same: `10.1.0.0/16`. Left out: none.",
        ),
        optional(
            "connect_time",
            Takes::Duration,
            "How long a connection may take to be made. Left out: 10 seconds.",
        ),
        optional("time", Takes::Duration, "How long an attempt may take. Left out: 30 seconds."),
        optional(
            "concurrency",
            Takes::Count(1, 1000),
            "Attempts at a time to one receiver. Left out: 8.",
        ),
        optional(
            "rate",
            Takes::Count(1, 100_000),
            "Attempts in a second to one receiver. Left out: 200.",
        ),
        optional(
            "in_flight",
            Takes::Count(1, 100_000),
            "Attempts at a time in all, shared among tenants: one that wants all has half. Left out: 512.",
        ),
        optional(
            "hops",
            Takes::Count(1, 100),
            "How often an event may go from gateway to gateway before it is taken for a loop. Left out: 5.",
        ),
        optional(
            "user",
            Takes::Text,
            "The UUID of the user that events are said to come from. Left out: zeros.",
        ),
        optional(
            "authorities",
            Takes::Text,
            "A file of certificates, in PEM, that are trusted besides those of the system.",
        ),
        optional(
            "rotation",
            Takes::Duration,
            "How long a signing secret that was replaced still signs beside the new one. Left out: 1 day.",
        ),
        optional(
            "waiting_rows",
            Takes::Count(1, 1_000_000_000),
            "Deliveries that may wait for a subscription; past them the oldest become dead letters. default: 100000.",
        ),
        optional(
            "waiting_bytes",
            Takes::Count(1, 1 << 50),
            "Stored bytes of the events and bodies that may wait for a subscription; past them the oldest become dead letters. default: 268435456.",
        ),
        optional(
            "waiting_age",
            Takes::Duration,
            "How long a delivery may wait, from when its event was accepted; then it becomes a dead letter. default: 30 days.",
        ),
        optional(
            "waiting_rows_per_tenant",
            Takes::Count(1, 1_000_000_000),
            "Deliveries that may wait for a tenant; past them the oldest of its largest backlogs become dead letters. default: 1000000.",
        ),
        optional(
            "waiting_rows_total",
            Takes::Count(1, 1_000_000_000),
            "Deliveries that may wait for all tenants; past them the oldest of the largest backlogs become dead letters. default: 4000000.",
        ),
        optional(
            "name_servers",
            Takes::List(&Takes::Text),
            "The name servers that receivers are looked up by: `10.0.0.53`, `127.0.0.1:5353`. default: those of the system.",
        ),
        optional(
            "resolve_time",
            Takes::Duration,
            "How long a name may take to be looked up; it is no part of `time`. default: 5 seconds.",
        ),
        optional(
            "lookups",
            Takes::Count(1, 10_000),
            "Names that are looked up at a time, shared among tenants. default: 256.",
        ),
        optional(
            "subscriptions_per_tenant",
            Takes::Count(1, 10_000_000),
            "Subscriptions that a tenant may have. default: 20000.",
        ),
    ],
    one_of: &[],
};

static SINKS: Table = Table {
    name: "a sink",
    doc: "A file on this machine that events are written to, a line of JSON each.",
    fields: &[
        required("name", Takes::Text, "What it is called; each has a name of its own."),
        required("tenant", Takes::Text, "The tenant whose events it takes."),
        required(
            "path",
            Takes::Text,
            "The file, relative to the configuration's folder; when it is full it becomes `PATH.1`.",
        ),
        optional(
            "events",
            Takes::List(&Takes::Text),
            "The types of events that it takes. Left out: all.",
        ),
        optional(
            "filter",
            Takes::Expression,
            "An expression that has to hold of `event`. Left out: all are written.",
        ),
        optional(
            "transform",
            Takes::Expression,
            "An expression over `event` that makes the line. Left out: the envelope that Socotra documents.",
        ),
        optional(
            "bytes",
            Takes::Count(1024, 1 << 40),
            "Bytes of a file, before the next one is begun. Left out: 67108864.",
        ),
        optional("files", Takes::Count(1, 1000), "How many files are kept. Left out: 5."),
    ],
    one_of: &[],
};

static LOGS: Table = Table {
    name: "the log",
    doc: "How the gateway's own log is written.",
    fields: &[
        optional(
            "format",
            Takes::Word(&["text", "json"]),
            "For people, or a JSON object a line. Left out: `text`.",
        ),
        optional(
            "level",
            Takes::Word(&["error", "warn", "info", "debug"]),
            "What is written at least. Left out: `info`.",
        ),
    ],
    one_of: &[],
};
