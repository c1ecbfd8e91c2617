//! Encryption at rest: the encrypted values of the store, their keys, and key rotation.

use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::running::{Folder, Gateway, LISTENER, borrowed, program, signed};
use super::subscribed::Subscribed;

const OLD: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222222222222222222222222222";
const NOTHING: Value = Value::Null;

/// The program, with keys in the environment.
fn keyed(keys: &str) -> Command {
    let mut program = program();
    program.env("HOOKGATE_KEY", keys);
    program
}

/// Runs a command on a folder. Without keys, the environment has none.
fn run(folder: &Path, keys: &str, arguments: &[&str]) -> Output {
    keyed(keys).args(arguments).args(["-C", folder.to_str().unwrap()]).output().unwrap()
}

fn stderr_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Asserts that a gateway does not start, and returns its message.
fn refused(folder: &Path, keys: &str) -> String {
    let output = run(folder, keys, &["serve"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr_of(&output));
    stderr_of(&output)
}

fn database(folder: &Path) -> Connection {
    Connection::open(folder.join("hookgate.db")).unwrap()
}

/// Returns the ids of the keys that encrypted the values of a column, without repeats.
fn key_ids(folder: &Path, table: &str, column: &str) -> Vec<String> {
    let sql = format!("SELECT DISTINCT lower(hex(substr({column}, 2, 8))) FROM {table}");
    let connection = database(folder);
    let mut find = connection.prepare(&sql).unwrap();
    find.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

const COLUMNS: [(&str, &str); 3] =
    [("subscriptions", "sealed"), ("originals", "content"), ("server_secrets", "content")];

/// A gateway with a key, a subscription, a listener that captures requests, and an OAuth client.
struct EncryptedStore {
    subscribed: Subscribed,
    locator: String,
    client: (String, String),
}

impl EncryptedStore {
    fn new(keys: &str) -> (Self, Gateway) {
        let subscribed = Subscribed::new("");
        let listener = format!(
            "id = \"{LISTENER}\"\nname = \"GitHub\"\ntenant = \"acme\"\nprovider = \"github\"\n\
             capture = true\n\n[rate_limit]\nrequests = 100000\n\n\
             [secrets]\nGITHUB = {{ file = \"secrets/github\" }}\n"
        );
        subscribed.folder.write("listeners/open.toml", &listener);
        let gateway = Gateway::start(subscribed.folder.path(), keyed(keys));
        let locator = gateway.subscribe(&subscribed.key, "http://127.0.0.1:9/hook", &NOTHING);
        let created = ["keys", "create", "--tenant", "acme", "--kind", "oauth", "--scope", "admin"];
        let created = subscribed.folder.stdout_of(&[&created[..], &["--format", "json"]].concat());
        let created: Value = serde_json::from_str(&created).unwrap();
        let text = |name: &str| created[name].as_str().unwrap().to_owned();
        let client = (text("id"), text("clientSecret"));
        (Self { subscribed, locator, client }, gateway)
    }

    fn folder(&self) -> &Path {
        self.subscribed.folder.path()
    }

    fn webhook(&self, gateway: &Gateway) -> super::running::Answer {
        let path = format!("/event/acme/webhooks/{}", self.locator);
        gateway.call(&self.subscribed.key, "GET", &path, &NOTHING)
    }

    /// Returns an access token of the client.
    fn token(&self, gateway: &Gateway) -> String {
        let (id, secret) = &self.client;
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let kind = [("Content-Type", "application/x-www-form-urlencoded")];
        let answer = gateway.request("POST", "/oauth/v1/token", &kind, form.as_bytes());
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    fn takes_token(&self, gateway: &Gateway, token: &str) -> bool {
        gateway.call(token, "GET", "/event/acme/webhooks/list", &NOTHING).status == 200
    }
}

fn post(gateway: &Gateway, number: usize) {
    let body = format!("{{\"number\":{number}}}");
    let headers = signed(body.as_bytes(), &format!("delivery {number}"));
    assert_eq!(gateway.post(&borrowed(&headers), body.as_bytes()).status, 200);
}

#[test]
fn a_store_without_its_encryption_key_is_refused_with_key_id_and_setting() {
    let (stored, gateway) = EncryptedStore::new(OLD);
    assert!(gateway.stop().success());
    let id = key_ids(stored.folder(), "subscriptions", "sealed").remove(0);
    for keys in ["", NEW] {
        let report = refused(stored.folder(), keys);
        assert!(report.contains(&id) && report.contains("HOOKGATE_KEY"), "{report}");
        assert!(!report.contains(OLD) && !report.contains(NEW), "{report}");
        for command in [["subscriptions", "list"], ["keys", "rotate-encryption"]] {
            let output = run(stored.folder(), keys, &command);
            assert_eq!(output.status.code(), Some(2), "{command:?}");
            assert!(
                self::stderr_of(&output).contains(&id),
                "{command:?}: {}",
                self::stderr_of(&output)
            );
        }
        let replay = run(stored.folder(), keys, &["replay"]);
        assert_eq!(replay.status.code(), Some(2));
    }
    assert!(
        !stored.folder().join("hookgate.db.key").exists(),
        "a key file was created for an existing store"
    );
    let gateway = Gateway::start(stored.folder(), keyed(OLD));
    assert_eq!(stored.webhook(&gateway).status, 200);
}

#[test]
fn an_encryption_key_file_is_created_only_with_a_new_store() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    gateway.subscribe(&subscribed.key, "http://127.0.0.1:9/hook", &NOTHING);
    assert!(gateway.stop().success());
    let file = subscribed.folder.path().join("hookgate.db.key");
    let key = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let report = refused(subscribed.folder.path(), "");
    assert!(report.contains("hookgate.db.key") && report.contains("no key was given"), "{report}");
    assert!(!file.exists());
    // The key of the file is also accepted from the environment, and vice versa.
    let gateway = Gateway::start(subscribed.folder.path(), keyed(&key));
    assert!(gateway.stop().success());
    std::fs::write(&file, &key).unwrap();
    assert!(subscribed.serve().stop().success());
    for nonsense in ["", "not a key\n", "00112233\n"] {
        std::fs::write(&file, nonsense).unwrap();
        let report = refused(subscribed.folder.path(), "");
        assert!(report.contains("it holds no key"), "{report}");
    }
}

#[test]
fn encrypted_values_moved_to_another_row_or_tenant_do_not_decrypt() {
    let (stored, gateway) = EncryptedStore::new(OLD);
    let other = gateway.subscribe(&stored.subscribed.key, "http://127.0.0.1:9/other", &NOTHING);
    let swapped = |sql: &str| {
        database(stored.folder()).execute_batch(sql).unwrap();
        let shown = stored.webhook(&gateway);
        assert_eq!(shown.status, 500, "{sql}: {}", shown.text());
        assert!(
            shown.text().contains("encrypted with another key, or changed"),
            "{}",
            shown.text()
        );
    };
    let before: Vec<u8> = database(stored.folder())
        .query_row("SELECT sealed FROM subscriptions ORDER BY place LIMIT 1", [], |row| row.get(0))
        .unwrap();
    swapped(
        "UPDATE subscriptions SET sealed = (SELECT sealed FROM subscriptions ORDER BY place DESC)
         WHERE place = (SELECT min(place) FROM subscriptions)",
    );
    let restore = "UPDATE subscriptions SET sealed = ?1
         WHERE place = (SELECT min(place) FROM subscriptions)";
    database(stored.folder()).execute(restore, [&before]).unwrap();
    assert_eq!(stored.webhook(&gateway).status, 200);
    // The captured request of another request.
    (1..=2).for_each(|number| post(&gateway, number));
    database(stored.folder())
        .execute_batch(
            "UPDATE originals SET content = (SELECT content FROM originals ORDER BY rowid DESC)
             WHERE rowid = (SELECT min(rowid) FROM originals)",
        )
        .unwrap();
    assert!(gateway.stop().success());
    let replayed = run(stored.folder(), OLD, &["replay", "--format", "json"]);
    let replayed = String::from_utf8_lossy(&replayed.stdout).into_owned();
    assert_eq!(replayed.matches("\"verifiedAgain\":true").count(), 1, "{replayed}");
    // Another tenant.
    database(stored.folder()).execute_batch("UPDATE subscriptions SET tenant = 'x'").unwrap();
    let list = run(stored.folder(), OLD, &["subscriptions", "list"]);
    assert_eq!(list.status.code(), Some(2), "{other}");
}

#[test]
fn the_token_key_is_encrypted_and_tokens_survive_key_rotation() {
    let (stored, gateway) = EncryptedStore::new(OLD);
    let token = stored.token(&gateway);
    assert!(stored.takes_token(&gateway, &token));
    let sql = "SELECT length(content) FROM server_secrets WHERE name = 'token'";
    let length: i64 = database(stored.folder()).query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(length, 1 + 8 + 24 + 32 + 16);
    assert!(gateway.stop().success());
    let rotated = run(stored.folder(), &format!("{NEW},{OLD}"), &["keys", "rotate-encryption"]);
    assert!(rotated.status.success(), "{}", stderr_of(&rotated));
    let gateway = Gateway::start(stored.folder(), keyed(NEW));
    assert!(stored.takes_token(&gateway, &token));
}

#[test]
fn key_rotation_re_encrypts_all_values_beside_a_running_gateway() {
    let (stored, gateway) = EncryptedStore::new(OLD);
    // More values than one page.
    (0..300).for_each(|number| post(&gateway, number));
    let both = format!("{NEW} , {OLD}");
    let early = run(stored.folder(), &both, &["keys", "rotate-encryption"]);
    assert_eq!(early.status.code(), Some(2));
    assert!(stderr_of(&early).contains("restart the gateway"), "{}", stderr_of(&early));
    assert!(gateway.stop().success());

    let gateway = Gateway::start(stored.folder(), keyed(&both));
    post(&gateway, 301);
    let rotate = |expected: Value| {
        let arguments = ["keys", "rotate-encryption", "--format", "json"];
        let output = run(stored.folder(), &both, &arguments);
        assert!(output.status.success(), "{}", stderr_of(&output));
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["tables"]["originals"], expected, "{answer}");
        assert_eq!(answer["tables"]["subscriptions"]["unreadable"], 0);
    };
    rotate(json!({ "values": 301, "resealed": 300, "unreadable": 0 }));
    rotate(json!({ "values": 301, "resealed": 0, "unreadable": 0 }));
    post(&gateway, 302);
    assert_eq!(stored.webhook(&gateway).status, 200);
    for (table, column) in COLUMNS {
        assert_eq!(key_ids(stored.folder(), table, column).len(), 1, "{table}");
    }
    assert!(gateway.stop().success());

    refused(stored.folder(), OLD);
    let gateway = Gateway::start(stored.folder(), keyed(NEW));
    assert_eq!(stored.webhook(&gateway).status, 200);
    assert!(gateway.stop().success());
    let replayed = run(stored.folder(), NEW, &["replay", "--limit", "1000", "--format", "json"]);
    let replayed = String::from_utf8_lossy(&replayed.stdout).into_owned();
    assert_eq!(replayed.matches("\"verifiedAgain\":true").count(), 302, "{}", replayed.len());
}

#[test]
fn an_interrupted_key_rotation_resumes_and_needs_both_keys_meanwhile() {
    let (stored, gateway) = EncryptedStore::new(OLD);
    let second = gateway.subscribe(&stored.subscribed.key, "http://127.0.0.1:9/other", &NOTHING);
    assert!(gateway.stop().success());
    let both = format!("{NEW},{OLD}");
    // A value that does not decrypt keeps its key in use, like a crash during rotation.
    let break_it = "UPDATE subscriptions SET sealed = substr(sealed, 1, length(sealed) - 1)
         WHERE place = (SELECT max(place) FROM subscriptions)";
    let whole: Vec<u8> = database(stored.folder())
        .query_row("SELECT sealed FROM subscriptions ORDER BY place DESC", [], |row| row.get(0))
        .unwrap();
    database(stored.folder()).execute_batch(break_it).unwrap();
    let rotated = run(stored.folder(), &both, &["keys", "rotate-encryption"]);
    assert_eq!(rotated.status.code(), Some(1), "{}", stderr_of(&rotated));
    assert!(stderr_of(&rotated).contains("1 values do not open"), "{}", stderr_of(&rotated));
    for keys in [OLD, NEW] {
        refused(stored.folder(), keys);
    }
    let mend = "UPDATE subscriptions SET sealed = ?1
         WHERE place = (SELECT max(place) FROM subscriptions)";
    database(stored.folder()).execute(mend, [whole]).unwrap();
    let rotated = run(stored.folder(), &both, &["keys", "rotate-encryption"]);
    assert!(rotated.status.success(), "{}", stderr_of(&rotated));
    let gateway = Gateway::start(stored.folder(), keyed(NEW));
    let path = format!("/event/acme/webhooks/{second}");
    gateway.call_ok(&stored.subscribed.key, "GET", &path, &NOTHING);
}

#[test]
fn a_backup_opens_with_its_encryption_key_and_is_refused_without() {
    let (stored, gateway) = EncryptedStore::new(OLD);
    let copy = stored.folder().join("copy.db");
    stored.subscribed.folder.stdout_of(&["backup", copy.to_str().unwrap()]);
    let other = Folder::with_listener("");
    std::fs::copy(&copy, other.path().join("hookgate.db")).unwrap();
    refused(other.path(), "");
    refused(other.path(), NEW);
    assert!(!other.path().join("hookgate.db.key").exists());
    let restored = Gateway::start(other.path(), keyed(OLD));
    assert_eq!(stored.webhook(&restored).status, 200);
    assert_eq!(stored.webhook(&gateway).status, 200);
}

/// A store as the previous version wrote it: two subscriptions and a captured request in
/// AES-256-GCM without associated data, and the key of access tokens in plain text.
struct OldStore {
    folder: Folder,
}

const OLD_KEY: &str = "f78f308ecc4e48056cf80bba5c477bc437415af6decefabaa32e51ac21c86a81";
const OLD_ADMIN: &str = "hg_738fc64bdcd9842f_TIH7Ki_6taM-dPs60XiKMxX8Wl6LItGa2p7cfAu2JtY";
const OLD_CLIENT: &str = "cd2db993c1a949cb";

impl OldStore {
    fn new() -> Self {
        let folder = Folder::with_listener("");
        let database = database(folder.path());
        database.execute_batch(include_str!("encryption/version3.sql")).unwrap();
        Self { folder }
    }

    fn token_key(&self) -> Vec<u8> {
        let sql = "SELECT content FROM server_secrets WHERE name = 'token'";
        database(self.folder.path()).query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

/// An access token of a client, signed with this key.
fn forged(client: &str, key: &[u8]) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let encode = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"at+jwt"}"#);
    let claims = encode(json!({ "sub": client, "exp": 4_102_444_800_i64 }));
    let part = format!("{head}.{claims}");
    let mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap().chain_update(part.as_bytes());
    format!("{part}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

#[test]
fn a_store_of_the_previous_version_is_migrated_once_and_keeps_its_token_key() {
    let old = OldStore::new();
    let token_key = old.token_key();
    assert_eq!(token_key.len(), 32);
    let path = old.folder.path();
    for keys in ["", NEW] {
        let report = refused(path, keys);
        assert!(report.contains("older version") && report.contains("HOOKGATE_KEY"), "{report}");
    }
    // Before the migration, commands can read the store, but not rotate its keys.
    let list = run(path, OLD_KEY, &["subscriptions", "list"]);
    assert!(list.status.success(), "{}", stderr_of(&list));
    assert!(String::from_utf8_lossy(&list.stdout).contains("kept other"));
    let rotated = run(path, OLD_KEY, &["keys", "rotate-encryption"]);
    assert!(stderr_of(&rotated).contains("start the gateway once"), "{}", stderr_of(&rotated));

    let gateway = Gateway::start(path, keyed(OLD_KEY));
    gateway.wait_for_log("encryption converted");
    let shown = gateway.call_ok(OLD_ADMIN, "GET", "/event/acme/webhooks/list", &NOTHING);
    assert_eq!(shown[0]["name"], "kept acme", "{shown}");
    let token = forged(OLD_CLIENT, &token_key);
    assert_eq!(gateway.call(&token, "GET", "/event/acme/webhooks/list", &NOTHING).status, 200);
    assert!(gateway.stop().success());
    for (table, column) in COLUMNS {
        assert_eq!(key_ids(path, table, column).len(), 1, "{table}");
        let sql = format!("SELECT min(substr({column}, 1, 1) = x'01') FROM {table}");
        assert!(database(path).query_row(&sql, [], |row| row.get::<_, bool>(0)).unwrap());
    }
    assert_ne!(old.token_key(), token_key);
    let file = std::fs::read(path.join("hookgate.db")).unwrap();
    let log = std::fs::read(path.join("hookgate.db-wal")).unwrap_or_default();
    for content in [file, log] {
        let found = content.windows(32).any(|window| window == token_key);
        assert!(!found, "the token key is still in the file");
    }
    let gateway = Gateway::start(path, keyed(OLD_KEY));
    assert!(!gateway.wait_for_log("").contains("converting"));
    assert!(gateway.stop().success());
    let replayed = run(path, OLD_KEY, &["replay", "--format", "json"]);
    let replayed = String::from_utf8_lossy(&replayed.stdout).into_owned();
    assert!(replayed.contains("\"verifiedAgain\":true"), "{replayed}");
}

#[test]
fn an_encryption_migration_that_was_killed_resumes_at_the_next_start() {
    let old = OldStore::new();
    let path = old.folder.path();
    let legacy: Vec<u8> = {
        let sql = "SELECT sealed FROM subscriptions ORDER BY place LIMIT 1";
        database(path).query_row(sql, [], |row| row.get(0)).unwrap()
    };
    assert!(Gateway::start(path, keyed(OLD_KEY)).stop().success());
    // The state after a kill during the migration: the key is registered, and some values have the
    // old format.
    let database = database(path);
    let undo = "UPDATE subscriptions SET sealed = ?1
         WHERE place = (SELECT min(place) FROM subscriptions)";
    database.execute(undo, [&legacy]).unwrap();
    database.execute_batch("UPDATE encryption_state SET legacy = 1").unwrap();
    let gateway = Gateway::start(path, keyed(OLD_KEY));
    let shown = gateway.call_ok(OLD_ADMIN, "GET", "/event/acme/webhooks/list", &NOTHING);
    assert_eq!(shown[0]["name"], "kept acme", "{shown}");
    assert_eq!(key_ids(path, "subscriptions", "sealed").len(), 1);
    // From now on a value in the old format is refused, because it is bound to no row.
    database.execute(undo, [&legacy]).unwrap();
    let answer = gateway.call(OLD_ADMIN, "GET", "/event/acme/webhooks/list", &NOTHING);
    assert_eq!(answer.status, 500);
}
