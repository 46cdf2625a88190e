//! Addresses to listen on: IP addresses with ports, and sockets in the file
//! system.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::value::Value;

use super::values::{self, Fault, found, quoted};

/// The prefix of the path of a socket in the file system.
const UNIX: &str = "unix:";

/// The longest path that the kernel accepts, `sun_path` without the closing
/// zero.
const LONGEST_PATH: usize = 107;

/// An address or a socket to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An address and port.
    Tcp(SocketAddr),
    /// The absolute path of a socket.
    Unix(PathBuf),
}

impl ListenAddress {
    /// Returns the path of a socket in the file system.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix(path) => Some(path),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// Reads one address, a comma list or a list.
pub(super) fn addresses(value: &Value) -> Result<Vec<ListenAddress>, Fault> {
    if let Value::Num(_, number) = value
        && let Some(port) = number.to_i128()
    {
        return Err(values::address_fault(&port.to_string()));
    }
    let parts = values::texts(value)?;
    let parts = parts.iter().flat_map(|part| part.split(','));
    let mut addresses = Vec::new();
    for part in parts.map(str::trim).filter(|part| !part.is_empty()) {
        let address = address(part)?;
        // The kernel chooses another port for each port 0.
        let is_any =
            matches!(address, ListenAddress::Tcp(tcp) if tcp.port() == 0);
        if is_any || !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    match addresses.len() {
        0 => Err(Fault::Because(format!(
            "{} is no address: name one, such as \"127.0.0.1:9100\"",
            found(value)
        ))),
        _ => Ok(addresses),
    }
}

/// Returns the value that [`addresses()`] reads back.
pub(super) fn value(addresses: &[ListenAddress]) -> toml::Value {
    match addresses {
        [one] => one.to_string().into(),
        all => all.iter().map(ToString::to_string).collect::<Vec<_>>().into(),
    }
}

fn address(text: &str) -> Result<ListenAddress, Fault> {
    let Some(path) = text.strip_prefix(UNIX) else {
        return match values::address(text) {
            Ok(address) => Ok(ListenAddress::Tcp(address)),
            // The text of the allowed values is about a list; this fault is
            // in one address.
            Err(Fault::NotExpected) => Err(Fault::Because(format!(
                "{} is not an address and port, such as \"127.0.0.1:9100\"",
                quoted(text)
            ))),
            Err(fault) => Err(fault),
        };
    };
    let because = |why: &str| {
        Err(Fault::Because(format!(
            "{} {why}; write a path such as \
             \"unix:/run/geoip-exporter/metrics.sock\"",
            quoted(text)
        )))
    };
    if !path.starts_with('/') {
        return because("has no absolute path");
    }
    if path.ends_with('/') {
        return because("is a directory");
    }
    if path.contains('\0') {
        return because("has a zero byte");
    }
    if path.len() > LONGEST_PATH {
        return because("has a path of more than 107 bytes");
    }
    Ok(ListenAddress::Unix(path.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<String, Fault> {
        addresses(&text.into()).map(|read| value(&read).to_string())
    }

    #[test]
    fn one_address_stays_text_and_several_are_a_list() {
        for (text, expected) in [
            ("127.0.0.1:9100", r#""127.0.0.1:9100""#),
            (":9100", r#""[::]:9100""#),
            (
                " 127.0.0.1:9100,[::1]:9100 , unix:/run/x.sock,",
                r#"["127.0.0.1:9100", "[::1]:9100", "unix:/run/x.sock"]"#,
            ),
            ("127.0.0.1:1,127.0.0.1:1", r#""127.0.0.1:1""#),
            ("127.0.0.1:0,127.0.0.1:0", r#"["127.0.0.1:0", "127.0.0.1:0"]"#),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected));
        }
        let list = vec!["127.0.0.1:1", "unix:/x"];
        assert_eq!(addresses(&list.into()).unwrap().len(), 2);
    }

    #[test]
    fn a_path_that_cannot_be_a_socket_is_named() {
        let long = format!("unix:/{}", "x".repeat(LONGEST_PATH));
        for (text, why) in [
            ("unix:run/x.sock", "has no absolute path"),
            ("unix:", "has no absolute path"),
            ("unix:/run/", "is a directory"),
            ("unix:/\0", "has a zero byte"),
            (&long, "has a path of more than 107 bytes"),
            (" , ", "is no address"),
            ("127.0.0.1:9100,127.0.0.1", "\"127.0.0.1\" has no port"),
        ] {
            let Err(Fault::Because(fault)) = read(text) else {
                panic!("{text} is taken");
            };
            assert!(fault.contains(why), "{fault}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_so_that_it_reads_the_same(
            text in "(((127.0.0.1|\\[::1\\]):[0-9]{1,5}|unix:/[a-z/]{0,9}),?){0,4}"
        ) {
            if let Ok(addresses) = addresses(&text.as_str().into()) {
                let texts: Vec<_> =
                    addresses.iter().map(ToString::to_string).collect();
                let again = super::addresses(&texts.into()).unwrap();
                prop_assert_eq!(again, addresses);
            }
        }
    }
}
