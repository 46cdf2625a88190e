//! The news of network devices, as the test tells them.

use std::io;

use crossbeam_channel::{Receiver, select};
use geoip_exporter::kernel::{Error, FollowInterfaces, InterfaceEvent};

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

impl FollowInterfaces for Feed {
    fn next(&mut self) -> Result<Option<Vec<InterfaceEvent>>, Error> {
        if !std::mem::replace(&mut self.has_listed, true) {
            let devices = self.host.kernel().list();
            return Ok(Some(vec![InterfaceEvent::Listed(devices)]));
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
}

/// A system call that failed.
pub(super) fn call(action: &str, code: i32) -> Error {
    let source = io::Error::from_raw_os_error(code);
    Error::Call { action: action.into(), source }
}
