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
use crate::geoip::{CityDatabase, Database, Error, NetworkDatabase, Records};
use crate::logging::{chain, complain};
use crate::ranges::{RangeNames, RangeSources};
use crate::sysexits;
use answer::Knowledge;

/// Looks up the addresses. A word that is no address, and a file that cannot be
/// used, is one line on standard error; the rest is answered all the same.
pub(super) fn run(loaded: &Loaded, arguments: &Arguments) -> Done {
    let mut status = sysexits::OK;
    let mut fault = |text: &str, wrong: u8| {
        let level = match wrong {
            sysexits::OK => LogLevel::Warn,
            _ => LogLevel::Error,
        };
        complain(level, text);
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
    let mut knowledge = gather(loaded, &mut fault);
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

/// Takes a line for standard error, and the exit status that it causes.
type Complaints<'a> = &'a mut dyn FnMut(&str, u8);

/// Reads the databases and the files of ranges. A file that cannot be used is
/// told of, and the answers say what is missing.
fn gather(loaded: &Loaded, fault: Complaints<'_>) -> Knowledge {
    let config = &loaded.config;
    let mut used = |key, error: Error| {
        let why = format!("no database: {}", chain(&error));
        let (line, status) = complaint(loaded, key, &error);
        fault(&line, status);
        why
    };
    let (mut no_countries, mut no_networks) = (None, None);
    let countries = match Database::open(&config.geoip_db) {
        Ok(database) => Some(Arc::new(database)),
        Err(error) => {
            no_countries = Some(used("geoip_db", error));
            None
        }
    };
    let networks =
        match config.networks.then(|| NetworkDatabase::open(&config.asn_db)) {
            Some(Ok(database)) => Some(Arc::new(database)),
            Some(Err(error)) => {
                no_networks = Some(used("asn_db", error));
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
            fault(text, sysexits::CONFIG);
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
    let cities = open_cities(loaded, fault);
    let sources = Sources { countries, networks, cities, rules };
    let language = config.names_language.clone();
    Knowledge::new(sources, records, language, no_countries, no_networks)
}

/// Returns the line about a database that cannot be opened, and the exit status.
/// It is no fault that there is none where the configuration names none.
fn complaint(
    loaded: &Loaded,
    key: &'static str,
    error: &Error,
) -> (String, u8) {
    if loaded.is_set(key) || !error.is_not_found() {
        let problem = loaded.problem(key, chain(error));
        return (problem.to_string(), sysexits::CONFIG);
    }
    let (subject, unknown) = match key {
        "geoip_db" => ("countries", "every country"),
        _ => ("networks", "every network"),
    };
    let text = format!(
        "warning: there is no database of {subject}, so {unknown} that no \
         range names is UNKNOWN: {key} is not set, and the default file does \
         not exist"
    );
    (text, sysexits::OK)
}

/// Opens the database of cities, if the configuration uses one.
fn open_cities(
    loaded: &Loaded,
    fault: Complaints<'_>,
) -> Option<Arc<CityDatabase>> {
    let config: &Config = &loaded.config;
    let path = config.city_db.as_deref().filter(|_| config.remote_hosts)?;
    match CityDatabase::open(path) {
        Ok(database) => Some(Arc::new(database)),
        Err(error) => {
            let (line, status) = complaint(loaded, "city_db", &error);
            fault(&line, status);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::Layers;

    #[test]
    fn a_missing_database_is_a_fault_only_if_it_is_configured_or_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let mut loaded = Layers::default().load().unwrap();
        let mut said = |file: &str, content: Option<&str>| {
            let path = folder.path().join(file);
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            loaded.config.geoip_db = path;
            loaded.config.networks = true;
            loaded.config.asn_db = folder.path().join("none");
            let mut lines = Vec::new();
            gather(&loaded, &mut |line, status| {
                lines.push((line.to_owned(), status));
            });
            lines
        };
        let lines = said("none", None);
        let (line, status) = &lines[0];
        assert!(line.contains("every country that no range names"), "{line}");
        assert!(line.contains("geoip_db is not set"), "{line}");
        assert_eq!(*status, sysexits::OK);
        let (line, status) = &lines[1];
        assert!(line.contains("asn_db is not set"), "{line}");
        assert_eq!((lines.len(), *status), (2, sysexits::OK));
        // The file at the default place is the database of the exporter.
        let (line, status) = &said("text", Some("no database"))[0];
        assert!(line.starts_with("default: geoip_db: cannot use"), "{line}");
        assert_eq!(*status, sysexits::CONFIG);
    }
}
