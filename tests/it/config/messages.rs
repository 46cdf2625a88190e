//! Every message, whole.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;

use geoip_exporter::config::{self, Config, print_config};

use super::World;

/// Every message about a value in a file, whole.
#[test]
fn a_wrong_value_says_what_was_found_and_what_is_allowed() {
    for (toml, expected) in [
        (
            "countries_at_zero = \"DE,XX,UK\"",
            "countries_at_zero: \"XX\" is no ISO 3166-1 code of two letters, such as \"DE\", nor \"UNKNOWN\"; \"UK\" is no ISO 3166-1 code: write \"GB\"",
        ),
        (
            "countries_at_zero = true",
            "countries_at_zero: true is not \"none\", \"all\" or a comma list of ISO 3166-1 codes (in TOML also an array), such as \"DE,US\"",
        ),
        (
            "absent_interface_retention = \"500ms\"",
            "absent_interface_retention: \"500ms\" is not a duration from 1s to 8760h, or \"0\", such as \"1h\"",
        ),
        (
            "absent_interface_retention = 60",
            "absent_interface_retention: 60 has no unit: write \"60s\" for seconds or \"60ms\" for milliseconds",
        ),
        (
            "interfaces = [\"\"]",
            "interfaces: [\"\"] names no interface: name one, such as \"eth0\", or \"any\"",
        ),
        (
            "interfaces = []",
            "interfaces: [] names no interface: name one, such as \"eth0\", or \"any\"",
        ),
        (
            "interfaces = \"eth0,!any\"",
            "interfaces: \"!any\" excludes every interface",
        ),
        (
            "interfaces = [1]",
            "interfaces: [1] is not \"any\", \"uplinks\" or a comma list of names, patterns and exclusions (in TOML also an array), such as \"eth*,!eth9\"",
        ),
        (
            "interfaces = true",
            "interfaces: true is not \"any\", \"uplinks\" or a comma list of names, patterns and exclusions (in TOML also an array), such as \"eth*,!eth9\"",
        ),
        (
            "interfaces = \"a234567890123456\"",
            "interfaces: \"a234567890123456\" is not an interface name, such as \"eth0\": it has more than 15 bytes",
        ),
        (
            "interfaces = \"a/b,..\"",
            "interfaces: \"a/b\" is not an interface name, such as \"eth0\": it has a slash or colon; \"..\" is not an interface name, such as \"eth0\": it is a directory",
        ),
        (
            "interfaces = \"eth0 wg0\"",
            "interfaces: \"eth0 wg0\" is not an interface name, such as \"eth0\": it has white space",
        ),
        (
            "interfaces = '[\"eth0\",\"wg0\"]'",
            "interfaces: \"[\\\"eth0\\\",\\\"wg0\\\"]\" has quotes or brackets: write \"eth0,wg0\"",
        ),
        (
            "interfaces = [\"eth0\", \"'wg0'\"]",
            "interfaces: \"'wg0'\" has quotes or brackets: write \"wg0\"",
        ),
        (
            "interfaces = \"[]\"",
            "interfaces: \"[]\" has quotes or brackets: write \"eth0,wg0\"",
        ),
        (
            "geoip_db = \"\"",
            "geoip_db: \"\" is not the path of an mmdb file, such as \"/usr/share/GeoIP/GeoLite2-Country.mmdb\"",
        ),
        (
            "geoip_db = 1979-05-27",
            "geoip_db: 1979-05-27 is not the path of an mmdb file, such as \"/usr/share/GeoIP/GeoLite2-Country.mmdb\"",
        ),
        (
            "geoip_db_watch = \"true\"",
            "geoip_db_watch: \"true\" is text: write true, without quotes",
        ),
        (
            "geoip_db_watch = 1",
            "geoip_db_watch: 1 is not true or false, such as true",
        ),
        (
            "geoip_cache_size = -1",
            "geoip_cache_size: -1 is not a whole number from 1 to 16777216, or 0 for the default, such as 65536",
        ),
        (
            "map_max_entries = 4294967297",
            "map_max_entries: 4294967297 is not a whole number from 1 to 16777216, such as 100000",
        ),
        (
            "map_max_entries = -1",
            "map_max_entries: -1 is not a whole number from 1 to 16777216, such as 100000",
        ),
        (
            "map_max_entries = 1.5",
            "map_max_entries: 1.5 is not a whole number from 1 to 16777216, such as 100000",
        ),
        (
            "map_max_entries = \"100\"",
            "map_max_entries: \"100\" is text: write 100, without quotes",
        ),
        (
            "map_max_entries = [1, \"a\", {b = 2}]",
            "map_max_entries: [1, \"a\", a table] is not a whole number from 1 to 16777216, such as 100000",
        ),
        (
            "flow_batch_size = 1048577",
            "flow_batch_size: 1048577 is not a whole number from 1 to 1048576, or 0 for the default, such as 10000",
        ),
        (
            "ipv4_prefix_length = 33",
            "ipv4_prefix_length: 33 is not a whole number from 8 to 32, such as 24",
        ),
        (
            "ipv6_prefix_length = 15",
            "ipv6_prefix_length: 15 is not a whole number from 16 to 128, such as 48",
        ),
        (
            "poll_interval = 2",
            "poll_interval: 2 has no unit: write \"2s\" for seconds or \"2ms\" for milliseconds",
        ),
        (
            "poll_interval = \"2\"",
            "poll_interval: \"2\" has no unit: write \"2s\" for seconds or \"2ms\" for milliseconds",
        ),
        (
            "poll_interval = \"0s\"",
            "poll_interval: \"0s\" is not a duration from 500us to 24h, such as \"2s\"",
        ),
        (
            "poll_interval = \"-2s\"",
            "poll_interval: \"-2s\" is not a duration from 500us to 24h, such as \"2s\"",
        ),
        (
            "poll_interval = 0",
            "poll_interval: 0 is not a duration from 500us to 24h, such as \"2s\"",
        ),
        (
            "poll_interval = \"1ns\"",
            "poll_interval: \"1ns\" is not a duration from 500us to 24h, such as \"2s\"",
        ),
        (
            "poll_interval = {}",
            "poll_interval: a table is not a duration from 500us to 24h, such as \"2s\"",
        ),
        (
            "listen_address = \"9100\"",
            "listen_address: \"9100\" is not an address and port, such as \"127.0.0.1:9100\"",
        ),
        (
            "listen_address = \"nowhere:9100\"",
            "listen_address: \"nowhere:9100\" is not an address and port, such as \"127.0.0.1:9100\": it has a name that is not in /etc/hosts or /etc/services, and names are not looked up over the network",
        ),
        (
            "listen_address = \"127.0.0.1\"",
            "listen_address: \"127.0.0.1\" has no port: write \"127.0.0.1:9100\"",
        ),
        (
            "listen_address = \"::1\"",
            "listen_address: \"::1\" is not an address and port: an IPv6 address is written in brackets, its port behind them, such as \"[::1]:9100\"",
        ),
        (
            "listen_address = \"[::1:9100\"",
            "listen_address: \"[::1:9100\" is not an address and port: an IPv6 address is written in brackets, its port behind them, such as \"[::1]:9100\"",
        ),
        (
            "listen_address = [\"unix:metrics.sock\"]",
            "listen_address: \"unix:metrics.sock\" has no absolute path; write a path such as \"unix:/run/geoip-exporter/metrics.sock\"",
        ),
        (
            "listen_address = []",
            "listen_address: [] is no address: name one, such as \"127.0.0.1:9100\"",
        ),
        (
            "listen_address = \"192.0.2.1:65536\"",
            "listen_address: \"192.0.2.1:65536\" is not an address and port, such as \"127.0.0.1:9100\"",
        ),
        (
            "metrics_path = \"metrics\"",
            "metrics_path: \"metrics\" does not begin with a slash; write a path such as \"/metrics\"",
        ),
        (
            "metrics_path = \"/-/ready\"",
            "metrics_path: \"/-/ready\" belongs to the health pages under /-/; write a path such as \"/metrics\"",
        ),
        (
            "metrics_path = \"/a?b\"",
            "metrics_path: \"/a?b\" has white space or one of ? # % \\; write a path such as \"/metrics\"",
        ),
        (
            "metrics_path = \"/a b\\n\"",
            "metrics_path: \"/a b\\n\" has white space or one of ? # % \\; write a path such as \"/metrics\"",
        ),
        (
            "metrics_path = \"/a/../b\"",
            "metrics_path: \"/a/../b\" has \".\" or \"..\" as a part; write a path such as \"/metrics\"",
        ),
        (
            "log_level = \"verbose\"",
            "log_level: \"verbose\" is not one of error, warn, info, debug and trace, such as \"info\"",
        ),
        (
            "log_format = \"xml\"",
            "log_format: \"xml\" is not one of text and json, such as \"text\"",
        ),
        (
            "pol_interval = \"2s\"",
            "pol_interval: unknown setting, did you mean poll_interval?",
        ),
        (
            "listen-address = \":1\"",
            "listen-address: unknown setting, did you mean listen_address?",
        ),
        (
            "colour = 1",
            "colour: unknown setting, geoip-exporter --help lists them all",
        ),
        (
            "[exporter]\nlog_level = \"info\"",
            "exporter: unknown setting, geoip-exporter --help lists them all",
        ),
        (
            "\"poll_interval.x\" = 1\n\"\\n\" = 2",
            "\"\\n\": unknown setting, geoip-exporter --help lists them all\n/etc/geoip-exporter.toml: \"poll_interval.x\": unknown setting, did you mean poll_interval?",
        ),
    ] {
        let refused = World::new().file(toml).bad();
        let expected = format!("/etc/geoip-exporter.toml: {expected}");
        assert_eq!(refused, expected, "{toml}");
    }
}

