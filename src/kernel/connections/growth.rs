//! Takes the growth that the programs added up: of two maps, one is in use and
//! the other is empty, until they change places.

use std::io;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicU64, Ordering};

use aya::maps::{ArrayOfMaps, MapData};

use super::Credit;
use crate::accounting::ConnectionKey;
use crate::kernel::abi::connections::{
    ConnectionsGrowth, ConnectionsKey, ConnectionsSettings, DIRECTION_ORDER,
    GROWTH_WORDS, IS_SECOND, KEYS,
};
use crate::kernel::errno::io_error;
use crate::kernel::mapping::MappedWords;
use crate::kernel::sys;

/// Keys that are taken by one call.
const BATCH: usize = 1024;

/// Attempts at a bucket that a program locks at this moment.
const ATTEMPTS: u32 = 100;

/// The places of words in `struct connections_settings`.
const WORD: usize = std::mem::offset_of!(ConnectionsSettings, word) / 8;
const KEYS_IN: usize = std::mem::offset_of!(ConnectionsSettings, keys) / 8;
const UNTRACKED: usize =
    std::mem::offset_of!(ConnectionsSettings, untracked) / 8;
const VISITED: usize = std::mem::offset_of!(ConnectionsSettings, visited) / 8;
const DISPLACED: usize =
    std::mem::offset_of!(ConnectionsSettings, displaced) / 8;

const IS_FINDING: usize =
    std::mem::offset_of!(ConnectionsSettings, is_finding) / 8;

/// The parts of the kernel side that growth is taken from.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) maps: [MapData; 2],
    pub(super) rests: MappedWords,
    pub(super) settings: MappedWords,
    pub(super) settings_map: MapData,
    pub(super) grace: ArrayOfMaps<MapData>,
}

/// The kernel side as [`Growth`] uses it. The tests have one of their own.
pub(super) trait Kernel {
    /// Returns the words of `struct connections_settings`.
    fn settings(&self) -> &[AtomicU64];

    /// Returns the words of the growth that found no room.
    fn rests(&self) -> &[AtomicU64];

    /// Waits until every program that runs now has ended.
    fn await_programs(&mut self) -> io::Result<()>;

    /// Takes growth out of a map: see [`sys::take_batch`].
    fn take_batch(
        &mut self,
        map: usize,
        from: &mut Option<u32>,
        keys: &mut [ConnectionsKey],
        values: &mut [ConnectionsGrowth],
    ) -> (usize, io::Result<()>);
}

impl Kernel for Parts {
    fn settings(&self) -> &[AtomicU64] {
        &self.settings
    }

    fn rests(&self) -> &[AtomicU64] {
        &self.rests
    }

    fn await_programs(&mut self) -> io::Result<()> {
        self.grace.set(0, &self.settings_map, 0).map_err(io_error)
    }

    fn take_batch(
        &mut self,
        map: usize,
        from: &mut Option<u32>,
        keys: &mut [ConnectionsKey],
        values: &mut [ConnectionsGrowth],
    ) -> (usize, io::Result<()>) {
        sys::take_batch(self.maps[map].fd().as_fd(), from, keys, values)
    }
}

/// The map that is not in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Idle {
    /// It is empty.
    Empty,
    /// Programs that run now may still use it.
    Awaited,
    /// It has growth that is not taken yet.
    Quiet,
}

/// Takes the growth of the programs.
#[derive(Debug)]
pub(super) struct Growth<K = Parts> {
    kernel: K,
    /// Changes with every recount.
    generation: u64,
    /// The map in use.
    used: usize,
    idle: Idle,
    /// True if the change of the number of open connections in the idle map is
    /// still wanted: not if they were counted anew since then.
    is_open_wanted: bool,
    displaced: u64,
    keys: Vec<ConnectionsKey>,
    values: Vec<ConnectionsGrowth>,
}

impl<K: Kernel> Growth<K> {
    pub(super) fn new(kernel: K) -> Self {
        Self {
            kernel,
            generation: 0,
            used: 0,
            idle: Idle::Empty,
            is_open_wanted: true,
            displaced: 0,
            keys: vec![ConnectionsKey::default(); BATCH],
            values: vec![ConnectionsGrowth::default(); BATCH],
        }
    }

    /// Does `work` while the programs note the ends of connections that are not
    /// counted as open.
    pub(super) fn while_finding<T>(
        &mut self,
        work: impl FnOnce() -> T,
    ) -> io::Result<T> {
        let is_finding = &self.kernel.settings()[IS_FINDING];
        is_finding.store(1, Ordering::SeqCst);
        self.kernel.await_programs()?;
        let result = work();
        self.kernel.settings()[IS_FINDING].store(0, Ordering::SeqCst);
        Ok(result)
    }

