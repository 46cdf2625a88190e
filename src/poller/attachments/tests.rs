use std::io::Write;
use std::sync::Mutex;

use slog::{Drain, o};

use super::*;
use crate::accounting::{
    Edges, FlowKey, FlowTracker, Origin, PollEnd, Rest, Volume,
};
use crate::collectors::interfaces::{InterfaceState, Status};
use crate::config::Config;
use crate::geoip::CountryLabels;
use crate::kernel::{Hook, LinkLayer, Relations};
use crate::metrics::published::{Sink, Together};

/// The number of interface numbers of the fake kernel side.
const LIMIT: u32 = 4;

/// A kernel side in which every device is its ifindex and a birth, so that one
/// that was made anew is another.
#[derive(Default)]
struct FakeAttacher {
    /// The devices there are: name and birth by ifindex.
    devices: BTreeMap<u32, (InterfaceName, u32)>,
    /// By number: ifindex and birth of the attached device, none once detached.
    numbers: BTreeMap<InterfaceId, Option<(u32, u32)>>,
}

impl Attach for FakeAttacher {
    fn attach(&mut self, interface: &Interface) -> Result<InterfaceId, Error> {
        let id = (0..LIMIT)
            .map(InterfaceId)
            .find(|id| !self.numbers.contains_key(id))
            .ok_or(Error::TooManyInterfaces { limit: LIMIT })?;
        let Interface { ifindex, name, .. } = interface;
        match self.devices.get(ifindex) {
            Some((found, birth)) if found == name => {
                self.numbers.insert(id, Some((*ifindex, *birth)));
                Ok(id)
            }
            _ => Err(Error::Replaced { name: *name }),
        }
    }

    fn has_number(&self) -> bool {
        self.numbers.len() < LIMIT as usize
    }

    fn detach(&mut self, interface: InterfaceId) {
        self.numbers.insert(interface, None);
    }

    fn is_attached(&self, interface: InterfaceId) -> bool {
        self.numbers[&interface].is_some_and(|(ifindex, birth)| {
            self.devices.get(&ifindex).is_some_and(|d| d.1 == birth)
        })
    }