#[test]
fn toml_that_cannot_be_parsed_is_shown_by_line_and_column() {
    for (toml, expected) in [
        ("a = 1\nb == 2\n", "2:4: invalid string, expected `\"`, `'`"),
        ("log_level = info\n", "1:16: text needs quotes: log_level = \"info\""),
        ("a = 2s # x\n", "1:6: text needs quotes: a = \"2s\""),
        (
            "map_max_entries = 99999999999999999999999\n",
            "1:19: map_max_entries: 99999999999999999999999 is not a whole number from 1 to 16777216, such as 100000",
        ),
        (
            "map_max_entries = -9_223_372_036_854_775_809 # x\n",
            "1:19: map_max_entries: -9_223_372_036_854_775_809 is not a whole number from 1 to 16777216, such as 100000",
        ),
        (
            "poll_interval = 99999999999999999999999\n",
            "1:17: poll_interval: 99999999999999999999999 is not a duration from 500us to 24h, such as \"2s\"",
        ),
        (
            "x = 99999999999999999999999\n",
            "1:5: 99999999999999999999999 is too large a number",
        ),
        ("a = /x/y\n", "1:5: text needs quotes: a = \"/x/y\""),
        ("log_level = \"info\n", "1:18: invalid basic string"),
        ("# é\nlog_level\n", "2:10: expected `.`, `=`"),
        (
            "log_level = \"info\"\nlog_level = \"info\"\n",
            "2:1: duplicate key `log_level` in document root",
        ),
    ] {
        let refused = World::new().file(toml).bad();
        let expected = format!("/etc/geoip-exporter.toml:{expected}");
        assert_eq!(refused, expected, "{toml}");
    }
}

