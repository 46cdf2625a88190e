//! The counters of connections in the kernel's events of destroyed sockets.

use std::fs;

use super::Sums;
use crate::harness::connections::CountryLab;
use crate::harness::countries::CODES;
use crate::harness::process::Background;
use crate::harness::tcp_sys::TcpInfo;
use crate::harness::wait::{PATIENCE, await_until};

/// The kernel's events of destroyed sockets, as `ss` writes them.
pub(super) struct Destroyed {
    ss: Background,
}

impl Destroyed {
    /// Begins to listen in the machine's namespace.
    pub(super) fn listen(lab: &CountryLab) -> Self {
        let mut command = lab.lab.machine.command("stdbuf");
        command.args(["-oL", "ss", "-tinE"]);
        let ss = Background::start("ss", &mut command);
        // It says nothing before the first event.
        await_until(PATIENCE, "ss listens", || {
            let path = "/proc/thread-self/net/netlink";
            let text = lab.lab.machine.run(|| fs::read_to_string(path));
            let text = text.expect("a list of netlink sockets");
            let listens = |line: &str| {
                let fields: Vec<_> = line.split_whitespace().collect();
                // NETLINK_SOCK_DIAG, and the groups of the listener.
                fields[1] == "4" && fields[3].bytes().any(|it| it != b'0')
            };
            if text.lines().skip(1).any(listens) { Ok(()) } else { Err(text) }
        });
        Self { ss }
    }

    /// Waits for the events of so many sockets with countries, and returns
    /// their sums.
    pub(super) fn await_sums(&mut self, count: usize) -> Sums {
        await_until(PATIENCE, "destroyed sockets", || match self.sums() {
            (sums, seen) if seen == count => Ok(sums),
            (_, seen) => Err(format!("{seen} of {count}")),
        })
    }

    fn sums(&mut self) -> (Sums, usize) {
        let (mut sums, mut count) = (Sums::new(), 0);
        for two in self.ss.lines().windows(2) {
            let [addresses, details] = two else { continue };
            let remote = addresses.split_whitespace().nth(4);
            let Some(country) = remote.and_then(country_of) else { continue };
            if details.starts_with('\t') {
                *sums.entry(CODES[country]).or_default() += parse(details);
                count += 1;
            }
        }
        (sums, count)
    }
}

/// Returns the country of an address and port.
fn country_of(text: &str) -> Option<usize> {
    let (address, port) = text.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    let address = address.trim_matches(['[', ']']);
    let address = address.strip_prefix("::ffff:").unwrap_or(address);
    if let Some(rest) = address.strip_prefix("198.18.") {
        return rest.split('.').next()?.parse().ok();
    }
    // Zeros of the first country are cut: 2001:db8::1.
    let part = address.strip_prefix("2001:db8:")?.split(':').next()?;
    if part.is_empty() {
        return Some(0);
    }
    usize::from_str_radix(part, 16).ok()
}

/// Reads the details of a socket; a counter that is zero is not there.
fn parse(details: &str) -> TcpInfo {
    let value = |key: &str| {
        let words = details.split_whitespace();
        let mut values = words.filter_map(|word| word.strip_prefix(key));
        values.next().unwrap_or("0")
    };
    let number = |key: &str| value(key).parse().expect("a number");
    // Those on their way, and all of them.
    let retransmitted = value("retrans:");
    let all = retransmitted.rsplit('/').next().expect("a part");
    TcpInfo {
        bytes_acked: number("bytes_acked:"),
        bytes_received: number("bytes_received:"),
        segments_sent: number("segs_out:"),
        segments_retransmitted: all.parse().expect("a number"),
        ..TcpInfo::default()
    }
}
