//! Finds the needed capabilities that the process lacks.

use std::fs;

use crate::sandbox::capability_names;

/// A capability that the exporter needs, by its number in
/// `linux/capability.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// To attach to devices.
    NetAdmin = 12,
    /// To load programs without the slow speculation fences.
    Perfmon = 38,
    /// To create maps and load programs.
    Bpf = 39,
}

impl Capability {
    pub(super) const NEEDED: [Self; 3] =
        [Self::Bpf, Self::NetAdmin, Self::Perfmon];

    /// Those that a thread needs which loads programs that trace the kernel.
    pub(super) const TRACING: [Self; 2] = [Self::Bpf, Self::Perfmon];

    /// Returns the needed capabilities that are not in effect, or none if /proc
    /// cannot be read.
    #[must_use]
    pub(super) fn lacking() -> Vec<Self> {
        Self::lacking_of(&Self::NEEDED)
    }

    /// Returns those of `needed` that are not in effect, or none if /proc
    /// cannot be read.
    #[must_use]
    pub(super) fn lacking_of(needed: &[Self]) -> Vec<Self> {
        let status = fs::read_to_string("/proc/thread-self/status");
        let effective = status.as_deref().ok().and_then(effective_set);
        effective.map(|it| lacking_in(it, needed)).unwrap_or_default()
    }
}

/// Returns the names of capabilities, as capabilities(7) writes them.
pub(super) fn names(of: &[Capability]) -> Vec<String> {
    of.iter().flat_map(|&it| capability_names(1 << it as u64)).collect()
}

/// Returns the effective set in the text of `/proc/PID/status`.
fn effective_set(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn lacking_in(effective: u64, needed: &[Capability]) -> Vec<Capability> {
    /// Includes CAP_BPF and CAP_PERFMON: see bpf_capable().
    const SYS_ADMIN: u64 = 1 << 21;
    needed
        .iter()
        .copied()
        .filter(|&needed| {
            let replaced =
                needed != Capability::NetAdmin && effective & SYS_ADMIN != 0;
            effective & (1 << needed as u64) == 0 && !replaced
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effective_set_is_read_from_the_status_of_a_process() {
        let status = "Name:\tx\nCapPrm:\t0\nCapEff:\t000000c000001000\n";
        let effective = effective_set(status).unwrap();
        assert_eq!(lacking_in(effective, &Capability::NEEDED), []);
    }

    #[test]
    fn what_is_not_in_effect_is_lacking() {
        let lacking = |set| lacking_in(set, &Capability::NEEDED);
        assert_eq!(lacking(0).len(), 3);
        assert_eq!(lacking(1 << 12 | 1 << 39), [Capability::Perfmon]);
        assert_eq!(lacking(1 << 21), [Capability::NetAdmin]);
        let tracing = lacking_in(1 << 39, &Capability::TRACING);
        assert_eq!(tracing, [Capability::Perfmon]);
    }
}
