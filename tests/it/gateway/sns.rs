//! Amazon SNS: certificates that a request names within host patterns, and confirmations. The server
//! stands in for `sns.us-west-2.amazonaws.com`, so it needs port 443; the tests are skipped where
//! that port is not allowed.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};

use serde_json::{Value, json};

use super::document_server::{Document, DocumentServer, name_server};
use super::key_urls::wait_for_rejected;
use super::running::{Answer, Folder, Gateway, LISTENER};
use super::tls::self_signed;

const SERVER: &[&str] =
    &["subjectAltName=DNS:sns.us-west-2.amazonaws.com", "basicConstraints=critical,CA:FALSE"];
const HOST: &str = "https://sns.us-west-2.amazonaws.com";
const CERTIFICATE: &str = "/SimpleNotificationService-0123456789abcdef.pem";
const TOPIC: &str = "arn:aws:sns:us-west-2:123456789012:MyTopic";

/// The members that are signed, in this order.
const SIGNED: &[&str] =
    &["Message", "MessageId", "SubscribeURL", "Subject", "Timestamp", "Token", "TopicArn", "Type"];

/// A gateway with a listener of Amazon SNS, and a server in the place of SNS.
struct Sns {
    folder: Folder,
    server: DocumentServer,
    /// The status of the answers to a confirmation.
    status: Arc<AtomicU16>,
}

/// Makes the addresses of the servers of these tests differ.
static SERVERS: AtomicU8 = AtomicU8::new(1);

impl Sns {
    /// `None` if OpenSSL is not installed, or port 443 is not allowed.
    fn new() -> Option<Self> {
        let folder = Folder::with_listener("");
        let signer = tempfile::tempdir().unwrap();
        let made =
            make_signer(signer.path()) && self_signed(folder.path(), "server of SNS", SERVER);
        if !made {
            return None;
        }
        for file in ["signer.key", "signer.pem"] {
            std::fs::copy(signer.path().join(file), folder.path().join(file)).unwrap();
        }
        folder.write(
            "listeners/github.toml",
            &format!(
                "id = \"{LISTENER}\"\nname = \"SNS\"\ntenant = \"acme\"\nprovider = \"aws-sns\"\n\
                 [vars]\ntopic_arn = \"{TOPIC}\"\n"
            ),
        );
        let status = Arc::new(AtomicU16::new(200));
        let (answers, certificate) =
            (Arc::clone(&status), std::fs::read(folder.path().join("signer.pem")).unwrap());
        let answers = move |target: &str| match target.starts_with("/?Action=ConfirmSubscription") {
            true => Document::status(answers.load(Ordering::SeqCst), ""),
            false if target == CERTIFICATE => Document::ok(certificate.clone()),
            false => Document::status(404, ""),
        };
        let [high, low] = (std::process::id() as u16).to_be_bytes();
        let number = SERVERS.fetch_add(1, Ordering::SeqCst);
        let address = SocketAddr::from(([127, 80 + (number & 31), high, low | 1], 443));
        let server = DocumentServer::start(folder.path(), address, answers)?;
        let names = name_server(server.address);
        folder.settings(&format!(
            "[delivery]\nca_file = \"cert.pem\"\nname_servers = [\"{names}\"]\nallow = [\"127.0.0.0/8\"]\n"
        ));
        Some(Self { folder, server, status })
    }

