//! Command lines and their results.

use super::*;

fn run(arguments: &[&str]) -> Cli {
    match parse_texts(arguments) {
        Ok(Outcome::Run(cli)) => cli,
        other => panic!("{arguments:?}: {other:?}"),
    }
}

fn parse_texts(arguments: &[&str]) -> Result<Outcome, UsageError> {
    let program = [OsString::from(PROGRAM)];
    parse(program.into_iter().chain(arguments.iter().map(OsString::from)))
}

fn values(arguments: &[&str]) -> Vec<(&'static str, String)> {
    let flags = run(arguments).flags;
    flags.values.into_iter().map(|(s, text)| (s.key, text)).collect()
}

fn refusal(arguments: &[&str]) -> String {
    match parse_texts(arguments) {
        Err(error) => error.to_string(),
        other => panic!("{arguments:?}: {other:?}"),
    }
}

#[test]
fn the_command_is_well_formed() {
    command().debug_assert();
}

#[test]
fn long_flags_take_one_dash_or_two_and_a_space_or_an_equals_sign() {
    let expected = vec![("poll_interval", "5s".to_owned())];
    for arguments in [
        &["--poll-interval", "5s"][..],
        &["--poll-interval=5s"],
        &["-poll-interval", "5s"],
        &["-poll-interval=5s"],
    ] {
        assert_eq!(values(arguments), expected, "{arguments:?}");
    }
}

#[test]
fn a_flag_takes_an_empty_value() {
    let expected = vec![("log_level", String::new())];
    for arguments in [
        &["--log-level", ""][..],
        &["--log-level="],
        &["-log-level", ""],
        &["-log-level="],
    ] {
        assert_eq!(values(arguments), expected, "{arguments:?}");
    }
}

/// One dash or two, and a value behind a blank or an equals sign.
#[test]
fn every_flag_of_the_go_exporter_is_taken_as_it_takes_them() {
    for flag in [
        "interfaces",
        "geoip-db",
        "map-max-entries",
        "poll-interval",
        "log-level",
        "listen-address",
        "metrics-path",
        "flow-batch-size",
        "geoip-cache-size",
    ] {
        let expected = vec![(flag.replace('-', "_"), "1".to_owned())];
        for dashes in ["-", "--"] {
            let joined = format!("{dashes}{flag}=1");
            let apart = format!("{dashes}{flag}");
            for arguments in [&[joined.as_str()][..], &[&apart, "1"]] {
                let values = values(arguments).into_iter();
                let values: Vec<_> =
                    values.map(|(key, text)| (key.to_owned(), text)).collect();
                assert_eq!(values, expected, "{arguments:?}");
            }
        }
    }
}

#[test]
fn the_last_of_two_equal_flags_counts() {
    let arguments = ["--log-level", "debug", "--log-level", "warn"];
    assert_eq!(values(&arguments), [("log_level", "warn".into())]);
    assert_eq!(
        run(&["--check-config", "--check-config"]).command,
        Command::Check
    );
}

/// The flags stand before or behind the command.
#[test]
fn a_command_does_what_its_flag_does() {
    for (command, name, flag, _) in NAMED {
        let Some(flag) = flag else { continue };
        let flag = format!("--{flag}");
        for arguments in [
            &["--log-level", "warn", name][..],
            &[name, "--log-level", "warn"],
            &[name, "-log-level=warn"],
            &[flag.as_str(), "--log-level", "warn"],
        ] {
            let cli = run(arguments);
            assert_eq!(cli.command, command, "{arguments:?}");
            let values = values(arguments);
            assert_eq!(values, [("log_level", "warn".into())], "{arguments:?}");
        }
    }
    assert_eq!(run(&["--log-level", "warn"]).command, Command::Daemon);
}

#[test]
fn lookup_takes_addresses_and_a_flag_of_its_own() {
    let cli = run(&["lookup", "192.0.2.1", "--json", "::1", "--geoip-db=x"]);
    assert_eq!(cli.command, Command::Lookup);
    assert_eq!(cli.arguments.addresses, ["192.0.2.1", "::1"]);
    assert!(cli.arguments.json);
    assert_eq!(
        refusal(&["lookup"]),
        "lookup needs an address: geoip-exporter lookup 198.51.100.7"
    );
    assert!(refusal(&["--json"]).starts_with("--json: unknown flag"));
}