#[test]
fn flags_and_variables_are_named_as_the_user_wrote_them() {
    let world = World::new()
        .variable("GEOIP_EXPORTER_POLL_INTERVAL", "0s")
        .variable("GEOIP_EXPORTER_GEOIP_DB_WATCH", "yes")
        .flag("poll_interval", "2s")
        .flag("map_max_entries", "4294967297")
        .flag("flow_batch_size", "99999999999999999999999999999999999999999")
        .flag("geoip_cache_size", "-5")
        .flag("interfaces", "[\"eth0\", 'wg0']")
        .flag("log_level", "loud");
    assert_eq!(
        world.bad(),
        "GEOIP_EXPORTER_GEOIP_DB_WATCH: \"yes\" is not true or false, such as true\n\
         --flow-batch-size: \"99999999999999999999999999999999999999999\" is not a whole number from 1 to 1048576, or 0 for the default, such as 10000\n\
         --geoip-cache-size: -5 is not a whole number from 1 to 16777216, or 0 for the default, such as 65536\n\
         --interfaces: \"[\\\"eth0\\\", 'wg0']\" has quotes or brackets: write \"eth0,wg0\"\n\
         --log-level: \"loud\" is not one of error, warn, info, debug and trace, such as \"info\"\n\
         --map-max-entries: 4294967297 is not a whole number from 1 to 16777216, such as 100000"
    );
}

#[test]
fn unknown_variables_with_our_prefix_are_refused_and_others_are_not_ours() {
    let world = World::new()
        .variable("PATH", "/bin")
        .variable("geoip_exporter_log_level", "loud")
        .variable("GEOIP_EXPORTER_POL_INTERVAL", "2s")
        .variable("GEOIP_EXPORTER_log_level", "info")
        .variable("GEOIP_EXPORTER_", "");
    assert_eq!(
        world.bad(),
        "GEOIP_EXPORTER_POL_INTERVAL: unknown setting, did you mean GEOIP_EXPORTER_POLL_INTERVAL?\n\
         GEOIP_EXPORTER_log_level: unknown setting, did you mean GEOIP_EXPORTER_LOG_LEVEL?\n\
         GEOIP_EXPORTER_: unknown setting, geoip-exporter --help lists them all"
    );
}

