//! Every message about flags, variables and layers, whole.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use geoip_exporter::config::{self, Config, print_config};

use super::World;

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
        "GEOIP_EXPORTER_GEOIP_DB_WATCH: \"yes\" is not true or false: write true\n\
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
        "/etc/geoip-exporter.d/10.toml:1:5: \"oops\" is not a setting with its value, such as log_level = \"info\"\n\
         GEOIP_EXPORTER_COLOUR: unknown setting, geoip-exporter --help lists them all\n\
         /etc/bad.toml:1: log_level: \"loud\" is not one of error, warn, info, debug and trace, such as \"info\"\n\
         /etc/bad.toml:2: colour: unknown setting, geoip-exporter --help lists them all\n\
         /etc/geoip-exporter.d/20.toml:1: ipv4_prefix_length: 0 is not a whole number from 8 to 32, such as 24\n\
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
            "/etc/geoip-exporter.toml:1: poll_interval: 2 has no unit: write \"2s\" for seconds or \"2ms\" for milliseconds (overridden by /etc/geoip-exporter.d/a.toml)",
            "/etc/geoip-exporter.toml:2: log_level: \"loud\" is not one of error, warn, info, debug and trace, such as \"info\" (overridden by --log-level)",
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
        "/etc/geoip-exporter.toml:1: loglevel: unknown setting, did you mean log_level?"
    );
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

/// As a file of variables gives them, which has rules of its own.
#[test]
fn what_a_file_of_variables_leaves_in_a_value_is_named() {
    let world = World::new()
        .variable("GEOIP_EXPORTER_LOG_LEVEL", "\"info\"")
        .variable("GEOIP_EXPORTER_GEOIP_DB", "'/x.mmdb'")
        .variable("GEOIP_EXPORTER_POLL_INTERVAL", "5s\r")
        .flag("metrics_path", "\"/metrics\"");
    assert_eq!(
        world.bad(),
        "GEOIP_EXPORTER_LOG_LEVEL: \"info\" has quotes, which are kept in the value: write info\n\
         GEOIP_EXPORTER_GEOIP_DB: '/x.mmdb' has quotes, which are kept in the value: write /x.mmdb\n\
         GEOIP_EXPORTER_POLL_INTERVAL: \"5s\\r\" ends in a carriage return (CR): write \"5s\", and save the file it comes from with the line ends LF\n\
         --metrics-path: \"/metrics\" has quotes, which are kept in the value: write /metrics"
    );
    let world = World::new().variable(config::CONFIG_VARIABLE, "\"/x.toml\"");
    assert_eq!(
        world.bad(),
        "GEOIP_EXPORTER_CONFIG: \"/x.toml\" has quotes, which are kept in the value: write /x.toml"
    );
}

/// As Compose and Kubernetes leave a variable that is made from nothing.
#[test]
fn an_empty_variable_is_not_set_where_nothing_is_no_value() {
    let mut world = World::new();
    for setting in config::all().filter(|setting| setting.has_flag()) {
        world = world.variable(&setting.variable(), "");
    }
    let config = world.variable(config::CONFIG_VARIABLE, "").good().config;
    // Nothing is a value of this one, and the default another.
    let expected = Config { pin_directory: None, ..Config::default() };
    assert_eq!(config, expected);

    let world = World::new()
        .file("log_level = \"warn\"\nstate_directory = \"/x\"\n")
        .variable("GEOIP_EXPORTER_LOG_LEVEL", "")
        .variable("GEOIP_EXPORTER_STATE_DIRECTORY", "");
    let config = world.good().config;
    assert_eq!(config.log_level.as_str(), "warn");
    assert_eq!(config.state_directory, None);
}
