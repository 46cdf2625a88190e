//! Finds out whether standard error is the journal of systemd.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;

/// The variable with the device and the inode of the journal's stream,
/// systemd.exec(5).
const VARIABLE: &str = "JOURNAL_STREAM";

/// Returns whether standard error is the stream that systemd connected to its
/// journal. It is not if standard error was redirected.
pub(super) fn is_stderr() -> bool {
    std::env::var_os(VARIABLE)
        .is_some_and(|stream| is_stream(&stream, io::stderr()))
}

fn is_stream(stream: &OsStr, output: impl AsFd) -> bool {
    let Some((device, inode)) =
        stream.to_str().and_then(|text| text.split_once(':'))
    else {
        return false;
    };
    let Ok(metadata) = output
        .as_fd()
        .try_clone_to_owned()
        .and_then(|copy| File::from(copy).metadata())
    else {
        return false;
    };
    device.parse() == Ok(metadata.dev()) && inode.parse() == Ok(metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_journal_where_device_and_inode_are_the_same() {
        let file = tempfile::tempfile().unwrap();
        let found = file.metadata().unwrap();
        let (device, inode) = (found.dev(), found.ino());
        let is = |text: String| is_stream(OsStr::new(&text), &file);
        assert!(is(format!("{device}:{inode}")));
        assert!(!is(format!("{device}:{}", inode + 1)));
        assert!(!is(format!("{}:{inode}", device + 1)));
        for broken in ["", ":", "1", "one:two"] {
            assert!(!is(broken.into()), "{broken}");
        }
    }
}
