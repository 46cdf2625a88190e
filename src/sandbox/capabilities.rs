//! The capabilities of the calling thread.

use std::io;

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, set_capabilities,
};

use super::Duty;

/// Returns the capabilities that a duty needs.
pub(super) fn of(duty: Duty) -> CapabilitySet {
    match duty {
        Duty::Count { needs_bpf: false } => CapabilitySet::NET_ADMIN,
        Duty::Count { needs_bpf: true } => {
            CapabilitySet::NET_ADMIN | CapabilitySet::BPF
        }
        Duty::Watch => CapabilitySet::BPF | CapabilitySet::PERFMON,
        Duty::Supervise | Duty::Read => CapabilitySet::DAC_READ_SEARCH,
        Duty::Bind { is_low: true } => CapabilitySet::NET_BIND_SERVICE,
        Duty::Bind { is_low: false }
        | Duty::Save
        | Duty::Record
        | Duty::Follow
        | Duty::Serve
        | Duty::Log
        | Duty::Forward => CapabilitySet::empty(),
    }
}

/// Puts every permitted capability into effect. The file capabilities of a
/// container's image are only permitted: with effective ones the kernel would
/// refuse to start the program in a container that lacks one of them.
///
/// # Errors
/// If the kernel refuses.
pub fn use_permitted() -> io::Result<()> {
    let now = capabilities(None)?;
    if now.effective == now.permitted {
        return Ok(());
    }
    set_capabilities(None, CapabilitySets { effective: now.permitted, ..now })?;
    Ok(())
}

/// Gives up every capability but these. A missing one is not gained.
pub(super) fn keep(kept: CapabilitySet) -> io::Result<()> {
    let now = capabilities(None)?;
    let permitted = now.permitted & kept;
    // The ambient set shrinks with the inheritable one.
    set_capabilities(
        None,
        CapabilitySets {
            effective: permitted,
            permitted,
            inheritable: CapabilitySet::empty(),
        },
    )?;
    Ok(())
}

/// Gives up every capability.
pub(super) fn keep_none() -> io::Result<()> {
    keep(CapabilitySet::empty())
}

/// Does `work` with only these in effect, then restores the sets from before.
pub(super) fn with_effect<T>(
    wanted: CapabilitySet,
    work: impl FnOnce() -> T,
) -> io::Result<T> {
    let before = capabilities(None)?;
    let effective = before.permitted & wanted;
    set_capabilities(None, CapabilitySets { effective, ..before })?;
    let result = work();
    set_capabilities(None, before)?;
    Ok(result)
}

/// Names the capabilities of a set as capabilities(7) does.
#[must_use]
pub fn names(bits: u64) -> Vec<String> {
    let set = CapabilitySet::from_bits_retain(bits);
    let mut known = set.iter_names();
    let mut names: Vec<String> =
        known.by_ref().map(|(name, _)| format!("CAP_{name}")).collect();
    let unknown = known.remaining().bits();
    if unknown != 0 {
        names.push(format!("{unknown:#x}"));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_have_the_names_of_the_manual() {
        let set = of(Duty::Count { needs_bpf: true });
        assert_eq!(names(set.bits()), ["CAP_NET_ADMIN", "CAP_BPF"]);
        assert_eq!(names(0), [""; 0]);
        assert_eq!(names(1 << 60), ["0x1000000000000000"]);
    }
}
