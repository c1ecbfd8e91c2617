//! Secrets that are removed or replaced while the gateway runs.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::gateway::running::{Folder, Gateway, SECRET};

/// An HMAC with a secret that may be empty, which the language refuses.
fn digest(secret: &str, body: &str) -> String {
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    hmac.update(body.as_bytes());
    hex::encode(hmac.finalize().into_bytes())
}

/// Posts a delivery signed with a secret, and returns the status.
fn signed_with(gateway: &Gateway, secret: &str, delivery: &str) -> u16 {
    let body = format!("{{\"delivery\":\"{delivery}\"}}");
    let signature = format!("sha256={}", digest(secret, &body));
    let headers = [("X-Hub-Signature-256", signature.as_str()), ("X-GitHub-Delivery", delivery)];
    gateway.post(&headers, body.as_bytes()).status
}

#[test]
fn a_removed_secret_stays_in_use_until_it_is_replaced() {
    let folder = Folder::with_listener("");
    let gateway = folder.serve();
    assert_eq!(signed_with(&gateway, SECRET, "1"), 200);
    let secret = folder.path().join("secrets/github");
    for (round, taken_away) in ["removed", "emptied"].into_iter().enumerate() {
        match taken_away {
            "removed" => std::fs::remove_file(&secret).unwrap(),
            _ => std::fs::write(&secret, "\n").unwrap(),
        }
        gateway.signal("-HUP");
        refusals(&gateway, round + 1);
        // As before, and as strict as before.
        assert_eq!(signed_with(&gateway, SECRET, &format!("{taken_away} 2")), 200);
        assert_eq!(signed_with(&gateway, "", &format!("{taken_away} 3")), 401);
        assert_eq!(signed_with(&gateway, "another", &format!("{taken_away} 4")), 401);
    }
    let log = gateway.wait_for_log("config reload rejected: the old configuration stays");
    assert!(log.contains("E0606") && !log.contains(SECRET), "{log}");
    std::fs::write(&secret, "another\n").unwrap();
    gateway.signal("-HUP");
    gateway.wait_for_log("config reloaded");
    assert_eq!(signed_with(&gateway, "another", "5"), 200);
    assert_eq!(signed_with(&gateway, SECRET, "6"), 401);
}

/// Waits until the configuration was refused this number of times.
fn refusals(gateway: &Gateway, number: usize) {
    super::wait_until("the configuration was not refused", || {
        gateway.wait_for_log("").matches("the old configuration stays").count() >= number
    });
}
