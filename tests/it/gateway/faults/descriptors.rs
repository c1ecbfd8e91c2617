//! Faults of the file-descriptor limit.

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;

use super::{open, post, wait_until, with_shell_limits};
use crate::gateway::running::{Gateway, LISTENER, is_installed, read_response};

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
    read_response(stream.try_clone().unwrap()).status
}

#[test]
fn connections_leave_file_descriptors_for_the_store_and_deliveries() {
    let folder = open("[limits]\nheader_timeout = \"30s\"\n", "");
    let gateway = Gateway::start(folder.path(), with_shell_limits("ulimit -n 256"));
    gateway.wait_for_log("so few files may be open connections=128 files=256");
    let mut first = TcpStream::connect(gateway.senders).unwrap();
    assert_eq!(post_over(&mut first, 1), 200);
    let others: Vec<TcpStream> =
        (0..300).map(|_| TcpStream::connect(gateway.senders).unwrap()).collect();
    gateway.wait_for_log(
        "all connections are in use: the oldest without a request are closed for new ones",
    );
    // Open connections are served, and the store opens the files that it needs.
    assert_eq!(post_over(&mut first, 2), 200);
    assert_eq!(gateway.get_management("/readyz").status, 200);
    folder.stdout_of(&["requests", "list"]);
    drop(others);
    wait_until("new connections are not accepted", || post(&gateway, 3, 10).status == 200);
    assert!(!gateway.wait_for_log("").contains("could not be accepted"));
}

#[test]
fn a_gateway_out_of_file_descriptors_serves_open_connections_and_recovers() {
    if !is_installed("prlimit", "--version") {
        return;
    }
    let folder = open("", "");
    let gateway = Gateway::start(folder.path(), with_shell_limits("ulimit -n 256"));
    let mut first = TcpStream::connect(gateway.senders).unwrap();
    assert_eq!(post_over(&mut first, 1), 200);
    allow(&gateway, 3);
    let mut waiting = TcpStream::connect(gateway.senders).unwrap();
    gateway.wait_for_log("accept failed");
    assert_eq!(post_over(&mut first, 2), 200);
    // The files of the configuration cannot be read now, so the old one stays.
    gateway.signal("-HUP");
    gateway.wait_for_log("config reload rejected: the old configuration stays");
    assert_eq!(post_over(&mut first, 3), 200);
    allow(&gateway, 256);
    assert_eq!(post_over(&mut waiting, 4), 200);
    gateway.signal("-HUP");
    gateway.wait_for_log("config reloaded");
    assert!(gateway.stop().success());
}
