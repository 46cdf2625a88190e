//! `geoip-exporter-fetch`, with a vendor that is a folder.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// Answers as curl does, with the file that `SERVED` names.
const CURL: &str = r#"#!/bin/bash
while [ $# -gt 1 ]; do
    [ "$1" != --output ] || output=$2
    shift
done
echo "$1" >>"$SERVED.asked"
[ -e "$SERVED" ] && gzip -c "$SERVED" >"$output"
"#;

/// A folder with the programs that the script finds, and the files it fetches.
struct Machine {
    folder: TempDir,
}

/// The end of a run.
#[derive(Debug, PartialEq, Eq)]
struct Ending {
    status: i32,
    said: String,
}

impl Machine {
    /// Makes one with the exporter in its PATH.
    fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(machine.path("bin")).unwrap();
        for (name, text) in [("curl", CURL), ("npm", "#!/bin/bash\nexit 1\n")] {
            let path = machine.path("bin").join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
                .unwrap();
        }
        let exporter = env!("CARGO_BIN_EXE_geoip-exporter");
        symlink(exporter, machine.path("bin/geoip-exporter")).unwrap();
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes the vendor serve a database of the tests.
    fn serve(&self, name: &str, year_of_build: u64) -> Vec<u8> {
        let bytes = database(name, year_of_build);
        fs::write(self.path("served"), &bytes).unwrap();
        bytes
    }

    /// Runs the script with these flags and the file that is its business.
    fn fetch(&self, flags: &[&str]) -> Ending {
        let output = Command::new("scripts/fetch-database")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(flags)
            .arg(self.path("x.mmdb"))
            .env("SERVED", self.path("served"))
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin", self.path("bin").display()),
            )
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        let folder = self.folder.path().to_str().unwrap();
        Ending {
            status: output.status.code().unwrap(),
            said: said.replace(folder, "").trim_end().to_owned(),
        }
    }

    fn fetched(&self) -> Vec<u8> {
        fs::read(self.path("x.mmdb")).unwrap()
    }

    /// Returns whether nothing is left beside the files that belong there.
    fn is_clean(&self) -> bool {
        let names = fs::read_dir(self.folder.path()).unwrap();
        let names = names.map(|it| it.unwrap().file_name());
        names.into_iter().all(|name| {
            let known = ["bin", "served", "served.asked", "x.mmdb"];
            known.iter().any(|it| name == *it)
        })
    }
}

/// Returns a database of the tests that was built in another year.
fn database(name: &str, year_of_build: u64) -> Vec<u8> {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut bytes = fs::read(format!("{root}/tests/data/{name}")).unwrap();
    let key = b"build_epoch";
    let at = bytes.windows(key.len()).rposition(|it| it == key).unwrap();
    let value = at + key.len();
    // An unsigned number of 64 bits stands behind a byte with its size and one
    // with its type.
    let size = usize::from(bytes[value] & 31);
    assert_eq!(bytes[value] >> 5, 0);
    let epoch = (year_of_build - 1970) * 31_556_952;
    let field = &mut bytes[value + 2..][..size];
    field.copy_from_slice(&epoch.to_be_bytes()[8 - size..]);
    bytes
}

fn ending(status: i32, said: &str) -> Ending {
    Ending { status, said: said.to_owned() }
}

const FETCHED: &str = "fetched /x.mmdb from db-ip.com: IP Geolocation by DB-IP \
                       (https://db-ip.com), CC BY 4.0";

#[test]
fn a_database_that_is_there_is_not_fetched_over() {
    let machine = Machine::new();
    fs::write(machine.path("x.mmdb"), "mine").unwrap();
    let said = "/x.mmdb is there already and stays as it is: replace it with \
                --update";
    assert_eq!(machine.fetch(&[]), ending(73, said));
    assert_eq!(machine.fetched(), b"mine");
    assert!(machine.is_clean());
}

#[test]
fn each_kind_is_asked_for_and_checked_as_such() {
    for (flag, kind, name) in [
        ("--country", "country", "country-dbip.mmdb"),
        ("--asn", "asn", "asn-dbip.mmdb"),
        ("--city", "city", "city-dbip.mmdb"),
    ] {
        let machine = Machine::new();
        let bytes = machine.serve(name, 2026);
        assert_eq!(machine.fetch(&[flag]), ending(0, FETCHED));
        assert_eq!(machine.fetched(), bytes);
        let asked = fs::read_to_string(machine.path("served.asked")).unwrap();
        assert!(asked.contains(&format!("/dbip-{kind}-lite-2")), "{asked}");
        assert!(machine.is_clean());
    }
}

