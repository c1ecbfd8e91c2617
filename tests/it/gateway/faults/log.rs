//! A log that cannot be written.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::Stdio;

use super::{ids, open};
use crate::gateway::running::{LISTENER, exchange, program};

#[test]
fn a_gateway_continues_when_writing_its_log_fails() {
    let folder = open("", "");
    let mut gateway = program()
        .args(["serve", "-C", folder.path().to_str().unwrap()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(gateway.stderr.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    let addresses: Vec<SocketAddr> =
        line.split([' ', ',']).filter_map(|word| word.trim().parse().ok()).collect();
    // From here on writing to it is an error, as on a full disk.
    drop(log);
    let path = format!("/webhooks/v1/listeners/{LISTENER}/notify");
    let kind = [("Content-Type", "application/json")];
    for id in 0..20 {
        let body = serde_json::json!({ "id": id }).to_string();
        let answer = exchange(addresses[0], "POST", &path, &kind, body.as_bytes());
        assert_eq!(answer.status, 200);
        // Refused requests are logged too.
        assert_eq!(exchange(addresses[0], "POST", &path, &kind, b"{").status, 400);
    }
    assert_eq!(exchange(addresses[1], "GET", "/readyz", &[], b"").status, 200);
    assert_eq!(gateway.try_wait().unwrap(), None);
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    assert_eq!(ids(&folder.path().join("hookgate.db")), (0..20).collect::<Vec<_>>());
}
