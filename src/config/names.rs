//! Names instead of numbers in an address and port: hosts, services and
//! interfaces, looked up in the files of the system.
//!
//! No resolver is used. It may wait for the network, and at a reload the
//! sandbox forbids its system calls. An address of another host would be
//! useless here.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use figment::value::Value;

/// A file with names in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Register {
    /// hosts(5).
    Hosts,
    /// services(5).
    Services,
    /// IPv6 addresses with their interfaces, proc_net(5).
    Interfaces,
}

/// Ports that are known even if services(5) is not installed.
const SERVICES: [(&str, u16); 2] = [("http", 80), ("https", 443)];

/// Replaces the names in a setting's list of addresses. `text` returns the text
/// of a register. Other names stay, and are refused later.
pub(super) fn replace(value: &mut Value, text: &dyn Fn(Register) -> String) {
    match value {
        Value::String(_, list) => {
            let parts = list.split(',').map(|part| {
                numeric(part.trim(), text).unwrap_or_else(|| part.into())
            });
            *list = parts.collect::<Vec<_>>().join(",");
        }
        Value::Array(_, items) => {
            items.iter_mut().for_each(|item| replace(item, text));
        }
        _ => {}
    }
}

/// Returns the address and port that a text names; `None` if it has no names
/// or is not an address and port.
fn numeric(part: &str, text: &dyn Fn(Register) -> String) -> Option<String> {
    let (host, port) = part.rsplit_once(':')?;
    if part.parse::<SocketAddr>().is_ok() || !is_plain(host, port) {
        return None;
    }
    let port = port_of(port, text)?;
    if host.is_empty() {
        return Some(format!(":{port}"));
    }
    let address = match host.strip_prefix('[') {
        Some(host) => bracketed(host.strip_suffix(']')?, port, text)?,
        None => SocketAddr::new(host_of(host, text)?, port),
    };
    Some(address.to_string())
}

