//! Finds out if this host has IPsec: if it has, the programs look for packets
//! that were decrypted, and each packet costs more.
//!
//! The kernel reports each state and policy as it is made, by NETLINK_XFRM. A
//! state works some instants before the report is read, so the exporter also
//! looks for the things that prepare states: policies, and the sockets of key
//! daemons. Once on, the search stays on until the next start.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aya::programs::ProgramType;
use aya::sys::{BpfHelper, is_helper_supported};
use netlink_sys::protocols::NETLINK_XFRM;

use super::abi::HAS_IPSEC;
use super::mapping::MappedWords;
use super::netlink::message::All;
use super::netlink::{Events, Requests};
use super::sys;

/// Numbers of linux/xfrm.h: groups, and requests for all states and policies.
const XFRMNLGRP_ACQUIRE: u32 = 1;
const XFRMNLGRP_SA: u32 = 3;
const XFRMNLGRP_POLICY: u32 = 4;
const XFRM_MSG_GETSA: u16 = 0x12;
const XFRM_MSG_GETPOLICY: u16 = 0x15;

/// The groups that the exporter joins.
const GROUPS: [u32; 3] = [XFRMNLGRP_ACQUIRE, XFRMNLGRP_SA, XFRMNLGRP_POLICY];

/// The same groups as /proc/net/netlink shows them.
const OWN_GROUPS: u32 = 1 << (XFRMNLGRP_ACQUIRE - 1)
    | 1 << (XFRMNLGRP_SA - 1)
    | 1 << (XFRMNLGRP_POLICY - 1);

/// The most bytes read of /proc/net/netlink: some 10,000 sockets.
const MOST: u64 = 1 << 20;

/// Returns whether the kernel tells programs which packets were decrypted. A
/// kernel that was built without IPsec does not.
pub(super) fn is_told() -> bool {
    let helper = BpfHelper::BPF_FUNC_skb_get_xfrm_state;
    let asked = sys::without_signals(|| {
        is_helper_supported(ProgramType::SchedClassifier, helper)
    });
    asked.unwrap_or(false)
}

/// Turns the search on in the map of interfaces. Any thread may use it.
#[derive(Debug)]
pub(super) struct IpsecSwitch {
    /// The map of interfaces. An element is a word, of which one half has the
    /// value, by the order of the bytes; the other half is always zero.
    interfaces: MappedWords,
    is_on: AtomicBool,
}

/// The bit, in both halves of a word.
const BOTH: u64 = (HAS_IPSEC as u64) << 32 | HAS_IPSEC as u64;

impl IpsecSwitch {
    /// Turns off the bits that an earlier process left.
    pub(super) fn new(interfaces: MappedWords) -> Self {
        let was_on =
            interfaces.first().is_some_and(|it| it.load(ORDER) & BOTH != 0);
        if was_on {
            for word in &*interfaces {
                word.fetch_and(!BOTH, ORDER);
            }
        }
        Self { interfaces, is_on: AtomicBool::new(false) }
    }

    /// Turns the search on, for all present and future devices.
    pub(super) fn turn_on(&self) {
        self.is_on.store(true, ORDER);
        for (at, word) in self.interfaces.iter().enumerate() {
            let now = word.load(ORDER);
            let mut bits = 0;
            for half in [u64::from(u32::MAX), u64::from(u32::MAX) << 32] {
                // The first is for devices that the array does not reach.
                if at == 0 || now & half != 0 {
                    bits |= BOTH & half;
                }
            }
            if bits != 0 {
                word.fetch_or(bits, ORDER);
            }
        }
    }

    /// Returns the bit to write beside a number. The caller asks again once the
    /// number is written.
    pub(super) fn bit(&self) -> u32 {
        if self.is_on.load(ORDER) { HAS_IPSEC } else { 0 }
    }
}

/// One thread writes a number and then looks at the switch; another turns the
/// switch and then looks at the numbers.
const ORDER: Ordering = Ordering::SeqCst;

