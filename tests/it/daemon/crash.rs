//! A machine whose maps outlive the daemon, and daemons that are killed on it.
//!
//! A thread cannot be killed. So everything that a kill would leave is copied
//! at one moment: the kernel side and the state file. The daemon is then
//! stopped, and the next one is started on the copies.

use std::fs;
use std::path::PathBuf;

use geoip_exporter::accounting::{Incarnation, InterfaceId, KernelCounters};
use geoip_exporter::kernel::{Adopted, LinkLayer};
use geoip_exporter::state::decode;

use super::fake::FakeHost;
use super::kernel::{Attachment, Kernel};
use super::log::Log;
use super::table::Ways;

/// What outlives a daemon.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    state_file: PathBuf,
    epoch: u64,
    is_adopted: bool,
    serials: u64,
    /// How many calls of the probe are left before the kill.
    calls_left: Option<u64>,
    killed: Option<Box<Left>>,
}

/// What a kill leaves.
#[derive(Clone, Debug)]
struct Left {
    kernel: Kernel,
    state: Option<Vec<u8>>,
}

impl Kernel {
    /// Takes over the maps that are there, if the saved state belongs to them,
    /// or makes new ones.
    pub(super) fn load_kept(&mut self) {
        let Some(kept) = &mut self.kept else { return };
        let saved = fs::read(&kept.state_file).ok();
        let saved = saved.and_then(|bytes| decode(&bytes).ok());
        let saved = saved.and_then(|decoded| decoded.state.counting);
        let epoch = saved.map(|counting| counting.incarnation.epoch);
        kept.is_adopted = epoch == Some(kept.epoch);
        self.read_map_packets = None;
        if !kept.is_adopted {
            kept.epoch += 1;
            self.attachments.clear();
            self.flows.clear();
            self.totals.clear();
            self.counters = KernelCounters::default();
            if let Some(ways) = &mut self.ways {
                *ways = Default::default();
            }
        }
    }

    pub(super) fn adopt(&mut self) -> Option<Vec<Adopted>> {
        self.kept.as_ref().filter(|kept| kept.is_adopted)?;
        let devices = &self.devices;
        let adopt = |(&id, attachment): (&InterfaceId, &mut Attachment)| {
            let device = devices.get(&attachment.ifindex);
            let is_it =
                device.is_some_and(|(n, _)| *n == attachment.incarnation);
            attachment.is_detached |= !is_it;
            Adopted {
                id,
                serial: attachment.serial,
                ifindex: attachment.ifindex,
                name: attachment.name.unwrap(),
                link_layer: LinkLayer::Ethernet,
                is_attached: !attachment.is_detached,
            }
        };
        Some(self.attachments.iter_mut().map(adopt).collect())
    }

    pub(super) fn incarnation(&self) -> Option<Incarnation> {
        let epoch = self.kept.as_ref()?.epoch;
        let attachments = self.attachments.iter();
        let serials = attachments.map(|(&id, one)| (id, one.serial)).collect();
        Some(Incarnation { epoch, serials })
    }

    /// Returns a number that no other attachment has.
    pub(super) fn next_serial(&mut self) -> u64 {
        self.kept.as_mut().map_or(0, |kept| {
            kept.serials += 1;
            kept.serials
        })
    }

    /// Is called at every call of the probe. Copies everything if it is time.
    pub(super) fn count_down(&mut self) {
        let Some(kept) = &mut self.kept else { return };
        let Some(left) = &mut kept.calls_left else { return };
        if *left > 0 {
            *left -= 1;
            return;
        }
        kept.calls_left = None;
        let state = fs::read(&kept.state_file).ok();
        let mut kernel = self.clone();
        kernel.ways = self.ways.as_ref().map(Ways::copy);
        if let Some(kept) = &mut self.kept {
            kept.killed = Some(Box::new(Left { kernel, state }));
        }
    }
}

impl FakeHost {
    /// The same machine, with maps that outlive the daemon whose state is in
    /// this file.
    pub(super) fn keeping(self, state_file: PathBuf) -> Self {
        let kept = Kept { state_file, ..Kept::default() };
        self.kernel().kept = Some(kept);
        self
    }

    /// The same machine for another daemon, with a log of its own.
    pub(super) fn again(&self) -> Self {
        let mut host = self.clone();
        host.log = Log::default();
        host
    }

    /// Lets the daemon be killed after so many calls of the probe.
    pub(super) fn kill_after(&self, calls: u64) {
        let mut kernel = self.kernel();
        let kept = kernel.kept.as_mut().unwrap();
        kept.calls_left = Some(calls);
    }

    /// Waits until that has happened.
    pub(super) fn await_kill(&self) {
        self.wait_until("a kill", |kernel| {
            kernel.kept.as_ref().is_some_and(|kept| kept.killed.is_some())
        });
    }

    /// Puts everything back to the moment of the kill. The daemon must have
    /// ended.
    pub(super) fn forget_since_kill(&self) {
        let mut kernel = self.kernel();
        let kept = kernel.kept.as_mut().unwrap();
        let file = kept.state_file.clone();
        let Left { kernel: before, state } = *kept.killed.take().unwrap();
        *kernel = before;
        match state {
            Some(bytes) => fs::write(file, bytes).unwrap(),
            None => fs::remove_file(file).unwrap_or_default(),
        }
    }
}