#[test]
fn a_negative_value_belongs_to_its_flag() {
    assert_eq!(
        values(&["--poll-interval", "-2s", "--flow-batch-size", "-1"]),
        [("poll_interval", "-2s".into()), ("flow_batch_size", "-1".into())]
    );
}

#[test]
fn a_switch_alone_is_on() {
    for (arguments, expected) in [
        (&["--geoip-db-watch"][..], "true"),
        (&["--geoip-db-watch=false"], "false"),
        (&["--geoip-db-watch", "false"], "false"),
        (&["--geoip-db-watch", "--check-config"], "true"),
    ] {
        assert_eq!(
            values(arguments),
            [("geoip_db_watch", expected.into())],
            "{arguments:?}"
        );
    }
}

#[test]
fn help_and_version_are_text_to_print() {
    for arguments in [["--help"], ["-h"], ["-help"]] {
        let Ok(Outcome::Print(text)) = parse_texts(&arguments) else {
            panic!("{arguments:?} is no help");
        };
        assert!(text.contains("--poll-interval <DURATION>"), "{text}");
    }
    for arguments in [["--version"], ["-V"]] {
        let Ok(Outcome::Print(text)) = parse_texts(&arguments) else {
            panic!("{arguments:?} is no version");
        };
        let (version, revision) = (release::VERSION, release::REVISION);
        let expected = format!("{PROGRAM} {version} (revision {revision})\n");
        assert_eq!(text, expected);
    }
}

#[test]
fn a_wrong_command_line_gets_one_clear_line() {
    for (arguments, expected) in [
        (
            &["--pol-interval", "2s"][..],
            "--pol-interval: unknown flag, did you mean --poll-interval?",
        ),
        (&["--colour=red"], "--colour: unknown flag, --help lists them all"),
        (&["-x"], "-x: unknown flag, --help lists them all"),
        (
            &["eth0"],
            "\"eth0\": unexpected argument, settings are given as flags \
             such as --interfaces eth0",
        ),
        (
            &["--", "eth0"],
            "\"eth0\": unexpected argument, settings are given as flags \
             such as --interfaces eth0",
        ),
        (
            &["--poll-interval"],
            "--poll-interval: needs a value, such as --poll-interval 2s",
        ),
        (
            &["--poll-interval", "--log-level", "debug"],
            "--poll-interval: needs a value, such as --poll-interval 2s",
        ),
        (&["--config"], "--config: needs a value, such as --config FILE"),
        (&["--check-config=yes"], "--check-config: takes no value"),
        (
            &["--check-config", "--print-config"],
            "--check-config and --print-config cannot be used together",
        ),
        (
            &["--check-config", "check"],
            "check and --check-config cannot be used together",
        ),
        (
            &["check", "--print-config"],
            "--print-config cannot be used together with a command",
        ),
        (
            &["report", "--json", "--limit", "3"],
            "--json and --limit cannot be used together",
        ),
        (
            &["top", "--password-file", "/p"],
            "--user is missing, which the other flags need",
        ),
        (
            &["--", "check"],
            "\"check\": a command comes first, only once, and not after --",
        ),
        (
            &["check", "check"],
            "\"check\": a command comes first, only once, and not after --",
        ),
        (&["chek"], "\"chek\": unknown command, did you mean check?"),
        (
            &["check", "eth0"],
            "\"eth0\": unexpected argument, settings are given as flags \
             such as --interfaces eth0",
        ),
        (
            &["check", "--poll-interval"],
            "--poll-interval: needs a value, such as --poll-interval 2s",
        ),
    ] {
        assert_eq!(refusal(arguments), expected, "{arguments:?}");
    }
}

#[test]
fn an_argument_that_is_not_utf_8_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let arguments = [b"x".to_vec(), b"--geoip-db=\xff".to_vec()];
    let result = parse(arguments.map(OsString::from_vec));
    assert!(matches!(result, Err(UsageError(_))), "{result:?}");
}
