//! Names the owners of filters, and finds out if they still run.
//!
//! A filter stays when the process that made it is killed, so each carries a
//! name that leads to its owner: a Unix socket in the abstract namespace, which
//! the kernel closes with the process. Such names belong to a network
//! namespace, as devices do. So this also works between containers that share a
//! network and see neither each other's processes nor files.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::str::FromStr;

/// The name of a program on a device, such as
/// `geoip-exporter:0123456789abcdef:qdisc`, as `tc filter show` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The number of the exporter.
    pub(super) owner: u64,
    /// True if the clsact qdisc is there for exporters only: one of them made
    /// it, and the last one removes it.
    pub(super) made_qdisc: bool,
}

const PREFIX: &str = "geoip-exporter";
const MADE_QDISC: &str = "qdisc";

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}:{:016x}", self.owner)?;
        match self.made_qdisc {
            true => write!(f, ":{MADE_QDISC}"),
            false => Ok(()),
        }
    }
}

impl FromStr for Name {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        let mut parts = name.split(':');
        let (Some(PREFIX), Some(owner)) = (parts.next(), parts.next()) else {
            return Err(());
        };
        let made_qdisc = match parts.next() {
            None => false,
            Some(MADE_QDISC) => true,
            Some(_) => return Err(()),
        };
        if parts.next().is_some() {
            return Err(());
        }
        let owner = u64::from_str_radix(owner, 16).map_err(drop)?;
        let parsed = Self { owner, made_qdisc };
        // Only the exact text is accepted.
        if parsed.to_string() == name { Ok(parsed) } else { Err(()) }
    }
}

/// The number of a running exporter, or of a dead one: it is then held so that
/// no other exporter takes it while its filters are removed.
#[derive(Debug)]
pub(super) struct Owner {
    number: u64,
    /// The open socket: the kernel frees the name when it is closed.
    _socket: UnixDatagram,
}

impl Owner {
    /// Returns a new owner, in the calling thread's network namespace.
    ///
    /// # Errors
    /// If socket(2) or bind(2) fails.
    pub(super) fn new() -> io::Result<Self> {
        loop {
            // Any number that was never in use; std's hash keys are random.
            let number = RandomState::new().hash_one(std::process::id());
            if let Some(owner) = Self::take(number)? {
                return Ok(owner);
            }
        }
    }

    /// Takes the number of an owner that no longer runs. Returns `None` if it
    /// runs, or if another exporter has taken the number already.
    ///
    /// # Errors
    /// If socket(2) or bind(2) fails, except if the name is in use.
    pub(super) fn take(number: u64) -> io::Result<Option<Self>> {
        let name = format!("{PREFIX}:{number:016x}");
        let address = SocketAddr::from_abstract_name(name)?;
        match UnixDatagram::bind_addr(&address) {
            Ok(socket) => Ok(Some(Self { number, _socket: socket })),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        for made_qdisc in [true, false] {
            for owner in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX] {
                let name = Name { owner, made_qdisc };
                assert_eq!(name.to_string().parse(), Ok(name));
            }
        }
        let name = Name { owner: 0xbeef, made_qdisc: true };
        assert_eq!(name.to_string(), "geoip-exporter:000000000000beef:qdisc");
    }

    #[test]
    fn names_that_others_gave_are_not_ours() {
        for name in [
            "",
            "geoip-exporter",
            "geoip-exporter:",
            "geoip-exporter:beef",
            "geoip-exporter:000000000000BEEF",
            "geoip-exporter:+00000000000beef",
            "geoip-exporter:000000000000beef:",
            "geoip-exporter:000000000000beef:other",
            "geoip-exporter:000000000000beef:qdisc:",
            "geoip-exporter-2:000000000000beef",
            "traffic.o:[classifier]",
        ] {
            assert_eq!(name.parse::<Name>(), Err(()), "{name}");
        }
    }

    #[test]
    fn an_owner_is_there_until_it_ends() {
        let owner = Owner::new().unwrap();
        let number = owner.number();
        assert!(Owner::take(number).unwrap().is_none());
        drop(owner);
        let heir = Owner::take(number).unwrap();
        assert!(heir.is_some());
        // A second exporter cannot clean up at the same time.
        assert!(Owner::take(number).unwrap().is_none());
    }
}
