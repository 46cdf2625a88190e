//! The sockets that listen.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{
    FileTypeExt as _, MetadataExt as _, PermissionsExt as _,
};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use socket2::{Domain, SockAddr, Type};

use super::error::Error;
use super::stream::Socket;
use crate::config::ListenAddress;

/// The most clients that wait in the kernel to be accepted: the usual limit of the
/// system. A client that finds no place tries again only after a second.
const BACKLOG: i32 = 4096;

/// Buffers of the kernel for one client, in and out. They are so small that a
/// thousand clients that never read do not fill the memory.
const RECEIVE_BUFFER: usize = 16 * 1024;
const SEND_BUFFER: usize = 128 * 1024;

/// The mode of a socket in the file system: its owner and group can connect.
const MODE: u32 = 0o660;

/// A socket that listens.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, UnixName),
}

/// The name of a Unix socket.
#[derive(Debug)]
pub(super) enum UnixName {
    /// Made here, and removed at the end.
    Own(Arc<SocketFile>),
    /// Made by the service manager. An abstract name begins with an `@`.
    Given(PathBuf),
}

/// A socket that the service manager opened.
#[derive(Debug)]
pub struct GivenSocket {
    /// Its name there.
    pub name: String,
    /// The socket.
    pub socket: OwnedFd,
}

impl Listener {
    /// Listens; port 0 takes a free one.
    ///
    /// # Errors
    /// If the address is in use, not ours or not allowed.
    pub(super) fn bind(address: &ListenAddress) -> Result<Self, Error> {
        match address {
            ListenAddress::Tcp(tcp) => match bind_tcp(*tcp) {
                Err(error) if is_without_ipv6(*tcp, &error) => {
                    bind_without_ipv6(*tcp)
                }
                other => other.map_err(|error| Error::from_bind(*tcp, error)),
            },
            ListenAddress::Unix(path) => bind_unix(path),
        }
    }

    /// Listens on a socket that the service manager opened.
    ///
    /// # Errors
    /// If it is no stream socket that listens.
    pub(super) fn take(given: GivenSocket) -> Result<Self, Error> {
        let GivenSocket { name, socket } = given;
        let socket = socket2::Socket::from(socket);
        take(socket).map_err(|why| Error::Given { name, why })
    }

    /// Returns its address, with the real port.
    pub(super) fn address(&self) -> io::Result<ListenAddress> {
        Ok(match self {
            Self::Tcp(socket) => ListenAddress::Tcp(socket.local_addr()?),
            Self::Unix(_, UnixName::Own(file)) => {
                ListenAddress::Unix(file.path.clone())
            }
            Self::Unix(_, UnixName::Given(path)) => {
                ListenAddress::Unix(path.clone())
            }
        })
    }

    /// Returns the socket's file, if it has one.
    pub(super) fn file(&self) -> Option<Arc<SocketFile>> {
        match self {
            Self::Unix(_, UnixName::Own(file)) => Some(Arc::clone(file)),
            Self::Tcp(_) | Self::Unix(_, UnixName::Given(_)) => None,
        }
    }

    /// Returns the next client, and its address if it has one.
    ///
    /// # Errors
    /// If there is none: `WouldBlock`; else the error of accept(2).
    pub(super) fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        Ok(match self {
            Self::Tcp(socket) => {
                let (client, peer) = socket.accept()?;
                // An answer is written in few large pieces, so the kernel need
                // not wait for more. This fails if the client is gone, and a
                // later read shows that.
                let _ = client.set_nodelay(true);
                (Socket::Tcp(client), Some(peer))
            }
            Self::Unix(socket, _) => (Socket::Unix(socket.accept()?.0), None),
        })
    }

    pub(super) fn register(
        &mut self,
        registry: &Registry,
        token: Token,
    ) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => {
                registry.register(socket, token, Interest::READABLE)
            }
            Self::Unix(socket, _) => {
                registry.register(socket, token, Interest::READABLE)
            }
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<Listener> {
    let domain = Domain::for_address(address);
    let socket = socket2::Socket::new(domain, Type::STREAM, None)?;
    // Without it the port would be taken for a minute after a restart.
    socket.set_reuse_address(true)?;
    if domain == Domain::IPV6 {
        socket.set_only_v6(false)?;
    }
    bound_buffers(&socket)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(Listener::Tcp(TcpListener::from_std(socket.into())))
}

