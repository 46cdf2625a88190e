//! `--check-config` finds every fault that a start or a reload would refuse, and
//! changes nothing.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use geoip_exporter::sysexits;
use tempfile::TempDir;

use crate::databases::path;

/// A folder with a configuration in it that is good, and more lines.
struct World(TempDir);

impl World {
    fn new(lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = path("country-maxmind.mmdb");
        let text = format!(
            "geoip_db = {database:?}\nlisten_address = \"127.0.0.1:0\"\n{lines}"
        );
        // A key that is set again stands for the first.
        let mut lines: Vec<&str> = Vec::new();
        for line in text.lines() {
            let key = line.split('=').next().unwrap();
            lines.retain(|other| other.split('=').next().unwrap() != key);
            lines.push(line);
        }
        fs::write(folder.path().join("x.toml"), lines.join("\n")).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn check(&self) -> Output {
        Command::new(env!("CARGO_BIN_EXE_geoip-exporter"))
            .env_clear()
            .arg("--check-config")
            .arg("--config")
            .arg(self.path().join("x.toml"))
            .output()
            .unwrap()
    }

    /// Returns the lines that begin like this, without the folder's name.
    fn lines(&self, output: &Output, beginning: &str) -> Vec<String> {
        let text = String::from_utf8(output.stderr.clone()).unwrap();
        let text = text.replace(self.path().to_str().unwrap(), "/etc");
        let lines = text.lines().filter(|line| line.starts_with(beginning));
        lines.map(str::to_owned).collect()
    }

    /// Returns the faults, which there must be.
    fn faults(&self) -> Vec<String> {
        let output = self.check();
        assert_eq!(
            output.status.code(),
            Some(sysexits::CONFIG.into()),
            "{output:?}"
        );
        self.lines(&output, "/etc/")
    }

    /// Returns the lines that begin like this of a check that passes.
    fn passes(&self, beginning: &str) -> Vec<String> {
        let output = self.check();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        self.lines(&output, beginning)
    }
}

#[test]
fn a_database_that_cannot_be_used_is_a_fault() {
    let world = World::new("geoip_db = \"/none.mmdb\"");
    assert_eq!(
        world.faults(),
        ["/etc/x.toml:2: geoip_db: cannot open GeoIP database \
          \"/none.mmdb\": No such file or directory"]
    );
    let asn = path("asn.mmdb");
    let world = World::new(&format!("geoip_db = {asn:?}"));
    assert_eq!(
        world.faults(),
        [format!(
            "/etc/x.toml:2: geoip_db: cannot use GeoIP database {asn:?}: it \
             is of type \"GeoLite2-ASN\" and its records carry no country; \
             use a country or city database"
        )]
    );
    let country = path("country-flat.mmdb");
    let off = format!("asn_db = {country:?}\n");
    let world = World::new(&off);
    assert_eq!(world.passes("/etc/"), [""; 0], "networks are off");
    let world = World::new(&format!("{off}networks = true\n"));
    assert_eq!(
        world.faults(),
        [format!(
            "/etc/x.toml:3: asn_db: cannot use GeoIP database {country:?}: it \
             is of type \"ipv4/ipv6-country_code\" and its records carry no \
             number of an autonomous system; use an ASN or ISP database"
        )]
    );
}

#[test]
fn every_fault_of_a_file_of_ranges_is_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list.txt");
    fs::write(&list, "nonsense\n192.0.2.0/24\n192.0.2.1/24\n").unwrap();
    let list = list.display();
    let world = World::new(&format!(
        "range_files = [{{ path = \"{list}\", name = \"a\" }}]\n"
    ));
    let faults = world.faults();
    assert_eq!(faults.len(), 2, "{faults:?}");
    let begin = format!("/etc/x.toml:3: range_files: {list}");
    assert!(faults[0].starts_with(&format!("{begin}:1: ")), "{faults:?}");
    assert!(faults[1].starts_with(&format!("{begin}:3: ")), "{faults:?}");
}