/// Kubernetes puts these in every pod once a service is named
/// geoip-exporter, and nobody could remove them.
#[test]
fn the_variables_of_a_service_named_geoip_exporter_are_ignored() {
    let world = World::new()
        .variable("GEOIP_EXPORTER_SERVICE_HOST", "192.0.2.1")
        .variable("GEOIP_EXPORTER_SERVICE_PORT", "9100")
        .variable("GEOIP_EXPORTER_SERVICE_PORT_METRICS", "9100")
        .variable("GEOIP_EXPORTER_PORT", "tcp://192.0.2.1:9100")
        .variable("GEOIP_EXPORTER_PORT_9100_TCP_ADDR", "192.0.2.1");
    assert_eq!(world.good().config, Config::default());
    let world = World::new().variable("GEOIP_EXPORTER_PORT", "9100");
    assert_eq!(
        world.bad(),
        "GEOIP_EXPORTER_PORT: unknown setting, geoip-exporter --help lists them all"
    );
}

#[test]
fn all_problems_of_all_layers_come_together() {
    let mut world = World::new()
        .write("bad.toml", "log_level = \"loud\"\ncolour = 1\n")
        .drop_in("10.toml", "oops")
        .drop_in("20.toml", "ipv4_prefix_length = 0")
        .variable("GEOIP_EXPORTER_COLOUR", "red")
        .flag("poll_interval", "5");
    world.flags.config_file = Some(world.path("bad.toml"));
    assert_eq!(
        world.bad(),
        "/etc/geoip-exporter.d/10.toml:1:5: expected `.`, `=`\n\
         GEOIP_EXPORTER_COLOUR: unknown setting, geoip-exporter --help lists them all\n\
         /etc/bad.toml: colour: unknown setting, geoip-exporter --help lists them all\n\
         /etc/bad.toml: log_level: \"loud\" is not one of error, warn, info, debug and trace, such as \"info\"\n\
         /etc/geoip-exporter.d/20.toml: ipv4_prefix_length: 0 is not a whole number from 8 to 32, such as 24\n\
         --poll-interval: \"5\" has no unit: write \"5s\" for seconds or \"5ms\" for milliseconds"
    );
}

#[test]
fn a_wrong_value_that_is_overridden_is_a_warning() {
    let world = World::new()
        .file("poll_interval = 2\nlog_level = \"loud\"\n")
        .drop_in("a.toml", "poll_interval = \"5s\"\n")
        .variable("GEOIP_EXPORTER_LOG_LEVEL", "louder")
        .flag("log_level", "warn");
    let loaded = world.good();
    assert_eq!(loaded.config.poll_interval.as_secs(), 5);
    let warnings: Vec<String> =
        loaded.warnings.iter().map(|warning| world.etc(warning)).collect();
    assert_eq!(
        warnings,
        [
            "/etc/geoip-exporter.toml: log_level: \"loud\" is not one of error, warn, info, debug and trace, such as \"info\" (overridden by --log-level)",
            "/etc/geoip-exporter.toml: poll_interval: 2 has no unit: write \"2s\" for seconds or \"2ms\" for milliseconds (overridden by /etc/geoip-exporter.d/a.toml)",
            "GEOIP_EXPORTER_LOG_LEVEL: \"louder\" is not one of error, warn, info, debug and trace, such as \"info\" (overridden by --log-level)",
        ]
        .map(String::from)
    );
}