/// Returns whether the texts can be a host and a port. The path of a socket and
/// a URL cannot.
fn is_plain(host: &str, port: &str) -> bool {
    let is_plain = |text: &str| {
        text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    (is_bracketed || is_plain(host)) && !port.is_empty() && is_plain(port)
}

fn port_of(port: &str, text: &dyn Fn(Register) -> String) -> Option<u16> {
    if port.bytes().all(|byte| byte.is_ascii_digit()) {
        return port.parse().ok();
    }
    let is_it = |name: &str| name.eq_ignore_ascii_case(port);
    let services = text(Register::Services);
    let listed = services.lines().find_map(|line| {
        let mut words = words(line);
        let (name, number) = (words.next()?, words.next()?);
        let number = number.strip_suffix("/tcp")?;
        let found = is_it(name) || words.any(is_it);
        found.then(|| number.parse().ok()).flatten()
    });
    let known = || SERVICES.iter().find(|(name, _)| is_it(name));
    listed.or_else(|| known().map(|(_, number)| *number))
}

/// Returns the first IPv4 address of a name, or else its first IPv6 address,
/// like Go.
fn host_of(host: &str, text: &dyn Fn(Register) -> String) -> Option<IpAddr> {
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Some(address.into());
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    let hosts = text(Register::Hosts);
    let addresses: Vec<IpAddr> = hosts
        .lines()
        .filter_map(|line| {
            let mut words = words(line);
            let address = words.next()?.parse().ok()?;
            let found = words.any(|name| name.eq_ignore_ascii_case(host));
            found.then_some(address)
        })
        .collect();
    let is_localhost = host.eq_ignore_ascii_case("localhost");
    let localhost = is_localhost.then_some(Ipv4Addr::LOCALHOST.into());
    let ipv4 = addresses.iter().find(|address| address.is_ipv4());
    ipv4.or(addresses.first()).copied().or(localhost)
}

/// Reads the text between brackets: an IPv6 address, with an interface if it is
/// link-local.
fn bracketed(
    host: &str,
    port: u16,
    text: &dyn Fn(Register) -> String,
) -> Option<SocketAddr> {
    let (address, zone) = host.split_once('%').unwrap_or((host, ""));
    let address: Ipv6Addr = address.parse().ok()?;
    let scope = match (zone, zone.parse()) {
        ("", _) => 0,
        (_, Ok(number)) => number,
        (name, Err(_)) => {
            text(Register::Interfaces).lines().find_map(|line| {
                let words: Vec<_> = line.split_ascii_whitespace().collect();
                let is_it = words.get(5) == Some(&name);
                is_it.then(|| u32::from_str_radix(words[1], 16).ok()).flatten()
            })?
        }
    };
    Some(SocketAddrV6::new(address, port, 0, scope).into())
}

/// Returns the words of a line, without its comment.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split('#').next().unwrap_or(line).split_ascii_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn register(which: Register) -> String {
        match which {
            Register::Hosts => {
                "::1 localhost ip6-localhost\n\
                 127.0.0.1\tLocalhost # and its other name\n\
                 # 192.0.2.9 commented\n\
                 192.0.2.7 web.example.com web\n\
                 192.0.2.8 web\n\
                 2001:db8::7 six\n\
                 nonsense here\n"
            }
            Register::Services => {
                "http 80/tcp www\n\
                 syslog 514/udp\n\
                 jetdirect 9100/tcp # printers\n\
                 broken 99999/tcp\n"
            }
            Register::Interfaces => {
                "fe800000000000000000000000000001 0c 40 20 80     eth0\n\
                 00000000000000000000000000000001 01 80 10 80       lo\n"
            }
        }
        .into()
    }

    fn replaced(list: &str) -> String {
        let mut value = Value::from(list);
        replace(&mut value, &register);
        value.as_str().unwrap().into()
    }

    #[test]
    fn names_are_replaced_by_the_addresses_of_this_host() {
        for (list, expected) in [
            ("localhost:9100", "127.0.0.1:9100"),
            ("LOCALHOST:jetdirect", "127.0.0.1:9100"),
            ("localhost.:1", "127.0.0.1:1"),
            ("ip6-localhost:9100", "[::1]:9100"),
            ("web:80", "192.0.2.7:80"),
            ("six:http", "[2001:db8::7]:80"),
            (":www", ":80"),
            (":https", ":443"),
            ("192.0.2.7:HTTP", "192.0.2.7:80"),
            ("[::1]:www", "[::1]:80"),
            ("[fe80::1%eth0]:9100", "[fe80::1%12]:9100"),
            ("[fe80::1%3]:www", "[fe80::1%3]:80"),
            (" web:80 ,127.0.0.1:1", "192.0.2.7:80,127.0.0.1:1"),
        ] {
            assert_eq!(replaced(list), expected, "{list}");
        }
        let mut list = Value::from(vec!["web:80", "unix:/x"]);
        replace(&mut list, &register);
        assert_eq!(list, Value::from(vec!["192.0.2.7:80", "unix:/x"]));
    }

    #[test]
    fn what_has_no_names_or_unknown_ones_stays() {
        for list in [
            "",
            "9100",
            "127.0.0.1:9100",
            "[::1]:9100",
            ":9100",
            "unix:/run/x.sock",
            "unix:relative",
            "http://localhost:9100",
            "nowhere:9100",
            "commented:1",
            "web:nothing",
            "web:syslog",
            "web:broken",
            "web:",
            "web:70000",
            "[fe80::1%eth9]:1",
            "[web]:1",
            "::1:9100",
        ] {
            assert_eq!(replaced(list), list);
        }
    }

    #[test]
    fn localhost_and_the_web_are_known_without_files() {
        let mut value = Value::from("localhost:http");
        replace(&mut value, &|_| String::new());
        assert_eq!(value, Value::from("127.0.0.1:80"));
    }

    proptest! {
        #[test]
        fn any_text_and_any_files_give_an_answer(
            list in prop_oneof![".*", "(\\[?[a-c:%.]{0,5}\\]?:[a-c0-9]{0,3},?){0,3}"],
            file in "([a-c0-9.:/# ]{0,12}\n){0,4}",
        ) {
            let mut value = Value::from(list.as_str());
            replace(&mut value, &|_| file.clone());
        }
    }
}
