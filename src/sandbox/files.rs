//! Files, by Landlock: read anywhere, written where the exporter writes. Ports,
//! signals and abstract Unix sockets too, where the kernel's Landlock has them.
//!
//! Reading is not limited to what the configuration names: a reload may name
//! any other database or configuration. What the exporter may read is up to
//! the user it runs as. Threads that talk to clients are limited further.

use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel,
    Compatible as _, LandlockStatus, NetPort, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, Scope,
    path_beneath_rules,
};

/// The newest version whose rights were looked through: a right that a later
/// one brings is not taken unseen.
const KNOWN: ABI = ABI::V7;

/// Where the kernel tells of this process.
const OWN_PROCESS: &str = "/proc/self";

/// What became of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// They are restricted, by this version of Landlock.
    Restricted(i32),
    /// The kernel has no Landlock, or it is not switched on.
    NotInThisKernel,
    /// They are not restricted, as was asked for.
    TurnedOff,
}

impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restricted(version) => {
                write!(f, "restricted by Landlock {version}")
            }
            Self::NotInThisKernel => {
                f.write_str("not restricted: no Landlock in this kernel")
            }
            Self::TurnedOff => f.write_str("not restricted"),
        }
    }
}

/// What is done in a directory that is written to: files, their replacement,
/// and Unix sockets. Nothing executed, and no devices; pipes and links only
/// because what is in the place of a file has to be renamed.
fn written() -> BitFlags<AccessFs> {
    AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::MakeSock
        | AccessFs::MakeFifo
        | AccessFs::MakeSym
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer
}

/// Restricts the calling thread and what it starts, if the kernel can.
pub(super) fn restrict(
    writable: &[PathBuf],
    ports: &[u16],
) -> Result<Files, RulesetError> {
    let anywhere = AccessFs::ReadFile | AccessFs::ReadDir;
    let ports = ports.iter().map(|&port| {
        Ok::<_, RulesetError>(NetPort::new(port, AccessNet::BindTcp))
    });
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?
        .add_rules(path_beneath_rules(["/"], anywhere))?
        .add_rules(path_beneath_rules(writable, written()))?
        .add_rules(ports)?
        .restrict_self()?;
    Ok(match status.landlock {
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            Files::Restricted(kernel_abi.unwrap_or(effective_abi as i32))
        }
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => {
            Files::NotInThisKernel
        }
    })
}

/// Lets the calling thread, and what it starts, open no file but to read what
/// the kernel tells of this process, if the kernel can.
pub(super) fn restrict_to_own_process() -> Result<(), RulesetError> {
    // The rule is for this directory as it is in memory now. Held open, it
    // stays there; forgotten and read anew, it would be another.
    static HELD: OnceLock<Option<PathFd>> = OnceLock::new();
    HELD.get_or_init(|| PathFd::new(OWN_PROCESS).ok());
    let to_read = AccessFs::ReadFile | AccessFs::ReadDir;
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .create()?
        .add_rules(path_beneath_rules([OWN_PROCESS], to_read))?
        .restrict_self()
        .map(drop)
}

#[cfg(test)]
mod tests;
