//! SSRF protection: forbidden addresses in all their notations.

use hookgate::delivery::refusal;

#[test]
fn ssrf_protection_refuses_internal_addresses_in_every_notation() {
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fd00:ec2::254",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(refusal(address.parse().unwrap(), &[]).is_some(), "{address} is allowed");
    }
}

#[test]
fn ssrf_protection_allows_public_addresses() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.167.1.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.255.255.255",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
        "2a00:1450::1",
    ] {
        assert_eq!(refusal(address.parse().unwrap(), &[]), None, "{address} is refused");
    }
}

#[test]
fn ssrf_protection_allows_a_configured_network_in_every_notation() {
    let allowed = ["10.1.0.0/16".parse().unwrap(), "fd00::/8".parse().unwrap()];
    for address in ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd12::1"] {
        assert_eq!(refusal(address.parse().unwrap(), &allowed), None, "{address}");
    }
    let refused = refusal("10.2.0.1".parse().unwrap(), &allowed).unwrap();
    let words = "it leads to a private address, and deliveries there are not allowed unless \
                 `delivery.allow` in `hookgate.toml` has its network";
    assert_eq!(refused.to_string(), words);
}
