//! The reasons of failed TLS handshakes and unusable certificates, for a reader who can mend them.
//! Opens no connection.

use std::io;

use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{self, CertificateError, InconsistentKeys, OtherError};

use crate::engine::{Number, Time};

/// Returns the reason why a client's handshake failed.
pub(crate) fn handshake_reason(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(inner) => tls_reason(inner),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the server closed the connection during the TLS handshake".to_owned()
        }
        None => error.to_string(),
    }
}

/// Returns the reason of an error of TLS.
pub(in crate::gateway) fn tls_reason(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => certificate_reason(error),
        rustls::Error::InvalidMessage(_) => {
            "the answer of the server is not TLS; does its URL begin with `http://`?".to_owned()
        }
        rustls::Error::AlertReceived(alert) => {
            let alert = alert_name(&format!("{alert:?}"));
            format!("the server refused the TLS handshake with the alert `{alert}`")
        }
        rustls::Error::PeerIncompatible(_) => {
            "the server supports neither TLS 1.2 nor TLS 1.3, or no cipher suite of theirs"
                .to_owned()
        }
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            "the key is not the one of the certificate".to_owned()
        }
        other => other.to_string(),
    }
}

fn certificate_reason(error: &CertificateError) -> String {
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("the server's certificate expired at {}", time(*not_after))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("the server's certificate is not valid before {}", time(*not_before))
        }
        CertificateError::UnknownIssuer => "no trusted authority issued the server's certificate; \
             name the file of its authority in `delivery.ca_file`, or in the variable \
             `SSL_CERT_FILE`"
            .to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            wrong_name(&expected.to_str(), presented)
        }
        CertificateError::InvalidPurposeContext { .. } => {
            "the server's certificate is not one for servers: its `extendedKeyUsage` lacks \
             `serverAuth`"
                .to_owned()
        }
        CertificateError::BadEncoding => "the certificate is damaged: it is not DER".to_owned(),
        CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "a trusted authority has the name of the certificate's issuer, but another key; \
             name the file of its authority in `delivery.ca_file`"
                .to_owned()
        }
        CertificateError::Other(OtherError(error)) => other_reason(&error.to_string()),
        other => format!("the certificate cannot be used: {other}"),
    }
}

/// Returns the reason of an error that `rustls` passes on from `webpki`, as the name of its variant.
fn other_reason(name: &str) -> String {
    match name {
        "CaUsedAsEndEntity" => "the server's certificate is that of a certificate authority; make \
             one with `basicConstraints=CA:FALSE`"
            .to_owned(),
        "UnsupportedCertVersion" => "the server's certificate is not of X.509 version 3; make one \
             with a `subjectAltName`"
            .to_owned(),
        other => format!("the certificate cannot be used: {other}"),
    }
}

fn wrong_name(expected: &str, presented: &[String]) -> String {
    let names: Vec<String> = presented.iter().map(|name| format!("`{}`", plain(name))).collect();
    let kind = if expected.parse::<std::net::IpAddr>().is_ok() { "IP" } else { "DNS" };
    match names.as_slice() {
        [] => format!(
            "the server's certificate names no host; make one with \
             `subjectAltName={kind}:{expected}`"
        ),
        names => {
            format!("the server's certificate is for {}, not for `{expected}`", names.join(", "))
        }
    }
}

/// Returns a name without its kind: `DnsName("a.example")` is `a.example`.
fn plain(name: &str) -> &str {
    let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inside.unwrap_or(name).trim_matches('"')
}

/// Returns the name that RFC 8446, section 6, gives an alert: `ProtocolVersion` is
/// `protocol_version`.
fn alert_name(variant: &str) -> String {
    let mut name = String::new();
    let mut after_lower_case = false;
    for letter in variant.chars() {
        if letter.is_uppercase() && after_lower_case {
            name.push('_');
        }
        after_lower_case = letter.is_lowercase();
        name.extend(letter.to_lowercase());
    }
    name
}

fn time(at: UnixTime) -> String {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    let time = Time::from_epoch(Number::from(seconds));
    time.map_or_else(|_| format!("{seconds} s after 1970"), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_rustls::rustls::pki_types::UnixTime;
    use tokio_rustls::rustls::{AlertDescription, CertificateError, Error};

    use super::tls_reason;

    #[test]
    fn a_reason_has_times_and_the_names_of_the_standard() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let (time, far) = (at(1_755_648_000), at(2_000_000_000));
        let expired = CertificateError::ExpiredContext { time: far, not_after: time };
        let early = CertificateError::NotValidYetContext { time, not_before: far };
        let reasons = [
            (expired, "the server's certificate expired at 2025-08-20T00:00:00Z"),
            (early, "the server's certificate is not valid before 2033-05-18T03:33:20Z"),
        ];
        for (error, reason) in reasons {
            assert_eq!(tls_reason(&Error::InvalidCertificate(error)), reason);
        }
        for (alert, name) in [
            (AlertDescription::ProtocolVersion, "`protocol_version`"),
            (AlertDescription::UnknownCA, "`unknown_ca`"),
        ] {
            let reason = tls_reason(&Error::AlertReceived(alert));
            assert!(reason.ends_with(name), "{reason}");
        }
    }
}
