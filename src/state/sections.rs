//! Sections: the parts of a state file, each with a name, a version, a length
//! and checksums of its own.
//!
//! The header of a section begins with a mark and has a checksum too. So the
//! sections behind a damaged header are still found.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::fmt;

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use crate::collectors::section::SectionContent;

/// The first bytes of every section.
const MARK: [u8; 8] = *b"\xf0section";

const NAME_LENGTH: usize = 16;

/// The mark, the name, the version, the length, two checksums.
pub(super) const HEADER_LENGTH: usize =
    MARK.len() + NAME_LENGTH + 4 + 8 + 2 * SHA256_OUTPUT_LEN;

type Checksum = [u8; SHA256_OUTPUT_LEN];

/// A name in ASCII, filled up with zeros.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name([u8; NAME_LENGTH]);

impl Name {
    pub(super) const fn of(text: &str) -> Self {
        let text = text.as_bytes();
        let mut name = [0; NAME_LENGTH];
        let mut at = 0;
        while at < text.len() {
            name[at] = text[at];
            at += 1;
        }
        Self(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.0.iter().position(|&byte| byte == 0);
        let text = &self.0[..length.unwrap_or(NAME_LENGTH)];
        write!(f, "{}", text.escape_ascii())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A section as it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub(super) name: Name,
    pub(super) version: u32,
    checksum: Checksum,
    pub(super) body: Vec<u8>,
}

impl Section {
    pub(super) fn new(name: Name, version: u32, body: Vec<u8>) -> Self {
        Self { name, version, checksum: checksum(&body), body }
    }

    /// Returns the section of a slice's content.
    #[must_use]
    pub fn of<T: SectionContent>(content: &T) -> Self {
        Self::new(Name::of(T::NAME), content.version(), content.encode())
    }

    /// Returns whether the body is as it was written.
    pub(super) fn is_sound(&self) -> bool {
        checksum(&self.body) == self.checksum
    }

    /// Returns the number of bytes that it takes in a file.
    pub(super) fn length(&self) -> usize {
        HEADER_LENGTH + self.body.len()
    }

    /// Adds it to a file.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        let first = to.len();
        to.extend_from_slice(&MARK);
        to.extend_from_slice(&self.name.0);
        to.extend_from_slice(&self.version.to_le_bytes());
        to.extend_from_slice(&(self.body.len() as u64).to_le_bytes());
        to.extend_from_slice(&self.checksum);
        let own = checksum(&to[first..]);
        to.extend_from_slice(&own);
        to.extend_from_slice(&self.body);
    }

    /// Returns the section that bytes begin with, cut short where they are.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (header, rest) = bytes.split_at_checked(HEADER_LENGTH)?;
        let (header, own) = header.split_last_chunk()?;
        let header = header.strip_prefix(&MARK)?;
        if checksum(&bytes[..HEADER_LENGTH - own.len()]) != *own {
            return None;
        }
        let (name, header) = header.split_first_chunk()?;
        let (version, header) = header.split_first_chunk()?;
        let (length, header) = header.split_first_chunk()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        Some(Self {
            name: Name(*name),
            version: u32::from_le_bytes(*version),
            checksum: header.try_into().ok()?,
            body: rest[..length.min(rest.len())].into(),
        })
    }
}

/// The sections of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) sections: Vec<Section>,
    /// True if some bytes belong to no section.
    pub(super) has_gaps: bool,
}

/// Returns every section whose header is as it was written.
pub(super) fn read(mut bytes: &[u8]) -> Found {
    let mut found = Found::default();
    while !bytes.is_empty() {
        bytes = if let Some(section) = Section::read(bytes) {
            let rest = &bytes[section.length()..];
            found.sections.push(section);
            rest
        } else {
            found.has_gaps = true;
            // From the second byte on: the first may begin a damaged header.
            let rest = &bytes[1..];
            let next = rest.windows(MARK.len()).position(|at| at == MARK);
            next.map_or(&[][..], |at| &rest[at..])
        };
    }
    found
}

fn checksum(bytes: &[u8]) -> Checksum {
    let mut checksum = [0; SHA256_OUTPUT_LEN];
    checksum.copy_from_slice(digest(&SHA256, bytes).as_ref());
    checksum
}
