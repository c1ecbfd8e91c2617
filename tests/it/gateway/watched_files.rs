//! Watched files: files of a configuration that change while the gateway runs, and slow reloads.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use super::running::{Folder, Gateway, LISTENER, hookgate_hmac};
use super::subscribed::Subscribed;
use super::tls::{SERVER, SETTING, self_signed};

/// A listener that verifies a signature with a secret from a file, with additional keys.
fn listener(secret: &str, more: &str) -> String {
    format!(
        "id = \"{LISTENER}\"\nname = \"Open\"\ntenant = \"acme\"\n\n[secrets]\n\
         KEY = {{ file = \"{secret}\" }}\n\n\
         [[verify]]\nname = \"signature\"\n[verify.signature]\nsecret = \"KEY\"\nhash = \"sha256\"\n\
         payload = 'raw_body'\nreceived = 'headers[\"x-signature\"]'\nencoding = \"hex\"\n\n\
         [rate_limit]\nrequests = 1000000\nburst = 1000000\n{more}"
    )
}

fn folder(secret: &str, more: &str) -> Folder {
    let folder = Folder::with_listener("");
    std::fs::remove_file(folder.path().join("listeners/github.toml")).unwrap();
    folder.write("listeners/open.toml", &listener(secret, more));
    folder
}

fn post(gateway: &Gateway, secret: &str, body: &str) -> u16 {
    let signature = hookgate_hmac(secret, body.as_bytes());
    let headers = [("X-Signature", signature.as_str()), ("Content-Type", "application/json")];
    gateway.post(&headers, body.as_bytes()).status
}

/// Polls a condition: files are checked once a second.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(15);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn reloads(gateway: &Gateway, counter: &str) -> u64 {
    let metrics = gateway.get_management("/metrics");
    let line = metrics.text().lines().find(|line| line.starts_with(counter)).unwrap_or("0 0");
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn applied_reloads(gateway: &Gateway) -> u64 {
    reloads(gateway, "hookgate_reloads_total")
}

fn refused_reloads(gateway: &Gateway) -> u64 {
    reloads(gateway, "hookgate_reloads_refused_total")
}

#[test]
fn a_changed_secret_file_is_reloaded() {
    let folder = folder("secrets/key", "");
    folder.write("secrets/key", "old");
    let gateway = folder.serve();
    assert_eq!(post(&gateway, "old", "{}"), 200);
    assert_eq!(post(&gateway, "new", "{}"), 401);
    folder.write("secrets/key", "new");
    wait_until("the new secret is not used", || post(&gateway, "new", "{}") == 200);
    assert_eq!(post(&gateway, "old", "{}"), 401);
}

#[test]
fn a_swapped_link_to_a_secret_directory_is_reloaded() {
    let folder = folder("secrets/key", "");
    let path = |name: &str| folder.path().join(name);
    for version in ["one", "two"] {
        folder.write(&format!("secrets/..{version}/key"), version);
    }
    symlink("..one", path("secrets/..data")).unwrap();
    symlink("..data/key", path("secrets/key")).unwrap();
    let gateway = folder.serve();
    assert_eq!(post(&gateway, "one", "{}"), 200);
    symlink("..two", path("secrets/..next")).unwrap();
    std::fs::rename(path("secrets/..next"), path("secrets/..data")).unwrap();
    wait_until("the other directory is not read", || post(&gateway, "two", "{}") == 200);
}

#[test]
fn a_temporarily_missing_secret_file_keeps_the_old_secret() {
    let folder = folder("secrets/key", "");
    folder.write("secrets/key", "old");
    let gateway = folder.serve();
    std::fs::remove_file(folder.path().join("secrets/key")).unwrap();
    wait_until("a missing secret is not refused", || refused_reloads(&gateway) == 1);
    assert_eq!(post(&gateway, "old", "{}"), 200);
    folder.write("secrets/key", "new");
    wait_until("the restored secret is not used", || post(&gateway, "new", "{}") == 200);
}

