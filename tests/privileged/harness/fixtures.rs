//! Addresses whose country the fixture databases know.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

/// One remote end with an address of either family in one country.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) country: &'static str,
    pub(crate) ipv4: Ipv4Addr,
    pub(crate) ipv6: Ipv6Addr,
}

/// In 192.0.2.0/24 and 2001:db8:1::/48.
pub(crate) const GERMANY: Remote = Remote {
    country: "DE",
    ipv4: Ipv4Addr::new(192, 0, 2, 7),
    ipv6: Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 7),
};

/// In 198.51.100.0/25 and 2001:db8:2::/48.
pub(crate) const UNITED_STATES: Remote = Remote {
    country: "US",
    ipv4: Ipv4Addr::new(198, 51, 100, 7),
    ipv6: Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 7),
};

/// In 203.0.113.0/24 and 2001:db8:3::/48.
pub(crate) const JAPAN: Remote = Remote {
    country: "JP",
    ipv4: Ipv4Addr::new(203, 0, 113, 7),
    ipv6: Ipv6Addr::new(0x2001, 0xdb8, 3, 0, 0, 0, 0, 7),
};

/// Reserved for documentation or benchmarks, and in no fixture database.
pub(crate) const NOWHERE: Remote = Remote {
    country: "UNKNOWN",
    ipv4: Ipv4Addr::new(100, 64, 0, 7),
    ipv6: Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 7),
};

/// All of them.
pub(crate) const REMOTES: [Remote; 4] =
    [GERMANY, UNITED_STATES, JAPAN, NOWHERE];

/// The machine's own address. Its network has a country of its own, Brazil,
/// that no remote is in: bytes there would mean that the ends were mixed up.
pub(crate) const LOCAL4: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

/// The machine's own address, in no fixture database's range.
pub(crate) const LOCAL6: Ipv6Addr =
    Ipv6Addr::new(0x2001, 0xdb8, 0xbeef, 0, 0, 0, 0, 1);

/// Returns the path of a file in `tests/data`.
pub(crate) fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Replaces a file in one step, as an operator's tool would.
pub(crate) fn write_whole(path: &Path, content: &[u8]) {
    let next = path.with_extension("next");
    fs::write(&next, content)
        .and_then(|()| fs::rename(&next, path))
        .unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
}
