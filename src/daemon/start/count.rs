//! The third step of a start: the saved counters are read, and the eBPF
//! programs are loaded or, if they are pinned, adopted.

use std::io;
use std::time::Instant;

use slog::{info, warn};

use super::super::continuity;
use super::super::errand::Errand;
use super::super::host::KeepFollowing;
use super::super::privileges::Privileges;
use super::super::state;
use super::super::supervisor::Followers;
use super::super::{Host, probe_settings};
use super::{Ended, Start};
use crate::classifier::Sources;
use crate::config::Config;
use crate::kernel::{
    self, Adopt as _, Attach, FollowInterfaces, InterfaceEvent, Loaded,
    OpenConnections, ReadCounts,
};
use crate::poller::{self, Resumed};
use crate::sandbox::Duty;
use crate::state::{State, Store};

/// Everything that the poller begins with.
pub(in crate::daemon) struct Counting<A, R> {
    pub(in crate::daemon) attacher: A,
    pub(in crate::daemon) reader: R,
    pub(in crate::daemon) rights: kernel::Rights,
    /// The duty of the poller's thread.
    pub(in crate::daemon) duty: Duty,
    /// The content of the files that origins come from.
    pub(in crate::daemon) sources: Sources,
    /// The directory of the saved counters, if they are saved.
    pub(in crate::daemon) store: Option<Store>,
    /// The saved counters.
    pub(in crate::daemon) left: State,
    pub(in crate::daemon) resumed: Option<Resumed>,
    pub(in crate::daemon) devices: Box<dyn FollowInterfaces>,
    pub(in crate::daemon) keep_following: KeepFollowing,
    pub(in crate::daemon) first_devices: Vec<InterfaceEvent>,
    pub(in crate::daemon) connections: Box<dyn OpenConnections>,
}

impl Start<'_> {
    /// Reads the saved counters and loads or adopts the programs. Opens the
    /// databases at the same time.
    ///
    /// # Errors
    /// If the kernel refuses, or a signal ended the start.
    pub(in crate::daemon) fn count<H: Host>(
        &mut self,
        host: &H,
        config: &Config,
        privileges: &Privileges,
        followers: &mut Followers,
        made: continuity::Made,
    ) -> Result<Counting<H::Attacher, H::Reader>, Ended> {
        let (store, mut left) = self.take_over(config, made.state)?;
        let keep = continuity::keep(
            self.log,
            config,
            store.as_ref(),
            &left,
            made.pins,
        );
        // The check of a large database takes as long as loading the
        // programs, and neither needs the other.
        let began = Instant::now();
        let databases = &mut followers.databases;
        let has_countries = databases.countries.open(config);
        let has_networks = databases.networks.open(config);
        let has_cities = databases.cities.open(config);
        let ranges = &mut followers.ranges;
        let has_ranges = ranges.open(config);
        // The programs depend on the ranges.
        let read = match has_ranges {
            true => self.wait_for_news(ranges.follower(), began)?,
            false => None,
        };
        let mut sources = Sources::default();
        ranges.take_first(self.log, config, read, &mut sources);
        let plan = poller::class_plan(config, &sources.rules.ranges);
        plan.check()?;
        let settings = probe_settings(config, !plan.is_empty());
        let Loaded { mut attacher, reader, ipsec, rights } =
            host.load(&settings, keep)?;
        if has_countries {
            let countries = &mut databases.countries;
            let opened = self.wait_for_news(countries.follower(), began)?;
            countries.take_first(self.log, config, opened, &mut sources);
        }
        if has_networks {
            let networks = &mut databases.networks;
            let opened = self.wait_for_news(networks.follower(), began)?;
            networks.take_first(self.log, config, opened, &mut sources);
        }
        if has_cities {
            let cities = &mut databases.cities;
            let opened = self.wait_for_news(cities.follower(), began)?;
            cities.take_first(self.log, config, opened, &mut sources);
        }
        kernel::trim_memory();
        let duty = privileges.counting(&attacher);
        self.log_loaded(&mut attacher, &reader);
        // Before its programs take the place of others that count.
        poller::classify_first(self.log, &mut attacher, &plan);
        let adopted = attacher.adopt()?;
        let has_new_maps = adopted.is_none();
        let incarnation = attacher.incarnation();
        let resumed =
            continuity::resume(self.log, &mut left, adopted, incarnation);
        let (mut devices, keep_following) = host.follow_interfaces(ipsec)?;
        keep_following.want_default_routes(config.looks_at_routes());
        let first_devices = devices.next()?.unwrap_or_default();
        let (store, left) = match has_new_maps && resumed.is_some() {
            true => self.save_first(store, left)?,
            false => (store, left),
        };
        Ok(Counting {
            attacher,
            reader,
            rights,
            duty,
            sources,
            store,
            left,
            resumed,
            devices,
            keep_following,
            first_devices,
            connections: host.connections(),
        })
    }

    fn take_over(
        &mut self,
        config: &Config,
        made: io::Result<()>,
    ) -> Result<(Option<Store>, State), Ended> {
        let (log, config) = (self.log.clone(), config.clone());
        let taken = Errand::start("state", move |place| {
            state::take_over(&log, &config, place, made)
        });
        self.wait(taken)
    }

    fn save_first(
        &mut self,
        store: Option<Store>,
        left: State,
    ) -> Result<(Option<Store>, State), Ended> {
        let saved = Errand::start("first-save", move |place| {
            state::save_first(store.as_ref(), &left, place);
            (store, left)
        });
        self.wait(saved)
    }

    fn log_loaded(&self, attacher: &mut impl Attach, reader: &impl ReadCounts) {
        for notice in attacher.take_notices() {
            warn!(self.log, "notice about the eBPF programs";
                "notice" => notice);
        }
        let room = reader.room();
        if let Some(reason) = &room.without_table {
            warn!(self.log, "no flow table: each packet costs more";
                "reason" => reason);
        }
        info!(self.log, "loaded the eBPF programs";
            "attached_by" => attacher.hook().name(),
            "flow_table_entries" => room.table_entries,
            "flow_table_bytes" => room.table_bytes,
            "flow_map_entries" => room.map_entries);
    }
}
