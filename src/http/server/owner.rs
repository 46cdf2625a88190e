//! Finds the process that listens at an address, as far as /proc shows it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::config::ListenAddress;

/// TCP_LISTEN of the kernel's include/net/tcp_states.h.
const LISTENING: &str = "0A";

/// __SO_ACCEPTCON of the kernel's include/uapi/linux/net.h.
const ACCEPTS: &str = "00010000";

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its number.
    pub pid: u32,
    /// Its name, of 15 bytes at most.
    pub name: String,
}

/// Returns the process that listens at an address.
pub(super) fn of(address: &ListenAddress) -> Option<Owner> {
    let read = |name| {
        let path = Path::new("/proc/self/net").join(name);
        fs::read_to_string(path).unwrap_or_default()
    };
    let sockets = match address {
        ListenAddress::Tcp(tcp) => [read("tcp"), read("tcp6")]
            .concat()
            .lines()
            .filter_map(|line| tcp_socket(line, *tcp))
            .collect::<Vec<_>>(),
        ListenAddress::Unix(path) => read("unix")
            .lines()
            .filter_map(|line| unix_socket(line, path))
            .collect(),
    };
    let links: Vec<String> =
        sockets.iter().map(|inode| format!("socket:[{inode}]")).collect();
    if links.is_empty() {
        return None;
    }
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes.into_iter().find_map(|process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let files = fs::read_dir(process.path().join("fd")).ok()?.flatten();
        let has_it = files.into_iter().any(|file| {
            fs::read_link(file.path()).is_ok_and(|link| {
                links.iter().any(|one| link.as_os_str() == one.as_str())
            })
        });
        let name = fs::read_to_string(process.path().join("comm"));
        let name = name.unwrap_or_default().trim_end().to_owned();
        has_it.then_some(Owner { pid, name })
    })
}

/// Returns the inode of a socket in a line of /proc/net/tcp, if it listens at
/// an address that keeps another socket from listening at `wanted`.
fn tcp_socket(line: &str, wanted: SocketAddr) -> Option<u64> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (ip, port) = fields.get(1)?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let ip = ip_address(ip)?;
    let is_same = ip.to_canonical() == wanted.ip().to_canonical()
        || ip.is_unspecified()
        || wanted.ip().is_unspecified();
    let is_it =
        *fields.get(3)? == LISTENING && port == wanted.port() && is_same;
    fields.get(9)?.parse().ok().filter(|_| is_it)
}

/// Reads words of 32 bits in the machine's order.
fn ip_address(text: &str) -> Option<IpAddr> {
    let words = text.as_bytes().chunks(8).map(|word| {
        let word = str::from_utf8(word).ok()?;
        Some(u32::from_str_radix(word, 16).ok()?.to_ne_bytes())
    });
    let bytes = words.collect::<Option<Vec<_>>>()?.concat();
    match bytes.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into()),
        16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()),
        _ => None,
    }
}

/// Returns the inode of a socket in a line of /proc/net/unix, if it listens at
/// that path.
fn unix_socket(line: &str, wanted: &Path) -> Option<u64> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let is_it = *fields.get(3)? == ACCEPTS
        && fields.get(7)?.as_bytes() == wanted.as_os_str().as_bytes();
    fields.get(6)?.parse().ok().filter(|_| is_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_found_by_address_and_port() {
        let line = "   0: 0100007F:238C 00000000:0000 0A 00000000:00000000 \
                    00:00000000 00000000     0        0 12345 1 0 100 0 0 10 0";
        // The kernel prints the word as the machine has it.
        let line = match cfg!(target_endian = "big") {
            true => line.replace("0100007F", "7F000001"),
            false => line.to_owned(),
        };
        let found = |address: &str| tcp_socket(&line, address.parse().unwrap());
        assert_eq!(found("127.0.0.1:9100"), Some(12345));
        assert_eq!(found("0.0.0.0:9100"), Some(12345));
        assert_eq!(found("[::]:9100"), Some(12345));
        assert_eq!(found("127.0.0.2:9100"), None);
        assert_eq!(found("127.0.0.1:9101"), None);
        let connected = line.replace(" 0A ", " 01 ");
        let address = "127.0.0.1:9100".parse().unwrap();
        assert_eq!(tcp_socket(&connected, address), None);
        assert_eq!(tcp_socket("  sl  local_address", address), None);
    }
}
