//! Checks a configuration on the machine it is for, and changes nothing there.
//! Every fault that a start or a reload would refuse is a fault here.

mod directories;

use std::path::Path;

use crate::config::{Loaded, LogLevel, nearest};
use crate::daemon::Error;
use crate::files::Place;
use crate::geoip::{CityDatabase, Database, NetworkDatabase};
use crate::http::{self, Security, Trial};
use crate::kernel::{
    self, FollowInterfaces as _, InterfaceEvent, InterfaceMonitor,
    InterfaceName,
};
use crate::logging::{chain, complain};
use crate::ranges::{RangeNames, RangeSources};

/// The name of the exporter's processes.
const OURS: &str = "geoip-exporter";

/// Checks a configuration on this machine. Prints the warnings and the parts
/// that could not be checked.
///
/// # Errors
/// Every fault that a start or a reload would refuse.
pub(super) fn run(loaded: &Loaded) -> Result<String, Error> {
    let found = check(loaded);
    for line in found.warnings {
        complain(LogLevel::Warn, &format!("warning: {line}"));
    }
    for line in found.unchecked {
        complain(LogLevel::Info, &format!("not checked: {line}"));
    }
    match found.faults.is_empty() {
        true => Ok(String::new()),
        false => Err(Error::Unusable(found.faults)),
    }
}

/// The results, a line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Findings {
    /// Faults that a start or a reload would refuse or report.
    faults: Vec<String>,
    /// Harmless faults.
    warnings: Vec<String>,
    /// Parts that could not be checked, with the reason.
    unchecked: Vec<String>,
}

/// Checks everything that can be checked without changing anything.
fn check(loaded: &Loaded) -> Findings {
    let mut checker = Checker { loaded, found: Findings::default() };
    for (file, reason) in &loaded.left_out {
        let line = format!("{}: {reason}", file.display());
        checker.found.unchecked.push(line);
    }
    checker.kernel();
    checker.interfaces();
    checker.databases();
    checker.ranges();
    checker.addresses();
    checker.web_configuration();
    checker.directories();
    checker.found.unchecked.push(
        "the rights of the exporter's user, and that the kernel accepts the \
         eBPF programs and their maps: only a start can test them"
            .into(),
    );
    checker.found
}

struct Checker<'a> {
    loaded: &'a Loaded,
    found: Findings,
}

