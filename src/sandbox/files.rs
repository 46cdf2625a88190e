//! Files, by Landlock: read anywhere, written where the exporter writes.
//!
//! Reading is not limited to what the configuration names: a reload may name
//! any other database or configuration. What the exporter may read is up to
//! the user it runs as.

use std::fmt;
use std::path::PathBuf;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel,
    Compatible as _, LandlockStatus, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, path_beneath_rules,
};

/// The newest version whose rights were looked through: a right that a later
/// one brings is not taken unseen.
const KNOWN: ABI = ABI::V5;

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
pub(super) fn restrict(writable: &[PathBuf]) -> Result<Files, RulesetError> {
    let anywhere = AccessFs::ReadFile | AccessFs::ReadDir;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::ConnectTcp)?
        .create()?
        .add_rules(path_beneath_rules(["/"], anywhere))?
        .add_rules(path_beneath_rules(writable, written()))?
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// Restricts a thread of its own, not the tests beside it.
    #[test]
    fn files_are_read_anywhere_and_written_where_it_is_allowed() {
        let folder = tempfile::TempDir::new().unwrap();
        let [open, closed] = ["open", "closed"].map(|name| {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("old"), "text").unwrap();
            path
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let restricted = std::thread::spawn(move || {
            let files = restrict(std::slice::from_ref(&open)).unwrap();
            // As the state of a program is saved.
            let replaced = fs::write(open.join("new"), "text")
                .and_then(|()| fs::rename(open.join("new"), open.join("old")))
                .and_then(|()| fs::remove_file(open.join("old")));
            let results = [
                fs::write(closed.join("new"), "text"),
                fs::write(closed.join("old"), "text"),
                fs::remove_file(closed.join("old")),
                fs::rename(closed.join("old"), closed.join("new")),
                TcpStream::connect(address).map(drop),
            ];
            let read = fs::read_to_string(closed.join("old"));
            (files, replaced, results, read)
        });
        let (files, replaced, results, read) = restricted.join().unwrap();
        replaced.unwrap();
        match files {
            Files::Restricted(version) => {
                assert_eq!(read.unwrap(), "text");
                // Connecting came with the fourth version.
                let known = if version < 4 { 4 } else { 5 };
                for (number, result) in results.iter().take(known).enumerate() {
                    let kind = result.as_ref().map_err(std::io::Error::kind);
                    let denied = Err(ErrorKind::PermissionDenied);
                    assert_eq!(kind, denied, "result {number}");
                }
            }
            _ => assert!(results[0].is_ok(), "{results:?}"),
        }
    }
}
