//! A machine that counts what the test says: the kernel side and the news of
//! network devices, in memory.

use std::num::NonZeroU32;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use geoip_exporter::accounting::{
    FlowKey, Incarnation, InterfaceId, InterfaceTotal, Reading,
};
use geoip_exporter::config::{LogFormat, LogLevel};
use geoip_exporter::daemon::{Host, KeepFollowing};
use geoip_exporter::kernel::{
    Adopted, Error, FollowInterfaces, Interface, InterfaceEvent, Keep,
    LinkLayer, Probe, ProbeSettings, Relations, Room, Sweep,
};
use geoip_exporter::logging::{self, LogControl};
use slog::Logger;

use super::kernel::{Attachment, Kernel};
use super::log::Log;
use super::news::{Feed, News, Orders, call};
use super::table::{KeptTable, Ways};

/// Longer than anything takes.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// ENODEV.
const NO_SUCH_DEVICE: i32 = 19;

/// The machine. Clones are the same one.
#[derive(Clone)]
pub(super) struct FakeHost {
    shared: Arc<(Mutex<Kernel>, Condvar)>,
    news: Sender<News>,
    pub(super) heard: Receiver<News>,
    pub(super) log: Log,
}

impl FakeHost {
    /// Returns a machine with these devices, up.
    pub(super) fn new(devices: &[(u32, &str)]) -> Self {
        let (news, heard) = unbounded();
        let shared = Arc::default();
        let host = Self { shared, news, heard, log: Log::default() };
        for &(ifindex, name) in devices {
            host.insert(ifindex, name);
        }
        host
    }

    /// The same, with a flow table in front of the map.
    pub(super) fn with_table(devices: &[(u32, &str)]) -> Self {
        let host = Self::new(devices);
        host.kernel().ways = Some(Ways::default());
        host
    }

    pub(super) fn kernel(&self) -> MutexGuard<'_, Kernel> {
        // A test that failed may have left it locked; its daemon must end.
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets those who wait look at the kernel side again.
    pub(super) fn wake(&self) {
        self.shared.1.notify_all();
    }

    /// Waits until the kernel side is so.
    pub(super) fn wait_until(
        &self,
        what: &str,
        is_so: impl Fn(&Kernel) -> bool,
    ) {
        let (guard, waited) = self
            .shared
            .1
            .wait_timeout_while(self.kernel(), PATIENCE, |k| !is_so(k))
            .unwrap();
        drop(guard);
        assert!(!waited.timed_out(), "never: {what}\n{}", self.log.text());
    }

    /// Waits until all that was counted so far is published: the first read
    /// from now on takes what comes in the middle of one into the flows, the
    /// second into the totals, and the start of the third shows that the
    /// second was published.
    pub(super) fn settle(&self) {
        let reads = self.kernel().reads;
        self.wait_until("three polls", |kernel| kernel.reads >= reads + 3);
    }

    /// Makes a device and says so.
    pub(super) fn add(&self, ifindex: u32, name: &str) {
        let device = self.insert(ifindex, name);
        self.tell(vec![InterfaceEvent::Changed(device)]);
    }

    fn insert(&self, ifindex: u32, name: &str) -> Interface {
        let device = Interface {
            ifindex,
            name: name.into(),
            link_layer: LinkLayer::Ethernet,
            is_up: true,
            is_running: true,
            is_loopback: name == "lo",
            is_on_bus: false,
            relations: Relations::default(),
        };
        let mut kernel = self.kernel();
        kernel.incarnations += 1;
        let entry = (kernel.incarnations, device.clone());
        kernel.devices.insert(ifindex, entry);
        device
    }

    /// Removes a device and says so.
    pub(super) fn remove(&self, ifindex: u32) {
        self.remove_silently(ifindex);
        self.tell(vec![InterfaceEvent::Gone(ifindex)]);
    }

    pub(super) fn remove_silently(&self, ifindex: u32) {
        self.kernel().devices.remove(&ifindex).unwrap();
    }

    /// Makes a device of which nobody hears before the next list.
    pub(super) fn add_silently(&self, ifindex: u32, name: &str) {
        self.insert(ifindex, name);
    }

    /// Replaces a device and says so in one piece of news.
    pub(super) fn replace(&self, ifindex: u32, name: &str) {
        let device = self.insert(ifindex, name);
        self.tell(vec![
            InterfaceEvent::Gone(ifindex),
            InterfaceEvent::Changed(device),
        ]);
    }

    /// Changes a device and says so.
    pub(super) fn change(
        &self,
        ifindex: u32,
        change: impl FnOnce(&mut Interface),
    ) {
        let device = {
            let mut kernel = self.kernel();
            let (_, device) = kernel.devices.get_mut(&ifindex).unwrap();
            change(device);
            device.clone()
        };
        self.tell(vec![InterfaceEvent::Changed(device)]);
    }

