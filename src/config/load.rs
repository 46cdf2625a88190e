//! Reads the layers. No other file of the configuration touches the disk.
//!
//! Runs on the main thread, at the start and at every reload.

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::error::{Error, Problem, Source};
use super::layer::{Flags, Layer, remains};
use super::names::{self, Register};
use super::paths::{CONFIG_VARIABLE, Paths, drop_ins, named_file};
use super::resolve::{Loaded, resolve};
use super::seen;
use super::settings;
use super::text::utf8;
use crate::calendar::Zone;
use crate::files::{self, Place, Unread};

/// The setting whose value may contain names of hosts and services.
const WITH_NAMES: &str = "listen_address";

/// The limit for a file of names; a larger one is not read.
const LARGEST_REGISTER: u64 = 16 * 1024 * 1024;

/// The limit for a configuration file.
const LARGEST_FILE: u64 = 1024 * 1024;

/// The device number of `/dev/null`, which may have other names.
const NULL_DEVICE: u64 = libc::makedev(1, 3);

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

    // Before they are read: a change in the meantime is a change.
    let seen = seen::look(flags, environment, paths, place);
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
    Ok(Loaded { left_out, seen, ..loaded })
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
