//! A file system for maps and links, of the test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::process::output_of;

/// A mount of bpffs, gone with what is pinned in it.
pub(crate) struct Bpffs {
    directory: TempDir,
}

impl Bpffs {
    /// Mounts an empty one.
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().expect("cannot make a directory");
        output_of(
            Command::new("mount")
                .args(["-t", "bpf", "-o", "mode=0755", "none"])
                .arg(directory.path()),
        );
        Self { directory }
    }

    /// Returns a directory in it, which is not made.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Returns the names of what is in a directory in it, in their order.
    pub(crate) fn names(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).expect("the directory is there");
        let name = |entry: std::io::Result<fs::DirEntry>| {
            let name = entry.expect("it can be read").file_name();
            name.into_string().expect("names are text")
        };
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
    }
}

impl Drop for Bpffs {
    fn drop(&mut self) {
        let path = self.directory.path();
        let unmounted = Command::new("umount").arg("-l").arg(path).status();
        // A test that fails already should say why it does.
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("cannot unmount {}", path.display());
        }
    }
}
