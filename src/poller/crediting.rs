//! The part of a poll that credits the readings to the accounts.

use std::time::SystemTime;

use slog::debug;

use super::Poller;
use crate::accounting::{Counts, KernelCounter, MapSweep, PollEnd};
use crate::kernel::{Adopt, Attach, Classify, ReadCounts};

impl<A: Attach + Adopt + Classify, R: ReadCounts> Poller<A, R> {
    /// Waits until the ways that the last sweep retired can be freed.
    pub(super) fn wait_for_grace(&mut self) -> bool {
        if !self.tracker.waits_for_grace() {
            return false;
        }
        match self.reader.wait_for_programs() {
            Ok(()) => true,
            // They stay as they are until it works.
            Err(error) => {
                debug!(self.log, "cannot free idle flows; trying again";
                    "error" => crate::logging::chain(&error));
                false
            }
        }
    }

    /// Credits the growth that the sweep shows.
    pub(super) fn account(&mut self, has_grace_passed: bool) {
        let Self {
            reader,
            sweep,
            tracker,
            classifier,
            accounts,
            publishers,
            ..
        } = self;
        let counts = Counts {
            new_keys: sweep.counters[KernelCounter::NewKeys],
            map_packets: sweep.counters[KernelCounter::MapPackets],
        };
        let readings = &sweep.readings;
        let map = MapSweep { readings, now: sweep.now };
        let seen = tracker.observe(
            counts,
            sweep.has_readings.then_some(map),
            reader.table(),
            has_grace_passed,
            |delta, note| {
                if delta.key.is_without_remote() {
                    accounts.credit_without_remote(&delta.key, delta.volume);
                    return;
                }
                let note = *note.get_or_insert_with(|| {
                    // Many new flows and a large database take seconds.
                    publishers.overseer.gets_on();
                    classifier.origin_of(&delta.key)
                });
                let origin = classifier.origin(note);
                accounts.credit(&delta.key, delta.volume, origin);
            },
        );
        let (statistics, earlier) = (&mut self.statistics, &self.earlier);
        statistics.kernel = earlier.kernel + sweep.counters;
        statistics.new_keys = earlier.new_keys + seen.new_keys;
        statistics.evictions = earlier.evictions + seen.evictions;
        statistics.map_entries = seen.entries;
        statistics.flow_table.entries = seen.table_entries;
        statistics.flow_table.reclaims =
            earlier.table_reclaims + seen.table_reclaims;
        statistics.minimum_eviction_age =
            seen.minimum_eviction_age.map(|ticks| {
                self.reader
                    .tick()
                    .saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
            });
    }

    /// Publishes the accounts.
    pub(super) fn finish_sweep(&mut self) {
        self.accounts.observe_totals(&self.sweep.totals);
        let saved = self.saved_checkpoints();
        self.attachments.retire(
            &mut self.attacher,
            &mut self.reader,
            &mut self.tracker,
            &mut self.accounts,
            saved,
        );
        self.edges.end_poll(&self.attachments, &mut self.accounts);
        self.retire_dead_classes();
        let end = PollEnd {
            at: SystemTime::now().into(),
            uptime: self.started.elapsed(),
            absent_retention: self.config.absent_interface_retention,
        };
        self.accounts.publish(end);
        // The tracker has marks of its own now.
        self.left = None;
    }
}
