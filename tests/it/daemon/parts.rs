//! The parts of a fake machine that the daemon takes: what it loads, what
//! attaches and what reads.

use std::io;
use std::num::NonZeroU32;
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use geoip_exporter::accounting::{
    ClassPlan, Classes, FlowKey, Incarnation, InterfaceId, InterfaceTotal,
    KernelCounter, Reading,
};
use geoip_exporter::config::{Config, LogFormat, LogLevel};
use geoip_exporter::daemon::lifecycle::Event;
use geoip_exporter::daemon::{Host, KeepFollowing};
use geoip_exporter::http::GivenSocket;
use geoip_exporter::kernel::{
    Adopt, Adopted, Attach, Classified, Classify, Error, FollowInterfaces,
    Hook, Interface, IpsecWatch, Keep, Loaded, OpenConnections, ProbeSettings,
    ReadCounts, Rights, Room, Sweep,
};
use geoip_exporter::logging::{self, LogControl};
use geoip_exporter::sandbox::Sandbox;
use slog::Logger;

use super::fake::FakeHost;
use super::kernel::{Attachment, Kernel};
use super::news::{Feed, Orders, call};
use super::table::{KeptTable, Ways};
use super::tcp::FakeOpener;

/// ENODEV.
const NO_SUCH_DEVICE: i32 = 19;

impl Host for FakeHost {
    type Attacher = FakeAttacher;
    type Reader = FakeReader;

    fn load(
        &self,
        settings: &ProbeSettings,
        _keep: Option<Keep>,
    ) -> Result<Loaded<FakeAttacher, FakeReader>, Error> {
        let mut kernel = self.kernel();
        kernel.settings = Some(*settings);
        kernel.load_kept();
        let table = kernel.ways.as_ref().map(Ways::table);
        Ok(Loaded {
            attacher: FakeAttacher { host: self.clone() },
            reader: FakeReader { host: self.clone(), table },
            ipsec: None,
            rights: Rights::default(),
        })
    }

    fn follow_interfaces(
        &self,
        _ipsec: Option<IpsecWatch>,
    ) -> Result<(Box<dyn FollowInterfaces>, KeepFollowing), Error> {
        let (keep, stop) = bounded(0);
        let feed = Feed { host: self.clone(), has_listed: false, stop };
        let orders = Orders { host: self.clone(), _keep: keep };
        Ok((Box::new(feed), Box::new(orders)))
    }

    fn connections(&self) -> Box<dyn OpenConnections> {
        Box::new(FakeOpener(self.clone()))
    }

    fn open_log(
        &self,
        level: LogLevel,
        format: LogFormat,
    ) -> (Logger, LogControl) {
        logging::to(self.log.clone(), level, format)
    }

    /// No service manager started the test.
    fn take_sockets(&self) -> Vec<GivenSocket> {
        Vec::new()
    }

    /// The test sends events itself.
    fn forward_signals(
        &self,
        _events: Sender<Event>,
        _prepare: Box<dyn FnOnce() + Send>,
    ) -> io::Result<()> {
        Ok(())
    }

    /// Nothing is given up: the process runs other tests too.
    fn sandbox(&self, _config: &Config) -> Sandbox {
        Sandbox::new(false)
    }
}

impl FakeHost {
    /// Changes the kernel side and lets those who wait look at it.
    pub(super) fn change_kernel<T>(
        &self,
        change: impl FnOnce(&mut Kernel) -> T,
    ) -> T {
        let result = {
            let mut kernel = self.kernel();
            kernel.count_down();
            change(&mut kernel)
        };
        self.wake();
        result
    }
}

/// Attaches to the devices of a [`FakeHost`].
pub(super) struct FakeAttacher {
    host: FakeHost,
}

impl Drop for FakeAttacher {
    fn drop(&mut self) {
        self.host.change_kernel(|kernel| {
            kernel.is_dropped = true;
            if kernel.kept.is_none() {
                kernel.attachments.clear();
            }
        });
    }
}

impl Adopt for FakeAttacher {
    fn adopt(&mut self) -> Result<Option<Vec<Adopted>>, Error> {
        Ok(self.host.change_kernel(Kernel::adopt))
    }

    fn incarnation(&self) -> Option<Incarnation> {
        self.host.kernel().incarnation()
    }

    /// It always does.
    fn keep_counting(&mut self) {}
}

/// It gives packets no classes.
impl Classify for FakeAttacher {
    fn has_classes(&self) -> bool {
        false
    }

    fn classify(&mut self, _: &ClassPlan) -> Result<Classified, Error> {
        Ok(Classified::Unchanged)
    }

    fn classes(&self) -> Classes {
        Classes::default()
    }

    fn has_dead_classes(&self) -> bool {
        false
    }

    fn is_dead_class(&self, _: u16) -> bool {
        false
    }

    fn free_dead_classes(&mut self) {}
}

