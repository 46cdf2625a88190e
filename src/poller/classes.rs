//! Classes of packets: puts a plan in force, and gives up the flows of classes
//! that packets do not get any more.

use std::sync::Arc;

use slog::{Logger, warn};

use super::Poller;
use super::giving_up::give_up;
use crate::accounting::{
    ClassPlan, ClassPrefix, FlowKey, ServicePlan, ServicePorts,
};
use crate::config::{Config, Protocol};
use crate::kernel::{Adopt, Attach, Classified, Classify, ReadCounts};
use crate::logging::chain;
use crate::ranges::{RangeTable, Rule};

/// Polls after which a plan that waits for numbers is left to later polls: one
/// finds the dead flows, one frees them.
const MOST_POLLS: usize = 4;

/// Returns the plan of a configuration and its ranges.
#[must_use]
pub fn class_plan(config: &Config, ranges: &RangeTable) -> ClassPlan {
    let named = |rule: &Rule| {
        let prefix = rule.prefix;
        let prefix = ClassPrefix::new(prefix.address(), prefix.length());
        (prefix, ranges.names().get(rule.range))
    };
    let (ipv4, ipv6) = (config.ipv4_prefix_length, config.ipv6_prefix_length);
    ClassPlan {
        locals: ranges.local().map(named).collect(),
        narrows: ranges.narrow(ipv4, ipv6).map(named).collect(),
        services: config.service.iter().map(service_plan).collect(),
    }
}

fn service_plan(service: &crate::config::Service) -> ServicePlan {
    let ports = service.ports.iter().flat_map(|ports| {
        ports.protocols().map(|protocol| ServicePorts {
            is_udp: protocol == Protocol::Udp,
            first: ports.first,
            last: ports.last,
        })
    });
    ServicePlan { name: Arc::clone(&service.name), ports: ports.collect() }
}

/// Puts a plan in force before packets are counted. A failure is logged, and
/// packets have no classes then.
pub fn classify_first(
    log: &Logger,
    attacher: &mut impl Classify,
    plan: &ClassPlan,
) {
    if let Err(error) = attacher.classify(plan) {
        warn!(log, "packets have no services and local ranges";
            "error" => chain(&error));
    }
}

/// The plan that is to be in force.
#[derive(Debug, Default)]
pub(super) struct PlannedClasses {
    plan: ClassPlan,
    /// True if it waits until numbers are free.
    pub(super) waits: bool,
}

impl<A: Attach + Adopt + Classify, R: ReadCounts> Poller<A, R> {
    /// Takes over the classes that [`classify_first`] put in force.
    pub(super) fn begin_classes(&mut self, plan: ClassPlan) {
        self.classes.plan = plan;
        let applied = self.attacher.classify(&self.classes.plan);
        self.classes.waits = matches!(applied, Ok(Classified::Waits));
        self.tell_classes();
    }

    /// Puts the classes of a configuration in force. The counts before are
    /// credited by then, and those of the time of the change afterwards: flows
    /// of old and new classes have their meanings until then.
    pub(super) fn classify(&mut self, plan: ClassPlan) {
        if !self.attacher.has_classes() {
            if !plan.is_empty() {
                warn!(
                    self.log,
                    "services and local or narrow ranges are in \
                    force only after a restart, as there were none at the \
                    start"
                );
            }
            return;
        }
        if let Err(fault) = plan.check() {
            warn!(self.log, "services and ranges stay as they were";
                "error" => chain(&fault));
            return;
        }
        self.classes.plan = plan;
        for _ in 0..MOST_POLLS {
            if !self.apply_classes() {
                return;
            }
            // Credits the counts of the change, or frees dead classes.
            self.poll();
            if !self.classes.waits {
                return;
            }
        }
    }

    /// Tries again to put a plan in force that waits.
    pub(super) fn retry_classes(&mut self) {
        if self.classes.waits && self.apply_classes() {
            self.poll();
        }
    }

    /// Puts the plan in force. Returns whether a poll is due.
    fn apply_classes(&mut self) -> bool {
        let applied = self.attacher.classify(&self.classes.plan);
        self.classes.waits = matches!(applied, Ok(Classified::Waits));
        match applied {
            Ok(Classified::Applied) => {
                self.tell_classes();
                true
            }
            Ok(Classified::Waits) => true,
            Ok(Classified::Unchanged) => false,
            Err(error) => {
                warn!(self.log, "services and ranges stay as they were";
                    "error" => chain(&error));
                false
            }
        }
    }

    /// Tells the accounts the meanings of all classes.
    pub(super) fn tell_classes(&mut self) {
        let classes = Arc::new(self.attacher.classes());
        self.accounts.set_classes(&classes);
        self.classifier.set_classes(&classes);
    }

    /// Removes the flows of dead classes, whose counts were read and credited.
    /// If flows of them are in the table, that takes until the next poll.
    pub(super) fn retire_dead_classes(&mut self) {
        let Self { attacher, reader, tracker, log, .. } = self;
        if !attacher.has_dead_classes() {
            return;
        }
        let is_dead = |key: &FlowKey| attacher.is_dead_class(key.class);
        if give_up(log, reader, tracker, is_dead) {
            attacher.free_dead_classes();
            self.tell_classes();
        }
    }
}

#[cfg(test)]
mod tests;
