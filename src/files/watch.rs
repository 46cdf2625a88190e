//! Notices that followed files have changed.
//!
//! A follower looks at the files from time to time; this file decides whether
//! it opens them. Opening a file that is still being written would fail and
//! cause a warning for nothing. So a change counts once two looks in a row saw
//! the same.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Distinguishes one file, or one state of a file, from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
    /// Bytes.
    size: u64,
    /// Last modification: seconds since the epoch, and nanoseconds.
    modified: (i64, i64),
    /// Last change of the data or the inode, such as of its permissions.
    changed: (i64, i64),
}

impl Identity {
    /// Returns the identity of the file at `path` with symbolic links
    /// followed, `None` if it does not exist or cannot be seen.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().as_ref().map(Self::from)
    }
}

impl From<&Metadata> for Identity {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// The states of several files, in order: `None` if a file does not exist.
pub type States = Vec<Option<Identity>>;

/// Compares successive looks at files with the state they were opened in.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    opened: States,
    seen: States,
}

impl Watch {
    /// Notes the states in which the files were opened, or could not be opened.
    /// Call it whenever they are opened for another reason than a look.
    pub fn opened(&mut self, states: States) {
        self.opened.clone_from(&states);
        self.seen = states;
    }

    /// Notes that the files could not be opened for a temporary reason.
    /// Existing files count as new again.
    pub fn try_again(&mut self) {
        self.opened.fill(None);
    }

    /// Takes one look and returns whether to open the files now: their states
    /// differ from those in which they were opened, and are the same as at the
    /// last look.
    ///
    /// Each state is reported once, so that there is one warning for a file
    /// that cannot be opened. A missing file is a state too.
    #[must_use]
    pub fn is_new(&mut self, now: States) -> bool {
        let is_stable = now == self.seen;
        self.seen = now;
        if !is_stable || self.seen == self.opened {
            return false;
        }
        self.opened.clone_from(&self.seen);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn state(size: u64) -> States {
        vec![Some(Identity {
            device: 1,
            inode: 2,
            size,
            modified: (3, 4),
            changed: (5, 6),
        })]
    }

    fn none() -> States {
        vec![None]
    }

    fn watch(opened: States) -> Watch {
        let mut watch = Watch::default();
        watch.opened(opened);
        watch
    }

    #[test]
    fn a_file_that_stays_is_left_alone() {
        let mut watch = watch(state(1));
        assert!(!watch.is_new(state(1)));
        assert!(!watch.is_new(state(1)));
    }

    #[test]
    fn a_file_that_appears_is_opened_at_the_second_look_and_once() {
        let mut watch = watch(none());
        assert!(!watch.is_new(none()));
        assert!(!watch.is_new(state(1)));
        assert!(watch.is_new(state(1)));
        assert!(!watch.is_new(state(1)));
    }

    #[test]
    fn a_file_that_is_being_written_is_left_alone_until_it_rests() {
        let mut watch = watch(state(1));
        for size in 2..5 {
            assert!(!watch.is_new(state(size)));
        }
        assert!(watch.is_new(state(4)));
    }

    #[test]
    fn a_file_that_vanishes_is_reported_once_and_once_when_it_comes_back() {
        let mut watch = watch(state(1));
        assert!(!watch.is_new(none()));
        assert!(watch.is_new(none()));
        watch.try_again();
        for now in [none(), none(), state(1)] {
            assert!(!watch.is_new(now));
        }
        assert!(watch.is_new(state(1)));
        assert!(!watch.is_new(state(1)));
    }

    #[test]
    fn a_file_that_is_away_for_a_moment_is_left_alone() {
        let mut watch = watch(state(1));
        for now in [none(), state(1), state(1)] {
            assert!(!watch.is_new(now));
        }
    }

    #[test]
    fn a_file_that_could_not_be_opened_for_now_is_tried_again() {
        let mut watch = watch(none());
        assert!(!watch.is_new(state(1)));
        assert!(watch.is_new(state(1)));
        watch.try_again();
        assert!(watch.is_new(state(1)));
        assert!(!watch.is_new(state(1)));
    }

    #[test]
    fn of_several_files_each_counts() {
        let of = |a, b| [state(a), state(b)].concat();
        let mut watch = watch(of(1, 1));
        assert!(!watch.is_new(of(1, 2)));
        assert!(watch.is_new(of(1, 2)));
        assert!(!watch.is_new(of(3, 2)));
        assert!(watch.is_new(of(3, 2)));
        assert!(!watch.is_new([state(3), none()].concat()));
        assert!(watch.is_new([state(3), none()].concat()));
        watch.try_again();
        assert!(watch.is_new([state(3), none()].concat()));
    }

    #[test]
    fn a_file_that_may_be_read_from_now_on_has_another_identity() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.mmdb");
        fs::write(&path, "one").unwrap();
        let before = Identity::of(&path);
        let permissions = fs::Permissions::from_mode(0o600);
        fs::set_permissions(&path, permissions).unwrap();
        assert_ne!(before, Identity::of(&path));
    }

    #[test]
    fn a_file_opened_by_a_reload_is_left_alone() {
        let mut watch = watch(state(1));
        assert!(!watch.is_new(state(2)));
        watch.opened(state(2));
        assert!(!watch.is_new(state(2)));
    }

    #[test]
    fn a_file_written_anew_in_place_or_replaced_has_another_identity() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.mmdb");
        assert_eq!(Identity::of(&path), None);

        fs::write(&path, "one").unwrap();
        let first = Identity::of(&path);
        assert_eq!(first, Identity::of(&path));

        fs::write(&path, "longer").unwrap();
        let second = Identity::of(&path);
        assert_ne!(first, second);

        fs::write(folder.path().join("y"), "longer").unwrap();
        fs::rename(folder.path().join("y"), &path).unwrap();
        assert_ne!(second, Identity::of(&path));
    }
}
