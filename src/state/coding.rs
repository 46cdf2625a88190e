//! The parts of a state as bytes and back. All numbers are little-endian.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;

use super::Fault;
use crate::accounting::{Direction, InterfaceId, IpVersion, Volume};
use crate::collectors::traffic::Breakdown;
use crate::geoip::Country;

/// No counter gets there: 2^62 bytes take a century at 10 Gbit/s. Beyond it,
/// counting on could overflow.
pub(super) const LARGEST: u64 = 1 << 62;

/// What stands for no country.
const NO_CODE: [u8; 2] = [0; 2];

/// What was written.
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    /// Any number.
    pub(super) fn word(&mut self, word: u64) {
        self.0.extend_from_slice(&word.to_le_bytes());
    }

    /// A counter.
    pub(super) fn number(&mut self, number: u64) {
        self.word(number);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(super) fn country(&mut self, country: Country) {
        let code = country.as_str().as_bytes();
        self.0.extend(<[u8; 2]>::try_from(code).unwrap_or(NO_CODE));
    }

    pub(super) fn length(&mut self, length: usize) {
        self.number(u64::try_from(length).unwrap_or(u64::MAX));
    }

    pub(super) fn volume(&mut self, volume: Volume) {
        self.number(volume.packets);
        self.number(volume.bytes);
    }

    pub(super) fn breakdown(&mut self, breakdown: &Breakdown) {
        for direction in [Direction::Received, Direction::Sent] {
            for ip_version in [IpVersion::V4, IpVersion::V6] {
                self.volume(breakdown.get(direction, ip_version));
            }
        }
    }
}

/// What is left to be read.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) =
            self.0.split_at_checked(count).ok_or(Fault::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (taken, rest) =
            self.0.split_first_chunk().ok_or(Fault::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn word(&mut self) -> Result<u64, Fault> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A word that is a number of 32 bits.
    pub(super) fn half(&mut self) -> Result<u32, Fault> {
        u32::try_from(self.word()?).map_err(|_| Fault::Malformed)
    }

    pub(super) fn number(&mut self) -> Result<u64, Fault> {
        let number = self.word()?;
        (number <= LARGEST).then_some(number).ok_or(Fault::Malformed)
    }

    pub(super) fn numbers<const N: usize>(
        &mut self,
    ) -> Result<[u64; N], Fault> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = self.number()?;
        }
        Ok(numbers)
    }

    pub(super) fn length(&mut self) -> Result<usize, Fault> {
        usize::try_from(self.number()?).map_err(|_| Fault::Malformed)
    }

    pub(super) fn volume(&mut self) -> Result<Volume, Fault> {
        Ok(Volume { packets: self.number()?, bytes: self.number()? })
    }

    pub(super) fn breakdown(&mut self) -> Result<Breakdown, Fault> {
        let volumes = [(); 4].map(|()| self.volume());
        let mut fault = None;
        let mut volumes = volumes.into_iter();
        let breakdown = Breakdown::of(|_, _| match volumes.next() {
            Some(Ok(volume)) => volume,
            other => {
                fault = other.and_then(Result::err);
                Volume::default()
            }
        });
        fault.map_or(Ok(breakdown), Err)
    }

    pub(super) fn interface(&mut self) -> Result<InterfaceId, Fault> {
        Ok(InterfaceId(self.half()?))
    }

    pub(super) fn text(&mut self) -> Result<Arc<str>, Fault> {
        let length = self.length()?;
        let text = std::str::from_utf8(self.bytes(length)?);
        Ok(text.map_err(|_| Fault::Malformed)?.into())
    }

    /// Reads a list whose elements are in the order of their keys, each once.
    pub(super) fn ordered<T, K: Ord>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<T, Fault>,
        key: impl Fn(&T) -> K,
    ) -> Result<Vec<T>, Fault> {
        let mut elements: Vec<T> = Vec::new();
        for _ in 0..self.length()? {
            let next = element(self)?;
            let last = elements.last();
            if last.is_some_and(|last| key(last) >= key(&next)) {
                return Err(Fault::Malformed);
            }
            elements.push(next);
        }
        Ok(elements)
    }

    pub(super) fn country(&mut self) -> Result<Country, Fault> {
        let code: [u8; 2] = self.array()?;
        if code == NO_CODE {
            return Ok(Country::UNKNOWN);
        }
        std::str::from_utf8(&code)
            .ok()
            .and_then(Country::from_code)
            .filter(|country| country.as_str().as_bytes() == code)
            .ok_or(Fault::Malformed)
    }
}
