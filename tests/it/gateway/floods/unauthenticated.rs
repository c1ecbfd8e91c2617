//! Sessions of unauthenticated clients: they have no secret and no key.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::Duration;

use super::client::{connect_counted, drain, requests, send};
use super::http2::PREFACE;
use super::sender::Flood;
use super::{SIGNED, ZOOM, payloads};

/// The target of a flood, and its source address.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    pub(crate) from: Ipv4Addr,
    pub(crate) senders: SocketAddr,
    pub(crate) management: SocketAddr,
}

const JSON: &str = "Content-Type: application/json\r\n";

/// A complete HTTP/1.1 request to an address.
fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn notify(listener: &str) -> String {
    format!("/webhooks/v1/listeners/{listener}/notify")
}

/// A silent connection, or one that stops in or after the HTTP/2 preface.
pub(crate) async fn silence(flood: &Flood, route: Route, client: usize) {
    let Some(mut stream) = connect_counted(flood, route.from, route.senders).await else {
        return;
    };
    let begins = match client % 4 {
        0 => &[],
        1 => &PREFACE[..4],
        2 => &PREFACE[..PREFACE.len() - 1],
        _ => PREFACE,
    };
    if !send(&mut stream, begins).await {
        return flood.count("closed");
    }
    let _holds = flood.count_open();
    let ended = drain(&mut stream, Duration::from_secs(60)).await;
    flood.count(if ended { "closed" } else { "held for 60 s" });
}

/// An unfinished head of 30 KB, one more byte each second.
pub(crate) async fn slow_head(flood: &Flood, route: Route) {
    let Some(mut stream) = connect_counted(flood, route.from, route.senders).await else {
        return;
    };
    let filler = "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(60);
    let long = "a".repeat(27_000);
    let head = format!("POST {} HTTP/1.1\r\nHost: a\r\n{filler}X-Long: {long}", super::github());
    let _holds = flood.count_open();
    let mut open = send(&mut stream, head.as_bytes()).await;
    while open {
        open = !drain(&mut stream, Duration::from_secs(1)).await && send(&mut stream, b"a").await;
    }
    flood.count("closed");
}

/// A body of a mebibyte without its last byte.
pub(crate) async fn stalled_body(flood: &Flood, route: Route) {
    let Some(mut stream) = connect_counted(flood, route.from, route.senders).await else {
        return;
    };
    let head = super::head_to_github("Content-Length: 1048576\r\n\r\n");
    let _holds = flood.count_open();
    send(&mut stream, &[head.as_bytes(), &[b' '; 1_048_575]].concat()).await;
    let ended = drain(&mut stream, Duration::from_secs(60)).await;
    flood.count(if ended { "closed" } else { "held for 60 s" });
}

/// Pipelined requests with unread responses.
pub(crate) async fn unread(flood: &Flood, route: Route) {
    let Some(mut stream) = connect_counted(flood, route.from, route.senders).await else {
        return;
    };
    let all = request("POST", &notify("none"), "", b"").repeat(flood.size(20_000, 1000));
    let _holds = flood.count_open();
    let accepted = send(&mut stream, &all).await;
    flood.count(if accepted { "accepted" } else { "refused" });
}

/// A body of a megabyte with 128 wrong signatures.
static FORGED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let candidates: Vec<String> = (0..128).map(|number| format!("sha256={number:064x}")).collect();
    let headers = format!("{JSON}X-Signature: {}\r\n", candidates.join(","));
    let body = format!("{{\"text\":\"{}\"}}", "a".repeat(1_000_000));
    request("POST", &notify(SIGNED), &headers, body.as_bytes())
});

static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let headers = format!("{JSON}Content-Encoding: gzip\r\n");
    request("POST", &super::github(), &headers, &payloads::bomb())
});

static LARGE: LazyLock<Vec<u8>> =
    LazyLock::new(|| request("POST", &super::github(), JSON, &payloads::noise(1_000_000)));

/// Sends requests over a new connection.
async fn over_one(flood: &Flood, from: Ipv4Addr, to: SocketAddr, all: &[&[u8]]) {
    if let Some(mut stream) = connect_counted(flood, from, to).await {
        requests(flood, &mut stream, all).await;
    }
}

pub(crate) async fn forged(flood: &Flood, route: Route) {
    over_one(flood, route.from, route.senders, &[FORGED.as_slice(); 4]).await;
}

pub(crate) async fn bombs(flood: &Flood, route: Route) {
    over_one(flood, route.from, route.senders, &[BOMB.as_slice()]).await;
}

pub(crate) async fn large_bodies(flood: &Flood, route: Route) {
    over_one(flood, route.from, route.senders, &[LARGE.as_slice()]).await;
}

/// Unsigned challenges, with a new token each and a long body.
pub(crate) async fn challenges(flood: &Flood, route: Route, client: usize) {
    let all: Vec<Vec<u8>> = (0..20)
        .map(|number| {
            let filler = "a".repeat(30_000);
            let body = format!(
                "{{\"event\":\"endpoint.url_validation\",\"filler\":\"{filler}\",\
                 \"payload\":{{\"plainToken\":\"t{client}-{number}\"}}}}"
            );
            request("POST", &notify(ZOOM), JSON, body.as_bytes())
        })
        .collect();
    let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
    over_one(flood, route.from, route.senders, &all).await;
}

/// Guesses of a client secret at the token endpoint.
pub(crate) async fn guesses(flood: &Flood, route: Route, client: usize) {
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let all: Vec<Vec<u8>> = (0..20)
        .map(|number| {
            let body = format!(
                "grant_type=client_credentials&client_id=c{client}&client_secret=guess-{number}"
            );
            request("POST", "/oauth/v1/token", kind, body.as_bytes())
        })
        .collect();
    let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
    over_one(flood, route.from, route.senders, &all).await;
}

/// Readiness and metrics, requested again and again.
pub(crate) async fn readiness(flood: &Flood, route: Route) {
    let ready = request("GET", "/readyz", "", b"");
    let metrics = request("GET", "/metrics", "", b"");
    let mut all = vec![ready.as_slice(); 50];
    all.push(&metrics);
    over_one(flood, route.from, route.management, &all).await;
}