/// Returns whether it failed because the kernel was built or started without IPv6.
fn is_without_ipv6(address: SocketAddr, error: &io::Error) -> bool {
    address.is_ipv6() && error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

/// Listens on all IPv4 addresses, in place of all addresses of both versions.
fn bind_without_ipv6(address: SocketAddr) -> Result<Listener, Error> {
    if address.ip() != Ipv6Addr::UNSPECIFIED {
        return Err(Error::NoIpv6 { address });
    }
    let all = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
    bind_tcp(all).map_err(|error| Error::from_bind(all, error))
}

fn bind_unix(path: &Path) -> Result<Listener, Error> {
    let failed = |source| Error::Socket { path: path.into(), source };
    let address = SockAddr::unix(path).map_err(failed)?;
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)
        .map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    if let Err(error) = socket.bind(&address) {
        if error.kind() != ErrorKind::AddrInUse {
            return Err(failed(error));
        }
        remove_stale(path)?;
        socket.bind(&address).map_err(failed)?;
    }
    let file = Arc::new(SocketFile::new(path).map_err(failed)?);
    // Clients can connect only after the next line, and with this mode.
    fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(failed)?;
    socket.listen(BACKLOG).map_err(failed)?;
    let listener = UnixListener::from_std(socket.into());
    Ok(Listener::Unix(listener, UnixName::Own(file)))
}

/// Takes a socket over, or returns the reason why it cannot be used.
fn take(socket: socket2::Socket) -> Result<Listener, String> {
    let cannot = |error: io::Error| format!("it cannot be used: {error}");
    let kind = socket.r#type().map_err(|error| match error.raw_os_error() {
        Some(libc::ENOTSOCK) => "it is no socket".to_owned(),
        _ => cannot(error),
    })?;
    if kind != Type::STREAM {
        return Err("it is no stream socket".into());
    }
    if !socket.is_listener().map_err(cannot)? {
        return Err("it does not listen".into());
    }
    socket.set_nonblocking(true).map_err(cannot)?;
    match socket.domain().map_err(cannot)? {
        Domain::UNIX => {
            let address = socket.local_addr().map_err(cannot)?;
            let name = unix_name(&address);
            let listener = UnixListener::from_std(socket.into());
            Ok(Listener::Unix(listener, UnixName::Given(name)))
        }
        Domain::IPV4 | Domain::IPV6 => {
            bound_buffers(&socket).map_err(cannot)?;
            Ok(Listener::Tcp(TcpListener::from_std(socket.into())))
        }
        _ => Err("it is neither of IPv4 or IPv6 nor a Unix socket".into()),
    }
}

fn unix_name(address: &SockAddr) -> PathBuf {
    match (address.as_pathname(), address.as_abstract_namespace()) {
        (Some(path), _) => path.to_owned(),
        (None, Some(name)) => {
            format!("@{}", String::from_utf8_lossy(name)).into()
        }
        (None, None) => "@".into(),
    }
}

/// Sets the buffers, which accepted sockets inherit.
fn bound_buffers(socket: &socket2::Socket) -> io::Result<()> {
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_send_buffer_size(SEND_BUFFER)
}

/// Removes the socket of a process that ended without removing it.
fn remove_stale(path: &Path) -> Result<(), Error> {
    let failed = |source| Error::Socket { path: path.into(), source };
    let found = fs::symlink_metadata(path).map_err(failed)?;
    if !found.file_type().is_socket() {
        return Err(Error::NotASocket { path: path.into() });
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        // The process behind it may be alive.
        _ => Err(Error::SocketInUse { path: path.into() }),
    }
}

/// The file of a socket. It is removed with the socket, unless another file has
/// taken its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.into(), identity: identity(path)? })
    }

    /// Removes it, as far as that is possible.
    pub(super) fn remove(&self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            // If this fails, the next start removes it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}
