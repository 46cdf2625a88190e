//! Checks that a server could listen on an address, without listening. So no client
//! can connect meanwhile, and a start at the same time does not fail.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::fs::{Access, access};
use socket2::{Domain, Socket, Type};

use super::error::Error;
use super::owner::{self, Owner};
use crate::config::ListenAddress;

/// The result of the check.
#[derive(Debug)]
pub enum Trial {
    /// A server could listen there.
    Free,
    /// Another process listens there. Its name is known only with the right to
    /// see all processes.
    Taken(Error, Option<Owner>),
    /// No server can listen there.
    Refused(Error),
}

/// Checks an address. `ours` are the addresses before it in the list.
#[must_use]
pub fn try_address(address: &ListenAddress, ours: &[ListenAddress]) -> Trial {
    match address {
        ListenAddress::Tcp(tcp) => try_tcp(*tcp, ours),
        ListenAddress::Unix(path) => try_unix(path),
    }
}

fn try_tcp(address: SocketAddr, ours: &[ListenAddress]) -> Trial {
    for other in ours {
        if let ListenAddress::Tcp(tcp) = other
            && overlaps(*tcp, address).unwrap_or_default()
        {
            let other = other.clone();
            return Trial::Refused(Error::Overlap { address, other });
        }
    }
    match bind(address, true) {
        Ok(_) => Trial::Free,
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let owner = owner::of(&ListenAddress::Tcp(address));
            Trial::Taken(Error::from_bind(address, error), owner)
        }
        Err(error) => Trial::Refused(Error::from_bind(address, error)),
    }
}

/// Returns whether two addresses exclude each other. The kernel tells, for another
/// port.
fn overlaps(one: SocketAddr, mut other: SocketAddr) -> io::Result<bool> {
    if one.port() != other.port() || one.port() == 0 {
        return Ok(false);
    }
    let first = bind(SocketAddr::new(one.ip(), 0), false)?;
    let port = first.local_addr()?.as_socket().map_or(0, |one| one.port());
    other.set_port(port);
    Ok(bind(other, false)
        .is_err_and(|error| error.kind() == ErrorKind::AddrInUse))
}

fn bind(address: SocketAddr, reuse: bool) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, None)?;
    socket.set_reuse_address(reuse)?;
    if domain == Domain::IPV6 {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn try_unix(path: &Path) -> Trial {
    let failed = |source: io::Error| {
        Trial::Refused(Error::Socket { path: path.into(), source })
    };
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Trial::Refused(Error::NotASocket { path: path.into() });
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            let owner = owner::of(&ListenAddress::Unix(path.into()));
            return Trial::Taken(
                Error::SocketInUse { path: path.into() },
                owner,
            );
        }
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return failed(error);
        }
        // The socket of a dead process is replaced.
        Ok(_) | Err(_) => {}
    }
    let directory = path.parent().unwrap_or(Path::new("/"));
    match access(directory, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => Trial::Free,
        Err(error) => failed(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    use super::*;

    fn tcp(text: &str) -> ListenAddress {
        ListenAddress::Tcp(text.parse().unwrap())
    }

    #[test]
    fn an_address_in_use_names_the_process_there() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = ListenAddress::Tcp(other.local_addr().unwrap());
        let Trial::Taken(error, Some(owner)) = try_address(&address, &[])
        else {
            panic!("not taken")
        };
        assert!(error.to_string().contains("is in use"), "{error}");
        assert_eq!(owner.pid, std::process::id());
        drop(other);
        assert!(matches!(try_address(&address, &[]), Trial::Free));
        // The check leaves nothing behind.
        assert!(matches!(try_address(&address, &[]), Trial::Free));
    }

    #[test]
    fn two_of_ours_that_are_the_same_are_named() {
        let ours = [tcp("127.0.0.1:9100")];
        for (text, expected) in [
            ("0.0.0.0:9100", true),
            ("127.0.0.2:9100", false),
            (":9101", false),
        ] {
            let text = text.replace(":9101", "127.0.0.1:0");
            let trial = try_address(&tcp(&text), &ours);
            let overlaps =
                matches!(trial, Trial::Refused(Error::Overlap { .. }));
            assert_eq!(overlaps, expected, "{text}");
        }
    }

    #[test]
    fn a_socket_in_the_file_system_is_tried_without_making_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sock");
        let address = ListenAddress::Unix(path.clone());
        assert!(matches!(try_address(&address, &[]), Trial::Free));
        assert!(!path.exists());
        let listener = UnixListener::bind(&path).unwrap();
        let Trial::Taken(_, Some(owner)) = try_address(&address, &[]) else {
            panic!("not taken")
        };
        assert_eq!(owner.pid, std::process::id());
        drop(listener);
        assert!(matches!(try_address(&address, &[]), Trial::Free));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        assert!(matches!(
            try_address(&address, &[]),
            Trial::Refused(Error::NotASocket { .. })
        ));
        let nowhere = ListenAddress::Unix(folder.path().join("a/b"));
        assert!(matches!(
            try_address(&nowhere, &[]),
            Trial::Refused(Error::Socket { .. })
        ));
    }
}
