//! The stages of a connection, one row each. Every stage has a timeout. The rows are data only: the
//! code of each stage applies its timeout.

/// A stage of a connection with its timeout.
#[derive(Debug, Clone, Copy)]
pub struct StageRow {
    /// Name of the stage in the log.
    pub name: &'static str,
    /// Configuration key of the timeout.
    pub setting: &'static str,
    /// Default timeout.
    pub default: &'static str,
    /// Start and end of the stage.
    pub doc: &'static str,
    /// Name of the test that proves the timeout.
    pub test: &'static str,
}

/// The stages in the order in which a connection passes through them.
pub const STAGES: &[StageRow] = &[
    StageRow {
        name: "accept",
        setting: "limits.connections",
        default: "no wait",
        doc: "A new connection never waits for a free one: the oldest without a request is closed. A new connection of an address with more than 128 connections without a request is read 50 ms later.",
        test: "half_open_connections_are_closed_for_new_ones",
    },
    StageRow {
        name: "tls",
        setting: "limits.header_timeout",
        default: "10s",
        doc: "From the connection to the end of the TLS handshake, of which at most 16 KiB are read.",
        test: "a_tls_handshake_that_stalls_or_is_too_large_is_closed",
    },
    StageRow {
        name: "version",
        setting: "limits.header_timeout",
        default: "10s",
        doc: "From the connection or the end of the handshake to the bytes that tell HTTP/1.1 from HTTP/2.",
        test: "stages_before_the_first_request_end_with_the_header_timeout",
    },
    StageRow {
        name: "head",
        setting: "limits.header_timeout",
        default: "10s",
        doc: "From the first byte of a head to its end; the first head is due so long after the connection or the handshake.",
        test: "stages_before_the_first_request_end_with_the_header_timeout",
    },
    StageRow {
        name: "body",
        setting: "limits.body_timeout",
        default: "20s",
        doc: "From the end of the head to the end of the body. A body that stalls gives way after 0.05 s when a request finds no memory.",
        test: "stalled_bodies_release_the_memory_budget_to_others",
    },
    StageRow {
        name: "answer",
        setting: "limits.write_timeout",
        default: "10s",
        doc: "For each 16 KiB of an answer that the peer does not read: full socket buffers, or a closed HTTP/2 window.",
        test: "an_unread_response_ends_with_the_write_timeout",
    },
    StageRow {
        name: "idle",
        setting: "limits.idle_timeout",
        default: "10s",
        doc: "From the end of the last request in progress. HTTP/2 PINGs and SETTINGS do not count as activity.",
        test: "an_idle_http2_peer_that_answers_pings_is_closed",
    },
    StageRow {
        name: "drain",
        setting: "server.drain_timeout",
        default: "30s",
        doc: "From the signal to stop to the end of requests in progress. Connections without one are closed at once.",
        test: "shutdown_does_not_wait_for_connections_without_a_request",
    },
];