#[test]
fn an_unknown_key_is_refused_in_every_layer() {
    let world =
        World::new().file("loglevel = \"info\"\n").flag("log_level", "warn");
    assert_eq!(
        world.bad(),
        "/etc/geoip-exporter.toml: loglevel: unknown setting, did you mean log_level?"
    );
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let mut world = World::new();
    world.flags.config_file = Some(world.path("none.toml"));
    assert_eq!(
        world.bad(),
        "/etc/none.toml: cannot be read: No such file or directory (os error 2) (named by --config)"
    );
    world.flags.config_file = Some("".into());
    assert_eq!(world.bad(), "--config: names no file");
    world.flags.config_file = None;
    let world = world.variable(config::CONFIG_VARIABLE, "/nowhere/x.toml");
    assert_eq!(
        world.bad(),
        "/nowhere/x.toml: cannot be read: No such file or directory (os error 2) (named by GEOIP_EXPORTER_CONFIG)"
    );

    let world = World::new().write("geoip-exporter.toml", b"a = '\xff'\n");
    assert_eq!(
        world.bad(),
        "/etc/geoip-exporter.toml: is not UTF-8 text: byte 6 is wrong"
    );

    let world = World::new();
    fs::create_dir(world.path("geoip-exporter.toml")).unwrap();
    fs::create_dir(world.path("geoip-exporter.d/a.toml")).unwrap();
    assert_eq!(
        world.bad(),
        "/etc/geoip-exporter.toml: is a directory, not a file\n\
         /etc/geoip-exporter.d/a.toml: is a directory, not a file"
    );

    let world = World::new();
    symlink("gone", world.path("geoip-exporter.toml")).unwrap();
    fs::remove_dir(world.path("geoip-exporter.d")).unwrap();
    let world = world.write("geoip-exporter.d", "");
    assert_eq!(
        world.bad(),
        "/etc/geoip-exporter.toml: cannot be read: No such file or directory (os error 2)\n\
         /etc/geoip-exporter.d: cannot be read: Not a directory (os error 20)"
    );

    let world =
        World::new().write("geoip-exporter.toml", vec![b'#'; 1024 * 1024 + 1]);
    assert_eq!(
        world.bad(),
        "/etc/geoip-exporter.toml: is no configuration: it has more than 1 MiB"
    );
}

/// Nobody writes to the FIFO: to open it would be to wait for ever.
#[test]
fn what_is_not_a_regular_file_is_refused_without_waiting() {
    let mut world = World::new();
    let fifo = world.path("geoip-exporter.toml");
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let _socket =
        UnixListener::bind(world.path("geoip-exporter.d/a.toml")).unwrap();
    symlink("/dev/tty", world.path("geoip-exporter.d/b.toml")).unwrap();
    assert_eq!(
        world.bad(),
        "/etc/geoip-exporter.toml: is a FIFO, not a file\n\
         /etc/geoip-exporter.d/a.toml: is a socket, not a file\n\
         /etc/geoip-exporter.d/b.toml: is a device, not a file"
    );

    fs::remove_dir_all(world.path("geoip-exporter.d")).unwrap();
    world.flags.config_file = Some("/dev/zero".into());
    assert_eq!(
        world.bad(),
        "/dev/zero: is a device, not a file (named by --config)"
    );
    // Of nothing, as everywhere.
    world.flags.config_file = Some("/dev/null".into());
    assert_eq!(world.good().config, Config::default());
}

#[test]
fn a_variable_that_is_not_utf_8_is_refused() {
    let mut world = World::new();
    let bytes = OsString::from_vec(vec![b'/', 0xff]);
    world.environment.push(("GEOIP_EXPORTER_GEOIP_DB".into(), bytes));
    assert_eq!(
        world.bad(),
        "GEOIP_EXPORTER_GEOIP_DB: the value is not UTF-8 text"
    );
}

#[test]
fn a_wrong_flag_is_a_usage_error_and_anything_else_a_configuration_error() {
    let world = World::new().flag("poll_interval", "0s");
    assert_eq!(world.load().unwrap_err().exit_code(), 64);
    let world = world.variable("GEOIP_EXPORTER_LOG_LEVEL", "loud");
    assert_eq!(world.load().unwrap_err().exit_code(), 78);
}

#[test]
fn a_file_that_is_read_twice_is_reported_once() {
    let mut world = World::new().drop_in("a.toml", "x = 1\ny = 2\n");
    world.flags.config_file = Some(world.path("geoip-exporter.d/a.toml"));
    let refused = world.bad();
    assert_eq!(refused.lines().count(), 2, "{refused}");
}

/// A line break in a name would let it write log lines and TOML of its own.
#[test]
fn a_line_break_in_a_name_stays_in_the_line() {
    let world = World::new()
        .drop_in("a\nlog_level = 1\n.toml", "log_format = \"json\"\n");
    let printed = world.etc(print_config(&world.good()));
    assert!(
        printed.contains(
            "log_format = \"json\"  \
             # /etc/geoip-exporter.d/a\\nlog_level = 1\\n.toml\n"
        ),
        "{printed}"
    );
    let mut world = world.drop_in("a\nlog_level = 1\n.toml", "\"a\\nb\" = 1");
    world.environment.push(("GEOIP_EXPORTER_A\nB".into(), "".into()));
    let refused = world.bad();
    assert_eq!(refused.lines().count(), 2, "{refused}");
}
