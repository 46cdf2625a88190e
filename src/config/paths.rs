//! The places of the configuration: the files that are read, in their order.

#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::error::Source;
use super::layer::Flags;

/// The variable that names the configuration file, as `--config` does.
pub const CONFIG_VARIABLE: &str = "GEOIP_EXPORTER_CONFIG";

/// The places of configuration files and other files that are read with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The file that is read if no other is named; it may be absent.
    pub file: PathBuf,
    /// The directory whose `*.toml` files are read after it; it may be
    /// absent.
    pub directory: PathBuf,
    /// The names of hosts, hosts(5).
    pub hosts: PathBuf,
    /// The names of ports, services(5).
    pub services: PathBuf,
    /// The databases that are tried in order if none is named.
    pub databases: Vec<PathBuf>,
    /// The same of networks.
    pub network_databases: Vec<PathBuf>,
    /// The same of cities.
    pub city_databases: Vec<PathBuf>,
}

/// The directories in which geoipupdate and distributions put databases.
const DATABASE_DIRECTORIES: [&str; 3] =
    ["/usr/share/GeoIP", "/var/lib/GeoIP", "/usr/local/share/GeoIP"];

/// The names of databases with countries in these directories.
const DATABASE_NAMES: [&str; 5] = [
    "GeoLite2-Country.mmdb",
    "GeoIP2-Country.mmdb",
    "GeoLite2-City.mmdb",
    "GeoIP2-City.mmdb",
    "dbip-country-lite.mmdb",
];

/// The names of databases of networks in these directories.
const NETWORK_DATABASE_NAMES: [&str; 3] =
    ["GeoLite2-ASN.mmdb", "GeoIP2-ISP.mmdb", "dbip-asn-lite.mmdb"];

/// The names of databases of cities in these directories.
const CITY_DATABASE_NAMES: [&str; 3] =
    ["GeoLite2-City.mmdb", "GeoIP2-City.mmdb", "dbip-city-lite.mmdb"];

/// Returns the paths of files of these names, in the order of the names.
fn in_directories(names: &[&str]) -> Vec<PathBuf> {
    let of_name = |name: &&str| {
        DATABASE_DIRECTORIES.map(|folder| Path::new(folder).join(name))
    };
    names.iter().flat_map(of_name).collect()
}

impl Paths {
    /// Returns the database that is used if none is named.
    #[must_use]
    pub fn database(&self) -> Option<PathBuf> {
        self.databases.iter().find(|path| path.exists()).cloned()
    }

    /// Returns the database of networks that is used if none is named.
    pub(super) fn network_database(&self) -> Option<PathBuf> {
        self.network_databases.iter().find(|path| path.exists()).cloned()
    }
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            file: "/etc/geoip-exporter.toml".into(),
            directory: "/etc/geoip-exporter.d".into(),
            hosts: "/etc/hosts".into(),
            services: "/etc/services".into(),
            databases: in_directories(&DATABASE_NAMES),
            network_databases: in_directories(&NETWORK_DATABASE_NAMES),
            city_databases: in_directories(&CITY_DATABASE_NAMES),
        }
    }
}

/// Returns the file that a flag or the environment names, and its source.
pub(super) fn named_file(
    flags: &Flags,
    environment: &[(OsString, OsString)],
) -> Option<(PathBuf, Source)> {
    if let Some(file) = &flags.config_file {
        return Some((file.clone(), Source::Flag("--config".into())));
    }
    let (_, file) = environment
        .iter()
        .find(|(name, file)| name == CONFIG_VARIABLE && !file.is_empty())?;
    Some((file.into(), Source::Variable(CONFIG_VARIABLE.into())))
}

/// The files of the directory in name order.
#[derive(Default)]
pub(super) struct DropIns {
    pub(super) files: Vec<PathBuf>,
    /// Files that are left out, with the reason.
    pub(super) left_out: Vec<(PathBuf, &'static str)>,
}

/// Lists the directory. Hidden files are left out, because editors make such
/// backups.
pub(super) fn drop_ins(directory: &Path) -> io::Result<DropIns> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(DropIns::default());
        }
        entries => entries?,
    };
    let mut found = DropIns::default();
    for entry in entries {
        let file = entry?.path();
        let name = file.file_name().unwrap_or_default();
        let hidden = name.as_encoded_bytes().starts_with(b".");
        if hidden {
            found.left_out.push((file, "its name begins with a dot"));
        } else if file.extension() != Some(OsStr::new("toml")) {
            found.left_out.push((file, "its name does not end in .toml"));
        } else {
            found.files.push(file);
        }
    }
    found.files.sort();
    found.left_out.sort();
    Ok(found)
}
