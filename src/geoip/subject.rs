//! The subjects of databases: the answers that they give, and the databases
//! that are good for each.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::path::Path;

use serde::Deserialize;

use super::city::CityRecord;
use super::country_names::{CountryNames, CountryNamesBuilder};
use super::network::{NamesBuilder, NetworkNames};
use super::owner::Owner;
use super::record::{Content, Record, is_type_of_owners};
use super::{Country, Error, Network};

/// A subject of databases.
pub trait Subject: Send + Sync + 'static {
    /// The value of the `database` label.
    const LABEL: &'static str;

    /// The answer for an address, by default for one without an answer.
    type Answer: Copy + Default + Send;
    /// The part of a record that is about the subject.
    type Record<'a>: Deserialize<'a>;
    /// The content of all records together.
    type Findings: Default;
    /// The names of the answers.
    type Names: Default + Send + Sync;

    /// Returns the answer of a record.
    fn answer(record: &Self::Record<'_>) -> Self::Answer;

    /// Takes in a record of a database that is being checked.
    fn gather(findings: &mut Self::Findings, record: &Self::Record<'_>);

    /// Returns the names in a database of this content.
    ///
    /// # Errors
    /// If the database is about something else.
    fn judge(
        findings: Self::Findings,
        path: &Path,
        database_type: &str,
    ) -> Result<Self::Names, Error>;
}

/// Countries.
#[derive(Clone, Copy, Debug)]
pub struct Countries;

impl Subject for Countries {
    const LABEL: &'static str = "country";
    type Answer = Country;
    type Record<'a> = Record<'a>;
    type Findings = (Content, CountryNamesBuilder);
    type Names = CountryNames;

    fn answer(record: &Record<'_>) -> Country {
        record.country
    }

    fn gather((content, names): &mut Self::Findings, record: &Record<'_>) {
        content.add(record.content);
        names.add(record.country, record.name, record.continent);
    }

    fn judge(
        (content, names): Self::Findings,
        path: &Path,
        database_type: &str,
    ) -> Result<CountryNames, Error> {
        let (path, database_type) = (path.into(), database_type.into());
        if !content.has_country() {
            return Err(Error::NoCountry { path, database_type });
        }
        if content.is_of_owners() || is_type_of_owners(&database_type) {
            return Err(Error::Owners { path, database_type });
        }
        Ok(names.finish())
    }
}

/// Networks: autonomous systems.
#[derive(Clone, Copy, Debug)]
pub struct Networks;

impl Subject for Networks {
    const LABEL: &'static str = "asn";
    type Answer = Network;
    type Record<'a> = Owner<'a>;
    type Findings = (bool, NamesBuilder);
    type Names = NetworkNames;

    fn answer(owner: &Owner<'_>) -> Network {
        owner.network
    }

    fn gather((has_any, names): &mut Self::Findings, owner: &Owner<'_>) {
        if owner.network != Network::UNKNOWN {
            *has_any = true;
            names.add(owner.network, owner.name().unwrap_or_default());
        }
    }

    fn judge(
        (has_any, names): Self::Findings,
        path: &Path,
        database_type: &str,
    ) -> Result<NetworkNames, Error> {
        match has_any {
            true => Ok(names.finish()),
            false => Err(Error::NoNetwork {
                path: path.into(),
                database_type: database_type.into(),
            }),
        }
    }
}

/// Cities. The poller never asks for them: their names are read when somebody
/// wants to see them.
#[derive(Clone, Copy, Debug)]
pub struct Cities;

impl Subject for Cities {
    const LABEL: &'static str = "city";
    type Answer = ();
    type Record<'a> = CityRecord<'a>;
    type Findings = bool;
    type Names = ();

    fn answer(_: &CityRecord<'_>) {}

    fn gather(has_city: &mut bool, record: &CityRecord<'_>) {
        *has_city |= record.has_city;
    }

    fn judge(
        has_city: bool,
        path: &Path,
        database_type: &str,
    ) -> Result<(), Error> {
        match has_city {
            true => Ok(()),
            false => Err(Error::NoCity {
                path: path.into(),
                database_type: database_type.into(),
            }),
        }
    }
}
