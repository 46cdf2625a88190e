//! The unit for systemd: how much it takes away, and that the exporter works
//! with what is left. There is no systemd to start it here: what it would do
//! is done by other programs, as far as they can, from what the unit says.
//! `make test-unit` has one, in a guest.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use crate::harness::daemon::Setup;
use crate::harness::lab::{Lab, WAN};
use crate::harness::process::output_of;
use crate::harness::sys::Signal;
use crate::harness::traffic::Traffic;
use crate::harness::wait::PATIENCE;
use crate::privileges::as_nobody;

/// The most that `systemd-analyze security` may find, of 10.
const MOST_EXPOSED: f64 = 1.5;

/// The same for the unit that fetches databases, which needs the network and
/// writes files as root.
const MOST_EXPOSED_FETCH: f64 = 2.0;

const INSTALLED: &str = "/usr/local/bin/geoip-exporter";
const INSTALLED_FETCH: &str = "/usr/local/bin/geoip-exporter-fetch";

const UNIT: &str = "geoip-exporter.service";

/// The unit of an exporter in a namespace.
const INSTANCE: &str = "geoip-exporter@.service";

/// The unit that fetches databases.
const FETCH: &str = "geoip-exporter-fetch.service";
const FETCH_TIMER: &str = "geoip-exporter-fetch.timer";

fn text_of(unit: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path.join("etc").join(unit)).unwrap()
}

fn unit() -> String {
    text_of(UNIT)
}

/// Returns what the unit sets a key to.
fn value(key: &str) -> String {
    let unit = unit();
    let of_key = |line: &str| {
        line.strip_prefix(key)?.strip_prefix('=').map(str::to_owned)
    };
    unit.lines().find_map(of_key).unwrap_or_else(|| panic!("no {key}"))
}

/// Writes a unit as if the exporter that was built were installed.
fn installed(directory: &Path, unit: &str) -> String {
    let path = directory.join(unit.replace("@.", "@blue."));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = root.join("scripts/fetch-database");
    let script = script.to_str().unwrap();
    let program = env!("CARGO_BIN_EXE_geoip-exporter");
    let text = text_of(unit).replace(INSTALLED_FETCH, script);
    fs::write(&path, text.replace(INSTALLED, program)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Returns how much `systemd-analyze` finds exposed, of 10, and why.
fn exposure(path: &str) -> (f64, String) {
    let report = output_of(Command::new("systemd-analyze").args([
        "security",
        "--offline=true",
        "--no-pager",
        path,
    ]));
    let level = report.split("Overall exposure level for ").nth(1).unwrap();
    let level = level.split(": ").nth(1).unwrap();
    let exposure = level.split(' ').next().unwrap().parse().unwrap();
    (exposure, report)
}

#[test]
fn systemd_understands_the_units_and_finds_little_exposed() {
    let directory = tempfile::TempDir::new().unwrap();
    let paths = [UNIT, INSTANCE, FETCH, FETCH_TIMER]
        .map(|unit| installed(directory.path(), unit));
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .args(&paths)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    let ours: Vec<_> =
        said.lines().filter(|line| line.contains("geoip-exporter")).collect();
    assert!(verified.status.success() && ours.is_empty(), "{said}");

    let most = [MOST_EXPOSED, MOST_EXPOSED, MOST_EXPOSED_FETCH];
    for (path, most) in paths.iter().zip(most) {
        let (exposure, report) = exposure(path);
        eprintln!("systemd-analyze security {path}: {exposure}");
        assert!(exposure <= most, "{report}");
    }
}

/// Starts the exporter with the capabilities of the unit, where it sees no
/// other process, no device and no home, and nothing can be written.
fn as_the_unit_does(lab: &Lab, manager: &Path) -> Setup {
    let capabilities = value("AmbientCapabilities");
    assert_eq!(value("CapabilityBoundingSet"), capabilities);
    let capabilities = capabilities
        .split(' ')
        .map(|name| name.replace("CAP_", "+").to_lowercase());
    let capabilities: Vec<_> =
        std::iter::once("-all".to_owned()).chain(capabilities).collect();
    let confine = "mount --make-rprivate / && \
         mount -t proc -o hidepid=invisible proc /proc && \
         mount -t tmpfs -o ro none /dev && \
         mount -t tmpfs -o ro none /home && \
         mount -o remount,bind,ro / && \
         mount -o remount,bind,ro /sys && \
         exec \"$@\"";
    let setup = Setup::new(&lab.machine)
        .set("interfaces", "any")
        .variable("NOTIFY_SOCKET", manager.to_str().unwrap())
        .variable("WATCHDOG_USEC", "400000");
    let runtime = setup.path("run").to_str().unwrap().to_owned();
    let setup = setup.variable("RUNTIME_DIRECTORY", runtime);
    let setup = as_nobody(setup, &capabilities.join(","));
    setup.inside(&["unshare", "--mount", "sh", "-c", confine, "sh"])
}

#[test]
fn it_works_with_what_the_unit_leaves() {
    assert_eq!(value("Type"), "notify");
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    for path in [directory.path(), &path] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let told = |what: &str| {
        let mut message = [0; 4096];
        loop {
            let length = manager.recv(&mut message).expect(what);
            let text = String::from_utf8_lossy(&message[..length]);
            if text.lines().any(|line| line == what) {
                return;
            }
        }
    };

    let lab = Lab::new();
    let mut daemon = as_the_unit_does(&lab, &path).start();
    told("READY=1");
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    let started = daemon.scrape().value("process_start_time_seconds", &[]);
    assert!(started.is_some_and(|time| time > 1e9), "{started:?}");
    told("WATCHDOG=1");
    daemon.configure("interfaces", WAN);
    daemon.reload();
    told("RELOADING=1");
    told("READY=1");
    traffic.exchange();
    traffic.await_booked(&daemon);
    daemon.signal(Signal::Terminate);
    told("STOPPING=1");
    assert_eq!(daemon.wait(PATIENCE).code(), Some(0));
}