#[test]
fn an_address_in_use_is_a_fault_that_names_who_listens() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let world = World::new(&format!("listen_address = \"{address}\""));
    let fault = world.faults().remove(0);
    let expected = format!(
        "/etc/x.toml:2: listen_address: cannot listen on {address}: the port \
         is in use"
    );
    assert!(fault.starts_with(&expected), "{fault}");
    let process = format!("process {})", std::process::id());
    assert!(fault.ends_with(&process), "{fault}");
    drop(other);
    assert_eq!(world.passes("/etc/"), [""; 0]);
}

#[test]
fn two_addresses_that_are_the_same_are_a_fault() {
    let lines = "listen_address = [\"127.0.0.1:9\", \"0.0.0.0:9\"]";
    assert_eq!(
        World::new(lines).faults(),
        ["/etc/x.toml:2: listen_address: cannot listen on 0.0.0.0:9: \
          127.0.0.1:9 is in the list too and has it already; leave one of \
          them out of listen_address"]
    );
}

#[test]
fn an_address_of_nobody_here_is_a_fault() {
    let world = World::new("listen_address = \"192.0.2.1:9100\"");
    assert_eq!(
        world.faults(),
        ["/etc/x.toml:2: listen_address: cannot listen on 192.0.2.1:9100: no \
          interface has the address 192.0.2.1; choose one of this machine's \
          with --listen-address, or 0.0.0.0 for all"]
    );
}

#[test]
fn a_name_without_an_interface_is_warned_of_as_it_may_come() {
    let world = World::new("interfaces = \"lo,wg77\"");
    assert_eq!(
        world.passes("warning"),
        ["warning: /etc/x.toml:3: interfaces: there is no interface \"wg77\" \
          yet"]
    );
}

#[test]
fn a_name_without_a_range_is_warned_of_as_it_may_come() {
    let world = World::new(
        "connections_ignore = \"offise,192.0.2.1\"\n\
         [[range]]\nname = \"office\"\ncidrs = \"192.0.2.0/24\"\n",
    );
    let warnings = world.passes("warning");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].ends_with(
            "connections_ignore: there is no range with the name \"offise\", \
             did you mean \"office\"?"
        ),
        "{warnings:?}"
    );
}

#[test]
fn a_web_configuration_is_checked_with_its_certificates() {
    let world = World::new("web_config_file = \"/none.yml\"");
    let output = world.check();
    assert_eq!(output.status.code(), Some(78));
    assert_eq!(
        world.lines(&output, "/none"),
        ["/none.yml: cannot be read: No such file or directory (os error 2)"]
    );
    let web = world.path().join("web.yml");
    let text = "tls_server_config:\n  cert_file: x.crt\n  key_file: x.key\n";
    fs::write(&web, text).unwrap();
    let world = World::new(&format!("web_config_file = {web:?}"));
    let folder = web.parent().unwrap().display();
    let output = world.check();
    assert_eq!(output.status.code(), Some(78));
    assert_eq!(
        world.lines(&output, web.to_str().unwrap()),
        [format!(
            "{folder}/web.yml:2: tls_server_config.cert_file: {folder}/x.crt \
             cannot be read: No such file or directory (os error 2)"
        )]
    );
}

#[test]
fn directories_are_looked_at_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("a/state");
    let pins = folder.path().join("a/pins");
    let world = World::new(&format!(
        "state_directory = {state:?}\npin_directory = {pins:?}"
    ));
    assert_eq!(
        world.faults(),
        [format!(
            "/etc/x.toml:4: pin_directory: {} is not in bpffs: mount it with \
             mount -t bpf bpf /sys/fs/bpf, and name a directory in it",
            pins.display()
        )]
    );
    assert!(!folder.path().join("a").exists());

    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let world = World::new(&format!(
        "state_directory = {file:?}\npin_directory = \"\""
    ));
    let shown = file.display();
    assert_eq!(
        world.faults(),
        [format!(
            "/etc/x.toml:3: state_directory: cannot use {shown}: {shown} is \
             not a directory"
        )]
    );
}

#[test]
fn every_fault_is_said_at_once() {
    let world = World::new(
        "geoip_db = \"/none.mmdb\"\nlisten_address = \"192.0.2.1:1\"\n\
         web_config_file = \"/none.yml\"",
    );
    let output = world.check();
    let text = String::from_utf8(output.stderr).unwrap();
    for word in ["/none.mmdb", "192.0.2.1", "/none.yml"] {
        assert!(text.contains(word), "{text}");
    }
}
