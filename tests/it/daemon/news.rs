//! The news of network devices, as the test tells them.

use std::collections::BTreeSet;
use std::io;

use crossbeam_channel::{Receiver, Sender, select};
use geoip_exporter::kernel::{
    Error, FollowInterfaces, InterfaceEvent, SteerNews,
};

use super::fake::FakeHost;

/// What the test tells the source of news.
pub(super) enum News {
    Events(Vec<InterfaceEvent>),
    Error,
    End,
}

pub(super) struct Feed {
    pub(super) host: FakeHost,
    pub(super) has_listed: bool,
    pub(super) stop: Receiver<()>,
}

impl FakeHost {
    /// Gives default routes to these devices, and says so if that is wanted.
    pub(super) fn route_by(&self, devices: &[u32]) {
        let devices: BTreeSet<u32> = devices.iter().copied().collect();
        self.kernel().default_routes = devices.clone();
        if self.kernel().are_routes_wanted {
            self.tell(vec![InterfaceEvent::DefaultRoutes(devices)]);
        }
    }
}

/// What the daemon wants to know of.
pub(super) struct Orders {
    pub(super) host: FakeHost,
    /// The news end with it.
    pub(super) _keep: Sender<()>,
}

impl SteerNews for Orders {
    fn want_default_routes(&self, are_wanted: bool) {
        let devices = {
            let mut kernel = self.host.kernel();
            kernel.are_routes_wanted = are_wanted;
            kernel.default_routes.clone()
        };
        if are_wanted {
            self.host.tell(vec![InterfaceEvent::DefaultRoutes(devices)]);
        }
    }
}

impl FollowInterfaces for Feed {
    fn next(&mut self) -> Result<Option<Vec<InterfaceEvent>>, Error> {
        if !std::mem::replace(&mut self.has_listed, true) {
            let kernel = self.host.kernel();
            let mut events = vec![InterfaceEvent::Listed(kernel.list())];
            if kernel.are_routes_wanted {
                let devices = kernel.default_routes.clone();
                events.push(InterfaceEvent::DefaultRoutes(devices));
            }
            return Ok(Some(events));
        }
        select! {
            recv(self.stop) -> _ => Ok(None),
            recv(self.host.heard) -> news => match news.unwrap() {
                News::Events(events) => Ok(Some(events)),
                News::Error => Err(call("read news of network devices", 5)),
                News::End => Ok(None),
            }
        }
    }

    /// There is no IPsec in memory.
    fn found_ipsec(&mut self) -> bool {
        false
    }
}

/// A system call that failed.
pub(super) fn call(action: &str, code: i32) -> Error {
    let source = io::Error::from_raw_os_error(code);
    Error::Call { action: action.into(), source }
}
