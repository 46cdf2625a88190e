//! The configuration from the outside: files, environment and flags in, values
//! or problems out.

mod files;
mod layers;
mod lists;
mod messages;
mod sources;
mod syntax;
mod values;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use geoip_exporter::config::{self, Error, Flags, Loaded, Paths, load};
use tempfile::TempDir;

/// A root with configuration files, an environment and flags.
struct World {
    root: TempDir,
    environment: Vec<(OsString, OsString)>,
    flags: Flags,
}

impl World {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("geoip-exporter.d")).unwrap();
        Self { root, environment: Vec::new(), flags: Flags::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn paths(&self) -> Paths {
        Paths {
            file: self.path("geoip-exporter.toml"),
            directory: self.path("geoip-exporter.d"),
            databases: vec![self.path("1.mmdb"), self.path("2.mmdb")],
            network_databases: vec![self.path("asn.mmdb")],
            city_databases: vec![self.path("city.mmdb")],
            hosts: self.path("hosts"),
            services: self.path("services"),
        }
    }

    fn write(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        fs::write(self.path(name), text).unwrap();
        self
    }

    fn file(self, text: &str) -> Self {
        self.write("geoip-exporter.toml", text)
    }

    fn drop_in(self, name: &str, text: &str) -> Self {
        self.write(&format!("geoip-exporter.d/{name}"), text)
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        let setting = config::find(key).unwrap();
        self.flags.values.push((setting, value.into()));
        self
    }

    fn load(&self) -> Result<Loaded, Error> {
        load(&self.flags, &self.environment, &self.paths())
    }

    /// Loads a configuration that must be correct.
    fn good(&self) -> Loaded {
        self.load().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Loads a configuration that must be refused; the root's path becomes
    /// `/etc`.
    fn bad(&self) -> String {
        let Err(error) = self.load() else { panic!("nothing was refused") };
        self.etc(&error)
    }

    fn etc(&self, text: impl ToString) -> String {
        let root = self.root.path().to_str().unwrap();
        text.to_string().replace(root, "/etc")
    }
}
