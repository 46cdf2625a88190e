//! Errors of the sockets that listen, with the remedy.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::ListenAddress;

/// The reason why there is no web server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process listens there.
    #[error(
        "cannot listen on {address}: the port is in use{}; choose another \
         with --listen-address, such as --listen-address {}",
        likely_owner(address.port()),
        example(*address)
    )]
    AddressInUse {
        /// The address.
        address: SocketAddr,
    },
    /// The port is reserved.
    #[error(
        "cannot listen on {address}: permission denied; ports below 1024 need \
         CAP_NET_BIND_SERVICE; choose another with --listen-address, such as \
         --listen-address {}",
        example(*address)
    )]
    PermissionDenied {
        /// The address.
        address: SocketAddr,
    },
    /// No interface has the address.
    #[error(
        "cannot listen on {address}: no interface has the address {}; choose \
         one of this machine's with --listen-address, or 0.0.0.0 for all",
        address.ip()
    )]
    AddressNotAvailable {
        /// The address.
        address: SocketAddr,
    },
    /// The kernel was built or started without IPv6.
    #[error(
        "cannot listen on {address}: this kernel has no IPv6 \
         (ipv6.disable=1?); choose an address of IPv4 with --listen-address"
    )]
    NoIpv6 {
        /// The address.
        address: SocketAddr,
    },
    /// Anything else.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// Another of our own addresses is the same.
    #[error(
        "cannot listen on {address}: {other} is in the list too and has it \
         already; leave one of them out of listen_address"
    )]
    Overlap {
        /// The address.
        address: SocketAddr,
        /// The address that was first.
        other: ListenAddress,
    },
    /// Another process answers there.
    #[error(
        "cannot listen on unix:{}: another process does; stop it, or choose \
         another path with --listen-address",
        path.display()
    )]
    SocketInUse {
        /// The address.
        path: PathBuf,
    },
    /// A file that is no socket has the name.
    #[error(
        "cannot listen on unix:{}: there is something that is no socket; \
         remove it, or choose another path with --listen-address",
        path.display()
    )]
    NotASocket {
        /// The address.
        path: PathBuf,
    },
    /// Anything else about a socket in the file system.
    #[error(
        "cannot listen on unix:{}: its directory has to exist and be writable",
        path.display()
    )]
    Socket {
        /// The address.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The service manager passed something else.
    #[error(
        "cannot use the socket {name} of the service manager (LISTEN_FDS): \
         {why}; a .socket unit needs ListenStream= and Accept=no"
    )]
    Given {
        /// Its name there.
        name: String,
        /// The reason.
        why: String,
    },
    /// The system cannot wait for several sockets at once.
    #[error("cannot start the HTTP server")]
    Start(#[source] io::Error),
    /// No thread for the server.
    #[error("cannot start the threads that answer HTTP requests")]
    Thread(#[source] io::Error),
    /// The server's loop is gone.
    #[error("the HTTP server cannot wait for its clients any more")]
    Loop(#[source] io::Error),
}

impl Error {
    /// Returns the error for a failed bind.
    pub(super) fn from_bind(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::AddressInUse { address },
            io::ErrorKind::PermissionDenied => {
                Self::PermissionDenied { address }
            }
            io::ErrorKind::AddrNotAvailable => {
                Self::AddressNotAvailable { address }
            }
            _ => Self::Listen { address, source },
        }
    }

    /// Returns whether the process lacks the right.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::PermissionDenied { .. } => true,
            Self::Socket { source, .. } => {
                source.kind() == io::ErrorKind::PermissionDenied
            }
            _ => false,
        }
    }

    /// Names the address of our own list that is in the way, if one is.
    pub(super) fn among(self, ours: &[ListenAddress]) -> Self {
        let Self::AddressInUse { address } = self else { return self };
        let other = ours.iter().find(|other| match other {
            ListenAddress::Tcp(other) => {
                let is_any = other.ip().is_unspecified()
                    || address.ip().is_unspecified();
                other.port() == address.port()
                    && (is_any || other.ip() == address.ip())
            }
            ListenAddress::Unix(_) => false,
        });
        match other.cloned() {
            Some(other) => Self::Overlap { address, other },
            None => self,
        }
    }
}

/// Names a program that usually has the port.
fn likely_owner(port: u16) -> &'static str {
    match port {
        9100 => ", perhaps by node_exporter, whose default it is too",
        _ => "",
    }
}

/// Returns the same address with a port that is likely to be free.
fn example(mut address: SocketAddr) -> SocketAddr {
    address.set_port(if address.port() == 9101 { 9102 } else { 9101 });
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: io::ErrorKind, address: &str) -> String {
        Error::from_bind(address.parse().unwrap(), kind.into()).to_string()
    }

    #[test]
    fn a_busy_port_names_the_address_and_the_way_out() {
        assert_eq!(
            message(io::ErrorKind::AddrInUse, "0.0.0.0:9100"),
            "cannot listen on 0.0.0.0:9100: the port is in use, perhaps by \
             node_exporter, whose default it is too; choose another with \
             --listen-address, such as --listen-address 0.0.0.0:9101"
        );
        assert_eq!(
            message(io::ErrorKind::AddrInUse, "[::1]:9101"),
            "cannot listen on [::1]:9101: the port is in use; choose another \
             with --listen-address, such as --listen-address [::1]:9102"
        );
    }

    #[test]
    fn a_low_port_names_the_capability() {
        let message = message(io::ErrorKind::PermissionDenied, "[::1]:80");
        assert!(message.starts_with("cannot listen on [::1]:80: permission"));
        assert!(message.contains("CAP_NET_BIND_SERVICE"), "{message}");
        assert!(message.ends_with("--listen-address [::1]:9101"), "{message}");
    }

    #[test]
    fn a_foreign_address_is_named() {
        let message =
            message(io::ErrorKind::AddrNotAvailable, "192.0.2.1:9100");
        assert!(
            message.contains("no interface has the address 192.0.2.1;"),
            "{message}"
        );
    }

    #[test]
    fn any_other_fault_keeps_its_cause() {
        let address = "127.0.0.1:9100".parse().unwrap();
        let error = Error::from_bind(address, io::Error::other("out of luck"));
        assert_eq!(error.to_string(), "cannot listen on 127.0.0.1:9100");
        let cause = std::error::Error::source(&error).unwrap();
        assert_eq!(cause.to_string(), "out of luck");
    }
}