    /// Lists all devices, as after a time in which news were lost.
    pub(super) fn list(&self) {
        let devices = self.kernel().list();
        self.tell(vec![InterfaceEvent::Listed(devices)]);
    }

    pub(super) fn tell(&self, events: Vec<InterfaceEvent>) {
        self.news.send(News::Events(events)).unwrap();
    }

    /// Ends the news, with an error or without.
    pub(super) fn end_news(&self, with_error: bool) {
        let news = if with_error { News::Error } else { News::End };
        self.news.send(news).unwrap();
    }
}

impl Host for FakeHost {
    type Probe = FakeProbe;

    fn load(
        &self,
        settings: &ProbeSettings,
        _keep: Option<Keep>,
    ) -> Result<FakeProbe, Error> {
        let mut kernel = self.kernel();
        kernel.settings = Some(*settings);
        kernel.load_kept();
        let table = kernel.ways.as_ref().map(Ways::table);
        Ok(FakeProbe { host: self.clone(), table })
    }

    fn follow_interfaces(
        &self,
        _probe: &mut FakeProbe,
    ) -> Result<(Box<dyn FollowInterfaces>, KeepFollowing), Error> {
        let (keep, stop) = bounded(0);
        let feed = Feed { host: self.clone(), has_listed: false, stop };
        let orders = Orders { host: self.clone(), _keep: keep };
        Ok((Box::new(feed), Box::new(orders)))
    }

    fn open_log(
        &self,
        level: LogLevel,
        format: LogFormat,
    ) -> (Logger, LogControl) {
        logging::to(self.log.clone(), level, format)
    }
}

/// The kernel side of a [`FakeHost`].
pub(super) struct FakeProbe {
    host: FakeHost,
    table: Option<KeptTable>,
}

impl FakeProbe {
    /// Changes the kernel side and lets those who wait look at it.
    fn change<T>(&self, change: impl FnOnce(&mut Kernel) -> T) -> T {
        let result = {
            let mut kernel = self.host.kernel();
            kernel.count_down();
            change(&mut kernel)
        };
        self.host.shared.1.notify_all();
        result
    }
}

impl Drop for FakeProbe {
    fn drop(&mut self) {
        self.change(|kernel| {
            kernel.is_dropped = true;
            if kernel.kept.is_none() {
                kernel.attachments.clear();
            }
        });
    }
}

impl Probe for FakeProbe {
    type Table = KeptTable;

    fn adopt(&mut self) -> Result<Option<Vec<Adopted>>, Error> {
        Ok(self.change(Kernel::adopt))
    }

    fn incarnation(&self) -> Option<Incarnation> {
        self.host.kernel().incarnation()
    }

    fn attach(&mut self, interface: &Interface) -> Result<InterfaceId, Error> {
        self.host.wait_until("room for one more", |kernel| {
            let limit = kernel.failures.attach_limit;
            limit.is_none_or(|limit| kernel.attachments.len() < limit)
        });
        self.change(|kernel| {
            if kernel.failures.permission {
                let action = format!("attach to {}", interface.name);
                let lacking = Vec::new();
                return Err(Error::NotPermitted { action, lacking });
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

    fn detach(&mut self, interface: InterfaceId) {
        self.change(|kernel| match kernel.attachments.get_mut(&interface) {
            Some(attached) if !attached.is_detached => {
                attached.is_detached = true;
            }
            other => {
                let fault = format!("detached again: {other:?}");
                kernel.faults.push(fault);
            }
        });
    }

    fn has_number(&self) -> bool {
        true
    }

    fn is_attached(&self, interface: InterfaceId) -> bool {
        let kernel = self.host.kernel();
        kernel.attachments.get(&interface).is_some_and(|attached| {
            let now = kernel.devices.get(&attached.ifindex).map(|(n, _)| *n);
            !attached.is_detached && Some(attached.incarnation) == now
        })
    }

    fn release(&mut self, interface: InterfaceId) {
        self.change(|kernel| {
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

    fn read(
        &mut self,
        batch_size: NonZeroU32,
        sweep: &mut Sweep,
    ) -> Result<(), Error> {
        let failures = self.change(|kernel| {
            kernel.reads += 1;
            kernel.batch_size = batch_size.get();
            kernel.failures
        });
        assert!(!failures.panics, "the test wants a panic");
        std::thread::sleep(failures.slow_reads);
        self.change(|kernel| {
            sweep.statistics = kernel.statistics;
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
            let map_packets = Some(sweep.statistics.map_packets);
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
        self.change(|kernel| {
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
