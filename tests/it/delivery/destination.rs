//! Destination URLs: taken and refused ones, and the pattern of the OpenAPI description.

use hookgate::delivery::{DestinationUrl, MAX_URL_BYTES, URL_PATTERN, UrlError};
use proptest::prelude::*;
use regex::Regex;

/// URLs that are taken, with the form in which they are used.
const TAKEN: &[(&str, &str)] = &[
    ("https://example.com", "https://example.com/"),
    ("http://example.com/", "http://example.com/"),
    ("HTTPS://EXAMPLE.COM/Hook", "https://example.com/Hook"),
    ("https://example.com:443/", "https://example.com/"),
    ("https://example.com:1/", "https://example.com:1/"),
    ("https://example.com:8443/hook", "https://example.com:8443/hook"),
    ("http://example.com:65535/hook", "http://example.com:65535/hook"),
    ("https://example.com?a=b&c=%20d", "https://example.com/?a=b&c=%20d"),
    ("https://example.com/a%2Fb%C3%BC?x=%2B", "https://example.com/a%2Fb%C3%BC?x=%2B"),
    ("https://example.com/a/b~c!$&'()*+,;=:@d", "https://example.com/a/b~c!$&'()*+,;=:@d"),
    ("https://example.com/{id}|\"<>", "https://example.com/%7Bid%7D|%22%3C%3E"),
    (
        "https://example.com/hook?url=https://other.example/?a=b",
        "https://example.com/hook?url=https://other.example/?a=b",
    ),
    ("https://example.com/ü?ä=ö", "https://example.com/%C3%BC?%C3%A4=%C3%B6"),
    ("https://example.com/#part", "https://example.com/#part"),
    ("https://bücher.example/", "https://xn--bcher-kva.example/"),
    ("https://BÜCHER.example/", "https://xn--bcher-kva.example/"),
    ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
    ("https://例え.テスト:8443/受信", "https://xn--r8jz45g.xn--zckzah:8443/%E5%8F%97%E4%BF%A1"),
    ("https://ｅxample.com/", "https://example.com/"),
    ("https://%65xample.com/", "https://example.com/"),
    ("https://a_b.example.com/", "https://a_b.example.com/"),
    ("https://localhost/", "https://localhost/"),
    ("https://example.com./", "https://example.com./"),
    ("https://1.2.3.4.example/", "https://1.2.3.4.example/"),
    ("http://93.184.216.34:8080/", "http://93.184.216.34:8080/"),
    ("http://[2606:4700::1111]:8080/?a", "http://[2606:4700::1111]:8080/?a"),
    ("http://[2606:4700:0:0::1111]/", "http://[2606:4700::1111]/"),
    ("http://[2606:4700::93.184.216.34]/", "http://[2606:4700::5db8:d822]/"),
];

/// URLs that are refused, with a part of the reason. The pattern refuses those that are `true`.
const REFUSED: &[(&str, &str, bool)] = &[
    ("", "begins with https:// or http://", true),
    ("nonsense", "begins with https:// or http://", true),
    ("example.com/hook", "begins with https:// or http://", true),
    ("ftp://example.com/", "begins with https:// or http://", true),
    ("file:///etc/passwd", "begins with https:// or http://", true),
    ("javascript:alert(1)", "begins with https:// or http://", true),
    ("https:example.com", "begins with https:// or http://", true),
    ("https:/example.com", "begins with https:// or http://", true),
    (" https://example.com/", "begins with https:// or http://", true),
    ("https://example.com/ ", "without spaces", true),
    ("https://example.com/a b", "without spaces", true),
    ("https://exam\tple.com/", "without spaces", true),
    ("https://example.com/\n", "without spaces", true),
    ("https://example.com/\u{0}", "control characters", false),
    ("https://example.com/\u{a0}", "without spaces", true),
    ("https:\\\\example.com/", "begins with https:// or http://", true),
    ("https://example.com\\@evil.example/", "backslashes", true),
    ("https://example.com/a\\b", "backslashes", true),
    ("https://example.com/%zz", "`%25`", false),
    ("https://example.com/100%", "`%25`", false),
    ("https://user@example.com/", "must not hold a user", true),
    ("https://user:pass@example.com/", "must not hold a user", true),
    ("https://@example.com/", "must not hold a user", true),
    ("https://example.com:0/", "from 1 to 65535", false),
    ("https://example.com:65536/", "from 1 to 65535", false),
    ("https://example.com:99999/", "from 1 to 65535", false),
    ("https://example.com:123456/", "from 1 to 65535", true),
    ("https://example.com:/", "from 1 to 65535", true),
    ("https://example.com:80a/", "from 1 to 65535", true),
    ("https://example.com:-1/", "from 1 to 65535", true),
    ("https://a:b:1/", "from 1 to 65535", true),
    ("https://", "name a host", true),
    ("https:///hook", "name a host", true),
    ("https://?a", "name a host", true),
    ("https://:443/", "name a host", true),
    ("https://a..b/", "between dots", false),
    ("https://.example.com/", "between dots", false),
    ("https://exa*mple.com/", "letters, digits", false),
    ("https://exa%20mple.com/", "letters, digits", false),
    ("https://exa%2Fmple.com/", "letters, digits", false),
    ("https://xn--a/", "letters, digits", false),
    ("http://[::1/", "has to name", true),
    ("http://[fe80::1%25eth0]/", "without a zone", true),
    ("http://[1:2:3]/", "IPv6 address", false),
    ("http://[::ffff:1.2.3.4]x/", "has to name", true),
    // SSRF protection: forbidden addresses, and other notations of addresses.
    ("http://127.0.0.1/", "a loopback address", false),
    ("http://10.0.0.1/", "a private address", false),
    ("http://169.254.169.254/latest/meta-data", "a link-local address", false),
    ("http://[::1]/", "a loopback address", false),
    ("http://[::ffff:127.0.0.1]/", "a loopback address", false),
    ("http://[0:0:0:0:0:ffff:7f00:1]/", "a loopback address", false),
    ("http://[64:ff9b::10.0.0.1]/", "a private address", false),
    ("http://[fd00:ec2::254]/", "a private address", false),
    ("http://0x7f.1/", "as four numbers", false),
    ("http://0x7f000001/", "as four numbers", false),
    ("http://2130706433/", "as four numbers", false),
    ("http://2130706433./", "as four numbers", false),
    ("http://017700000001/", "as four numbers", false),
    ("http://0177.0.0.1/", "as four numbers", false),
    ("http://127.1/", "as four numbers", false),
    ("http://127.0.0.1./", "as four numbers", false),
    ("http://127.000.000.001/", "as four numbers", false),
    ("http://%31%32%37.0.0.1/", "as four numbers", false),
    ("http://１２７.０.０.１/", "as four numbers", false),
    ("http://①②⑦.⓪.⓪.①/", "as four numbers", false),
    ("http://127。0。0。1/", "as four numbers", false),
    ("http://1.2.3.4.5/", "as four numbers", false),
    ("http://256.1.1.1/", "as four numbers", false),
    ("http://99999999999/", "as four numbers", false),
];

