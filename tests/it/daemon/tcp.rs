//! TCP connections of the fake machine.

use std::collections::BTreeMap;

use geoip_exporter::accounting::{
    ConnectionDirection, ConnectionGrowth, ConnectionKey,
};
use geoip_exporter::config::ConnectionsScope;
use geoip_exporter::kernel::{
    ConnectionsMethod, Credit, Error, OpenConnections, WatchConnections,
};

use super::fake::FakeHost;

/// The connections of the machine, and the kernel side that counts them.
#[derive(Clone, Debug, Default)]
pub(super) struct Tcp {
    /// The open connections.
    open: BTreeMap<ConnectionKey, i64>,
    /// The growth that was not taken.
    growth: BTreeMap<ConnectionKey, ConnectionGrowth>,
    /// The scope of the running count, if one runs.
    pub(super) scope: Option<ConnectionsScope>,
    /// The number of times that a count was begun.
    pub(super) begun: usize,
    /// The number of visits.
    pub(super) visits: usize,
    /// True if the next visit counts every open connection anew.
    counts_anew: bool,
    /// True if the kernel refuses everything.
    pub(super) is_broken: bool,
    pub(super) is_crowded: bool,
    pub(super) untracked: u64,
    /// True if a visit tells how many open connections it saw.
    pub(super) is_exact: bool,
}

/// Returns the key of connections with a remote host.
pub(super) fn key(
    remote: &str,
    local_port: u16,
    direction: ConnectionDirection,
) -> ConnectionKey {
    let remote = Some(remote.parse().unwrap());
    ConnectionKey { remote, local_port, direction }
}

impl Tcp {
    fn growth_of(&mut self, key: ConnectionKey) -> &mut ConnectionGrowth {
        self.growth.entry(key).or_default()
    }

    /// Opens connections.
    pub(super) fn open(&mut self, key: ConnectionKey, count: u64) {
        *self.open.entry(key).or_default() += count.cast_signed();
        if self.scope.is_some() {
            let growth = self.growth_of(key);
            growth.opened += count;
            growth.open += count.cast_signed();
        }
    }

    /// Closes open connections.
    pub(super) fn close(&mut self, key: ConnectionKey, count: u64) {
        *self.open.get_mut(&key).unwrap() -= count.cast_signed();
        if self.scope.is_some() {
            let growth = self.growth_of(key);
            growth.closed += count;
            growth.open -= count.cast_signed();
        }
    }

    /// Closes connections, and no program sees it.
    pub(super) fn close_unseen(&mut self, key: ConnectionKey, count: u64) {
        *self.open.get_mut(&key).unwrap() -= count.cast_signed();
    }

    fn take(&mut self, credit: Credit<'_>) -> Result<(), Error> {
        if self.is_broken {
            return Err(refused());
        }
        for (key, growth) in std::mem::take(&mut self.growth) {
            credit(&key, &growth);
        }
        Ok(())
    }
}

fn refused() -> Error {
    Error::Load { reason: "the test said so".into() }
}

/// Starts to count the connections of a [`FakeHost`].
pub(super) struct FakeOpener(pub(super) FakeHost);

impl OpenConnections for FakeOpener {
    fn open(
        &self,
        scope: ConnectionsScope,
    ) -> Result<Box<dyn WatchConnections>, Error> {
        self.0.change_kernel(|kernel| {
            let tcp = &mut kernel.tcp;
            assert_eq!(tcp.scope, None, "one count at a time");
            if tcp.is_broken {
                return Err(refused());
            }
            tcp.scope = Some(scope);
            tcp.begun += 1;
            tcp.growth.clear();
            tcp.untracked = 0;
            tcp.counts_anew = true;
            Ok(())
        })?;
        Ok(Box::new(FakeWatch(self.0.clone(), ConnectionsMethod::Programs)))
    }
}

struct FakeWatch(FakeHost, ConnectionsMethod);

impl Drop for FakeWatch {
    fn drop(&mut self) {
        self.0.change_kernel(|kernel| kernel.tcp.scope = None);
    }
}

impl WatchConnections for FakeWatch {
    fn method(&self) -> &ConnectionsMethod {
        &self.1
    }

    fn visit(&mut self, credit: Credit<'_>) -> Result<(), Error> {
        self.0.change_kernel(|kernel| {
            let tcp = &mut kernel.tcp;
            tcp.visits += 1;
            if std::mem::take(&mut tcp.counts_anew) {
                for (key, open) in tcp.open.clone() {
                    // The growth since the count was begun is in it.
                    let growth = tcp.growth_of(key);
                    growth.open = open;
                    growth.carried = open.unsigned_abs();
                }
            }
            tcp.take(credit)
        })
    }

    fn take(&mut self, credit: Credit<'_>) -> Result<(), Error> {
        self.0.change_kernel(|kernel| {
            kernel.tcp.is_crowded = false;
            kernel.tcp.take(credit)
        })
    }

    fn recount(&mut self, credit: Credit<'_>) -> Result<(), Error> {
        self.0.change_kernel(|kernel| {
            let taken = kernel.tcp.take(credit);
            kernel.tcp.counts_anew = true;
            taken
        })
    }

    fn is_crowded(&self) -> bool {
        self.0.kernel().tcp.is_crowded
    }

    fn is_displaced(&self) -> bool {
        false
    }

    fn visited(&self) -> Option<u64> {
        let tcp = &self.0.kernel().tcp;
        let open: i64 = tcp.open.values().sum();
        tcp.is_exact.then_some(open.unsigned_abs())
    }

    fn untracked(&self) -> u64 {
        self.0.kernel().tcp.untracked
    }
}
