//! From when until when a certificate is valid.
//!
//! By hand: the TLS library does not tell, and the crates that read all of a
//! certificate are larger than it. This reads two fields.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use time::format_description::well_known::Rfc3339;
use time::{Date, Month, Time, UtcDateTime};

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// The version, which is left out if it is 1.
const VERSION: u8 = 0xa0;

/// The bounds of a certificate, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) not_before: i64,
    pub(super) not_after: i64,
}

impl Validity {
    /// Returns the fault of the validity at a point in time, if it has one.
    pub(super) fn fault_at(self, now: i64) -> Option<String> {
        let date = |seconds| {
            UtcDateTime::from_unix_timestamp(seconds)
                .ok()
                .and_then(|time| time.format(&Rfc3339).ok())
                .unwrap_or_else(|| format!("{seconds} seconds after 1970"))
        };
        if self.not_after < now {
            let then = date(self.not_after);
            return Some(format!(
                "the certificate expired at {then}; clients refuse it"
            ));
        }
        if now < self.not_before {
            let then = date(self.not_before);
            return Some(format!(
                "the certificate is not valid before {then}; clients refuse \
                 it until then"
            ));
        }
        None
    }

    /// Reads a certificate in DER, as RFC 5280 describes it in section 4.1.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let (certificate, _) = take(certificate, SEQUENCE)?;
        let (mut fields, _) = take(certificate, SEQUENCE)?;
        if let Some((_, rest)) = take(fields, VERSION) {
            fields = rest;
        }
        // The serial number, the algorithm of the signature, the issuer.
        for tag in [INTEGER, SEQUENCE, SEQUENCE] {
            (_, fields) = take(fields, tag)?;
        }
        let (validity, _) = take(fields, SEQUENCE)?;
        let (not_before, rest) = take_time(validity)?;
        let (not_after, _) = take_time(rest)?;
        Some(Self { not_before, not_after })
    }
}

/// Returns the content of the first element, which has this tag, and the bytes
/// after it.
fn take(from: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, length], rest) = from.split_first_chunk()?;
    if found != tag {
        return None;
    }
    if length < 0x80 {
        return rest.split_at_checked(length.into());
    }
    let (digits, rest) = rest.split_at_checked((length & 0x7f).into())?;
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    let length = digits
        .iter()
        .fold(0_usize, |length, &digit| length << 8 | usize::from(digit));
    rest.split_at_checked(length)
}

fn take_time(from: &[u8]) -> Option<(i64, &[u8])> {
    if let Some((text, rest)) = take(from, UTC_TIME) {
        let year = number(text.get(..2)?)?;
        let century = if year < 50 { 2000 } else { 1900 };
        return Some((seconds(century + year, text.get(2..)?)?, rest));
    }
    let (text, rest) = take(from, GENERALIZED_TIME)?;
    Some((seconds(number(text.get(..4)?)?, text.get(4..)?)?, rest))
}

/// Reads the part behind the year: `MMDDHHMMSSZ`.
fn seconds(year: u16, rest: &[u8]) -> Option<i64> {
    let (digits, b"Z") = rest.split_at_checked(10)? else { return None };
    let mut parts = digits
        .chunks(2)
        .map(|two| number(two).and_then(|number| u8::try_from(number).ok()));
    let mut next = || parts.next().flatten();
    let month = Month::try_from(next()?).ok()?;
    let date = Date::from_calendar_date(year.into(), month, next()?).ok()?;
    let time = Time::from_hms(next()?, next()?, next()?).ok()?;
    Some(UtcDateTime::new(date, time).unix_timestamp())
}

fn number(digits: &[u8]) -> Option<u16> {
    let is_number = digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &length[..], content].concat()
    }

    fn certificate(version: &[u8], times: &[(u8, &str)]) -> Vec<u8> {
        let times: Vec<u8> = times
            .iter()
            .flat_map(|(tag, text)| element(*tag, text.as_bytes()))
            .collect();
        let fields = [
            version.to_vec(),
            element(INTEGER, &[7]),
            element(SEQUENCE, b"algorithm"),
            element(SEQUENCE, &[b'x'; 300]),
            element(SEQUENCE, &times),
            element(SEQUENCE, b"subject"),
        ];
        let fields = element(SEQUENCE, &fields.concat());
        element(SEQUENCE, &[fields, vec![0; 20]].concat())
    }

    #[test]
    fn both_forms_of_time_are_read_with_and_without_version() {
        let version = element(VERSION, &[2, 1, 2]);
        let times = [
            (UTC_TIME, "491231235959Z"),
            (GENERALIZED_TIME, "20500101000000Z"),
        ];
        let expected =
            Validity { not_before: 2_524_607_999, not_after: 2_524_608_000 };
        for version in [&version[..], &[]] {
            let read = Validity::of(&certificate(version, &times));
            assert_eq!(read, Some(expected));
        }
        let old = [(UTC_TIME, "700101000000Z"), (UTC_TIME, "500101000000Z")];
        let read = Validity::of(&certificate(&[], &old)).unwrap();
        assert_eq!((read.not_before, read.not_after), (0, -631_152_000));
    }

    #[test]
    fn a_fault_is_told_with_the_date() {
        let validity = Validity { not_before: 1000, not_after: 2000 };
        let said = |now| validity.fault_at(now).unwrap_or_default();
        assert_eq!([said(1000), said(2000)], ["", ""]);
        assert!(said(999).contains("not valid before 1970-01-01T00:16:40Z"));
        assert!(said(2001).contains("expired at 1970-01-01T00:33:20Z"));
    }

    #[test]
    fn bytes_that_are_cut_off_or_no_time_are_none() {
        let right = (UTC_TIME, "300101000000Z");
        let whole = certificate(&[], &[right, right]);
        for length in 0..340 {
            assert_eq!(Validity::of(&whole[..length]), None, "{length}");
        }
        for wrong in [
            "",
            "30",
            "300101000000",
            "300101000000+0100",
            "301301000000Z",
            "300132000000Z",
            "300101240000Z",
            "3001010000 0Z",
            "+00101000000Z",
        ] {
            let one = certificate(&[], &[right, (UTC_TIME, wrong)]);
            assert_eq!(Validity::of(&one), None, "{wrong}");
        }
        assert_eq!(Validity::of(&[0x30, 0xff, 0xff]), None);
        assert_eq!(Validity::of(&[0x30, 0x80]), None);
    }
}
