//! The address of a sender, behind trusted proxies. Does not decide on a request.
//!
//! `X-Forwarded-For` is read as bytes: a client may send a header that is not UTF-8, and a proxy
//! still appends its hop to it. Each proxy writes the address of its peer at the right end. So the
//! header is read from the right, and only as far as needed.

use std::fmt;
use std::net::IpAddr;

use hyper::HeaderMap;
use ipnet::IpNet;

use crate::gateway::ops::memory_pool::Owner;

/// The origin of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) struct Origin {
    /// Peer of the connection.
    pub peer: IpAddr,
    /// Sender behind the trusted proxies, or the reason why the sender is unknown. No other address
    /// replaces an unknown one: an address verification then fails.
    pub sender: Result<IpAddr, UnknownAddress>,
}

/// The reason why the address of a sender is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum UnknownAddress {
    /// All hops are trusted proxies: the last of them does not name the sender.
    NoHop,
    /// The needed hop is not an IP address.
    UnreadableHop,
}

impl fmt::Display for UnknownAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHop => "a trusted proxy names no sender in `X-Forwarded-For`",
            Self::UnreadableHop => {
                "a trusted proxy names a hop in `X-Forwarded-For` that is no IP address"
            }
        })
    }
}

/// A group of senders that a limit counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::gateway) enum AddressGroup {
    /// An IPv4 address, or the network of one IPv6 host or site.
    Sender(IpAddr),
    /// All senders behind this proxy whose address is unknown.
    UnknownBehind(IpAddr),
}

/// Prefix length of the network of one IPv6 host, in bits.
const HOST_PREFIX: u8 = 64;

/// Prefix length of the network of one IPv6 site, in bits. A site may use all of its 65,536 host
/// networks (RFC 6177).
const SITE_PREFIX: u8 = 48;

impl Origin {
    /// Returns the origin of a request with these headers.
    pub(in crate::gateway) fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let forwarded = headers.get_all("x-forwarded-for");
        let sender = sender(peer, forwarded.iter().map(|value| value.as_bytes()), trusted);
        Self { peer: peer.to_canonical(), sender }
    }

    /// Returns the sender's address, if it is known.
    pub(in crate::gateway) fn address(&self) -> Option<IpAddr> {
        self.sender.ok()
    }

    /// Returns the address that owns the memory of a request. Requests of unknown senders behind
    /// a proxy share that of the proxy.
    pub(in crate::gateway) fn owner(&self) -> Owner {
        Owner::Address(host_network(self.sender.unwrap_or(self.peer)))
    }

    /// Returns the group by which failures are counted.
    pub(in crate::gateway) fn host(&self) -> AddressGroup {
        self.group(HOST_PREFIX)
    }

    /// Returns the group by which challenges are counted. The group is wider than a host: a
    /// challenge needs no secret, and the owner of a site can use every network in it.
    pub(in crate::gateway) fn site(&self) -> AddressGroup {
        self.group(SITE_PREFIX)
    }

    fn group(&self, prefix: u8) -> AddressGroup {
        match self.sender {
            Ok(sender) => AddressGroup::Sender(network(sender, prefix)),
            Err(_) => AddressGroup::UnknownBehind(network(self.peer, prefix)),
        }
    }
}

/// Returns the network of a peer's host. Connections are counted by this network.
pub(in crate::gateway) fn host_network(peer: IpAddr) -> IpAddr {
    network(peer.to_canonical(), HOST_PREFIX)
}

/// Returns the sender's address: the right-most hop that is not a trusted proxy.
///
/// The sender controls all hops to the left of that hop, so they are not read. A hop that is not an
/// address ends the search: the proxy that wrote it names a peer, and that peer wrote the hops
/// further left.
fn sender<'h>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'h [u8]>,
    trusted: &[IpNet],
) -> Result<IpAddr, UnknownAddress> {
    let mut sender = peer.to_canonical();
    let mut hops = forwarded.rev().flat_map(|value| value.rsplit(|byte| *byte == b','));
    while is_trusted(sender, trusted) {
        let hop = hops.next().ok_or(UnknownAddress::NoHop)?;
        sender = hop_address(hop).ok_or(UnknownAddress::UnreadableHop)?.to_canonical();
    }
    Ok(sender)
}

/// Returns true if an address belongs to a trusted proxy.
pub(in crate::gateway) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    // An IPv4 network may be configured in IPv6 notation: `::ffff:10.0.0.0/104`.
    let mapped = match address {
        IpAddr::V4(address) => IpAddr::V6(address.to_ipv6_mapped()),
        IpAddr::V6(_) => address,
    };
    trusted.iter().any(|network| network.contains(&address) || network.contains(&mapped))
}

/// Parses the address of a hop, with or without a port, brackets or quotes.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    let bare = std::str::from_utf8(hop.trim_ascii()).ok()?.trim_matches('"');
    if let Ok(address) = bare.parse() {
        return Some(address);
    }
    if let Ok(socket) = bare.parse::<std::net::SocketAddr>() {
        return Some(socket.ip());
    }
    bare.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// Returns an IPv4 address unchanged, and the network of an IPv6 address.
