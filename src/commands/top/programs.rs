//! Programs of this machine, by the remote address of their connections.
//!
//! The sockets of all processes are listed in /proc/net, without their
//! processes. A process of another user hides its descriptors, except from
//! root. So a user sees the user's own programs.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// The most bytes of a list of sockets.
const LARGEST: usize = 64 * 1024 * 1024;

/// The most descriptors that are looked at.
const MOST_DESCRIPTORS: usize = 100_000;

/// Returns the names of the programs with connections, by remote address.
pub(super) fn by_remote() -> HashMap<IpAddr, String> {
    let mut remotes = HashMap::new();
    for list in ["tcp", "tcp6", "udp", "udp6"] {
        let text = fs::read_to_string(Path::new("/proc/net").join(list));
        let text = text.unwrap_or_default();
        if text.len() <= LARGEST {
            remotes.extend(text.lines().skip(1).filter_map(socket));
        }
    }
    let mut programs: HashMap<IpAddr, Vec<String>> = HashMap::new();
    let mut left = MOST_DESCRIPTORS;
    for (process, inode) in descriptors(&mut left) {
        if let Some(remote) = remotes.get(&inode) {
            let names = programs.entry(*remote).or_default();
            if !names.contains(&process) {
                names.push(process);
            }
        }
    }
    let joined = |mut names: Vec<String>| {
        names.sort_unstable();
        names.join(", ")
    };
    programs.into_iter().map(|(at, names)| (at, joined(names))).collect()
}

/// Reads a line of a list: the inode of a socket, and its remote address.
fn socket(line: &str) -> Option<(u64, IpAddr)> {
    let mut fields = line.split_ascii_whitespace();
    let remote = fields.nth(2)?.split(':').next()?;
    let inode = fields.nth(6)?.parse().ok()?;
    let address = address(remote)?;
    // Sockets that listen have no remote address, and sockets without a process
    // have no inode.
    (inode != 0 && !address.is_unspecified()).then_some((inode, address))
}

/// Reads an address as /proc/net writes it: words of the machine's order.
fn address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = text.get(at * 8..at * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let mut bytes = [0; 16];
            bytes.copy_from_slice(words.as_flattened());
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

/// Returns the sockets of the processes that this user may look at: the name of
/// the program and the inode.
fn descriptors(left: &mut usize) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let Ok(processes) = fs::read_dir("/proc") else { return found };
    for process in processes.flatten() {
        let name = process.file_name();
        if !name.as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        let Ok(open) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let mut program = None;
        for one in open.flatten() {
            if *left == 0 {
                return found;
            }
            *left -= 1;
            let target = fs::read_link(one.path()).unwrap_or_default();
            let Some(inode) = target.to_str().and_then(inode) else {
                continue;
            };
            let program = program.get_or_insert_with(|| {
                let name = fs::read_to_string(process.path().join("comm"));
                name.unwrap_or_default().trim_end().to_owned()
            });
            found.push((program.clone(), inode));
        }
    }
    found
}

/// Reads the inode in `socket:[1234]`.
fn inode(target: &str) -> Option<u64> {
    target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    #[test]
    fn addresses_are_read_as_the_kernel_writes_them() {
        let v4 = u32::from_ne_bytes([192, 0, 2, 7]);
        assert_eq!(address(&format!("{v4:08X}")), "192.0.2.7".parse().ok());
        let v6 = Ipv6Addr::from(0x2001_0db8_0000_0000_0000_0000_0000_0001_u128);
        let words = v6.octets();
        let text: String = words
            .chunks(4)
            .map(|it| u32::from_ne_bytes(it.try_into().unwrap()))
            .map(|word| format!("{word:08X}"))
            .collect();
        assert_eq!(address(&text), Some(v6.into()));
        assert_eq!(address("x"), None);
        assert_eq!(inode("socket:[12]"), Some(12));
        assert_eq!(inode("pipe:[12]"), None);
    }

    #[test]
    fn the_program_of_an_own_connection_is_found() {
        let listener = TcpListener::bind("127.0.0.9:0").unwrap();
        let address = listener.local_addr().unwrap();
        let _client = TcpStream::connect(address).unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect("127.0.0.8:9").unwrap();
        let comm = fs::read_to_string("/proc/self/comm").unwrap();
        let programs = by_remote();
        for remote in ["127.0.0.9", "127.0.0.8"] {
            let found = &programs[&remote.parse::<IpAddr>().unwrap()];
            assert!(found.contains(comm.trim_end()), "{found}");
        }
    }
}