impl Attach for FakeAttacher {
    fn attach(&mut self, interface: &Interface) -> Result<InterfaceId, Error> {
        self.host.wait_until("room for one more", |kernel| {
            let limit = kernel.failures.attach_limit;
            limit.is_none_or(|limit| kernel.attachments.len() < limit)
        });
        self.host.change_kernel(|kernel| {
            if kernel.failures.permission {
                let action = format!("attach to {}", interface.name);
                let lacking = Vec::new();
                return Err(Error::NotPermitted {
                    action,
                    lacking,
                    are_given_up: false,
                });
            }
            if kernel.failures.attaching {
                return Err(call("attach", 12));
            }
            let ifindex = interface.ifindex;
            let Some(&(incarnation, _)) = kernel.devices.get(&ifindex) else {
                return Err(call("attach", NO_SUCH_DEVICE));
            };
            let free = |id: &InterfaceId| !kernel.attachments.contains_key(id);
            let id = (0..).map(InterfaceId).find(free).unwrap();
            let (serial, is_detached) = (kernel.next_serial(), false);
            let name = Some(interface.name);
            kernel.attachments.insert(
                id,
                Attachment { ifindex, incarnation, is_detached, serial, name },
            );
            Ok(id)
        })
    }

    fn has_number(&self) -> bool {
        true
    }

    fn detach(&mut self, interface: InterfaceId) {
        self.host.change_kernel(|kernel| {
            match kernel.attachments.get_mut(&interface) {
                Some(attached) if !attached.is_detached => {
                    attached.is_detached = true;
                }
                other => {
                    let fault = format!("detached again: {other:?}");
                    kernel.faults.push(fault);
                }
            }
        });
    }

    fn is_attached(&self, interface: InterfaceId) -> bool {
        let kernel = self.host.kernel();
        kernel.attachments.get(&interface).is_some_and(|attached| {
            let now = kernel.devices.get(&attached.ifindex).map(|(n, _)| *n);
            !attached.is_detached && Some(attached.incarnation) == now
        })
    }

    fn release(&mut self, interface: InterfaceId) {
        self.host.change_kernel(|kernel| {
            let was = kernel.attachments.remove(&interface);
            if was.is_none_or(|attachment| !attachment.is_detached) {
                kernel.faults.push("released what was attached".into());
            }
            let ways = kernel.ways.as_ref();
            if kernel.flows.keys().any(|key| key.interface == interface)
                || ways.is_some_and(|ways| ways.has(interface))
            {
                kernel.faults.push("released with flows".into());
            }
            kernel.totals.retain(|(owner, ..), _| *owner != interface);
        });
    }

    fn hook(&self) -> Hook {
        Hook::Tcx
    }

    fn take_notices(&mut self) -> Vec<String> {
        Vec::new()
    }

    fn may_use_maps(&self) -> bool {
        true
    }
}

/// Reads the counts of a [`FakeHost`].
pub(super) struct FakeReader {
    host: FakeHost,
    table: Option<KeptTable>,
}

impl ReadCounts for FakeReader {
    type Table = KeptTable;

    fn read(
        &mut self,
        batch_size: NonZeroU32,
        sweep: &mut Sweep,
    ) -> Result<(), Error> {
        let failures = self.host.change_kernel(|kernel| {
            kernel.reads += 1;
            kernel.batch_size = batch_size.get();
            kernel.failures
        });
        assert!(!failures.panics, "the test wants a panic");
        std::thread::sleep(failures.slow_reads);
        self.host.change_kernel(|kernel| {
            sweep.counters = kernel.counters;
            sweep.totals.clear();
            let totals = kernel.totals.iter();
            sweep.totals.extend(totals.map(
                |(&(interface, direction, family), &volume)| InterfaceTotal {
                    interface,
                    direction,
                    family,
                    volume,
                },
            ));
            for packet in std::mem::take(&mut kernel.mid_read) {
                kernel.count(&packet);
            }
            // Late, so that a failure leaves half a sweep behind.
            if kernel.failures.reads {
                return Err(call("read the map of flows", 14));
            }
            let map_packets = Some(sweep.counters[KernelCounter::MapPackets]);
            sweep.has_readings = kernel.read_map_packets != map_packets;
            if !sweep.has_readings {
                return Ok(());
            }
            kernel.read_map_packets = map_packets;
            sweep.readings.clear();
            for (&key, flow) in &mut kernel.flows {
                flow.read = flow.volume;
                sweep.readings.push(Reading {
                    key,
                    volume: flow.volume,
                    generation: flow.generation,
                    last_seen: flow.last_seen,
                });
            }
            sweep.now = kernel.now;
            Ok(())
        })
    }

    fn remove_flow(&mut self, flow: &FlowKey) -> Result<bool, Error> {
        self.host.change_kernel(|kernel| {
            if kernel.failures.removing_flows {
                return Err(call("remove a flow", 14));
            }
            Ok(kernel.flows.remove(flow).is_some())
        })
    }

    fn table(&self) -> Option<&Self::Table> {
        self.table.as_ref()
    }

    fn wait_for_programs(&self) -> Result<(), Error> {
        Ok(())
    }

    fn room(&self) -> Room {
        let kernel = self.host.kernel();
        kernel.ways.as_ref().map(Ways::room).unwrap_or_default()
    }

    fn tick(&self) -> Duration {
        Duration::from_millis(10)
    }
}
