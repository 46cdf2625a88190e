//! The programs, maps and links that an exporter has in the kernel.

use std::collections::BTreeSet;
use std::fs;

use aya::maps::loaded_maps;
use aya::programs::{loaded_links, loaded_programs};

use super::daemon::Daemon;
use super::wait::await_equal;

/// Numbers of programs, maps and links. The kernel gives out no number twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Objects {
    pub(crate) programs: BTreeSet<u32>,
    pub(crate) maps: BTreeSet<u32>,
    pub(crate) links: BTreeSet<u32>,
}

impl Objects {
    /// Returns the objects behind an exporter's open files, the programs of its
    /// links, and the maps of its programs.
    pub(crate) fn of(daemon: &Daemon) -> Self {
        let mut found = Self::default();
        let files = format!("/proc/{}/fdinfo", daemon.pid());
        for file in fs::read_dir(files).expect("a running exporter") {
            // A file may be closed meanwhile.
            let path = file.expect("a file").path();
            let text = fs::read_to_string(path).unwrap_or_default();
            let number = |key: &str| -> Option<u32> {
                let line = text.lines().find_map(|l| l.strip_prefix(key));
                line.and_then(|line| line.trim().parse().ok())
            };
            found.links.extend(number("link_id:"));
            found.programs.extend(number("prog_id:"));
            found.maps.extend(number("map_id:"));
        }
        for program in loaded_programs() {
            // A program of another test may be gone meanwhile.
            let Ok(program) = program else { continue };
            if found.programs.contains(&program.id()) {
                let maps = program.map_ids().ok().flatten();
                found.maps.extend(maps.unwrap_or_default());
            }
        }
        found
    }

    /// Returns the objects that are not in `other`.
    pub(crate) fn without(&self, other: &Self) -> Self {
        Self {
            programs: &self.programs - &other.programs,
            maps: &self.maps - &other.maps,
            links: &self.links - &other.links,
        }
    }

    /// Adds those of `other`.
    pub(crate) fn add(&mut self, other: Self) {
        self.programs.extend(other.programs);
        self.maps.extend(other.maps);
        self.links.extend(other.links);
    }

    /// Returns the objects that the kernel still has.
    fn left(&self) -> Self {
        let ids = |found: Vec<u32>| found.into_iter().collect::<BTreeSet<_>>();
        let programs = loaded_programs().filter_map(Result::ok);
        let maps = loaded_maps().filter_map(Result::ok);
        let links = loaded_links().filter_map(Result::ok);
        Self {
            programs: &self.programs
                & &ids(programs.map(|it| it.id()).collect()),
            maps: &self.maps & &ids(maps.map(|it| it.id()).collect()),
            links: &self.links & &ids(links.map(|it| it.id()).collect()),
        }
    }

    /// Waits until the kernel has none of them.
    pub(crate) fn await_gone(&self) {
        await_equal("objects left in the kernel", &Self::default(), || {
            self.left()
        });
    }
}
