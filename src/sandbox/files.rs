//! Restricts files by Landlock: the exporter reads anywhere and writes only to
//! its own directories. Ports, signals and abstract Unix sockets are restricted
//! too, if the kernel's Landlock has them.
//!
//! Reading is not limited to the files in the configuration, because a reload
//! may name others. The user of the process decides which files it can read.
//! Threads that talk to clients are limited further.

use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel,
    Compatible as _, LandlockStatus, NetPort, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, Scope,
    path_beneath_rules,
};

/// The newest version whose rights were reviewed. Rights of later versions are
/// not handled until somebody has reviewed them.
const KNOWN: ABI = ABI::V7;

/// The directory in which the kernel describes this process.
const OWN_PROCESS: &str = "/proc/self";

/// The restriction of files that is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// They are restricted, by this version of Landlock.
    Restricted(i32),
    /// The kernel has no Landlock, or it is not switched on.
    NotInThisKernel,
    /// They are not restricted, because the sandbox is turned off.
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

/// Returns the rights in a directory that the exporter writes to: to make and
/// replace files, and to make Unix sockets, but not to execute or to make
/// devices. Pipes and links only because one in the place of a file has to be
/// renamed.
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

/// Restricts the calling thread and the threads it starts, if the kernel can.
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

/// Lets the calling thread, and the threads it starts, open only `/proc/self`,
/// and only to read, if the kernel can.
pub(super) fn restrict_to_own_process() -> Result<(), RulesetError> {
    // The rule belongs to the inode in memory. The open descriptor keeps it
    // there; if the kernel dropped it, a new inode would not match the rule.
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