    /// Takes the growth since the last call.
    ///
    /// # Errors
    /// If the kernel refuses. The next call takes the rest.
    pub(super) fn take(&mut self, credit: Credit<'_>) -> io::Result<()> {
        self.empty_idle(credit)?;
        self.change_map();
        self.empty_idle(credit)
    }

    /// Takes the growth since the last call, and begins the next generation.
    ///
    /// # Errors
    /// As [`Growth::take`]; then it is still the same generation.
    pub(super) fn recount(&mut self, credit: Credit<'_>) -> io::Result<()> {
        self.take(credit)?;
        let displaced = self.setting(DISPLACED);
        self.generation = self.generation.wrapping_add(1);
        self.change_map();
        self.displaced = displaced;
        // The rest comes with the next call, if this fails.
        let _ = self.empty_idle(credit);
        self.is_open_wanted = self.idle == Idle::Empty;
        Ok(())
    }

    pub(super) fn is_crowded(&self) -> bool {
        self.setting(KEYS_IN + self.used) > u64::from(KEYS / 2)
    }

    pub(super) fn is_displaced(&self) -> bool {
        self.setting(DISPLACED) != self.displaced
    }

    /// Begins a visit.
    pub(super) fn begin_visit(&self) {
        self.kernel.settings()[VISITED].store(0, Ordering::Relaxed);
    }

    /// Returns the number of open connections that the last visit saw.
    pub(super) fn visited(&self) -> u64 {
        self.setting(VISITED)
    }

    pub(super) fn untracked(&self) -> u64 {
        self.setting(UNTRACKED)
    }

    fn setting(&self, index: usize) -> u64 {
        self.kernel.settings()[index].load(Ordering::Relaxed)
    }

    fn idle_map(&self) -> usize {
        1 - self.used
    }

    /// Lets the programs use the other map, which is empty.
    fn change_map(&mut self) {
        debug_assert_eq!(self.idle, Idle::Empty);
        self.used = self.idle_map();
        let second = if self.used == 1 { IS_SECOND } else { 0 };
        let word = self.generation << 1 | second;
        self.kernel.settings()[WORD].store(word, Ordering::SeqCst);
        self.idle = Idle::Awaited;
        self.is_open_wanted = true;
    }

    /// Takes all growth of the idle map.
    fn empty_idle(&mut self, credit: Credit<'_>) -> io::Result<()> {
        if self.idle == Idle::Awaited {
            self.kernel.await_programs()?;
            self.idle = Idle::Quiet;
        }
        if self.idle == Idle::Quiet {
            self.take_keys(credit)?;
            self.take_rests(credit);
            self.idle = Idle::Empty;
        }
        Ok(())
    }

    fn take_keys(&mut self, credit: Credit<'_>) -> io::Result<()> {
        let idle = self.idle_map();
        let expected = self.setting(KEYS_IN + idle);
        if expected == 0 {
            return Ok(());
        }
        let mut from = None;
        let mut attempts = ATTEMPTS;
        loop {
            let (count, result) = self.kernel.take_batch(
                idle,
                &mut from,
                &mut self.keys,
                &mut self.values,
            );
            for (key, value) in self.keys.iter().zip(&self.values).take(count) {
                self.credit(&key.decode(), value, credit);
            }
            match result {
                Ok(()) if from.is_none() => break,
                Ok(()) => {}
                Err(error) if is_passing(&error) && attempts > 0 => {
                    attempts -= 1;
                }
                Err(error) => return Err(error),
            }
        }
        self.kernel.settings()[KEYS_IN + idle].store(0, Ordering::Relaxed);
        Ok(())
    }

    fn take_rests(&self, credit: Credit<'_>) {
        let idle = self.idle_map();
        for (number, &direction) in DIRECTION_ORDER.iter().enumerate() {
            let first = (idle * DIRECTION_ORDER.len() + number) * GROWTH_WORDS;
            let words = std::array::from_fn(|word| {
                self.kernel.rests()[first + word].swap(0, Ordering::Relaxed)
            });
            let key = ConnectionKey { remote: None, local_port: 0, direction };
            self.credit(&key, &ConnectionsGrowth::from_words(words), credit);
        }
    }

    fn credit(
        &self,
        key: &ConnectionKey,
        growth: &ConnectionsGrowth,
        credit: Credit<'_>,
    ) {
        let mut growth = *growth;
        if !self.is_open_wanted {
            growth.open = 0;
        }
        if growth != ConnectionsGrowth::default() {
            credit(key, &growth.decode());
        }
    }
}

/// Returns whether the same call may succeed at once.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EBUSY | libc::EINTR | libc::EAGAIN)
    )
}

#[cfg(test)]
mod tests;
