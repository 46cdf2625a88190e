//! Reads the layers. No other file of the configuration touches the disk.
//!
//! Runs on the main thread, at the start and at every reload.

#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::error::{Error, Problem, Source};
use super::layer::{Flags, Layer, remains};
use super::names::{self, Register};
use super::resolve::{Loaded, resolve};
use super::settings;
use super::text::utf8;
use crate::calendar::Zone;
use crate::files::{self, Place, Unread};

/// The variable that names the configuration file, as `--config` does.
pub const CONFIG_VARIABLE: &str = "GEOIP_EXPORTER_CONFIG";

/// The setting whose value may contain names of hosts and services.
const WITH_NAMES: &str = "listen_address";

/// The limit for a file of names; a larger one is not read.
const LARGEST_REGISTER: u64 = 16 * 1024 * 1024;

/// The limit for a configuration file.
const LARGEST_FILE: u64 = 1024 * 1024;

/// The device number of `/dev/null`, which may have other names.
const NULL_DEVICE: u64 = libc::makedev(1, 3);

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
    fn network_database(&self) -> Option<PathBuf> {
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

/// Reads and merges every layer: defaults, file, directory, environment,
/// flags.
///
/// `environment` is the environment of the process, such as
/// `std::env::vars_os().collect()`.
///
/// # Errors
///
/// Returns every problem of every layer together.
pub fn load(
    flags: &Flags,
    environment: &[(OsString, OsString)],
    paths: &Paths,
) -> Result<Loaded, Error> {
    load_at(flags, environment, paths, &Place::default())
}

/// Does the same as [`load`], and notes in `place` the file that it reads.
///
/// # Errors
///
/// As [`load`].
pub fn load_at(
    flags: &Flags,
    environment: &[(OsString, OsString)],
    paths: &Paths,
    place: &Place,
) -> Result<Loaded, Error> {
    let settings: Vec<_> = settings::all().collect();
    let mut problems = Vec::new();
    let mut layers = Vec::new();

    match named_file(flags, environment) {
        Some((file, by)) if file.as_os_str().is_empty() => {
            problems.push(Problem::new(by, "names no file"));
        }
        Some((file, by)) if file.to_str().and_then(remains).is_some() => {
            let fault = file.to_str().and_then(remains).unwrap_or_default();
            problems.push(Problem::new(by, fault));
        }
        Some((file, by)) => match read_at(&file, place) {
            Ok(text) => push(&mut layers, &mut problems, &file, &text),
            Err(fault) => {
                let mut problem = fault.of(&file);
                problem.text += &format!(" (named by {by})");
                problems.push(problem);
            }
        },
        None => {
            place.enter(&paths.file);
            read_optional(&paths.file, &mut layers, &mut problems);
        }
    }
    place.enter(&paths.directory);
    let mut left_out = Vec::new();
    match drop_ins(&paths.directory) {
        Ok(found) => {
            left_out = found.left_out;
            for file in found.files {
                match read_at(&file, place) {
                    Ok(text) => push(&mut layers, &mut problems, &file, &text),
                    Err(fault) => problems.push(fault.of(&file)),
                }
            }
        }
        Err(error) => problems.push(Problem::new(
            Source::File(paths.directory.clone()),
            format!("cannot be read: {error}"),
        )),
    }
    let (layer, unknown) =
        Layer::environment(&settings, environment, CONFIG_VARIABLE);
    layers.push(layer);
    problems.extend(unknown);
    let (layer, wrong) = Layer::flags(flags);
    layers.push(layer);
    problems.extend(wrong);

    for layer in &mut layers {
        if let Some(value) = layer.values.get_mut(WITH_NAMES) {
            names::replace(value, &|register| known(register, paths));
        }
    }
    let mut loaded = resolve(&settings, &layers, problems)?;
    if !loaded.is_set("geoip_db")
        && let Some(database) = paths.database()
    {
        loaded.config.geoip_db = database;
    }
    if !loaded.is_set("asn_db")
        && let Some(database) = paths.network_database()
    {
        loaded.config.asn_db = database;
    }
    if !loaded.is_set("city_db") {
        let mut databases = paths.city_databases.iter();
        loaded.config.city_db = databases.find(|path| path.exists()).cloned();
    }
    keep_whole_addresses(&mut loaded);
    if loaded.config.history_timezone.name().is_empty() {
        loaded.config.history_timezone = Zone::system();
    }
    Ok(Loaded { left_out, ..loaded })
}

/// Sets the lengths of prefixes that remote hosts need, unless a layer sets
/// them.
fn keep_whole_addresses(loaded: &mut Loaded) {
    if !loaded.config.remote_hosts {
        return;
    }
    if !loaded.is_set("ipv4_prefix_length") {
        loaded.config.ipv4_prefix_length = 32;
    }
    if !loaded.is_set("ipv6_prefix_length") {
        loaded.config.ipv6_prefix_length = 128;
    }
}

/// Returns the text of a file of names, empty if it cannot be read.
fn known(register: Register, paths: &Paths) -> String {
    let path = match register {
        Register::Hosts => &paths.hosts,
        Register::Services => &paths.services,
        // The interfaces of this thread's network namespace.
        Register::Interfaces => Path::new("/proc/thread-self/net/if_inet6"),
    };
    match files::read(path, LARGEST_REGISTER) {
        Ok(content) => String::from_utf8_lossy(&content.bytes).into_owned(),
        Err(_) => String::new(),
    }
}

/// Returns the file that a flag or the environment names, and its source.
fn named_file(
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

fn read_at(file: &Path, place: &Place) -> Result<String, Unreadable> {
    place.enter(file);
    read(file)
}

fn read_optional(
    file: &Path,
    layers: &mut Vec<Layer>,
    problems: &mut Vec<Problem>,
) {
    // A dangling link is a mistake, not an absent file.
    let absent = fs::symlink_metadata(file)
        .is_err_and(|error| error.kind() == ErrorKind::NotFound);
    if absent {
        return;
    }
    match read(file) {
        Ok(text) => push(layers, problems, file, &text),
        Err(fault) => problems.push(fault.of(file)),
    }
}

fn push(
    layers: &mut Vec<Layer>,
    problems: &mut Vec<Problem>,
    file: &Path,
    text: &str,
) {
    match Layer::toml(file, text) {
        Ok(layer) => layers.push(layer),
        Err(problem) => problems.push(problem),
    }
}

/// The reason why a file cannot be used.
struct Unreadable {
    line: Option<usize>,
    text: String,
}

impl Unreadable {
    fn of(self, file: &Path) -> Problem {
        let problem = Problem::new(Source::File(file.into()), self.text);
        Problem { line: self.line, ..problem }
    }
}

impl From<String> for Unreadable {
    fn from(text: String) -> Self {
        Self { line: None, text }
    }
}

/// Reads a file's text, or returns the reason why it cannot.
fn read(file: &Path) -> Result<String, Unreadable> {
    let cannot = |error: io::Error| {
        let hint = match file.to_string_lossy().starts_with('~') {
            true => "; only a shell replaces ~: write the whole path",
            false => "",
        };
        format!("cannot be read: {error}{hint}")
    };
    // The null device means an empty configuration.
    let found = fs::metadata(file);
    if found.is_ok_and(|found| found.rdev() == NULL_DEVICE) {
        return Ok(String::new());
    }
    match files::read(file, LARGEST_FILE) {
        Ok(content) => utf8(content.bytes)
            .map_err(|(line, text)| Unreadable { line, text }),
        Err(Unread::Open(error) | Unread::Read(error)) => {
            Err(cannot(error).into())
        }
        Err(Unread::Kind(kind)) => Err(format!("is {kind}, not a file").into()),
        Err(Unread::TooLarge) => {
            let text =
                "is too large for a configuration: it has more than 1 MiB";
            Err(text.to_owned().into())
        }
    }
}

/// The files of the directory in name order.
#[derive(Default)]
struct DropIns {
    files: Vec<PathBuf>,
    /// Files that are left out, with the reason.
    left_out: Vec<(PathBuf, &'static str)>,
}

/// Lists the directory. Hidden files are left out, because editors make such
/// backups.
fn drop_ins(directory: &Path) -> io::Result<DropIns> {
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
