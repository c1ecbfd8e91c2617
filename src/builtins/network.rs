//! Functions of the network family: IP addresses and networks.
//!
//! Opens no socket and resolves no names: an address is numeric.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::function::{Code, Family, Function, NullPropagation, Param, Role, example};
use super::{Args, Env};
use crate::value::{Fault, FaultKind, Kinds, Value, quoted};

pub(super) const FUNCTIONS: &[Function] = &[Function {
    name: "IP_IN",
    family: Family::Network,
    params: &[
        Param::new("address", Kinds::TEXT),
        Param::new("networks", Kinds::TEXT.or(Kinds::LIST)),
    ],
    result: Kinds::BOOLEAN,
    doc: "True if an IP address is in a network, or in one of a list of networks: `10.0.0.0/8`, `2001:db8::/32`, or a single address.",
    examples: &[
        example("$IP_IN(\"192.30.252.1\", \"192.30.252.0/22\")", "true"),
        example("\"10.1.2.3\".$IP_IN([\"192.168.0.0/16\", \"10.0.0.0/8\"])", "true"),
        example("$IP_IN(\"2001:db8::1\", \"2001:db8::/32\")", "true"),
        example("$IP_IN(\"::ffff:10.1.2.3\", \"10.0.0.0/8\")", "true"),
        example("$IP_IN(\"10.1.2.4\", \"10.1.2.3\")", "false"),
        example("$IP_IN(\"10.1.2.4\", [])", "false"),
        example("$IP_IN(missing, \"10.0.0.0/8\")", "false"),
        example("$IP_IN(\"10.1.2.3:443\", \"10.0.0.0/8\")", "E0309"),
        example("$IP_IN(\"10.1.2.3\", \"10.0.0.0/33\")", "E0314"),
    ],
    null: NullPropagation::False,
    declassifies: false,
    role: Role::Ordinary,
    code: Code::Native(ip_in),
}];

fn ip_in<'a>(env: &Env<'a>, args: Args<'_, 'a>) -> Result<Value<'a>, Fault> {
    let address = read_address(args.text(0)?)?;
    let mut found = false;
    // All networks are parsed, so that an invalid one fails on every call, even if another one
    // matches.
    match args.value(1) {
        Value::List(networks) => {
            env.heap.work(networks.len())?;
            for network in networks.iter() {
                found |= is_in(address, read_network(args, network)?);
            }
        }
        network => found = is_in(address, read_network(args, network)?),
    }
    Ok(Value::Bool(found))
}

fn is_in(address: IpAddr, network: IpNet) -> bool {
    network.contains(&address) || network.contains(&address.to_canonical())
}

/// Parses an address. The host supplies the address, not the sender, so an invalid one is a fault:
/// false would pass a rule that denies a network.
fn read_address(text: &str) -> Result<IpAddr, Fault> {
    text.parse().map_err(|_| {
        Fault::new(FaultKind::BadData, format!("{} is not an IP address", quoted(text))).help(
            "an address stands alone, without port, brackets or zone: `10.1.2.3`, `2001:db8::1`",
        )
    })
}

fn read_network(args: Args<'_, '_>, value: Value<'_>) -> Result<IpNet, Fault> {
    let Some(text) = value.as_text() else {
        return Err(args.meaningless(1, format!("strings, not {}", value.kind().phrase())));
    };
    let bare = || text.parse::<IpAddr>().map(IpNet::from);
    let network = text.parse::<IpNet>().or_else(|_| bare()).map_err(|_| {
        args.meaningless(1, format!("a network or an address, not {}", quoted(text))).help(
            "a network is an address and how many of its bits count: `10.0.0.0/8`, `2001:db8::/32`",
        )
    })?;
    Ok(canonical(network))
}

/// Converts a network of IPv4 addresses that is written in IPv6 form (`::ffff:10.0.0.0/104`) to its
/// IPv4 form.
fn canonical(network: IpNet) -> IpNet {
    let IpAddr::V4(address) = network.addr().to_canonical() else {
        return network;
    };
    let length = match network {
        IpNet::V4(_) => return network,
        IpNet::V6(mapped) => mapped.prefix_len().checked_sub(96),
    };
    let inner = length.and_then(|length| Ipv4Net::new(address, length).ok());
    inner.map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use crate::builtins::testing::told as call;
    use crate::value::Value;

    #[test]
    fn an_address_is_in_the_networks_that_contain_it() {
        for (address, network, expected) in [
            ("10.0.0.0", "10.0.0.0/8", "true"),
            ("10.255.255.255", "10.0.0.0/8", "true"),
            ("11.0.0.0", "10.0.0.0/8", "false"),
            ("10.9.9.9", "10.1.2.3/8", "true"),
            ("10.1.2.3", "0.0.0.0/0", "true"),
            ("10.1.2.3", "10.1.2.3/32", "true"),
            ("::1", "::1", "true"),
            ("::1", "::1/128", "true"),
            ("::2", "::1", "false"),
            ("::1", "0.0.0.0/0", "false"),
            ("10.1.2.3", "::/0", "false"),
            ("::ffff:10.1.2.3", "::/0", "true"),
            ("::ffff:10.1.2.3", "10.1.2.3", "true"),
            ("::ffff:0a01:0203", "10.1.2.0/24", "true"),
            ("10.1.2.3", "::ffff:10.0.0.0/104", "true"),
            ("11.1.2.3", "::ffff:10.0.0.0/104", "false"),
            ("2001:DB8::1", "2001:db8::/32", "true"),
        ] {
            let answer = call("IP_IN", &[address.into(), network.into()]);
            assert_eq!(answer, expected, "{address} in {network}");
        }
    }

    #[test]
    fn invalid_addresses_and_networks_are_a_fault_and_never_false() {
        for address in [
            "",
            "localhost",
            "10.1.2",
            "010.1.2.3",
            "10.1.2.3:80",
            "[::1]",
            "[::1]:80",
            "fe80::1%eth0",
            " 10.1.2.3",
        ] {
            let answer = call("IP_IN", &[address.into(), "10.0.0.0/8".into()]);
            assert!(answer.starts_with("BadData"), "{address}: {answer}");
        }
        for network in ["", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.*", "any"]
        {
            let answer = call("IP_IN", &["10.1.2.3".into(), network.into()]);
            assert!(answer.starts_with("BadArgument"), "{network}: {answer}");
        }
    }

    #[test]
    fn an_invalid_network_in_a_list_is_a_fault_after_an_earlier_match() {
        let list = serde_json::json!(["10.0.0.0/8", "nowhere"]);
        let answer = call("IP_IN", &["10.1.2.3".into(), Value::from(&list)]);
        assert!(answer.starts_with("BadArgument"), "{answer}");
        let list = serde_json::json!(["10.0.0.0/8", 7]);
        let answer = call("IP_IN", &["10.1.2.3".into(), Value::from(&list)]);
        assert!(answer.starts_with("BadArgument"), "{answer}");
    }
}
