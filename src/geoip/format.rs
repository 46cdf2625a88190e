//! Recognises other files in the place of a database.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::path::Path;

/// First bytes of files, and the format that they show.
const BEGINNINGS: [(&[u8], &str); 4] = [
    (b"PK\x03\x04", "a zip archive: unpack it, and name the .mmdb file in it"),
    (b"BZh", "compressed with bzip2: unpack it with bunzip2"),
    (b"\xfd7zXZ\0", "compressed with xz: unpack it with unxz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it with unzstd"),
];

/// Beginnings of texts, and the format that they show.
const TEXTS: [(&[u8], &str); 3] = [
    (
        b"version https://git-lfs.github.com/spec/",
        "a pointer of Git LFS, not the file itself: fetch that with git lfs \
         pull",
    ),
    (b"{", "JSON, not a database: fetch the .mmdb file"),
    (
        b"<",
        "a web page or XML, as a proxy or a login page sends: fetch the \
         .mmdb file anew",
    ),
];

/// The place of a tar archive's mark.
const TAR: (usize, &[u8]) = (257, b"ustar");

/// The distance of a legacy database's mark from its end.
const LEGACY_TAIL: usize = 256;

/// Returns the kind of a file that is no database: the rest of "it is ...".
pub(super) fn recognise(path: &Path, bytes: &[u8]) -> Option<&'static str> {
    let name = path.to_string_lossy().to_ascii_lowercase();
    if bytes.starts_with(b"\x1f\x8b") {
        let is_archive = [".tar.gz", ".tgz"].iter().any(|e| name.ends_with(e));
        return Some(match is_archive {
            true => {
                "a compressed archive: unpack it with tar -xzf, and name the \
                 .mmdb file in it"
            }
            false => "compressed with gzip: unpack it with gunzip",
        });
    }
    if bytes.get(TAR.0..).is_some_and(|rest| rest.starts_with(TAR.1)) {
        let what = "a tar archive: unpack it with tar -xf, and name the .mmdb \
                    file in it";
        return Some(what);
    }
    if is_legacy(&name, bytes) {
        let what = "a legacy database (.dat), which has not been updated since \
                    2019: fetch a GeoLite2 or other .mmdb file";
        return Some(what);
    }
    let begins = |text: &[u8], all: &[(&[u8], &'static str)]| {
        let found = all.iter().find(|(start, _)| text.starts_with(start));
        found.map(|(_, what)| *what)
    };
    if !is_text(bytes) {
        return begins(bytes, &BEGINNINGS);
    }
    let blanks = bytes.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes[blanks..]);
    begins(text, &TEXTS).or(Some("text, such as CSV: fetch the .mmdb file"))
}

/// Returns whether a file is of the format that came before .mmdb. Most say so
/// at their end, a few by their name alone.
fn is_legacy(name: &str, bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(LEGACY_TAIL)..];
    let has = |text: &[u8]| tail.windows(text.len()).any(|part| part == text);
    (has(b"GEO-") && has(b"MaxMind")) || name.ends_with(".dat")
}

fn is_text(bytes: &[u8]) -> bool {
    let beginning = &bytes[..bytes.len().min(512)];
    let is_whole = match str::from_utf8(beginning) {
        Ok(_) => true,
        // A character may go on behind the beginning.
        Err(error) => error.error_len().is_none(),
    };
    let is_printed =
        |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    is_whole && beginning.iter().all(is_printed)
}
