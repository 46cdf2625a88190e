//! The section of any slice, in every version that there was.
//!
//! A file is never changed. `UPDATE_STATE_FILES=1` writes the one of the newest
//! version if it is missing.

use std::fs;
use std::path::Path;

use geoip_exporter::collectors::section::SectionContent;
use geoip_exporter::geoip::CountryLabels;

/// Calls `check` with the content and the labels of the file of every version.
/// The newest version has the bytes of `expected`.
pub(super) fn read_every_version<S: SectionContent>(
    expected: &S,
    check: impl Fn(S, CountryLabels),
) {
    for version in 1..=S::NEWEST {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("tests/data/state/{}-{version}.section", S::NAME));
        if std::env::var_os("UPDATE_STATE_FILES").is_some()
            && version == S::NEWEST
            && !path.exists()
        {
            fs::write(&path, expected.encode()).unwrap();
        }
        let bytes = fs::read(&path).unwrap();
        let mut labels = CountryLabels::default();
        let read = S::decode(&bytes, &mut labels);
        check(read.expect("a section of this version is read"), labels);
        if version == S::NEWEST {
            assert!(expected.encode() == bytes, "it is of an old form");
        }
    }
}

/// Calls `check` with the content of the section with each of its bits changed,
/// unless it is refused. Each section that is cut short is refused.
pub(super) fn damage<S: SectionContent>(good: &S, check: impl Fn(S)) {
    let good = good.encode();
    let decode = |bytes: &[u8]| S::decode(bytes, &mut CountryLabels::default());
    for place in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[place] ^= 1 << bit;
            if let Some(read) = decode(&bytes) {
                check(read);
            }
        }
    }
    for length in 0..good.len() {
        assert!(decode(&good[..length]).is_none(), "cut to {length} bytes");
    }
}
