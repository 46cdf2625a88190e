//! No command ends with a status but zero without a line that says why.

use std::fs::{self, File, OpenOptions};
use std::path::Path;
use std::process::{Command, Stdio};

use geoip_exporter::sysexits;

/// What there is to do with a configuration.
const COMMANDS: [&[&str]; 7] = [
    &[],
    &["--check-config"],
    &["--print-config"],
    &["--remove-pins"],
    &["check"],
    &["print-config"],
    &["remove-pins"],
];

/// Runs one, and returns its status and what it said.
fn run(
    arguments: &[&str],
    more: &[&str],
    output: Option<File>,
) -> (u8, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geoip-exporter"));
    command.env_clear().args(arguments).args(more);
    // Variables are written as arguments without a dash.
    if let Some(file) = output {
        command.stdout(Stdio::from(file));
    }
    let output = command.output().unwrap();
    let code = output.status.code().unwrap().try_into().unwrap();
    (code, String::from_utf8(output.stderr).unwrap())
}

fn has_a_line(arguments: &[&str], more: &[&str], expected: &[u8]) {
    let (code, said) = run(arguments, more, None);
    let shown = format!("{arguments:?} {more:?}: {code} {said:?}");
    assert!(expected.contains(&code), "{shown}");
    assert!(!said.contains("panicked"), "{shown}");
    if code != 0 {
        assert!(said.lines().any(|line| line.len() > 10), "{shown}");
    }
}

/// What is wrong before a daemon has a log, or makes it fail at once.
#[test]
fn what_ends_a_command_is_said_by_each() {
    const BAD: [u8; 1] = [sysexits::CONFIG];
    const USAGE: [u8; 1] = [sysexits::USAGE];
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let wrong = write("wrong.toml", b"log_level = 1\n");
    let syntax = write("syntax.toml", b"log_level\n");
    let utf16 = write("utf16.toml", b"\xff\xfea\0");
    let web = write("web.yml", b"tls_server_config: 3\n");
    for command in COMMANDS {
        for more in [&["--bogus"][..], &["--log-level", "loud"], &["extra"]] {
            has_a_line(command, more, &USAGE);
        }
        for file in [&wrong, &syntax, &utf16, "/none.toml", "/"] {
            has_a_line(command, &["--config", file], &BAD);
        }
    }
    // The others do not read it.
    let arguments = ["--web-config-file", &web, "--config", "/dev/null"];
    for command in [COMMANDS[0], COMMANDS[1], COMMANDS[4]] {
        has_a_line(command, &arguments, &BAD);
    }
    has_a_line(COMMANDS[2], &arguments, &[sysexits::OK]);
    let nowhere = ["--config", "/dev/null", "--pin-directory"];
    let file = [&nowhere[..], &[wrong.as_str()]].concat();
    has_a_line(COMMANDS[3], &file, &[sysexits::UNAVAILABLE]);
    let address = ["--config=/dev/null", "--listen-address=192.0.2.1:1"];
    has_a_line(COMMANDS[0], &address, &[sysexits::UNAVAILABLE]);
    has_a_line(COMMANDS[1], &address, &BAD);
}

#[test]
fn an_output_that_cannot_be_written_is_said() {
    for arguments in [&["--help"][..], &["--version"], COMMANDS[2]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let more = match arguments.first() {
            Some(&"--print-config") => &["--config", "/dev/null"][..],
            _ => &[],
        };
        let (code, said) = run(arguments, more, Some(full));
        assert_eq!(code, sysexits::IOERR, "{arguments:?}");
        assert_eq!(
            said,
            "cannot write to standard output: No space left on device (os \
             error 28)\n"
        );
    }
}

/// A new error has to be looked at here: each is printed by whoever has no log,
/// and logged by the daemon.
#[test]
fn every_error_has_a_text_and_a_status() {
    use geoip_exporter::accounting::ClassFault;
    use geoip_exporter::daemon::Error;
    use geoip_exporter::files::Place;
    use geoip_exporter::kernel::{self, PinsFault};
    use geoip_exporter::{config, http, logging};

    let io = || std::io::Error::from_raw_os_error(libc::EIO);
    let config = config::load(
        &config::Flags {
            config_file: Some("/none.toml".into()),
            ..config::Flags::default()
        },
        &[],
        &config::Paths::default(),
    );
    let web =
        http::Security::load(Some(Path::new("/none.yml")), &Place::default());
    let errors = [
        Error::Config(config.unwrap_err()),
        Error::WebConfig(web.unwrap_err()),
        Error::Http(http::Error::Start(io())),
        Error::Kernel(kernel::Error::Load { reason: "x".into() }),
        Error::Classes(ClassFault::Classes { classes: 40_000 }),
        Error::Pins(PinsFault::NotBpffs("/x".into())),
        Error::Unusable(vec!["/etc/x.toml:1: x".into()]),
        Error::Signals(io()),
        Error::Sockets(io()),
        Error::Thread(io()),
        Error::Worker { name: "poller", reason: "x".into() },
        Error::Stuck(1),
    ];
    for error in errors {
        // Says by a failure to compile that there is one more.
        match &error {
            Error::Config(_)
            | Error::WebConfig(_)
            | Error::Http(_)
            | Error::Kernel(_)
            | Error::Classes(_)
            | Error::Pins(_)
            | Error::Unusable(_)
            | Error::Signals(_)
            | Error::Sockets(_)
            | Error::Thread(_)
            | Error::Worker { .. }
            | Error::Stuck(_) => {}
        }
        let text = logging::chain(&error);
        assert!(!text.is_empty() && !text.contains('\n'), "{text:?}");
        assert_ne!(error.exit_code(), sysexits::OK, "{text}");
    }
}