#[test]
fn a_later_database_replaces_an_earlier_one_and_never_the_reverse() {
    let machine = Machine::new();
    machine.serve("country-dbip.mmdb", 2025);
    assert_eq!(machine.fetch(&["--update"]), ending(0, FETCHED));
    let later = machine.serve("country-dbip.mmdb", 2026);
    assert_eq!(machine.fetch(&["--update"]), ending(0, FETCHED));
    let said = "/x.mmdb is as new as that of db-ip.com and stays as it is";
    for year in [2026, 2025] {
        machine.serve("country-dbip.mmdb", year);
        assert_eq!(machine.fetch(&["--update"]), ending(0, said));
        assert_eq!(machine.fetched(), later);
    }
    // A file that is no database counts as older.
    fs::write(machine.path("x.mmdb"), "mine").unwrap();
    assert_eq!(machine.fetch(&["--update"]), ending(0, FETCHED));
    assert!(machine.is_clean());
}

#[test]
fn a_database_that_the_exporter_cannot_use_replaces_none() {
    let machine = Machine::new();
    let before = machine.serve("country-dbip.mmdb", 2025);
    machine.fetch(&["--update"]);
    machine.serve("damaged-record.mmdb", 2026);
    let Ending { status, said } = machine.fetch(&["--update"]);
    assert_eq!(status, 65, "{said}");
    let begin = "the database of db-ip.com is not usable, and /x.mmdb is left \
                 alone: --geoip-db: ";
    assert!(said.starts_with(begin), "{said}");
    assert_eq!(machine.fetched(), before);

    // One of networks is none of countries.
    machine.serve("asn-dbip.mmdb", 2026);
    assert_eq!(machine.fetch(&["--update"]).status, 65);
    assert_eq!(machine.fetched(), before);
    assert!(machine.is_clean());
}

#[test]
fn without_the_vendor_or_the_exporter_the_old_database_stays() {
    let machine = Machine::new();
    let said = "cannot fetch a database of networks from db-ip.com: put one at \
                /x.mmdb";
    assert_eq!(machine.fetch(&["--asn"]), ending(69, said));
    let said = "cannot fetch a database of cities from db-ip.com, nor with npm: \
                put one at /x.mmdb";
    assert_eq!(machine.fetch(&["--city"]), ending(69, said));
    let said = "cannot fetch a database of countries from db-ip.com, nor with \
                npm: put one at /x.mmdb";
    assert_eq!(machine.fetch(&["--update"]), ending(69, said));
    fs::write(machine.path("x.mmdb"), "mine").unwrap();
    let said = "cannot fetch a database of countries from db-ip.com, nor with \
                npm: /x.mmdb stays as it is";
    assert_eq!(machine.fetch(&["--update"]), ending(69, said));
    // A page of a portal is no database.
    fs::write(machine.path("served"), "<html>").unwrap();
    assert_eq!(machine.fetch(&["--update"]), ending(69, said));

    machine.serve("country-dbip.mmdb", 2026);
    fs::remove_file(machine.path("bin/geoip-exporter")).unwrap();
    let said = "there is no geoip-exporter beside fetch-database or in PATH, \
                which checks a database before it replaces another: install it";
    assert_eq!(machine.fetch(&["--update"]), ending(69, said));
    assert_eq!(machine.fetched(), b"mine");
    assert!(machine.is_clean());
}

#[test]
fn a_wrong_flag_is_named() {
    let machine = Machine::new();
    let Ending { status, said } = machine.fetch(&["--isp"]);
    assert_eq!(status, 64);
    assert!(said.starts_with("unknown flag --isp\nusage: "), "{said}");
}

#[test]
fn only_a_regular_file_is_replaced_and_a_link_leads_to_the_new_one() {
    let machine = Machine::new();
    let new = machine.serve("country-dbip.mmdb", 2026);
    fs::create_dir(machine.path("x.mmdb")).unwrap();
    let said = "/x.mmdb: is no regular file: name a file that may be replaced";
    assert_eq!(machine.fetch(&["--update"]), ending(73, said));
    fs::remove_dir(machine.path("x.mmdb")).unwrap();

    fs::write(machine.path("served.asked"), "mine").unwrap();
    symlink(machine.path("served.asked"), machine.path("x.mmdb")).unwrap();
    let Ending { status, said } = machine.fetch(&["--update"]);
    assert_eq!(status, 0, "{said}");
    assert!(fs::symlink_metadata(machine.path("x.mmdb")).unwrap().is_symlink());
    assert_eq!(machine.fetched(), new);
    assert!(machine.is_clean());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let machine = Machine::new();
    fs::write(machine.path("served"), "").unwrap();
    let file = machine.path("served/x.mmdb");
    let output = Command::new("scripts/fetch-database")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(73));
    let said = String::from_utf8(output.stderr).unwrap();
    let folder = machine.path("served");
    let expected = format!(
        "{}: cannot make the directory {}\n",
        file.display(),
        folder.display()
    );
    assert_eq!(said, expected);
}