impl Checker<'_> {
    fn fault(&mut self, key: &'static str, text: impl Into<String>) {
        let problem = self.loaded.problem(key, text);
        self.found.faults.push(problem.to_string());
    }

    fn warn(&mut self, key: &'static str, text: impl Into<String>) {
        let problem = self.loaded.problem(key, text);
        self.found.warnings.push(problem.to_string());
    }

    fn leave(&mut self, key: &'static str, text: impl Into<String>) {
        let problem = self.loaded.problem(key, text);
        self.found.unchecked.push(problem.to_string());
    }

    fn kernel(&mut self) {
        if let Err(fault) = kernel::check_version() {
            self.found.faults.push(chain(&fault));
        }
    }

    /// A missing interface is a warning: it may appear later.
    fn interfaces(&mut self) {
        const KEY: &str = "interfaces";
        let names = self.loaded.config.interfaces.names();
        let names: Vec<String> =
            names.map(|name| InterfaceName::new(&name).to_string()).collect();
        if names.is_empty() {
            return;
        }
        let present = match present_interfaces() {
            Ok(present) => present,
            Err(fault) => return self.leave(KEY, chain(&fault)),
        };
        for name in names.iter().filter(|name| !present.contains(name)) {
            let meant = nearest(name, present.iter().map(String::as_str));
            let meant = meant
                .map(|near| format!(", did you mean {near}?"))
                .unwrap_or_default();
            self.warn(
                KEY,
                format!("there is no interface {name:?} yet{meant}"),
            );
        }
    }

    /// A missing database is a fault, because a reload may refuse it. A start
    /// would count without it.
    fn databases(&mut self) {
        let config = &self.loaded.config;
        let country = Database::open(&config.geoip_db).err();
        let network = config.networks.then_some(&config.asn_db);
        let network =
            network.and_then(|file| NetworkDatabase::open(file).err());
        let city = config.city_db.as_ref().filter(|_| config.remote_hosts);
        let city = city.and_then(|file| CityDatabase::open(file).err());
        for (key, fault) in
            [("geoip_db", country), ("asn_db", network), ("city_db", city)]
        {
            if let Some(fault) = fault {
                self.fault(key, chain(&fault));
            }
        }
    }

    /// Every fault of the files of ranges, and names that no range has.
    fn ranges(&mut self) {
        let sources = RangeSources {
            definitions: self.loaded.config.range.clone(),
            files: self.loaded.config.range_files.clone(),
        };
        let place = Place::default();
        match sources.load(&RangeNames::default(), &place) {
            Ok(loaded) => {
                let ignored = &self.loaded.config.connections_ignore;
                for name in ignored.unknown(&loaded.table.names_in_use()) {
                    self.warn("connections_ignore", name);
                }
            }
            Err(error) => {
                for fault in error.faults.0 {
                    self.fault("range_files", fault);
                }
            }
        }
    }

    fn addresses(&mut self) {
        const KEY: &str = "listen_address";
        let addresses = &self.loaded.config.listen_address;
        for (index, address) in addresses.iter().enumerate() {
            match http::try_address(address, &addresses[..index]) {
                Trial::Free => {}
                Trial::Taken(_, Some(owner)) if owner.name == OURS => {
                    let pid = owner.pid;
                    self.leave(
                        KEY,
                        format!(
                            "{address} is in use by a running exporter \
                             (process {pid})"
                        ),
                    );
                }
                Trial::Taken(fault, Some(owner)) => self.fault(
                    KEY,
                    format!(
                        "{} ({}, process {})",
                        chain(&fault),
                        owner.name,
                        owner.pid
                    ),
                ),
                Trial::Taken(_, None) => self.leave(
                    KEY,
                    format!(
                        "{address} is in use; only root can see by which \
                         process"
                    ),
                ),
                Trial::Refused(fault) if fault.is_refusal() => {
                    self.leave(KEY, chain(&fault));
                }
                Trial::Refused(fault) => self.fault(KEY, chain(&fault)),
            }
        }
    }

    fn web_configuration(&mut self) {
        let file = self.loaded.config.web_config_file.as_deref();
        match Security::load(file, &Place::default()) {
            Ok((_, warnings)) => self.found.warnings.extend(warnings),
            Err(fault) => self.found.faults.extend(fault.lines()),
        }
    }

    fn directories(&mut self) {
        let config = &self.loaded.config;
        let Some(state) = config.state_directory.as_deref() else { return };
        if let Some(verdict) = directories::state(state) {
            self.give("state_directory", state, verdict);
        }
        let Some(pins) = config.pin_directory.as_deref() else { return };
        if let Some(verdict) = directories::pins(pins) {
            self.give("pin_directory", pins, verdict);
        }
    }

    /// A fault of a default value is only a warning.
    fn give(
        &mut self,
        key: &'static str,
        directory: &Path,
        verdict: directories::Verdict,
    ) {
        let is_set = self.loaded.is_set(key);
        match verdict {
            directories::Verdict::Fault(text) if is_set => {
                self.fault(key, text);
            }
            directories::Verdict::Fault(text)
            | directories::Verdict::Warning(text) => self.warn(key, text),
            directories::Verdict::Hidden(cause) => {
                let shown = directory.display();
                self.leave(key, format!("cannot examine {shown}: {cause}"));
            }
        }
    }
}

/// Returns the names of the existing interfaces.
fn present_interfaces() -> Result<Vec<String>, kernel::Error> {
    let (mut monitor, _stopper) = InterfaceMonitor::open(None)?;
    let listed = monitor.next()?.unwrap_or_default();
    let listed = listed.into_iter().flat_map(|event| match event {
        InterfaceEvent::Listed(all) => all,
        InterfaceEvent::Changed(one) => vec![one],
        InterfaceEvent::Gone(_) | InterfaceEvent::DefaultRoutes(_) => {
            Vec::new()
        }
    });
    Ok(listed.map(|interface| interface.name.to_string()).collect())
}
