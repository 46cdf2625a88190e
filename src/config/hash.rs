//! A hash of a configuration, to compare machines.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::fmt::Write as _;

use ring::digest::{SHA256, digest};

use super::{Config, settings};

/// Bytes of the hash that are shown: short enough to read out, and long enough
/// that two configurations of a fleet do not share one.
const SHOWN: usize = 8;

/// Returns the hash of the settings that differ from their defaults, in
/// hexadecimal.
///
/// Defaults are left out, so that the hash stays the same with a release that
/// has more settings, and if a default is written into a file.
pub fn hash(config: &Config) -> String {
    let mut text = String::new();
    for setting in settings::all() {
        let value = (setting.write)(config);
        if value != setting.default_value() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{} = {value}", setting.key);
        }
    }
    let digest = digest(&SHA256, text.as_bytes());
    digest.as_ref()[..SHOWN]
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_setting_changes_the_hash_and_its_order_is_fixed() {
        let seconds = |seconds| Config {
            poll_interval: Duration::from_secs(seconds),
            ..Config::default()
        };
        let both = Config { host: true, ..seconds(5) };
        let hashes = [Config::default(), seconds(5), seconds(6), both]
            .map(|config| hash(&config));
        // As sha256sum of these lines begins: none, poll_interval = "5s",
        // poll_interval = "6s", and poll_interval = "5s" before host = true.
        assert_eq!(
            hashes,
            [
                "e3b0c44298fc1c14",
                "da74d0561030101c",
                "877d5888feec0b8c",
                "54a2de2bb812ee8b",
            ]
        );
    }
}
