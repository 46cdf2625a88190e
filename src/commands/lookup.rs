//! `geoip-exporter lookup`: says where addresses belong, and why.
//!
//! It reads the configuration and the files that it names, and needs no running
//! exporter.

mod answer;

use std::net::IpAddr;
use std::sync::Arc;

use super::Done;
use crate::classifier::{Rules, Sources};
use crate::cli::Arguments;
use crate::config::{Config, Loaded, LogLevel};
use crate::files::Place;
use crate::geoip::{CityDatabase, Database, NetworkDatabase, Records};
use crate::logging::{chain, complain};
use crate::ranges::{RangeNames, RangeSources};
use crate::sysexits;
use answer::Knowledge;

/// Looks up the addresses. A word that is no address is one line on standard
/// error; the others are answered all the same.
pub(super) fn run(loaded: &Loaded, arguments: &Arguments) -> Done {
    let mut status = sysexits::OK;
    let mut fault = |text: &str, wrong: u8| {
        complain(LogLevel::Error, text);
        if status == sysexits::OK {
            status = wrong;
        }
    };
    let mut addresses: Vec<IpAddr> = Vec::new();
    for word in &arguments.addresses {
        match word.trim_matches(['[', ']']).parse() {
            Ok(address) => addresses.push(address),
            Err(_) => fault(
                &format!(
                    "{word:?} is not an address, such as 198.51.100.7 or \
                     2001:db8::1"
                ),
                sysexits::USAGE,
            ),
        }
    }
    let mut knowledge = gather(&loaded.config, &mut |text| {
        fault(text, sysexits::CONFIG);
    });
    let answers: Vec<_> =
        addresses.into_iter().map(|it| knowledge.answer(it)).collect();
    let text = match arguments.json {
        true => {
            let json = serde_json::to_string_pretty(&answers);
            json.unwrap_or_default() + "\n"
        }
        false => {
            let texts: Vec<_> =
                answers.iter().map(ToString::to_string).collect();
            texts.join("\n")
        }
    };
    Done { text, status }
}

/// Reads the databases and the files of ranges. A file that cannot be used is
/// told of, and the answers say what is missing.
fn gather(config: &Config, fault: &mut dyn FnMut(&str)) -> Knowledge {
    let (mut no_countries, mut no_networks) = (None, None);
    let countries = match Database::open(&config.geoip_db) {
        Ok(database) => Some(Arc::new(database)),
        Err(error) => {
            no_countries = Some(format!("no database: {}", chain(&error)));
            None
        }
    };
    let networks =
        match config.networks.then(|| NetworkDatabase::open(&config.asn_db)) {
            Some(Ok(database)) => Some(Arc::new(database)),
            Some(Err(error)) => {
                no_networks = Some(format!("no database: {}", chain(&error)));
                None
            }
            None => {
                no_networks = Some("networks = true is not set".into());
                None
            }
        };
    let sources = RangeSources {
        definitions: config.range.clone(),
        files: config.range_files.clone(),
    };
    let ranges = sources.load(&RangeNames::default(), &Place::default());
    let ranges = ranges.unwrap_or_else(|error| {
        for text in &error.faults.0 {
            fault(text);
        }
        Default::default()
    });
    let rules = Rules {
        ranges: Arc::new(ranges.table),
        ipv4_length: config.ipv4_prefix_length,
        ipv6_length: config.ipv6_prefix_length,
        name_special: config.name_special_addresses,
    };
    let records = Records::read(&config.geoip_db);
    let cities = open_cities(config, fault);
    let sources = Sources { countries, networks, cities, rules };
    let language = config.names_language.clone();
    Knowledge::new(sources, records, language, no_countries, no_networks)
}

/// Opens the database of cities, if the configuration uses one.
fn open_cities(
    config: &Config,
    fault: &mut dyn FnMut(&str),
) -> Option<Arc<CityDatabase>> {
    let path = config.city_db.as_deref().filter(|_| config.remote_hosts)?;
    match CityDatabase::open(path) {
        Ok(database) => Some(Arc::new(database)),
        Err(error) => {
            fault(&chain(&error));
            None
        }
    }
}
