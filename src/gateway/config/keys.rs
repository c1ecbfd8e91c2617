//! The configuration schema of `hookgate.toml` and of test files: one row for each key. Reads no
//! file.

use crate::config::{Field, FieldType, Table, optional, required};
use crate::listener::{KEYS, SAMPLE};

/// The file of the gateway, `hookgate.toml`.
pub static GATEWAY: Table = Table {
    name: "the gateway",
    doc: "The gateway's own settings, `hookgate.toml`; beside it stands the folder `listeners`.",
    fields: &[
        required(
            "public_url",
            FieldType::Text,
            "The URL that providers reach the gateway by, without a path: `https://hooks.example.com`. Signed and compared URLs begin with it, never with `Host`.",
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
    doc: "Requests to one listener, with their expected results.",
    fields: &[
        optional(
            "listener",
            FieldType::Text,
            "The listener: its file, relative to this one, or its name in the configuration.",
        ),
        optional("provider", FieldType::Text, "A recipe, whose listener is tried as it is."),
        optional(
            "secrets",
            FieldType::Map(&SECRET),
            "The secrets, in place of those that the listener's file names.",
        ),
        optional(
            "vars",
            FieldType::Map(&FieldType::Any),
            "Settings, before those of the listener's file.",
        ),
        KEYS,
        optional(
            "now",
            FieldType::OneOf(&[FieldType::Number, FieldType::Text]),
            "The time of requests that do not say one.",
        ),
        required("test", FieldType::List(&A_TEST), "The requests."),
    ],
    one_of: &["listener", "provider"],
};

static A_TEST: FieldType = FieldType::Table(&SAMPLE);
static SECRET: FieldType = FieldType::OneOf(&[FieldType::Text, FieldType::List(&FieldType::Text)]);

const SERVER: Field =
    optional("server", FieldType::Table(&SERVERS), "The addresses of the gateway.");
const LIMITS: Field = optional(
    "limits",
    FieldType::Table(&LIMIT),
    "The limits on the size, the time and the number of requests.",
);
const STORE: Field = optional("store", FieldType::Table(&STORES), "The store of events and logs.");
const RETENTION: Field =
    optional("retention", FieldType::Table(&RETAINED), "The retention of stored rows.");
const DELIVERY: Field =
    optional("delivery", FieldType::Table(&DELIVERIES), "The delivery of events to subscriptions.");
const SINK: Field = optional(
    "sink",
    FieldType::List(&A_SINK),
    "Files on this machine that events are written to, a line of JSON each.",
);
const TENANTS: Field = optional(
    "tenants",
    FieldType::Map(&A_TENANT),
    "The tenants by id, each with the sources of its secrets. A tenant without a table uses files below the configuration's folder, and variables that do not begin with `HOOKGATE_`.",
);
static A_TENANT: FieldType = FieldType::Table(&TENANT);
static TENANT: Table = Table {
    name: "a tenant",
    doc: "The sources that listeners of this tenant may name for secrets. A source in this list is refused to tenants whose own lists do not have it.",
    fields: &[
        optional(
            "secret_env",
            FieldType::List(&FieldType::Text),
            "Variables of the environment: `ACME_TOKEN`, or `ACME_*` for all that begin so; `HOOKGATE_KEY` is never read.",
        ).or_derived("all but those that begin with `HOOKGATE_`"),
        optional(
            "secret_files",
            FieldType::List(&FieldType::Text),
            "Files, relative to the configuration's folder: `secrets/acme/` for all below, `secrets/acme*` for all that begin so; only here may they be outside of it. The store, its key and the configuration are never read.",
        ).or_derived("those below the folder"),
    ],
    one_of: &[],
};
static A_SINK: FieldType = FieldType::Table(&SINKS);
const LOG: Field =
    optional("log", FieldType::Table(&LOGS), "The gateway's own log, on standard error.");

static SERVERS: Table = Table {
    name: "the server",
    doc: "The addresses of the gateway.",
    fields: &[
        optional("listen", FieldType::Text, "The address for senders.").or("127.0.0.1:8080"),
        optional(
            "management",
            FieldType::Text,
            "The address for health, metrics and management.",
        ).or("127.0.0.1:8081"),
        optional(
            "trusted_proxies",
            FieldType::List(&FieldType::Text),
            "Networks whose `X-Forwarded-For` is believed; the sender is the right-most hop that is in none of them. Where that hop is missing or is no IP address, the sender's address is unknown: checks of `addresses` fail.",
        ),
        optional(
            "tls",
            FieldType::Table(&TLS),
            "Certificates for the address for senders; read again when the files change.",
        ),
        optional(
            "drain_timeout",
            FieldType::Duration,
            "Time that requests in flight have to end after shutdown starts. Idle connections are closed at once.",
        ).renamed_from("drain").or("30s"),
        optional(
            "shutdown_delay",
            FieldType::Duration,
            "The time for which the address for senders still accepts connections after `/readyz` answers 503, so that a load balancer can take the gateway out first.",
        ).or("0s"),
        optional(
            "management_hosts",
            FieldType::List(&FieldType::Text),
            "Host names that requests to the management address may name in `Host`, besides `localhost` and IP addresses, which are always allowed. A request that names another host is answered with 421.",
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
            FieldType::Text,
            "The file with the certificate and those that lead to its root, in PEM.",
        ),
        required("key", FieldType::Text, "The file with the private key, in PEM."),
    ],
    one_of: &[],
};

static LIMIT: Table = Table {
    name: "limits",
    doc: "The limits on the size, the time and the number of requests.",
    fields: &[
        optional(
            "body",
            FieldType::Count(1, 1 << 30),
            "Bytes of a body, as sent and unpacked.",
        ).or("1048576"),
        optional("headers", FieldType::Count(1, 1000), "The number of headers of a request.").or("100"),
        optional(
            "header_bytes",
            FieldType::Count(8192, 1 << 20),
            "Bytes of all headers.",
        ).or("32768"),
        optional(
            "header_timeout",
            FieldType::Duration,
            "The time limit of a request head, and of a TLS handshake.",
        ).renamed_from("header_time").or("10s"),
        optional(
            "body_timeout",
            FieldType::Duration,
            "The time limit of a body.",
        ).renamed_from("body_time").or("20s"),
        optional(
            "idle_timeout",
            FieldType::Duration,
            "The time limit of a connection without a request in progress; HTTP/2 PINGs do not count.",
        ).or_derived("the same as `header_timeout`"),
        optional(
            "write_timeout",
            FieldType::Duration,
            "The time in which a peer has to read the next 16 KiB of a response.",
        ).or("10s"),
        optional(
            "connections",
            FieldType::Count(1, 1_000_000),
            "Maximum number of open connections, within the limit of open files. When it is reached, a new connection takes the place of one without a request in progress. HTTP/2, TLS and large heads or bodies need more memory, so fewer such connections fit. The management address has an eighth of this number.",
        ).or("12000"),
        optional(
            "connections_per_address",
            FieldType::Count(1, 1_000_000),
            "The connections of one address (IPv6: one /64) at a time; past that, its oldest connection without a request gives way. Trusted proxies are exempt.",
        ).or("1000"),
        optional(
            "connections_per_proxy",
            FieldType::Count(1, 1_000_000),
            "The connections of one address of `server.trusted_proxies` at a time.",
        ).or("8000"),
        optional(
            "streams_per_connection",
            FieldType::Count(1, 1000),
            "The requests in progress of one HTTP/2 connection.",
        ).or("32"),
        optional(
            "memory",
            FieldType::Count(1 << 20, 1 << 40),
            "Memory budget of all requests, in bytes: decoded heads, copies of heads, bodies, decompressed bodies. Half of it is for heads and the first 16 KiB of each body, an eighth for the heads of requests that wait. The rest is for longer bodies, and one address may hold a quarter of that. A request that finds no memory is answered with 503.",
        ).or("67108864"),
        optional(
            "management_memory",
            FieldType::Count(1 << 20, 1 << 40),
            "Bytes of all answers of the management address that are being built, or are not yet read by their clients. One tenant may hold a quarter. A call that finds no room within 5 seconds is answered 503 with `Retry-After`.",
        ).or("67108864"),
        optional(
            "streams",
            FieldType::Count(1, 100_000),
            "The open streams of events (`/events/stream`).",
        ).or("200"),
        optional(
            "streams_per_tenant",
            FieldType::Count(1, 100_000),
            "The open streams of one tenant.",
        ).or("50"),
        optional(
            "failures_per_minute",
            FieldType::Count(1, 1_000_000),
            "The requests of one address that may fail verification in a minute, before further failures are answered with 429 and its requests are verified one at a time.",
        ).renamed_from("failures").or("60"),
        optional(
            "challenges_per_minute",
            FieldType::Count(1, 1_000_000),
            "The challenges of one listener that are answered in a minute to senders without verification; when they are used up, the first of each other address still is, up to as many again. Challenges from verified senders have a limit of the same size of their own.",
        ).renamed_from("challenges").or("600"),
        optional(
            "challenges_per_minute_per_address",
            FieldType::Count(1, 1_000_000),
            "The challenges of one address (an IPv4 address or an IPv6 /48) that one listener takes in a minute without verification, whether they are answered or not.",
        ).renamed_from("challenges_per_address").or("30"),
    ],
    one_of: &[],
};

static STORES: Table = Table {
    name: "the store",
    doc: "The store of events and logs.",
    fields: &[
        optional(
            "path",
            FieldType::Text,
            "The file of the database, relative to the configuration's folder.",
        ).or("hookgate.db"),
        optional(
            "wal_bytes",
            FieldType::Count(1 << 19, 1 << 34),
            "Bytes of the write-ahead log at which it is copied into the database and restarted; less on a small volume, and at most a quarter of `retention.bytes`.",
        ).or("67108864"),
    ],
    one_of: &[],
};

pub(super) static RETAINED: Table = Table {
    name: "retention",
    doc: "The retention of stored rows.",
    fields: &[
        optional("requests", FieldType::Duration, "Logs of requests that were taken.").or("30d"),
        optional("events", FieldType::Duration, "Events.").or("30d"),
        optional("deliveries", FieldType::Duration, "Deliveries that ended, with their attempts.")
            .or("30d"),
        optional(
            "dead_letters",
            FieldType::Duration,
            "Events that were given up and are kept to be sent again.",
        )
        .renamed_from("diverted")
        .or("365d"),
        optional(
            "dead_letter_rows",
            FieldType::Count(1, 1_000_000_000),
            "The largest number of dead letters of a subscription; the oldest are deleted first.",
        )
        .renamed_from("diverted_rows")
        .or("100000"),
        optional(
            "dead_letter_rows_per_tenant",
            FieldType::Count(1, 1_000_000_000),
            "The largest number of dead letters of a tenant; the oldest of its largest subscription are deleted first.",
        )
        .renamed_from("diverted_rows_per_tenant")
        .or("1000000"),
        optional("rejected", FieldType::Duration, "Logs of requests that were refused.")
            .renamed_from("refused")
            .or("7d"),
        optional(
            "rejected_bytes",
            FieldType::Count(1 << 16, 1 << 40),
            "Bytes of all logs of requests that were refused.",
        )
        .renamed_from("refused_bytes")
        .or("67108864"),
        optional("audit", FieldType::Duration, "The audit log.").or("365d"),
        optional(
            "bytes",
            FieldType::Count(1 << 20, 1 << 50),
            "Bytes of the database and its write-ahead log; the oldest goes first.",
        ),
    ],
    one_of: &[],
};

static DELIVERIES: Table = Table {
    name: "delivery",
    doc: "The delivery of events to subscriptions.",
    fields: &[
        optional(
            "allow",
            FieldType::List(&FieldType::Text),
            "Private networks that deliveries may be sent to: `10.1.0.0/16`.",
        ),
        optional(
            "connect_timeout",
            FieldType::Duration,
            "The time limit of a connection attempt.",
        ).renamed_from("connect_time").or("10s"),
        optional("timeout", FieldType::Duration, "The time limit of an attempt.").renamed_from("time").or("30s"),
        optional(
            "concurrency",
            FieldType::Count(1, 1000),
            "Attempts at a time to one receiver.",
        ).or("8"),
        optional(
            "rate",
            FieldType::Count(1, 100_000),
            "Attempts in a second to one receiver.",
        ).or("200"),
        optional(
            "in_flight",
            FieldType::Count(1, 100_000),
            "Attempts at a time in all, shared among tenants: one that wants all has half.",
        ).or("512"),
        optional(
            "memory",
            FieldType::Count(1 << 20, 1 << 40),
            "Memory for the content of deliveries in flight, in bytes: events and bodies of more than 16 KiB. It is shared among tenants like attempts: one that wants all has half. A delivery that finds no memory within a second is postponed.",
        ).or("67108864"),
        optional(
            "hops",
            FieldType::Count(1, 100),
            "The largest number of gateways that an event may pass. Beyond it, the event counts as a loop.",
        ).or("5"),
        optional(
            "actor_id",
            FieldType::Text,
            "The UUID of the user that events are said to come from.",
        ).renamed_from("user").or_derived("zeros"),
        optional(
            "ca_file",
            FieldType::Text,
            "A file of certificates, in PEM, that are trusted besides those of the system.",
        ).renamed_from("authorities"),
        optional(
            "rotation",
            FieldType::Duration,
            "The time for which a replaced signing secret still signs beside the new one.",
        ).or("1d"),
        optional(
            "waiting_rows",
            FieldType::Count(1, 1_000_000_000),
            "Deliveries that may wait for a subscription; past them the oldest become dead letters.",
        ).or("100000"),
        optional(
            "waiting_bytes",
            FieldType::Count(1, 1 << 50),
            "Stored bytes of the events and bodies that may wait for a subscription; past them the oldest become dead letters.",
        ).or("268435456"),
        optional(
            "body_bytes_per_tenant",
            FieldType::Count(1, 1 << 50),
            "Stored bytes of the bodies of deliveries of a tenant, which are for further attempts and for the log. Above them, the oldest ended deliveries lose their bodies. If that is not enough, the body of a waiting delivery is built again for each attempt.",
        ).or("268435456"),
        optional(
            "waiting_age",
            FieldType::Duration,
            "The largest age of a waiting delivery, counted from the acceptance of its event. An older one becomes a dead letter.",
        ).or("30d"),
        optional(
            "waiting_rows_per_tenant",
            FieldType::Count(1, 1_000_000_000),
            "Deliveries that may wait for a tenant; past them the oldest of its largest backlogs become dead letters.",
        ).or("1000000"),
        optional(
            "waiting_rows_total",
            FieldType::Count(1, 1_000_000_000),
            "Deliveries that may wait for all tenants; past them the oldest of the largest backlogs become dead letters.",
        ).or("4000000"),
        optional(
            "name_servers",
            FieldType::List(&FieldType::Text),
            "The name servers that receivers are looked up by: `10.0.0.53`, `127.0.0.1:5353`.",
        ).or_derived("those of the system"),
        optional(
            "resolve_timeout",
            FieldType::Duration,
            "The time limit of a DNS look-up. It does not count in `timeout`.",
        ).renamed_from("resolve_time").or("5s"),
        optional(
            "lookups",
            FieldType::Count(1, 10_000),
            "Names that are looked up at a time, shared among tenants.",
        ).or("256"),
        optional(
            "subscriptions_per_tenant",
            FieldType::Count(1, 10_000_000),
            "Subscriptions that a tenant may have.",
        ).or("20000"),
    ],
    one_of: &[],
};

pub(in crate::gateway) static SINKS: Table = Table {
    name: "a sink",
    doc: "A file on this machine that events are written to, a line of JSON each.",
    fields: &[
        required("name", FieldType::Text, "The name, unique among the sinks."),
        required("tenant", FieldType::Id, "The tenant whose events it takes."),
        required(
            "path",
            FieldType::Text,
            "The file, relative to the configuration's folder; when it is full it becomes `PATH.1`.",
        ),
        optional("events", FieldType::List(&FieldType::Text), "The types of events that it takes.")
            .or_derived("all"),
        optional("filter", FieldType::Expression, "An expression that has to hold of `event`.")
            .or_derived("all are written"),
        optional(
            "transform",
            FieldType::Expression,
            "An expression over `event` that makes the line.",
        )
        .or_derived("the envelope that Socotra documents"),
        optional(
            "bytes",
            FieldType::Count(1024, 1 << 40),
            "Bytes of a file, before the next one is begun.",
        )
        .or("67108864"),
        optional("files", FieldType::Count(1, 1000), "The number of files that are kept.").or("5"),
    ],
    one_of: &[],
};

static LOGS: Table = Table {
    name: "the log",
    doc: "The gateway's own log.",
    fields: &[
        optional(
            "format",
            FieldType::Word(&["text", "json"]),
            "For people, or a JSON object a line.",
        )
        .or("text"),
        optional(
            "level",
            FieldType::Word(&["error", "warn", "info", "debug"]),
            "The lowest level that is written.",
        )
        .or("info"),
    ],
    one_of: &[],
};
