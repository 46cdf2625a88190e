//! The units of a report.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

/// Returns a number of bytes with a binary unit and two digits behind the point.
#[must_use]
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.995 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.2} {}", UNITS[unit])
}

/// Returns a rate in bits per second with a decimal unit.
#[must_use]
pub(super) fn rate(bytes: u64, seconds: f64) -> String {
    const UNITS: [&str; 5] = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"];
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = bytes as f64 * 8.0 / seconds.max(1.0);
    let mut unit = 0;
    while value >= 999.995 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.2} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_fit_their_numbers() {
        for (number, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1_048_575, "1.00 MiB"),
            (20 << 40, "20.00 TiB"),
            (u64::MAX, "16.00 EiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
        assert_eq!(rate(125, 1.0), "1.00 kbit/s");
        assert_eq!(rate(0, 0.0), "0.00 bit/s");
        assert_eq!(rate(1_250_000_000, 10.0), "1.00 Gbit/s");
    }
}