fn pattern() -> Regex {
    Regex::new(URL_PATTERN).unwrap()
}

#[test]
fn destination_url_is_taken_in_its_normal_form_and_matches_the_pattern() {
    for (url, normal) in TAKEN {
        let taken =
            DestinationUrl::check(url, &[]).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(taken.as_str(), *normal, "{url}");
        assert!(taken.as_str().is_ascii());
        let sent: hyper::Uri = taken.as_str().parse().unwrap();
        assert_eq!(sent.host().unwrap().trim_matches(['[', ']']), taken.host(), "{url}");
        assert!(pattern().is_match(url), "the pattern refuses {url}");
        assert_eq!(DestinationUrl::parse(url).as_ref(), Some(&taken), "{url}");
    }
}

#[test]
fn invalid_destination_url_is_refused_with_the_reason() {
    for (url, reason, by_pattern) in REFUSED {
        let error = DestinationUrl::check(url, &[]).expect_err(url).to_string();
        assert!(error.contains(reason), "{url}: {error}");
        assert_eq!(!pattern().is_match(url), *by_pattern, "the pattern and {url:?}");
    }
    let long = format!("https://example.com/{}", "a".repeat(MAX_URL_BYTES));
    assert_eq!(DestinationUrl::check(&long, &[]), Err(UrlError::Long));
    let at_most = &long[..MAX_URL_BYTES];
    assert!(DestinationUrl::check(at_most, &[]).is_ok() && pattern().is_match(at_most));
    let label = format!("https://{}.example/", "a".repeat(63));
    assert!(DestinationUrl::check(&label, &[]).is_ok());
    let label = format!("https://{}.example/", "a".repeat(64));
    assert_eq!(DestinationUrl::check(&label, &[]), Err(UrlError::Host));
    let name = format!("https://{}example/", "a.".repeat(130));
    assert_eq!(DestinationUrl::check(&name, &[]), Err(UrlError::Host));
}

#[test]
fn allowed_network_permits_its_addresses_in_the_usual_notation_only() {
    let allowed = ["127.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    for url in ["http://127.0.0.1:9/", "http://[fd12::1]/", "http://[::ffff:127.0.0.1]/"] {
        assert!(DestinationUrl::check(url, &allowed).is_ok(), "{url}");
    }
    for url in ["http://0x7f.1/", "http://2130706433/", "http://127.1/"] {
        assert_eq!(DestinationUrl::check(url, &allowed), Err(UrlError::Ipv4), "{url}");
    }
    assert!(DestinationUrl::check("http://10.0.0.1/", &allowed).is_err());
}

#[test]
fn stored_url_in_another_notation_has_the_address_as_its_host() {
    for url in ["http://0x7f.1/", "http://2130706433/", "http://１２７.０.０.１/", "http://127.1./"]
    {
        assert_eq!(DestinationUrl::parse(url).unwrap().host(), "127.0.0.1", "{url}");
    }
    for url in ["", "nonsense", "ftp://example.com/", "https://"] {
        assert_eq!(DestinationUrl::parse(url), None, "{url}");
    }
}

proptest! {
    /// The pattern refuses no URL that the check takes, and the HTTP client can send to each.
    #[test]
    fn the_pattern_refuses_no_destination_url_that_is_taken(
        scheme in "(?i)https?",
        host in r"([a-zA-Z0-9_ü%.*:\[\]@-]{1,12}|[0-9a-fx.]{1,12}|\PC{1,6})",
        port in "(:[0-9]{0,6})?",
        rest in r"([/?#]\PC{0,20}|[/?#%{}|^`'\x22<>\\ \t]{0,8})",
    ) {
        let url = format!("{scheme}://{host}{port}{rest}");
        if let Ok(taken) = DestinationUrl::check(&url, &[]) {
            prop_assert!(pattern().is_match(&url), "{url}");
            let sent: hyper::Uri = taken.as_str().parse().unwrap();
            prop_assert_eq!(sent.host().unwrap().trim_matches(['[', ']']), taken.host());
            prop_assert_eq!(DestinationUrl::check(taken.as_str(), &[]), Ok(taken.clone()));
        }
    }
}
