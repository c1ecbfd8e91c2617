//! Where a request comes from, behind proxies that are trusted.

use std::net::IpAddr;

use ipnet::IpNet;

/// The sender's address: of those that trusted proxies name, the right-most that is no proxy
/// itself. What stands left of it was written by whoever that is, and may be anything.
pub(super) fn sender(peer: IpAddr, forwarded: &[&str], trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| {
        let canonical = address.to_canonical();
        trusted.iter().any(|network| network.contains(&canonical) || network.contains(&address))
    };
    let mut sender = peer.to_canonical();
    let hops = forwarded.iter().flat_map(|value| value.split(',')).map(str::trim);
    for hop in hops.rev() {
        if !is_trusted(sender) {
            break;
        }
        // An address that does not read ends the chain: whom it means, nobody knows.
        let Some(address) = hop_address(hop) else {
            break;
        };
        sender = address.to_canonical();
    }
    sender
}

/// The address of a hop, with or without a port or brackets.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_matches('"');
    if let Ok(address) = bare.parse() {
        return Some(address);
    }
    if let Ok(socket) = bare.parse::<std::net::SocketAddr>() {
        return Some(socket.ip());
    }
    bare.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// What counts as one sender at a limit: an IPv4 address, or the /64 that an IPv6 host has to
/// itself.
pub(super) fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
    }
}
