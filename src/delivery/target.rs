//! SSRF protection: the addresses that deliveries may be sent to.
//!
//! A subscriber chooses the URL, which could point into the operator's own network. So the resolved
//! address is checked at each connection. This module does not resolve names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// The reason why an address is forbidden. The message does not contain the address: the owner of a
/// host name must not learn what the name resolves to in this network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it leads to {kind}, and deliveries there are not allowed unless `delivery.allow` in `hookgate.toml` has its network"
)]
pub struct Refusal {
    /// The address.
    pub address: IpAddr,
    /// The kind of the address.
    pub kind: &'static str,
}

/// Returns the reason why an address is forbidden, if it is. Addresses in `allowed` networks are
/// never forbidden.
///
/// ```
/// use hookgate::delivery::refusal;
///
/// assert!(refusal("169.254.169.254".parse()?, &[]).is_some());
/// assert!(refusal("::ffff:10.0.0.1".parse()?, &[]).is_some());
/// assert!(refusal("93.184.216.34".parse()?, &[]).is_none());
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn refusal(address: IpAddr, allowed: &[IpNet]) -> Option<Refusal> {
    if allowed.iter().any(|network| network.contains(&address)) {
        return None;
    }
    let kind = match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => match inner(address) {
            // The embedded address is checked too, and may be allowed by its own network.
            Some(inner) if allowed.iter().any(|network| network.contains(&IpAddr::V4(inner))) => {
                None
            }
            Some(inner) => special_v4(inner),
            None => special_v6(address),
        },
    };
    kind.map(|kind| Refusal { address, kind })
}

/// Returns true if the last label of a host is a number, as in `0x7f.1`. Other resolvers read such
/// a host as an address, and no name ends in a number.
///
/// ```
/// use hookgate::delivery::ends_in_number;
///
/// assert!(ends_in_number("0x7f.1") && ends_in_number("2130706433."));
/// assert!(!ends_in_number("example.com"));
/// ```
pub fn ends_in_number(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or("");
    match last.strip_prefix("0x").or_else(|| last.strip_prefix("0X")) {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// Returns the kind of an IPv4 address in the IANA special-purpose registry (RFC 6890), or
/// multicast.
fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, d] = address.octets();
    Some(match (a, b, c) {
        // Azure's metadata service has this public address.
        (168, 63, 129) if d == 16 => "an address of a metadata service",
        (0, ..) => "an address of this network",
        (127, ..) => "a loopback address",
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => "a private address",
        (100, 64..=127, _) => "a shared address of a provider",
        (169, 254, _) => "a link-local address",
        (192, 0, 0) => "a special address",
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => "an address of documentation",
        (192, 88, 99) => "an address of a relay",
        (198, 18..=19, _) => "an address of benchmarks",
        (224..=239, ..) => "a multicast address",
        (240..=255, ..) => "a reserved address",
        _ => return None,
    })
}

/// Returns the kind of an IPv6 address in the IANA special-purpose registry.
fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    let [a, b, c, ..] = address.segments();
    Some(match (a, b) {
        _ if address.is_loopback() => "a loopback address",
        _ if address.is_unspecified() => "an address of this network",
        (0, _) => "a special address",
        (0x0064, 0xff9b) if c == 1 => "an address of a translator",
        (0x0100, 0) => "an address that leads nowhere",
        (0x2001, 0..=0x01ff) => "a special address",
        (0x2001, 0x0db8) | (0x3fff, 0..=0x0fff) => "an address of documentation",
        (0x5f00, _) => "a special address",
        (0xfc00..=0xfdff, _) => "a private address",
        (0xfe80..=0xfebf, _) => "a link-local address",
        (0xfec0..=0xfeff, _) => "a private address",
        (0xff00..=0xffff, _) => "a multicast address",
        _ => return None,
    })
}

/// Returns the IPv4 address that is embedded in an IPv6 address: mapped, compatible, translated
/// (RFC 6052) or 6to4 (RFC 3056).
fn inner(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let of = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0) if address.is_loopback() || address.is_unspecified() => None,
        (0, 0, 0, 0, 0, 0 | 0xffff) | (0, 0, 0, 0, 0xffff, 0) => Some(of(g, h)),
        (0x0064, 0xff9b, 0, 0, 0, 0) => Some(of(g, h)),
        (0x2002, ..) => Some(of(b, c)),
        _ => None,
    }
}
