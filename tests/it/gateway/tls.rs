//! Certificates: those that the client of `send` and deliveries refuse, with the reason that names
//! the remedy.

use std::path::Path;
use std::process::{Command, Output};

use super::running::{Folder, Gateway, LISTENER, is_installed};

/// The extensions of a certificate for a server on this machine, which is no authority.
pub(crate) const SERVER: &[&str] =
    &["subjectAltName=IP:127.0.0.1", "basicConstraints=critical,CA:FALSE"];

/// The setting that serves the files of [`self_signed`].
pub(crate) const SETTING: &str = "tls = { certificate = \"cert.pem\", key = \"key.pem\" }\n";

/// Creates a self-signed certificate, `cert.pem`, and its key, `key.pem`. Without extensions, it is
/// the certificate of an authority. Returns false if OpenSSL is not installed.
pub(crate) fn self_signed(folder: &Path, name: &str, extensions: &[&str]) -> bool {
    if !is_installed("openssl", "version") {
        return false;
    }
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    openssl.args(["-nodes", "-days", "2", "-subj", &format!("/CN={name}")]);
    openssl.args(extensions.iter().flat_map(|extension| ["-addext", extension]));
    openssl.arg("-keyout").arg(folder.join("key.pem")).arg("-out").arg(folder.join("cert.pem"));
    let created = openssl.output().unwrap();
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    true
}

/// Sends a request to a gateway with `hookgate send`.
fn send(folder: &Folder, gateway: &Gateway) -> Output {
    folder.write("body.json", "{}");
    let body = folder.path().join("body.json");
    let to = format!("https://{}", gateway.senders);
    folder.command(&["send", LISTENER, "--body", body.to_str().unwrap(), "--to", &to])
}

#[test]
fn send_trusts_the_ca_file_of_the_configuration() {
    let folder = Folder::with_listener("");
    if !self_signed(folder.path(), "server of the test", SERVER) {
        return;
    }
    folder.settings(SETTING);
    let gateway = folder.serve();
    let refused = send(&folder, &gateway);
    assert_eq!(refused.status.code(), Some(2));
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(message.contains("no trusted authority issued"), "{message}");
    assert!(message.contains("`delivery.ca_file`"), "{message}");
    assert!(message.contains("`SSL_CERT_FILE`"), "{message}");
    folder.settings(&format!("{SETTING}\n[delivery]\nca_file = \"cert.pem\"\n"));
    let accepted = send(&folder, &gateway);
    assert!(accepted.status.success(), "{}", String::from_utf8_lossy(&accepted.stderr));
}

/// Extensions of a certificate, and the words of the reason to refuse it.
const REFUSED: &[(&[&str], &str)] = &[
    (&["subjectAltName=IP:127.0.0.1"], "make one with `basicConstraints=CA:FALSE`"),
    (
        &["subjectAltName=DNS:a.example,IP:127.0.0.2", "basicConstraints=critical,CA:FALSE"],
        "is for `a.example`, `127.0.0.2`, not for `127.0.0.1`",
    ),
    (&["basicConstraints=critical,CA:FALSE"], "make one with `subjectAltName=IP:127.0.0.1`"),
    (
        &[
            "subjectAltName=IP:127.0.0.1",
            "basicConstraints=critical,CA:FALSE",
            "extendedKeyUsage=clientAuth",
        ],
        "lacks `serverAuth`",
    ),
];

#[test]
fn a_refused_certificate_is_reported_with_the_remedy() {
    for (extensions, reason) in REFUSED {
        let folder = Folder::with_listener("");
        if !self_signed(folder.path(), "server of the test", extensions) {
            return;
        }
        folder.settings(&format!("{SETTING}\n[delivery]\nca_file = \"cert.pem\"\n"));
        let gateway = folder.serve();
        let message = String::from_utf8(send(&folder, &gateway).stderr).unwrap();
        assert!(message.contains(reason), "{extensions:?}: {message}");
        assert!(!message.contains("Other("), "{message}");
    }
}

#[test]
fn send_by_https_to_a_gateway_without_tls_is_reported_as_such() {
    let folder = Folder::with_listener("");
    let gateway = folder.serve();
    let message = String::from_utf8(send(&folder, &gateway).stderr).unwrap();
    assert!(message.contains("is not TLS; does its URL begin with `http://`?"), "{message}");
}
