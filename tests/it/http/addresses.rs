//! The addresses that the server listens on.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use geoip_exporter::config::ListenAddress;
use geoip_exporter::http::{Error, GivenSocket, Limits, Server};

use super::server::{Running, loopback};
use crate::client::{Client, status};

fn unix(path: &Path) -> ListenAddress {
    ListenAddress::Unix(path.into())
}

fn bind(addresses: &[ListenAddress]) -> Error {
    Server::bind(addresses).unwrap_err()
}

#[test]
fn every_address_is_served_and_the_socket_file_goes_with_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.sock");
    let addresses = [loopback(), unix(&path), loopback()];
    let mut server = Running::on(&addresses, Limits::default());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o660);
    for address in &server.addresses {
        let answer = match address {
            ListenAddress::Tcp(address) => {
                Client::connect(*address).get("/-/healthy")
            }
            ListenAddress::Unix(path) => {
                let stream = UnixStream::connect(path).unwrap();
                Client::over(stream).get("/-/healthy")
            }
        };
        assert_eq!(status(&answer.unwrap().0), 200, "{address}");
    }
    server.stop().unwrap();
    assert!(!path.exists());
}

#[test]
fn the_socket_of_a_dead_process_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let _server = Running::on(&[unix(&path)], Limits::default());
    let mut client = Client::over(UnixStream::connect(&path).unwrap());
    assert_eq!(status(&client.get("/metrics").unwrap().0), 200);
}

#[test]
fn the_socket_of_a_living_process_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.sock");
    let other = UnixListener::bind(&path).unwrap();
    let message = bind(&[unix(&path)]).to_string();
    let start =
        format!("cannot listen on unix:{}: another process", path.display());
    assert!(message.starts_with(&start), "{message}");
    UnixStream::connect(&path).unwrap();
    other.accept().unwrap();
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.sock");
    fs::write(&path, "precious").unwrap();
    let error = bind(&[unix(&path)]);
    assert!(matches!(error, Error::NotASocket { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    let error = bind(&[unix(&folder.path().join("none/metrics.sock"))]);
    let Error::Socket { source, .. } = &error else { panic!("{error}") };
    assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn a_socket_that_took_our_place_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.sock");
    let mut server = Running::on(&[unix(&path)], Limits::default());
    fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    server.stop().unwrap();
    assert!(path.exists());
}

#[test]
fn a_busy_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let message = bind(&[ListenAddress::Tcp(address)]).to_string();
    let start = format!("cannot listen on {address}: the port is in use");
    assert!(message.starts_with(&start), "{message}");
    assert!(message.contains("--listen-address"), "{message}");
}

#[test]
fn two_addresses_of_ours_that_are_one_are_named() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let any = ListenAddress::Tcp(([0, 0, 0, 0], address.port()).into());
    let message = bind(&[any.clone(), ListenAddress::Tcp(address)]).to_string();
    assert_eq!(
        message,
        format!(
            "cannot listen on {address}: {any} is in the list too and has it \
             already; leave one of them out of listen_address"
        )
    );
}

#[test]
fn an_address_of_somebody_else_is_named() {
    let foreign = ListenAddress::Tcp(([192, 0, 2, 1], 0).into());
    let error = bind(&[foreign]);
    assert!(matches!(error, Error::AddressNotAvailable { .. }), "{error}");
}

/// Does `work` on a thread for which the kernel has no IPv6, as after
/// `ipv6.disable=1`.
fn without_ipv6<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    use seccompiler::{
        SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
        SeccompFilter, SeccompRule,
    };
    let family = u64::from(libc::AF_INET6.unsigned_abs());
    let is_ipv6 = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::Eq,
        family,
    );
    let rule = SeccompRule::new(vec![is_ipv6.unwrap()]).unwrap();
    let filter = SeccompFilter::new(
        [(libc::SYS_socket, vec![rule])].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EAFNOSUPPORT.unsigned_abs()),
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let program: seccompiler::BpfProgram = filter.unwrap().try_into().unwrap();
    let thread = std::thread::spawn(move || {
        seccompiler::apply_filter(&program).unwrap();
        work()
    });
    thread.join().unwrap()
}

#[test]
fn all_addresses_are_those_of_ipv4_where_the_kernel_has_no_ipv6() {
    let all = ListenAddress::Tcp("[::]:0".parse().unwrap());
    let server = without_ipv6(move || Server::bind(&[all]).unwrap());
    let [ListenAddress::Tcp(bound)] = server.addresses() else {
        panic!("{:?}", server.addresses());
    };
    assert!(bound.ip().is_unspecified() && bound.is_ipv4(), "{bound}");
    std::net::TcpStream::connect(("127.0.0.1", bound.port())).unwrap();
}

#[test]
fn an_address_of_ipv6_is_named_where_the_kernel_has_none() {
    let one = ListenAddress::Tcp("[::1]:0".parse().unwrap());
    let message = without_ipv6(move || bind(&[one])).to_string();
    let start = "cannot listen on [::1]:0: this kernel has no IPv6";
    assert!(message.starts_with(start), "{message}");
}

fn given(socket: impl Into<std::os::fd::OwnedFd>) -> Vec<GivenSocket> {
    vec![GivenSocket { name: "web.socket".into(), socket: socket.into() }]
}

#[test]
fn sockets_of_the_service_manager_are_served_and_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.sock");
    let unix = UnixListener::bind(&path).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let mut sockets = given(tcp);
    sockets.extend(given(unix.try_clone().unwrap()));
    let server = Server::take(sockets).unwrap();
    let expected =
        [ListenAddress::Tcp(address), ListenAddress::Unix(path.clone())];
    assert_eq!(server.addresses(), expected);
    let mut server = Running::over(server, Limits::default());
    let mut client = Client::connect(address);
    assert_eq!(status(&client.get("/metrics").unwrap().0), 200);
    let mut client = Client::over(UnixStream::connect(&path).unwrap());
    assert_eq!(status(&client.get("/metrics").unwrap().0), 200);
    server.stop().unwrap();
    // They are its own: the next exporter gets them again.
    assert!(path.exists());
    UnixStream::connect(&path).unwrap();
}

#[test]
fn a_given_socket_that_does_not_listen_is_named() {
    use std::net::UdpSocket;
    use std::os::unix::net::UnixDatagram;
    let (one, _other) = UnixStream::pair().unwrap();
    for (sockets, why) in [
        (given(UdpSocket::bind("127.0.0.1:0").unwrap()), "no stream socket"),
        (given(UnixDatagram::unbound().unwrap()), "no stream socket"),
        (given(one), "does not listen"),
        (given(tempfile::tempfile().unwrap()), "is no socket"),
    ] {
        let message = Server::take(sockets).unwrap_err().to_string();
        assert!(message.contains("web.socket of the service"), "{message}");
        assert!(message.contains(why), "{message}");
        assert!(message.contains("Accept=no"), "{message}");
    }
}
