//! Where a request comes from, behind proxies that are trusted.
//!
//! `X-Forwarded-For` is read as bytes: a client may send a header that is not UTF-8, and a proxy
//! appends its hop to it all the same. Each proxy writes the address it accepted the connection
//! from at the right end, so the header is read from there, and no further than it is needed.

use std::fmt;
use std::net::IpAddr;

use hyper::HeaderMap;
use ipnet::IpNet;

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// The peer of the connection.
    pub peer: IpAddr,
    /// The sender behind the proxies that are trusted, or why it is not known. It is never
    /// replaced by another address: a check of addresses fails where it is not known.
    pub sender: Result<IpAddr, Unknown>,
}

/// Why the address of a sender is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// Only trusted proxies are named: the last of them does not say who sent the request.
    NoHop,
    /// The hop that is needed is no address.
    UnreadableHop,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHop => "a trusted proxy names no sender in `X-Forwarded-For`",
            Self::UnreadableHop => {
                "a trusted proxy names a hop in `X-Forwarded-For` that is no IP address"
            }
        })
    }
}

/// What counts as one sender at a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Group {
    /// An IPv4 address, or a network of IPv6 addresses that one host or one site has to itself.
    Sender(IpAddr),
    /// Everyone behind this proxy whose address is not known.
    UnknownBehind(IpAddr),
}

/// Bits of the network that one IPv6 host has to itself.
const HOST_PREFIX: u8 = 64;

/// Bits of the network that one IPv6 site has to itself: it may use any of the 65,536 networks for
/// hosts in it (RFC 6177).
const SITE_PREFIX: u8 = 48;

impl Origin {
    /// The origin of a request with these headers.
    pub(super) fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let forwarded = headers.get_all("x-forwarded-for");
        let sender = sender(peer, forwarded.iter().map(|value| value.as_bytes()), trusted);
        Self { peer: peer.to_canonical(), sender }
    }

    /// The sender's address, where it is known.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.sender.ok()
    }

    /// The group that failures are counted by.
    pub(super) fn host(&self) -> Group {
        self.group(HOST_PREFIX)
    }

    /// The group that challenges are counted by. It is wider than a host's: a challenge needs no
    /// secret, and whoever has a site has all networks in it.
    pub(super) fn site(&self) -> Group {
        self.group(SITE_PREFIX)
    }

    fn group(&self, prefix: u8) -> Group {
        match self.sender {
            Ok(sender) => Group::Sender(network(sender, prefix)),
            Err(_) => Group::UnknownBehind(network(self.peer, prefix)),
        }
    }
}

/// The network that the host of a peer has to itself: its connections are counted together.
pub(super) fn host_network(peer: IpAddr) -> IpAddr {
    network(peer.to_canonical(), HOST_PREFIX)
}

/// The sender's address: the right-most hop that is no trusted proxy. A hop left of that one was
/// written by the sender, and may be anything, so it is not looked at. A hop that is no address
/// ends the search: the proxy that wrote it means somebody, and left of it stands what that
/// somebody wrote.
fn sender<'h>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'h [u8]>,
    trusted: &[IpNet],
) -> Result<IpAddr, Unknown> {
    let mut sender = peer.to_canonical();
    let mut hops = forwarded.rev().flat_map(|value| value.rsplit(|byte| *byte == b','));
    while is_trusted(sender, trusted) {
        let hop = hops.next().ok_or(Unknown::NoHop)?;
        sender = hop_address(hop).ok_or(Unknown::UnreadableHop)?.to_canonical();
    }
    Ok(sender)
}

/// Whether an address is that of a trusted proxy.
pub(super) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    // A network of IPv4 addresses may be configured in its form for IPv6, `::ffff:10.0.0.0/104`.
    let mapped = match address {
        IpAddr::V4(address) => IpAddr::V6(address.to_ipv6_mapped()),
        IpAddr::V6(_) => address,
    };
    trusted.iter().any(|network| network.contains(&address) || network.contains(&mapped))
}

/// The address of a hop, with or without a port, brackets or quotes.
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

/// The address itself for IPv4, and the network of an IPv6 address.
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

    use super::{Group, Origin, Unknown};

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

    /// A peer, the values of its headers, and the sender.
    type Row = (&'static str, &'static [&'static [u8]], Result<&'static str, Unknown>);

    #[test]
    fn forwarded_for_is_read_from_the_right_and_an_unreadable_hop_is_unknown() {
        const NO_HOP: Result<&str, Unknown> = Err(Unknown::NoHop);
        const UNREADABLE: Result<&str, Unknown> = Err(Unknown::UnreadableHop);
        let table: &[Row] = &[
            // A peer that is no proxy is the sender, whatever it writes.
            ("192.0.2.9", &[], Ok("192.0.2.9")),
            ("192.0.2.9", &[b"198.51.100.1"], Ok("192.0.2.9")),
            ("192.0.2.9", &[b"\xff"], Ok("192.0.2.9")),
            ("::ffff:192.0.2.9", &[b"198.51.100.1"], Ok("192.0.2.9")),
            // A proxy appends, and a sender may write anything left of it.
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
            // The hop that is needed is not there.
            (PROXY, &[], NO_HOP),
            (PROXY, &[b"10.2.3.4"], NO_HOP),
            (PROXY, &[b"10.2.3.4, 10.2.3.5", b"10.2.3.6"], NO_HOP),
            // It is there, and is no address: nothing left of it is believed.
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
    fn senders_are_counted_by_host_and_by_site_and_unknown_ones_by_proxy() {
        let known = |text: &str| origin(text, &[]);
        assert_eq!(known("192.0.2.9").host(), Group::Sender(address("192.0.2.9")));
        assert_eq!(known("192.0.2.9").site(), Group::Sender(address("192.0.2.9")));
        let six = known("2001:db8:2:3:4:5:6:7");
        assert_eq!(six.host(), Group::Sender(address("2001:db8:2:3::")));
        assert_eq!(six.site(), Group::Sender(address("2001:db8:2::")));
        let unknown = origin(PROXY, &[b"\xff"]);
        assert_eq!(unknown.address(), None);
        assert_eq!(unknown.host(), Group::UnknownBehind(address(PROXY)));
        assert_ne!(unknown.host(), origin(PROXY, &[b"192.0.2.1"]).host());
    }
}
