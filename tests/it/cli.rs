//! The built binary, as far as it goes without the kernel.

use std::fs;
use std::process::{Command, Output};

use geoip_exporter::{release, sysexits};

use crate::databases::path;

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geoip-exporter"));
    command.args(arguments).env_clear();
    command
}

fn code(output: &Output) -> u8 {
    output.status.code().unwrap().try_into().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn help_and_version_go_to_standard_output() {
    for flag in ["--help", "-h", "-help"] {
        let output = run(&[flag]);
        assert_eq!((code(&output), stderr(&output)), (0, String::new()));
        assert!(stdout(&output).contains("Usage: geoip-exporter"));
    }
    for flag in ["--version", "-V"] {
        let output = run(&[flag]);
        assert_eq!((code(&output), stderr(&output)), (0, String::new()));
        let (version, revision) = (release::VERSION, release::REVISION);
        assert_eq!(
            stdout(&output),
            format!("geoip-exporter {version} (revision {revision})\n")
        );
    }
}

#[test]
fn a_wrong_command_line_is_one_line_and_exit_code_usage() {
    for (arguments, expected) in [
        (
            &["--pol-interval", "2s"][..],
            "--pol-interval: unknown flag, did you mean --poll-interval?\n",
        ),
        (
            &["--check-config", "--poll-interval", "-2s"],
            "--poll-interval: \"-2s\" is not a duration from 500us to 24h, \
             such as \"2s\"\n",
        ),
        (
            &["--print-config", "--map-max-entries", "4294967297"],
            "--map-max-entries: 4294967297 is not a whole number from 1 to \
             16777216, such as 100000\n",
        ),
        (
            &["--print-config", "--map-max-entries=0xffff_ffff"],
            "--map-max-entries: 0xffff_ffff is not a whole number from 1 to \
             16777216, such as 100000\n",
        ),
    ] {
        let output = run(arguments);
        assert_eq!(stderr(&output), expected);
        assert_eq!(code(&output), sysexits::USAGE, "{arguments:?}");
        assert_eq!(stdout(&output), "");
    }
}

#[test]
fn a_wrong_configuration_is_refused_with_every_problem() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("bad.toml");
    fs::write(&file, "poll_interval = 2\nlog_levle = \"info\"\n").unwrap();
    let file = file.to_str().unwrap();
    for action in ["--check-config", "--print-config", "check", "print-config"]
    {
        let output = command(&[action, "--config", file])
            .env("GEOIP_EXPORTER_LISTEN_ADDRESS", "9100")
            .output()
            .unwrap();
        assert_eq!(
            stderr(&output),
            format!(
                "{file}:1: poll_interval: 2 has no unit: write \"2s\" for \
                 seconds or \"2ms\" for milliseconds\n\
                 {file}:2: log_levle: unknown setting, did you mean \
                 log_level?\n\
                 GEOIP_EXPORTER_LISTEN_ADDRESS: \"9100\" is a port without \
                 an address: write \":9100\" for every address, or \
                 \"127.0.0.1:9100\" for this machine only\n"
            )
        );
        assert_eq!(code(&output), sysexits::CONFIG);
        assert_eq!(stdout(&output), "");
    }
}

#[test]
fn a_good_configuration_passes_the_check() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("good.toml");
    fs::write(&file, "poll_interval = \"5s\"\n").unwrap();
    let output = command(&["check"])
        .env("GEOIP_EXPORTER_CONFIG", &file)
        .env("GEOIP_EXPORTER_GEOIP_DB", path("country-maxmind.mmdb"))
        .env("GEOIP_EXPORTER_LISTEN_ADDRESS", "127.0.0.1:0")
        .output()
        .unwrap();
    assert_eq!(code(&output), sysexits::OK, "{}", stderr(&output));
    assert_eq!(
        stderr(&output),
        "not checked: the rights of the exporter's user, and that the kernel \
         accepts the eBPF programs and their maps: only a start can test \
         them\n"
    );
}

#[test]
fn the_printed_configuration_reads_back_as_the_same() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("printed.toml");
    let arguments = ["--interfaces", "eth0,wg0", "--poll-interval", "1.5s"];
    let mut first = command(&["--print-config", "--config", "/dev/null"]);
    let first = first.args(arguments).output().unwrap();
    assert_eq!(code(&first), sysexits::OK, "{}", stderr(&first));
    fs::write(&file, &first.stdout).unwrap();
    let file = file.to_str().unwrap();
    let second = run(&["--print-config", "--config", file]);
    let without_sources =
        |output: &Output| -> toml::Table { stdout(output).parse().unwrap() };
    assert_eq!(without_sources(&first), without_sources(&second));
    assert!(
        stdout(&second)
            .contains(&format!("poll_interval = \"1s500ms\"  # {file}\n"))
    );
}

#[test]
fn a_closed_standard_output_is_an_error_and_not_a_panic() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command(&["--help"]).stdout(full).output().unwrap();
    assert_eq!(code(&output), sysexits::IOERR);
    assert!(!stderr(&output).contains("panicked"));
}

#[test]
fn a_closed_standard_error_leaves_the_exit_status_to_tell() {
    for (arguments, expected) in [
        (["--bogus", "--check-config"], sysexits::USAGE),
        (["--config", "/nonexistent.toml"], sysexits::CONFIG),
    ] {
        let full =
            fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command(&arguments).stderr(full).output().unwrap();
        assert_eq!(code(&output), expected, "{arguments:?}");
    }
}

/// The journal reads the priority from the line; other readers do not get one.
#[test]
fn a_complaint_to_the_journal_has_its_priority() {
    use std::os::unix::fs::MetadataExt as _;
    let complaint = |stream: fn((u64, u64)) -> String| {
        let file = tempfile::NamedTempFile::new().unwrap();
        let found = file.as_file().metadata().unwrap();
        let stderr = file.as_file().try_clone().unwrap();
        let status =
            std::process::Command::new(env!("CARGO_BIN_EXE_geoip-exporter"))
                .arg("--no-such-flag")
                .env("JOURNAL_STREAM", stream((found.dev(), found.ino())))
                .stderr(stderr)
                .status()
                .unwrap();
        assert_eq!(status.code(), Some(64));
        std::fs::read_to_string(file.path()).unwrap()
    };
    let to_journal = complaint(|(device, inode)| format!("{device}:{inode}"));
    assert!(to_journal.lines().count() > 0);
    assert!(to_journal.lines().all(|line| line.starts_with("<3>")));
    let elsewhere = complaint(|(device, _)| format!("{device}:0"));
    assert!(!elsewhere.contains("<3>"), "{elsewhere}");
}

/// By default the kernel ends who writes beyond the limit.
#[test]
fn a_limit_of_file_sizes_is_no_signal() {
    let output = tempfile::tempfile().unwrap();
    let program = env!("CARGO_BIN_EXE_geoip-exporter");
    let status = Command::new("sh")
        .args(["-c", "ulimit -f 0 && exec \"$0\" --print-config", program])
        .stdout(output)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(74), "{status}");
}
