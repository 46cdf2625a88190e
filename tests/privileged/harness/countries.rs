//! Fifty countries, each with addresses of both IP versions, and the database
//! that knows them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::mmdb::{Value, Writer};

/// The countries. The place of a country is its number.
pub(crate) const CODES: [&str; 50] = [
    "AR", "AT", "AU", "BE", "BG", "BR", "CA", "CH", "CL", "CN", "CO", "CZ",
    "DE", "DK", "EE", "EG", "ES", "FI", "FR", "GB", "GR", "HU", "ID", "IE",
    "IL", "IN", "IS", "IT", "JP", "KE", "KR", "LT", "LU", "LV", "MX", "MY",
    "NG", "NL", "NO", "NZ", "PL", "PT", "RO", "SE", "SG", "TH", "TR", "UA",
    "US", "ZA",
];

/// Returns an address of a country: in 198.18.N.0/24, which has 254 of them, or
/// in 2001:db8:N::/48.
pub(crate) fn address(country: usize, host: u16, ip_version: u8) -> IpAddr {
    let number = u8::try_from(country).expect("at most 49");
    match ip_version {
        4 => {
            let host = u8::try_from(host).expect("at most 254");
            Ipv4Addr::new(198, 18, number, host).into()
        }
        _ => {
            let number = u16::from(number);
            Ipv6Addr::new(0x2001, 0xdb8, number, 0, 0, 0, 0, host).into()
        }
    }
}

/// Returns the database.
pub(crate) fn database() -> Vec<u8> {
    database_with(|number| CODES[number])
}

/// Returns a database in which countries have other codes.
pub(crate) fn database_with(code: impl Fn(usize) -> &'static str) -> Vec<u8> {
    let mut writer = Writer::new(6, 24);
    for number in 0..CODES.len() {
        let code = Value::Map(vec![("iso_code", Value::Text(code(number)))]);
        let record = Value::Map(vec![("country", code)]);
        writer.insert(&format!("198.18.{number}.0/24"), &record);
        writer.insert(&format!("2001:db8:{number:x}::/48"), &record);
    }
    writer.finish("GeoLite2-Country")
}
