//! Keys by URL: the gateway fetches them once, caches them, and answers 503 where it cannot.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;

use super::document_server::{Document, DocumentServer, name_server};
use super::running::{Answer, Folder, Gateway, LISTENER};
use super::tls::self_signed;

/// The extensions of the certificate of the server.
const SERVER: &[&str] = &[
    "subjectAltName=DNS:keys.example.com,DNS:sns.us-west-2.amazonaws.com",
    "basicConstraints=critical,CA:FALSE",
];

fn url_safe(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

/// Returns a JWK Set with the key of a seed.
fn jwks(seed: u8) -> String {
    let x = url_safe(pair(seed).public_key().as_ref());
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": seed.to_string(), "x": x }] })
        .to_string()
}

/// Returns a token of the key of a seed.
fn token(seed: u8) -> String {
    let head = json!({ "alg": "EdDSA", "kid": seed.to_string() });
    let claims =
        json!({ "iss": "https://issuer.example", "aud": "hooks", "exp": 4_000_000_000_u64 });
    let [head, claims] = [head, claims].map(|part| url_safe(part.to_string().as_bytes()));
    let signed = format!("{head}.{claims}");
    format!("{signed}.{}", url_safe(pair(seed).sign(signed.as_bytes()).as_ref()))
}

/// Returns the configuration of a listener whose keys come from a URL.
fn with_keys(url: &str) -> String {
    format!(
        "id = \"{LISTENER}\"\nname = \"Tokens\"\ntenant = \"acme\"\n\
         rate_limit = {{ requests = 1000 }}\n\n[[verify]]\nname = \"token\"\n[verify.jwt]\n\
         jwks_url = \"{url}\"\nalgorithms = [\"EdDSA\"]\nissuer = \"https://issuer.example\"\n\
         audience = \"hooks\"\n"
    )
}

/// A gateway whose listener takes its keys from a server.
struct Keyed {
    folder: Folder,
    server: DocumentServer,
}

impl Keyed {
    /// `None` if OpenSSL is not installed.
    fn new(answers: impl Fn(&str) -> Document + Send + Sync + 'static) -> Option<Self> {
        let folder = Folder::with_listener("");
        if !self_signed(folder.path(), "server of keys", SERVER) {
            return None;
        }
        std::fs::remove_file(folder.path().join("listeners/github.toml")).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = DocumentServer::start(folder.path(), any, answers).unwrap();
        let keyed = Self { folder, server };
        keyed.folder.write("listeners/tokens.toml", &with_keys(&keyed.url("/jwks")));
        keyed.allow("allow = [\"127.0.0.0/8\"]\n");
        Some(keyed)
    }

    fn url(&self, path: &str) -> String {
        format!("https://keys.example.com:{}{path}", self.server.address.port())
    }

    fn allow(&self, allow: &str) {
        let server = name_server(self.server.address);
        self.folder.settings(&format!(
            "[delivery]\nca_file = \"cert.pem\"\nname_servers = [\"{server}\"]\n{allow}"
        ));
    }

    /// Waits until the list of rejected requests has a text a number of times.
    fn wait_for_rejected(&self, text: &str, times: usize) {
        wait_for_rejected(&self.folder, text, times);
    }
}

/// Waits until the list of rejected requests, which is written later than the answers, has a text a
/// number of times.
pub(super) fn wait_for_rejected(folder: &Folder, text: &str, times: usize) {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let list = folder.stdout_of(&["requests", "list", "--rejected", "--format", "json"]);
        if list.matches(text).count() == times {
            return;
        }
        assert!(Instant::now() < until, "not {times} of `{text}`: {list}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn send(gateway: &Gateway, seed: u8, body: &str) -> Answer {
    let authorization = format!("Bearer {}", token(seed));
    gateway.post(&[("Authorization", &authorization)], body.as_bytes())
}

/// Sends requests at the same time, and returns their statuses in order of size.
fn send_together(gateway: &Gateway, number: usize) -> Vec<u16> {
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let send = |at: usize| scope.spawn(move || send(gateway, 1, &at.to_string()).status);
        let sent: Vec<_> = (0..number).map(send).collect();
        sent.into_iter().map(|one| one.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    statuses
}

#[test]
fn keys_are_fetched_once_for_concurrent_requests_and_then_cached() {
    let slow = |_: &str| Document::ok(jwks(1)).after(Duration::from_millis(500));
    let Some(keyed) = Keyed::new(slow) else { return };
    let gateway = keyed.folder.serve();
    assert_eq!(keyed.server.asked().len(), 0, "keys are not needed at the start");
    assert_eq!(send_together(&gateway, 8), [200; 8]);
    assert_eq!(send(&gateway, 1, "later").status, 200);
    assert_eq!(keyed.server.asked(), ["/jwks"]);
    let metrics = gateway.get_management("/metrics");
    assert!(metrics.text().contains("hookgate_key_fetches_total{result=\"fetched\"} 1"));
    // Forged signatures and unknown keys cause no other fetch.
    let forged = format!("{}x", token(1));
    let forged = format!("Bearer {forged}");
    assert_eq!(gateway.post(&[("Authorization", &forged)], b"{}").status, 401);
    assert_eq!(send(&gateway, 2, "unknown").status, 401);
    assert_eq!(keyed.server.asked().len(), 1);
}

#[test]
fn more_than_eight_requests_do_not_wait_for_keys_and_get_503_to_try_again() {
    let slow = |_: &str| Document::ok(jwks(1)).after(Duration::from_secs(2));
    let Some(keyed) = Keyed::new(slow) else { return };
    let gateway = keyed.folder.serve();
    let statuses = send_together(&gateway, 12);
    assert_eq!(statuses, [[200; 8].as_slice(), &[503; 4]].concat());
    assert_eq!(keyed.server.asked().len(), 1);
    keyed.wait_for_rejected("8 requests wait for these keys already", 4);
    assert_eq!(send(&gateway, 1, "again").status, 200);
}

#[test]
fn a_failed_fetch_answers_503_with_its_reason_in_the_log_and_is_cached() {
    for (answer, reason) in [
        (Document::status(500, ""), "the server answered 500"),
        (
            Document::status(302, "location: https://keys.example.com/other\r\n"),
            "the server answered 302; redirects are not followed",
        ),
        (Document::ok(vec![b' '; (64 << 10) + 1]), "the document has more than 65536 bytes"),
        (Document::ok("<html></html>"), "it is neither a JWK Set nor a certificate in PEM"),
        (Document::ok("{\"keys\":[]}"), "it has no public key"),
    ] {
        let Some(keyed) = Keyed::new(move |_| answer.clone()) else { return };
        let gateway = keyed.folder.serve();
        for _ in 0..2 {
            let answer = send(&gateway, 1, "{}");
            assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{reason}");
            assert!(!answer.text().contains("keys.example.com"), "{}", answer.text());
        }
        assert_eq!(keyed.server.asked(), ["/jwks"], "{reason}");
        gateway.wait_for_log("key fetch failed");
        keyed.wait_for_rejected(reason, 2);
        let shown = gateway.wait_for_log("outcome=keys_unavailable");
        assert!(shown.contains(reason), "{shown}");
    }
}

#[test]
fn keys_at_an_internal_address_are_not_fetched() {
    let Some(keyed) = Keyed::new(|_| Document::ok(jwks(1))) else { return };
    keyed.allow("");
    let gateway = keyed.folder.serve();
    assert_eq!(send(&gateway, 1, "{}").status, 503);
    keyed.wait_for_rejected("it leads to a loopback address", 1);
    assert_eq!(keyed.server.asked().len(), 0);
}

#[test]
fn a_server_of_keys_without_a_trusted_certificate_is_refused() {
    let Some(keyed) = Keyed::new(|_| Document::ok(jwks(1))) else { return };
    let server = name_server(keyed.server.address);
    keyed.folder.settings(&format!(
        "[delivery]\nname_servers = [\"{server}\"]\nallow = [\"127.0.0.0/8\"]\n"
    ));
    let gateway = keyed.folder.serve();
    assert_eq!(send(&gateway, 1, "{}").status, 503);
    keyed.wait_for_rejected("no trusted authority issued", 1);
    assert_eq!(keyed.server.asked().len(), 0);
}

#[test]
fn requests_with_a_token_of_another_form_cause_no_fetch() {
    let Some(keyed) = Keyed::new(|_| Document::ok(jwks(1))) else { return };
    let gateway = keyed.folder.serve();
    for token in ["", "no.token.here", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA"] {
        let authorization = format!("Bearer {token}");
        let answer = gateway.post(&[("Authorization", &authorization)], b"{}");
        assert_eq!(answer.status, 401, "{token}");
    }
    assert_eq!(keyed.server.asked().len(), 0);
}

#[test]
fn a_monitored_verification_without_keys_lets_the_request_pass() {
    let Some(keyed) = Keyed::new(|_| Document::status(404, "")) else { return };
    let text =
        with_keys(&keyed.url("/jwks")).replace("\n[verify.jwt]", "\nenforce = false\n[verify.jwt]");
    keyed.folder.write("listeners/tokens.toml", &text);
    let gateway = keyed.folder.serve();
    assert_eq!(send(&gateway, 1, "{}").status, 200);
    assert_eq!(keyed.server.asked().len(), 1);
    let log = gateway.wait_for_log("outcome=accepted");
    assert!(log.contains("the server answered 404 (monitored only)"), "{log}");
}

#[test]
fn a_replay_fetches_no_keys_and_keeps_the_logged_verdict() {
    let Some(keyed) = Keyed::new(|_| Document::ok(jwks(1))) else { return };
    let text = format!("capture = true\n{}", with_keys(&keyed.url("/jwks")));
    keyed.folder.write("listeners/tokens.toml", &text);
    let gateway = keyed.folder.serve();
    assert_eq!(send(&gateway, 1, "{}").status, 200);
    assert_eq!(send(&gateway, 2, "{}").status, 401);
    keyed.wait_for_rejected("bad_token", 1);
    assert!(gateway.stop().success());
    let output = keyed.folder.stdout_of(&["replay", "--format", "json"]);
    let replayed: Vec<serde_json::Value> = serde_json::from_str(&output).unwrap();
    assert!(!replayed.is_empty(), "{output}");
    for one in &replayed {
        assert_eq!(
            (&one["differs"], &one["verifiedAgain"]),
            (&json!(false), &json!(false)),
            "{one}"
        );
    }
    assert_eq!(keyed.server.asked().len(), 1);
}

#[test]
fn a_test_has_no_network_and_names_the_missing_document() {
    let folder = Folder::with_listener("");
    folder.write("listeners/github.toml", &with_keys("https://keys.example.com/jwks"));
    folder.write("keys.json", &jwks(1));
    let test = |keys: &str| {
        folder.write(
            "a.test.toml",
            &format!(
                "listener = \"listeners/github.toml\"\n{keys}\n[[test]]\nname = \"a\"\n\
                 expect = \"accepted\"\nheaders = {{ Authorization = \"Bearer {}\" }}\nbody = \"{{}}\"\n",
                token(1)
            ),
        );
        let output = folder.command(&["test"]);
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (passes, report) = test("");
    assert!(!passes && report.contains("keys_unavailable"), "{report}");
    assert!(report.contains("`\"https://keys.example.com/jwks\" = { file = \"…\" }`"), "{report}");
    let given = "[keys]\n\"https://keys.example.com/jwks\" = { file = \"keys.json\" }\n";
    assert!(test(given).0, "{}", test(given).1);
    let inline = format!("[keys]\n\"https://keys.example.com/jwks\" = '{}'\n", jwks(1));
    assert!(test(&inline).0);
    let other = format!("[keys]\n\"https://keys.example.com/jwks\" = '{}'\n", jwks(2));
    assert!(test(&other).1.contains("verification_failed"));
}