fn network(address: IpAddr, prefix: u8) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let hosts = u128::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
            IpAddr::V6((u128::from(address) & !hosts).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use hyper::HeaderMap;
    use hyper::header::HeaderValue;
    use ipnet::IpNet;

    use super::{AddressGroup, Origin, UnknownAddress};

    const PROXY: &str = "10.0.0.1";

    fn trusted() -> Vec<IpNet> {
        ["10.0.0.0/8", "::ffff:172.16.0.0/108", "2001:db8:1::/48"]
            .map(|text| text.parse().unwrap())
            .to_vec()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn origin(peer: &str, forwarded: &[&[u8]]) -> Origin {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(value).unwrap());
        }
        Origin::of(address(peer), &headers, &trusted())
    }

    /// A peer, its header values, and the expected sender.
    type Row = (&'static str, &'static [&'static [u8]], Result<&'static str, UnknownAddress>);

    #[test]
    fn forwarded_for_is_read_from_the_right_and_an_invalid_hop_is_unknown() {
        const NO_HOP: Result<&str, UnknownAddress> = Err(UnknownAddress::NoHop);
        const UNREADABLE: Result<&str, UnknownAddress> = Err(UnknownAddress::UnreadableHop);
        let table: &[Row] = &[
            // A peer that is not a proxy is the sender, whatever its headers contain.
            ("192.0.2.9", &[], Ok("192.0.2.9")),
            ("192.0.2.9", &[b"198.51.100.1"], Ok("192.0.2.9")),
            ("192.0.2.9", &[b"\xff"], Ok("192.0.2.9")),
            ("::ffff:192.0.2.9", &[b"198.51.100.1"], Ok("192.0.2.9")),
            // A proxy appends; the sender controls the hops to the left.
            (PROXY, &[b"192.0.2.7"], Ok("192.0.2.7")),
            (PROXY, &[b"192.0.2.7, 198.51.100.1"], Ok("198.51.100.1")),
            (PROXY, &[b"\xff, 198.51.100.1"], Ok("198.51.100.1")),
            (PROXY, &[b"\xff", b"198.51.100.1"], Ok("198.51.100.1")),
            (PROXY, &[b"192.0.2.7, nonsense,198.51.100.1"], Ok("198.51.100.1")),
            (PROXY, &[b",,, 198.51.100.1"], Ok("198.51.100.1")),
            (PROXY, &[b"192.0.2.7\xc2\xa0, 198.51.100.1"], Ok("198.51.100.1")),
            // Several proxies, in one header or in two.
            (PROXY, &[b"198.51.100.1, 10.2.3.4"], Ok("198.51.100.1")),
            (PROXY, &[b"192.0.2.7, 198.51.100.1", b"10.2.3.4"], Ok("198.51.100.1")),
            (PROXY, &[b"198.51.100.1, ::ffff:10.2.3.4"], Ok("198.51.100.1")),
            ("::ffff:10.0.0.1", &[b"198.51.100.1"], Ok("198.51.100.1")),
            ("172.16.0.1", &[b"198.51.100.1"], Ok("198.51.100.1")),
            ("2001:db8:1::2", &[b"2001:db8:2::7"], Ok("2001:db8:2::7")),
            // Ports, brackets and quotes.
            (PROXY, &[b"198.51.100.1:443"], Ok("198.51.100.1")),
            (PROXY, &[b"[2001:db8:2::7]"], Ok("2001:db8:2::7")),
            (PROXY, &[b"\"[2001:db8:2::7]:443\""], Ok("2001:db8:2::7")),
            (PROXY, &[b" \t198.51.100.1\t "], Ok("198.51.100.1")),
            // The needed hop is missing.
            (PROXY, &[], NO_HOP),
            (PROXY, &[b"10.2.3.4"], NO_HOP),
            (PROXY, &[b"10.2.3.4, 10.2.3.5", b"10.2.3.6"], NO_HOP),
            // The needed hop is not an address: no hop to its left is trusted.
            (PROXY, &[b""], UNREADABLE),
            (PROXY, &[b"\xff"], UNREADABLE),
            (PROXY, &[b"192.0.2.7, \xff"], UNREADABLE),
            (PROXY, &[b"192.0.2.7", b"\xff"], UNREADABLE),
            (PROXY, &[b"192.0.2.7, unknown"], UNREADABLE),
            (PROXY, &[b"192.0.2.7, _hidden"], UNREADABLE),
            (PROXY, &[b"192.0.2.7,"], UNREADABLE),
            (PROXY, &[b"192.0.2.7, \xff, 10.2.3.4"], UNREADABLE),
            (PROXY, &[b"192.0.2.256"], UNREADABLE),
            (PROXY, &[b"192.0.2.07"], UNREADABLE),
            (PROXY, &[b"0xc0000207"], UNREADABLE),
            (PROXY, &[b"192.0.2.\xd9\xa7"], UNREADABLE),
            (PROXY, &[b"192.0.2.7 198.51.100.1"], UNREADABLE),
            (PROXY, &[b"fe80::1%eth0"], UNREADABLE),
        ];
        for (peer, forwarded, wanted) in table {
            let shown: Vec<String> =
                forwarded.iter().map(|value| value.escape_ascii().to_string()).collect();
            let found = origin(peer, forwarded).sender;
            assert_eq!(found, wanted.map(address), "{peer} {shown:?}");
        }
    }

    #[test]
    fn rate_limits_count_senders_by_ipv4_host_ipv6_site_or_proxy() {
        let known = |text: &str| origin(text, &[]);
        assert_eq!(known("192.0.2.9").host(), AddressGroup::Sender(address("192.0.2.9")));
        assert_eq!(known("192.0.2.9").site(), AddressGroup::Sender(address("192.0.2.9")));
        let six = known("2001:db8:2:3:4:5:6:7");
        assert_eq!(six.host(), AddressGroup::Sender(address("2001:db8:2:3::")));
        assert_eq!(six.site(), AddressGroup::Sender(address("2001:db8:2::")));
        let unknown = origin(PROXY, &[b"\xff"]);
        assert_eq!(unknown.address(), None);
        assert_eq!(unknown.host(), AddressGroup::UnknownBehind(address(PROXY)));
        assert_ne!(unknown.host(), origin(PROXY, &[b"192.0.2.1"]).host());
    }
}
