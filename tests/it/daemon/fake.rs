//! A machine that counts what the test says: the kernel side and the news of
//! network devices, in memory.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use geoip_exporter::kernel::{Interface, InterfaceEvent, LinkLayer, Relations};

use super::kernel::Kernel;
use super::log::Log;
use super::news::News;
use super::table::Ways;

/// Longer than anything takes.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

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