#[test]
fn files_of_a_refused_configuration_are_watched() {
    let folder = folder("secrets/key", "");
    folder.write("secrets/key", "old");
    let gateway = folder.serve();
    // The new listener names a missing schema file.
    folder.write(
        "listeners/open.toml",
        &listener("secrets/key", "[schema]\nfile = \"schemas/body.json\"\n"),
    );
    wait_until("a missing schema is not refused", || refused_reloads(&gateway) == 1);
    folder.write("schemas/body.json", r#"{ "type": "array", "items": { "type": "number" } }"#);
    wait_until("the schema is not used", || post(&gateway, "old", "{}") == 422);
    assert_eq!(post(&gateway, "old", "[1]"), 200);
}

#[test]
fn schema_sample_and_ca_files_are_watched() {
    let folder = folder("secrets/key", "");
    if !authority(folder.path()) {
        return;
    }
    let text = listener("secrets/key", "");
    folder.write(
        "listeners/open.toml",
        &format!(
            "samples = [\"samples/one.json\"]\n{text}[schema]\nfile = \"schemas/body.json\"\n"
        ),
    );
    folder.write("secrets/key", "old");
    folder.write("schemas/body.json", r#"{ "type": "object" }"#);
    folder.write("samples/one.json", "{}");
    folder.settings("[delivery]\nca_file = \"ca.pem\"\n");
    let gateway = folder.serve();
    assert_eq!(post(&gateway, "old", "[]"), 422);
    folder.write("schemas/body.json", r#"{ "type": "array" }"#);
    wait_until("the schema is not read again", || post(&gateway, "old", "[]") == 200);
    let before = applied_reloads(&gateway);
    folder.write("samples/one.json", "[1]");
    wait_until("the sample is not read again", || applied_reloads(&gateway) > before);
    let before = applied_reloads(&gateway);
    authority(folder.path());
    wait_until("the CA file is not read again", || applied_reloads(&gateway) > before);
}

/// Creates the certificate of an authority, `ca.pem`. Returns false if OpenSSL is not installed.
fn authority(folder: &Path) -> bool {
    let made = tempfile::tempdir().unwrap();
    let created = self_signed(made.path(), "authority", &[]);
    if created {
        std::fs::copy(made.path().join("cert.pem"), folder.join("ca.pem")).unwrap();
    }
    created
}

#[test]
fn a_changed_ca_file_is_used_for_the_next_delivery() {
    let far = Folder::with_listener("");
    if !self_signed(far.path(), "receiver", SERVER) {
        return;
    }
    far.settings(SETTING);
    std::fs::remove_file(far.path().join("listeners/github.toml")).unwrap();
    let open = format!("id = \"{LISTENER}\"\nname = \"Open\"\ntenant = \"acme\"\n");
    far.write("listeners/open.toml", &open);
    let receiver = far.serve();
    let url = format!("https://{}{}", receiver.senders, receiver.path(LISTENER));
    let subscribed = Subscribed::new("ca_file = \"ca.pem\"\n");
    authority(subscribed.folder.path());
    let gateway = subscribed.serve();
    gateway.subscribe(&subscribed.key, &url, &json!({ "divert": true }));
    gateway.post_event("thing.made", "1");
    let list = || subscribed.folder.stdout_of(&["deliveries", "list"]);
    wait_until("the unknown certificate is trusted", || list().contains("no TLS"));
    let before = applied_reloads(&gateway);
    std::fs::copy(far.path().join("cert.pem"), subscribed.folder.path().join("ca.pem")).unwrap();
    wait_until("the CA file is not read again", || applied_reloads(&gateway) > before);
    // Deliveries use new settings at their next lookup, within some seconds.
    let mut id = 1;
    wait_until("the new CA file is not used", || {
        id += 1;
        gateway.post_event("thing.made", &id.to_string());
        std::thread::sleep(Duration::from_millis(500));
        list().contains("delivered")
    });
}

/// Reading a pipe without a writer would never end.
#[test]
fn a_pipe_as_a_schema_is_refused_and_the_file_that_replaces_it_is_used() {
    let folder = folder("secrets/key", "");
    folder.write("secrets/key", "old");
    let gateway = folder.serve();
    let pipe = folder.path().join("schemas/pipe.json");
    std::fs::create_dir_all(pipe.parent().unwrap()).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    folder.write(
        "listeners/open.toml",
        &listener("secrets/key", "[schema]\nfile = \"schemas/pipe.json\"\n"),
    );
    wait_until("the pipe is not refused", || refused_reloads(&gateway) == 1);
    gateway.wait_for_log("cannot read `schemas/pipe.json`: it is not a regular file");
    assert_eq!(post(&gateway, "old", "{}"), 200);
    std::fs::remove_file(&pipe).unwrap();
    folder.write("schemas/pipe.json", r#"{ "type": "array" }"#);
    wait_until("the schema is not used", || post(&gateway, "old", "{}") == 422);
    let began = Instant::now();
    assert!(gateway.stop().success());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

/// A schema that refers to itself twice: it doubles with each level.
const TREE: &str = r##"{"$defs":{"t":{"properties":{"a":{"$ref":"#/$defs/t"},"b":{"$ref":"#/$defs/t"}}}},"$ref":"#/$defs/t"}"##;

#[test]
fn recursive_schemas_are_accepted_by_hot_reload() {
    let folder = folder("secrets/key", "");
    folder.write("secrets/key", "old");
    let gateway = folder.serve();
    let schema = |schema: &str| listener("secrets/key", &format!("[schema]\njson = '{schema}'\n"));
    folder.write("listeners/open.toml", &schema(TREE));
    wait_until("the tree is not accepted", || applied_reloads(&gateway) == 1);
    assert_eq!(post(&gateway, "old", r#"{"a":{"b":{"a":{}}}}"#), 200);
    // Each branch descends into the same member, and fails only at the deepest level.
    let branch = |kind: usize| json!({ "properties": { "a": { "$ref": "#/$defs/u" }, "k": { "enum": [kind, "x"] } } });
    let branches = [branch(1), branch(2), branch(3)];
    let unions = json!({ "$ref": "#/$defs/u", "$defs": { "u": { "oneOf": branches } } });
    folder.write("listeners/open.toml", &schema(&unions.to_string()));
    wait_until("the union is not accepted", || applied_reloads(&gateway) == 2);
    let body = (0..40).fold("{}".to_owned(), |inner, _| format!(r#"{{"a":{inner},"k":7}}"#));
    assert_eq!(post(&gateway, "old", &body), 422);
    assert!(gateway.peak_mib() < 256, "{} MiB", gateway.peak_mib());
}

#[test]
fn a_filter_with_too_many_patterns_is_refused_without_using_memory() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let filter = |patterns: usize| {
        let tests: Vec<String> =
            (0..patterns).map(|n| format!(r#"$MATCH(event.type, "\w{{12}}x{n}")"#)).collect();
        json!({ "name": "x", "endpoint": { "url": "https://example.com/" },
            "eventTypes": ["thing.made"], "filter": tests.join(" OR ") })
    };
    let path = "/event/acme/webhooks";
    gateway.call_ok(&subscribed.key, "POST", path, &filter(1));
    for patterns in [50, 1_500] {
        let answer = gateway.call(&subscribed.key, "POST", path, &filter(patterns));
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.text().contains("E0404"), "{}", answer.text());
    }
    assert!(gateway.peak_mib() < 128, "{} MiB", gateway.peak_mib());
}
