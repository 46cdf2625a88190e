//! The part of a slice that is saved for the next start.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use serde::Serialize;

use crate::geoip::CountryLabels;

/// The content of one section of a state file.
///
/// To save another value, add a field with `#[serde(default)]`: older files are
/// read without it, and older releases skip it. A value whose meaning changes
/// needs a new version, and the old one is still to be read. Either way, raise
/// `NEWEST` in `tests/it/state_forms.rs`, which keeps a file of every form.
pub trait SectionContent: Sized {
    /// The name of the section: at most 16 letters.
    const NAME: &'static str;

    /// The newest version that is read.
    const NEWEST: u32;

    /// Returns the oldest version by which this content can be read.
    fn version(&self) -> u32 {
        Self::NEWEST
    }

    /// Returns the bytes of the content.
    fn encode(&self) -> Vec<u8>;

    /// Returns the content of the bytes, or none if they make no sense. Takes
    /// in the labels of its countries, which all sections have in common.
    fn decode(body: &[u8], labels: &mut CountryLabels) -> Option<Self>;
}

/// Returns a value in MessagePack by the names of its fields. A form without
/// names (as postcard's) would make every added field a form that older
/// releases cannot read.
///
/// # Panics
/// If the value has a list of unknown length.
#[must_use]
pub fn encoded(content: &impl Serialize) -> Vec<u8> {
    let mut body = Vec::new();
    rmp_serde::encode::write_named(&mut body, content)
        .expect("numbers and texts can be written to memory");
    body
}