    fn release(&mut self, interface: InterfaceId) {
        assert_eq!(self.numbers.remove(&interface), Some(None));
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

/// The names that numbers are counted under.
#[derive(Default)]
struct Names(Arc<Mutex<BTreeMap<InterfaceId, String>>>);

impl Sink for Names {
    fn set_classes(&mut self, _: &Arc<crate::accounting::Classes>) {}
    fn credit_without_remote(&mut self, _: &FlowKey, _: Volume) {}
    fn name_interface(&mut self, interface: InterfaceId, name: &Arc<str>) {
        self.0.lock().unwrap().insert(interface, name.to_string());
    }
    fn label_countries(&mut self, _: &Arc<CountryLabels>) {}
    fn configure(&mut self, _: &Config) {}
    fn is_on(&self) -> bool {
        true
    }
    fn set_edges(&mut self, _: &Arc<Edges>) {}
    fn credit(&mut self, _: &FlowKey, _: Volume, _: &Origin) {}
    fn credit_rests(&mut self, _: &[Rest]) {}
    fn forget_interface(&mut self, interface: InterfaceId) {
        assert!(self.0.lock().unwrap().remove(&interface).is_some());
    }
    fn end_poll(&mut self, _: PollEnd) {}
    fn publish(&mut self) {}
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Attachments, the kernel below, and their results.
struct Host {
    attachments: Attachments,
    attacher: FakeAttacher,
    accounts: Accounts,
    names: Arc<Mutex<BTreeMap<InterfaceId, String>>>,
    wanted: Interfaces,
    lines: Lines,
    births: u32,
}

impl Host {
    fn new(wanted: &str) -> Self {
        let lines = Lines::default();
        let decorator = slog_term::PlainSyncDecorator::new(lines.clone());
        let drain = slog_term::FullFormat::new(decorator).build().fuse();
        let names = Names::default();
        Self {
            attachments: Attachments::new(Logger::root(drain, o!())),
            attacher: FakeAttacher::default(),
            names: Arc::clone(&names.0),
            accounts: Accounts::new(
                vec![Box::new(names)],
                Vec::new(),
                Together::default(),
                Vec::new(),
                &Config::default(),
            ),
            wanted: Interfaces::read(wanted).unwrap(),
            lines,
            births: 0,
        }
    }

    /// A device appears.
    fn add(&mut self, ifindex: u32, name: &str) -> InterfaceEvent {
        self.births += 1;
        self.attacher.devices.insert(ifindex, (name.into(), self.births));
        changed(ifindex, name)
    }

    fn remove(&mut self, ifindex: u32) -> InterfaceEvent {
        self.attacher.devices.remove(&ifindex);
        InterfaceEvent::Gone(ifindex)
    }

    fn rename(&mut self, ifindex: u32, name: &str) -> InterfaceEvent {
        self.attacher.devices.get_mut(&ifindex).unwrap().0 = name.into();
        changed(ifindex, name)
    }

    fn note(&mut self, events: Vec<InterfaceEvent>) {
        self.attachments.note(events);
        self.attachments.plan(&self.wanted, &mut self.attacher);
        self.attachments.rename(&mut self.accounts);
    }

    fn work(&mut self) {
        while self.attachments.has_work() {
            let _ = self
                .attachments
                .do_next(&mut self.attacher, &mut self.accounts);
        }
    }

    fn poll(&mut self) {
        let mut tracker = FlowTracker::<()>::default();
        self.attachments.retire(
            &mut self.attacher,
            &mut no_flows::NoFlows,
            &mut tracker,
            &mut self.accounts,
            SavedCheckpoints::ALL,
        );
    }

    /// Returns the counted devices, by the name they are counted under.
    fn counted(&self) -> Vec<(String, u32)> {
        let names = self.names.lock().unwrap();
        let mut counted: Vec<_> = self
            .attacher
            .numbers
            .iter()
            .filter_map(|(id, on)| Some((names[id].clone(), (*on)?.0)))
            .collect();
        counted.sort();
        counted
    }

    /// Returns the published states.
    fn states(&self) -> Vec<(String, Status, bool)> {
        let states = self.attachments.states(&self.wanted).into_iter();
        states
            .map(|(name, InterfaceState { status, is_attached })| {
                (name.to_string(), status, is_attached)
            })
            .collect()
    }

    fn log(&self) -> String {
        String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap()
    }
}

fn changed(ifindex: u32, name: &str) -> InterfaceEvent {
    InterfaceEvent::Changed(Interface {
        ifindex,
        name: name.into(),
        link_layer: LinkLayer::Ethernet,
        is_up: true,
        is_running: true,
        is_loopback: false,
        is_on_bus: false,
        relations: Relations::default(),
    })
}

fn states(list: &[(&str, Status, bool)]) -> Vec<(String, Status, bool)> {
    let owned = |&(name, status, on): &(&str, _, _)| (name.into(), status, on);
    list.iter().map(owned).collect()
}

fn counted(list: &[(&str, u32)]) -> Vec<(String, u32)> {
    list.iter().map(|&(name, ifindex)| (name.into(), ifindex)).collect()
}

#[test]
fn a_device_that_changed_since_its_event_waits_for_the_next_event() {
    let mut host = Host::new("any");
    let event = host.add(5, "veth0");
    host.note(vec![event]);
    // Not told yet: another has the number, or it has another name.
    host.remove(5);
    let next = host.add(5, "eth0");
    host.work();
    assert_eq!(host.counted(), []);
    assert!(!host.log().contains("WARN"), "{}", host.log());
    host.note(vec![InterfaceEvent::Gone(5), next]);
    host.work();
    assert_eq!(host.counted(), counted(&[("eth0", 5)]));
}

#[test]
fn what_is_still_to_be_done_follows_the_newest_events() {
    let mut host = Host::new("a,b");
    let events = vec![host.add(2, "a"), host.add(3, "b"), host.add(4, "c")];
    host.note(events);
    let _ = host.attachments.do_next(&mut host.attacher, &mut host.accounts);
    assert_eq!(host.counted(), counted(&[("a", 2)]));
    // `b` goes, before its turn, and the others swap names.
    let events = vec![
        host.remove(3),
        host.rename(2, "swap"),
        host.rename(4, "a"),
        host.rename(2, "c"),
    ];
    host.note(events);
    host.work();
    assert_eq!(host.counted(), counted(&[("a", 4)]));
}

#[test]
fn numbers_come_back_however_often_interfaces_do() {
    let mut host = Host::new("any");
    for round in 0..5_000 {
        let (a, b) = (round % 7 + 2, round % 7 + 20);
        let events = vec![host.add(a, "a"), host.add(b, "b")];
        host.note(events);
        host.work();
        assert_eq!(host.counted(), counted(&[("a", a), ("b", b)]));
        let events = vec![host.remove(a), host.remove(b)];
        host.note(events);
        host.work();
        host.poll();
        assert!(host.attacher.numbers.is_empty());
        assert!(host.names.lock().unwrap().is_empty());
    }
    assert!(host.attachments.failed.is_empty());
    assert!(host.attachments.doubtful.is_empty());
    assert!(!host.log().contains("WARN"));
}

/// No packet of an interface that waits for its turn is counted yet.
#[test]
fn a_state_is_attached_from_the_interface_s_turn_to_its_end() {
    use Status::{Down, NotFound, Up};

    let mut host = Host::new("a,b");
    assert_eq!(
        host.states(),
        states(&[("a", NotFound, false), ("b", NotFound, false)])
    );
    let events = vec![host.add(2, "a"), host.add(3, "b")];
    host.note(events);
    assert_eq!(host.states(), states(&[("a", Up, false), ("b", Up, false)]));
    let _ = host.attachments.do_next(&mut host.attacher, &mut host.accounts);
    assert_eq!(host.states(), states(&[("a", Up, true), ("b", Up, false)]));
    host.work();
    let InterfaceEvent::Changed(mut down) = changed(2, "a") else {
        unreachable!()
    };
    down.is_up = false;
    host.note(vec![InterfaceEvent::Changed(down)]);
    assert_eq!(host.states(), states(&[("a", Down, true), ("b", Up, true)]));
    // The same name, but another device.
    let events = vec![host.remove(3), host.add(4, "b")];
    host.note(events);
    assert_eq!(host.states(), states(&[("a", Down, true), ("b", Up, false)]));
    host.work();
    assert_eq!(host.states(), states(&[("a", Down, true), ("b", Up, true)]));
}

#[test]
fn a_state_is_not_attached_while_attaching_fails() {
    let mut host = Host::new("any");
    let events: Vec<_> =
        (0..=LIMIT).map(|i| host.add(10 + i, &format!("e{i}"))).collect();
    host.note(events);
    host.work();
    let mut expected: Vec<_> =
        (0..=LIMIT).map(|i| (format!("e{i}"), Status::Up, i < LIMIT)).collect();
    assert_eq!(host.states(), expected);
    let event = host.remove(10);
    host.note(vec![event]);
    while host.attachments.has_work() {
        host.poll();
        let _ =
            host.attachments.do_next(&mut host.attacher, &mut host.accounts);
    }
    expected.remove(0);
    expected.iter_mut().for_each(|state| state.2 = true);
    assert_eq!(host.states(), expected);
}

#[test]
fn a_renamed_state_stays_attached() {
    let mut host = Host::new("any");
    let event = host.add(2, "eth0");
    host.note(vec![event]);
    host.work();
    let event = host.rename(2, "wan0");
    host.note(vec![event]);
    assert_eq!(host.states(), states(&[("wan0", Status::Up, true)]));
}

mod doubles;
mod log;
mod no_flows;
