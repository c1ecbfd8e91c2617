//! Faults of the file-descriptor limit.

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;

use super::{open, post, under, until};
use crate::gateway::running::{Gateway, LISTENER, answer, is_there};

/// Sets the open-file limit of a running gateway.
fn allow(gateway: &Gateway, files: usize) {
    let pid = gateway.pid().to_string();
    let set =
        Command::new("prlimit").args([&format!("--nofile={files}:256"), "--pid", &pid]).status();
    assert!(set.unwrap().success());
}

/// Posts an event over a persistent connection.
fn post_over(stream: &mut TcpStream, id: usize) -> u16 {
    let body = serde_json::json!({ "id": id }).to_string();
    write!(
        stream,
        "POST /webhooks/v1/listeners/{LISTENER}/notify HTTP/1.1\r\nHost: a\r\nContent-Type: \
         application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    answer(stream.try_clone().unwrap()).status
}

#[test]
fn connections_leave_file_descriptors_for_the_store_and_deliveries() {
    let folder = open("[limits]\nheader_timeout = \"30s\"\n", "");
    let gateway = Gateway::start(folder.path(), under("ulimit -n 256"));
    gateway.logged("so few files may be open connections=128 files=256");
    let mut first = TcpStream::connect(gateway.senders).unwrap();
    assert_eq!(post_over(&mut first, 1), 200);
    let others: Vec<TcpStream> =
        (0..300).map(|_| TcpStream::connect(gateway.senders).unwrap()).collect();
    gateway
        .logged("all connections are in use: the oldest without a request are closed for new ones");
    // Open connections are served, and the store opens the files that it needs.
    assert_eq!(post_over(&mut first, 2), 200);
    assert_eq!(gateway.manage("/readyz").status, 200);
    folder.answer(&["requests", "list"]);
    drop(others);
    until("new connections are not accepted", || post(&gateway, 3, 10).status == 200);
    assert!(!gateway.logged("").contains("could not be accepted"));
}

#[test]
fn a_gateway_out_of_file_descriptors_serves_open_connections_and_recovers() {
    if !is_there("prlimit", "--version") {
        return;
    }
    let folder = open("", "");
    let gateway = Gateway::start(folder.path(), under("ulimit -n 256"));
    let mut first = TcpStream::connect(gateway.senders).unwrap();
    assert_eq!(post_over(&mut first, 1), 200);
    allow(&gateway, 3);
    let mut waiting = TcpStream::connect(gateway.senders).unwrap();
    gateway.logged("accept failed");
    assert_eq!(post_over(&mut first, 2), 200);
    // Its files cannot be read now, so the old configuration stays.
    gateway.signal("-HUP");
    gateway.logged("config reload rejected: the old configuration stays");
    assert_eq!(post_over(&mut first, 3), 200);
    allow(&gateway, 256);
    assert_eq!(post_over(&mut waiting, 4), 200);
    gateway.signal("-HUP");
    gateway.logged("config reloaded");
    assert!(gateway.stop().success());
}