    /// Signs a message.
    fn sign(&self, mut message: Value, version: &str) -> Value {
        let members = message.as_object().unwrap();
        let line = |name: &&str| Some(format!("{name}\n{}\n", members.get(*name)?.as_str()?));
        let text: String = SIGNED.iter().filter_map(line).collect();
        let hash = if version == "1" { "-sha1" } else { "-sha256" };
        let mut openssl = Command::new("openssl")
            .args(["dgst", hash, "-sign"])
            .arg(self.folder.path().join("signer.key"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut openssl.stdin.take().unwrap(), text.as_bytes()).unwrap();
        let signature = openssl.wait_with_output().unwrap().stdout;
        message["Signature"] = base64(&signature).into();
        message["SignatureVersion"] = version.into();
        message["SigningCertURL"] = format!("{HOST}{CERTIFICATE}").into();
        message
    }

    fn confirmations(&self) -> usize {
        self.server.asked().iter().filter(|target| target.starts_with("/?")).count()
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Creates a certificate with an RSA key, which signs messages.
fn make_signer(folder: &std::path::Path) -> bool {
    if !super::running::is_installed("openssl", "version") {
        return false;
    }
    let mut openssl = Command::new("openssl");
    openssl
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=sns"]);
    openssl.arg("-keyout").arg(folder.join("signer.key"));
    openssl.arg("-out").arg(folder.join("signer.pem")).output().unwrap().status.success()
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

fn notification(id: &str) -> Value {
    json!({ "Type": "Notification", "MessageId": id, "TopicArn": TOPIC, "Subject": "A subject",
        "Message": "Hello\nworld", "Timestamp": now() })
}

fn confirmation(token: &str) -> Value {
    let url = format!("{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token={token}");
    json!({ "Type": "SubscriptionConfirmation", "MessageId": token, "TopicArn": TOPIC,
        "Message": "You have chosen to subscribe.", "SubscribeURL": url, "Token": token,
        "Timestamp": now() })
}

fn send(gateway: &Gateway, message: &Value) -> Answer {
    let headers = [("Content-Type", "text/plain; charset=UTF-8")];
    gateway.post(&headers, message.to_string().as_bytes())
}

#[test]
fn sns_notifications_of_both_versions_are_verified_by_the_certificate_that_they_name() {
    let Some(sns) = Sns::new() else { return };
    let gateway = sns.folder.serve();
    for (id, version) in [("a", "1"), ("b", "2"), ("c", "2")] {
        assert_eq!(send(&gateway, &sns.sign(notification(id), version)).status, 200, "{version}");
    }
    assert_eq!(sns.server.asked(), [CERTIFICATE]);
    let mut forged = sns.sign(notification("d"), "2");
    forged["Message"] = "forged".into();
    assert_eq!(send(&gateway, &forged).status, 401);
    // The version of the signature is not signed, and chooses its algorithm.
    let mut other = sns.sign(notification("e"), "1");
    other["SignatureVersion"] = "2".into();
    assert_eq!(send(&gateway, &other).status, 401);
    let list = sns.folder.stdout_of(&["requests", "list"]);
    assert_eq!(list.matches("accepted").count(), 3, "{list}");
}

#[test]
fn a_certificate_outside_the_host_patterns_is_refused_without_a_fetch() {
    let Some(sns) = Sns::new() else { return };
    let gateway = sns.folder.serve();
    for url in [
        format!("https://sns.us-west-2.amazonaws.com.evil.example{CERTIFICATE}"),
        format!("https://sns.s3-us-west-2.amazonaws.com{CERTIFICATE}"),
        format!("http://sns.us-west-2.amazonaws.com{CERTIFICATE}"),
        format!("https://sns.us-west-2.amazonaws.com:8443{CERTIFICATE}"),
        format!("https://127.0.0.1{CERTIFICATE}"),
        "https://sns.us-west-2.amazonaws.com/other.pem".to_owned(),
    ] {
        let mut message = sns.sign(notification("a"), "2");
        message["SigningCertURL"] = url.clone().into();
        assert_eq!(send(&gateway, &message).status, 401, "{url}");
    }
    // A message of another topic causes no fetch either.
    let mut other = notification("a");
    other["TopicArn"] = TOPIC.replace("1234", "9999").into();
    assert_eq!(send(&gateway, &sns.sign(other, "2")).status, 401);
    assert!(sns.server.asked().is_empty(), "{:?}", sns.server.asked());
    wait_for_rejected(&sns.folder, "url_refused", 6);
}

#[test]
fn a_subscription_is_confirmed_once_after_verification() {
    let Some(sns) = Sns::new() else { return };
    let gateway = sns.folder.serve();
    let message = sns.sign(confirmation("abc"), "2");
    let mut forged = message.clone();
    forged["SubscribeURL"] = format!("{HOST}/?Action=ConfirmSubscription&Token=forged").into();
    assert_eq!(send(&gateway, &forged).status, 401);
    assert_eq!(sns.confirmations(), 0);
    for _ in 0..2 {
        assert_eq!(send(&gateway, &message).status, 200);
    }
    assert_eq!(sns.confirmations(), 1, "{:?}", sns.server.asked());
    let list = sns.folder.stdout_of(&["requests", "list"]);
    assert!(list.contains("confirmed"), "{list}");
    assert!(!list.contains("accepted"), "{list}");
}

#[test]
fn a_confirmation_that_fails_answers_503_and_is_tried_again_with_the_next_request() {
    let Some(sns) = Sns::new() else { return };
    let gateway = sns.folder.serve();
    let message = sns.sign(confirmation("abc"), "1");
    for status in [500, 302] {
        sns.status.store(status, Ordering::SeqCst);
        let answer = send(&gateway, &message);
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
        wait_for_rejected(&sns.folder, &format!("the server answered {status}"), 1);
    }
    sns.status.store(200, Ordering::SeqCst);
    assert_eq!(send(&gateway, &message).status, 200);
    assert_eq!(sns.confirmations(), 3);
}
