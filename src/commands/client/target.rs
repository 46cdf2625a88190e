//! Addresses of the daemon: from `--url`, or from the configuration of the
//! daemon on this machine.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use super::ClientError;
use crate::config::ListenAddress;

/// The prefix of the path of a socket, as in `listen_address`.
const UNIX: &str = "unix:";

/// The place of a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The start of every URL, without a slash at its end. A socket has a
    /// numeric host, which needs no resolver.
    pub(super) base: String,
    /// The socket to connect to, instead of the host of `base`.
    pub(super) socket: Option<PathBuf>,
}

impl Target {
    /// Reads the value of `--url`.
    pub(super) fn parse(text: &str) -> Result<Self, ClientError> {
        let fault =
            |why: &'static str| ClientError::Url { text: text.to_owned(), why };
        if let Some(path) = text.strip_prefix(UNIX) {
            return match path.starts_with('/') {
                true => Ok(Self::socket(path.into(), false)),
                false => Err(fault("has no absolute path behind unix:")),
            };
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme @ ("http" | "https"), rest)) => (scheme, rest),
            Some(_) => return Err(fault("is neither http nor https")),
            None => ("http", text),
        };
        let rest = rest.trim_end_matches('/');
        let authority = rest.split('/').next().unwrap_or_default();
        if authority.contains('@') {
            return Err(fault(
                "has a user in it: use --user and --password-file",
            ));
        }
        let is_plain = |c: char| c.is_ascii_graphic() && !"?#\\\"".contains(c);
        if authority.is_empty() || !rest.chars().all(is_plain) {
            return Err(fault("has no host"));
        }
        check(authority).map_err(fault)?;
        Ok(Self { base: format!("{scheme}://{rest}"), socket: None })
    }

    /// Returns the places of the daemon that listens on these addresses: first
    /// the sockets, to which nobody else can listen, then the ports. If it may
    /// use TLS, each place with TLS comes before the one without.
    pub(super) fn local(
        addresses: &[ListenAddress],
        may_use_tls: bool,
    ) -> Vec<Self> {
        let schemes: &[bool] =
            if may_use_tls { &[true, false] } else { &[false] };
        let of = |has_tls: bool, address: &ListenAddress| match address {
            ListenAddress::Unix(path) => Self::socket(path.clone(), has_tls),
            ListenAddress::Tcp(address) => {
                let address = reachable(*address);
                let base = format!("{}://{address}", scheme(has_tls));
                Self { base, socket: None }
            }
        };
        let (sockets, ports): (Vec<_>, Vec<_>) =
            addresses.iter().partition(|address| address.path().is_some());
        let ordered = sockets.into_iter().chain(ports);
        ordered
            .flat_map(|address| {
                schemes.iter().map(move |tls| of(*tls, address))
            })
            .collect()
    }

    fn socket(path: PathBuf, has_tls: bool) -> Self {
        let base = format!("{}://127.0.0.1", scheme(has_tls));
        Self { base, socket: Some(path) }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Some(path) => write!(f, "{UNIX}{}", path.display()),
            None => f.write_str(&self.base),
        }
    }
}

/// Checks the host and the port of a URL.
fn check(authority: &str) -> Result<(), &'static str> {
    let (host, behind) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest
                .split_once(']')
                .ok_or("has a [ without a ] behind the IPv6 address")?;
            host.parse::<Ipv6Addr>()
                .map_err(|_| "has no IPv6 address between [ and ]")?;
            (host, behind)
        }
        None => {
            let host = authority.split(':').next().unwrap_or_default();
            let behind = &authority[host.len()..];
            if behind.matches(':').count() > 1 {
                return Err("has more than one colon: an IPv6 address stands \
                            in brackets, as in [::1]:9400");
            }
            (host, behind)
        }
    };
    let is_named =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if host.is_empty() {
        return Err("has no host");
    }
    if !authority.starts_with('[') && !host.chars().all(is_named) {
        return Err("has a host with other characters than letters, digits, \
                    dots, hyphens and underscores");
    }
    check_port(behind)
}

/// Checks the text behind a host: nothing, or a colon and a port.
fn check_port(behind: &str) -> Result<(), &'static str> {
    if behind.is_empty() {
        return Ok(());
    }
    let port = behind.strip_prefix(':').ok_or("has no colon behind the ]")?;
    let is_number = port.bytes().all(|c| c.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(1..) if is_number => Ok(()),
        _ => Err("has no port from 1 to 65535 behind the colon"),
    }
}

fn scheme(has_tls: bool) -> &'static str {
    if has_tls { "https" } else { "http" }
}

/// Returns the address to connect to for an address that is listened on.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        match Target::parse(text) {
            Ok(target) => format!("{target} {}", target.base),
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn addresses_are_read_as_written() {
        for (text, expected) in [
            ("http://host:9100", "http://host:9100 http://host:9100"),
            ("https://[::1]:1/x/", "https://[::1]:1/x https://[::1]:1/x"),
            ("host:9100", "http://host:9100 http://host:9100"),
            ("host:65535", "http://host:65535 http://host:65535"),
            ("[2001:db8::1]", "http://[2001:db8::1] http://[2001:db8::1]"),
            ("a_b.example", "http://a_b.example http://a_b.example"),
            ("unix:/run/x", "unix:/run/x http://127.0.0.1"),
        ] {
            assert_eq!(parsed(text), expected);
        }
    }

    #[test]
    fn a_wrong_address_is_quoted_with_an_example() {
        for (text, why) in [
            ("unix:run/x", "has no absolute path"),
            ("ftp://host", "is neither http nor https"),
            ("http://a:b@host", "has a user in it"),
            ("http://", "has no host"),
            ("", "has no host"),
            ("http://a b", "has no host"),
            ("http://:9100", "has no host"),
            ("host:99999", "has no port from 1 to 65535"),
            ("host:0", "has no port from 1 to 65535"),
            ("host:+80", "has no port from 1 to 65535"),
            ("host:", "has no port from 1 to 65535"),
            ("http://[::1]:75536", "has no port from 1 to 65535"),
            ("http://[::1", "has a [ without a ]"),
            ("http://[::x]:1", "has no IPv6 address between [ and ]"),
            ("http://[::1]1", "has no colon behind the ]"),
            ("::1:9400", "an IPv6 address stands in brackets"),
            ("a]:1", "has a host with other characters"),
        ] {
            let fault = parsed(text);
            assert!(fault.contains(why), "{fault}");
            assert!(fault.contains("http://127.0.0.1:9100"), "{fault}");
        }
    }

    #[test]
    fn a_local_daemon_is_asked_at_its_socket_first() {
        let addresses = [
            ListenAddress::Tcp("0.0.0.0:9100".parse().unwrap()),
            ListenAddress::Tcp("[::]:9100".parse().unwrap()),
            ListenAddress::Unix("/run/x".into()),
        ];
        let shown = |tls| -> Vec<String> {
            let all = Target::local(&addresses, tls);
            all.iter().map(|one| format!("{one} {}", one.base)).collect()
        };
        assert_eq!(
            shown(false),
            [
                "unix:/run/x http://127.0.0.1",
                "http://127.0.0.1:9100 http://127.0.0.1:9100",
                "http://[::1]:9100 http://[::1]:9100",
            ]
        );
        assert_eq!(shown(true).len(), 6);
        assert_eq!(shown(true)[0], "unix:/run/x https://127.0.0.1");
    }
}
