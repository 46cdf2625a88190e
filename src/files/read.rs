//! Reads a regular file as a whole, within a bound.

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::Identity;

/// A file that was read.
#[derive(Debug)]
pub struct Content {
    /// All of it.
    pub bytes: Vec<u8>,
    /// Its state when it was opened.
    pub identity: Identity,
    /// Is true if it was written to while it was read.
    pub has_changed: bool,
}

/// The reason why a file was not read.
#[derive(Debug)]
pub enum Unread {
    /// It cannot be opened.
    Open(io::Error),
    /// It is not a regular file: the kind with its article, such as "a FIFO".
    Kind(&'static str),
    /// It has more bytes than the bound allows.
    TooLarge,
    /// Reading failed.
    Read(io::Error),
}

/// Reads a regular file of at most `most` bytes. Never waits for the other end
/// of a FIFO.
///
/// # Errors
/// If it cannot be read, is not a regular file, or is larger.
pub fn read(path: &Path, most: u64) -> Result<Content, Unread> {
    let open =
        OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let file = match open {
        Ok(file) => file,
        // A socket cannot be opened.
        Err(error) => {
            return Err(match kind_of_other(path) {
                Some(kind) => Unread::Kind(kind),
                None => Unread::Open(error),
            });
        }
    };
    let metadata = file.metadata().map_err(Unread::Open)?;
    if let Some(kind) = other_kind(metadata.file_type()) {
        return Err(Unread::Kind(kind));
    }
    if metadata.len() > most {
        return Err(Unread::TooLarge);
    }
    let identity = Identity::from(&metadata);
    let bytes = read_all(&file, metadata.len(), most).map_err(Unread::Read)?;
    if bytes.len() as u64 > most {
        return Err(Unread::TooLarge);
    }
    let after = file.metadata().map_err(Unread::Read)?;
    let has_changed = Identity::from(&after) != identity;
    Ok(Content { bytes, identity, has_changed })
}

/// Reads a file of a nominal `length`. The file may have grown, and files in
/// /proc are longer than their nominal length. A result of more than `most`
/// bytes means that the file is too large.
fn read_all(mut file: &File, length: u64, most: u64) -> io::Result<Vec<u8>> {
    let capacity = usize::try_from(length).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(capacity + 1);
    file.by_ref().take(most + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the kind, such as "a FIFO", of a file that is not a regular file;
/// none if it is one, or cannot be looked at. Does not open the file.
#[must_use]
pub fn kind_of_other(path: &Path) -> Option<&'static str> {
    other_kind(fs::metadata(path).ok()?.file_type())
}

/// Returns the kind of a file that is not a regular file.
fn other_kind(kind: FileType) -> Option<&'static str> {
    match kind {
        kind if kind.is_file() => None,
        kind if kind.is_dir() => Some("a directory"),
        kind if kind.is_fifo() => Some("a FIFO"),
        kind if kind.is_socket() => Some("a socket"),
        _ => Some("a device"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "four").unwrap();
        let content = read(&path, 4).unwrap();
        assert_eq!(content.bytes, b"four");
        assert_eq!(Some(content.identity), Identity::of(&path));
        assert!(!content.has_changed);
        assert!(matches!(read(&path, 3), Err(Unread::TooLarge)));
        let endless = Path::new("/proc/self/status");
        assert!(matches!(read(endless, 3), Err(Unread::TooLarge)));
        let missing = folder.path().join("missing");
        assert!(matches!(read(&missing, 3), Err(Unread::Open(_))));
    }

    #[test]
    fn only_a_regular_file_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let (fifo, socket) =
            (folder.path().join("fifo"), folder.path().join("socket"));
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        )
        .unwrap();
        let _listener = UnixListener::bind(&socket).unwrap();
        for (path, expected) in [
            (folder.path(), "a directory"),
            (&fifo, "a FIFO"),
            (&socket, "a socket"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            let result = read(path, 10);
            let is_expected =
                matches!(result, Err(Unread::Kind(kind)) if kind == expected);
            assert!(is_expected, "{path:?}: {result:?}");
        }
    }
}