/// Waits for the first sign of IPsec.
#[derive(Debug)]
pub struct IpsecWatch {
    /// None once there was a sign.
    events: Option<Events>,
    /// Opened at the start: later the thread that reads it may not open files.
    sockets: Option<File>,
    switch: Arc<IpsecSwitch>,
    buffer: Vec<u8>,
}

impl IpsecWatch {
    /// Begins to watch this thread's network namespace, and looks for states
    /// and policies. If that fails, the namespace is taken to have IPsec.
    pub(super) fn start(switch: Arc<IpsecSwitch>) -> Self {
        let mut watch = Self {
            events: Events::subscribe(NETLINK_XFRM, &GROUPS).ok(),
            sockets: File::open("/proc/net/netlink").ok(),
            switch,
            buffer: Vec::new(),
        };
        let requests = [XFRM_MSG_GETSA, XFRM_MSG_GETPOLICY];
        let has_any = watch.events.is_none()
            || requests.into_iter().any(|request| {
                let asked = Requests::open(NETLINK_XFRM);
                asked.and_then(|it| it.has_any(All(request))).unwrap_or(true)
            });
        if has_any {
            watch.turn_on();
        }
        watch.look_for_others();
        watch
    }

    /// Returns the descriptor that becomes readable with news, or -1 if there
    /// will be no more.
    pub(super) fn descriptor(&self) -> RawFd {
        self.events.as_ref().map_or(-1, Events::descriptor)
    }

    /// Returns whether there was a sign of IPsec.
    pub(super) fn is_over(&self) -> bool {
        self.events.is_none()
    }

    /// Reads the news.
    pub(super) fn look(&mut self) {
        let Some(events) = &mut self.events else { return };
        let mut has_happened = false;
        let read = events.read(|_| has_happened = true);
        // An error can mean that events were lost.
        if has_happened || read.is_err() {
            self.turn_on();
        }
    }

    /// Looks for key daemons, which have NETLINK_XFRM sockets too.
    pub(super) fn look_for_others(&mut self) {
        if self.events.is_none() {
            return;
        }
        let Some(mut sockets) = self.sockets.as_ref() else { return };
        self.buffer.clear();
        let was_read = sockets
            .rewind()
            .and_then(|()| sockets.take(MOST).read_to_end(&mut self.buffer));
        let text = String::from_utf8_lossy(&self.buffer);
        if was_read.is_ok() && has_others(&text) {
            self.turn_on();
        }
    }

    fn turn_on(&mut self) {
        self.switch.turn_on();
        self.events = None;
    }
}

/// Returns whether /proc/net/netlink shows a socket of NETLINK_XFRM that is
/// neither the kernel's nor an exporter's. A line has an address, the protocol,
/// the port and the groups.
fn has_others(sockets: &str) -> bool {
    sockets.lines().skip(1).any(|line| {
        let mut words = line.split_whitespace().skip(1);
        let mut number = |radix| {
            words.next().and_then(|it| u32::from_str_radix(it, radix).ok())
        };
        let protocol = number(10).and_then(|it| isize::try_from(it).ok());
        let (port, groups) = (number(10), number(16));
        protocol == Some(NETLINK_XFRM)
            && port != Some(0)
            && groups != Some(OWN_GROUPS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "sk               Eth Pid        Groups   Rmem     Wmem";

    #[test]
    fn a_key_daemon_is_told_by_its_socket() {
        for (line, is_other) in [
            ("0000000000000000 6   0          00000000 0        0", false),
            ("0000000000000000 0   812        00000000 0        0", false),
            ("0000000000000000 6   812        0000000d 0        0", false),
            ("0000000000000000 6   812        00000000 0        0", true),
            ("0000000000000000 6   4294963191 00000123 0        0", true),
            ("", false),
        ] {
            assert_eq!(has_others(&format!("{HEAD}\n{line}\n")), is_other);
        }
    }
}
