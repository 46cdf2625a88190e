//! The layers of the configuration and every message about them.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use geoip_exporter::config::{
    self, Config, Error, Flags, Interfaces, Kind, Loaded, Paths, Setting,
    Source, all, load, plan, print_config,
};
use proptest::prelude::*;
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

    /// Loads what must be good.
    fn good(&self) -> Loaded {
        self.load().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Loads what must be refused; the root's path becomes `/etc`.
    fn bad(&self) -> String {
        let Err(error) = self.load() else { panic!("nothing was refused") };
        self.etc(&error)
    }

    fn etc(&self, text: impl ToString) -> String {
        let root = self.root.path().to_str().unwrap();
        text.to_string().replace(root, "/etc")
    }
}

/// Three values of a setting that are neither its default nor each other,
/// as TOML.
fn others(setting: &Setting) -> [&'static str; 3] {
    match setting.key {
        "interfaces" => ["[\"eth1\"]", "[\"eth2\", \"wg0\"]", "[\"lo\"]"],
        "geoip_db" => ["\"/1.mmdb\"", "\"/2.mmdb\"", "\"/3.mmdb\""],
        "geoip_db_watch" => ["false", "true", "false"],
        "ipv4_prefix_length" => ["8", "16", "32"],
        "ipv6_prefix_length" => ["16", "64", "128"],
        "poll_interval" => ["\"1s\"", "\"30s\"", "\"500ms\""],
        "listen_address" => {
            ["\"127.0.0.1:0\"", "\"[::1]:9100\"", "\"192.0.2.1:1\""]
        }
        "metrics_path" => ["\"/a\"", "\"/b/c\"", "\"/d\""],
        "log_level" => ["\"error\"", "\"debug\"", "\"trace\""],
        "log_format" => ["\"json\"", "\"text\"", "\"json\""],
        _ if setting.kind == Kind::Number => ["1", "22", "333"],
        key => panic!("{key} has no values here: add some"),
    }
}

fn value_of(setting: &Setting, loaded: &Loaded) -> String {
    (setting.write)(&loaded.config).to_string()
}

fn source_of(setting: &Setting, loaded: &Loaded) -> Source {
    let mut sources = loaded.sources.iter();
    sources.find(|(key, _)| *key == setting.key).unwrap().1.clone()
}

/// How a flag or variable would write a TOML value.
fn as_text(toml: &str) -> String {
    toml.trim_matches(['[', ']']).replace(['"', ' '], "")
}

#[test]
fn without_any_layer_the_defaults_hold() {
    let world = World::new();
    let loaded = world.good();
    assert_eq!(loaded.config, Config::default());
    assert!(loaded.sources.iter().all(|(_, from)| *from == Source::Default));
    assert!(loaded.files.is_empty() && loaded.warnings.is_empty());
    let nowhere = Paths {
        file: world.path("none.toml"),
        directory: world.path("none.d"),
    };
    let loaded = load(&Flags::default(), &[], &nowhere).unwrap();
    assert_eq!(loaded.config, Config::default());
}

#[test]
fn each_layer_overrides_the_one_below_for_every_setting() {
    for setting in all() {
        let key = setting.key;
        let [one, two, three] = others(setting);
        let expect = |world: &World, value: &str, source: Source| {
            let loaded = world.good();
            assert_eq!(value_of(setting, &loaded), value, "{key}");
            assert_eq!(source_of(setting, &loaded), source, "{key}");
            for other in all().filter(|other| other.key != key) {
                let default = Source::Default;
                assert_eq!(source_of(other, &loaded), default, "{key}");
            }
        };
        let world = World::new().file(&format!("{key} = {one}\n"));
        expect(&world, one, Source::File(world.paths().file));
        let world = world.drop_in("10-site.toml", &format!("{key} = {two}\n"));
        let site = world.path("geoip-exporter.d/10-site.toml");
        expect(&world, two, Source::File(site));
        let world = world.drop_in("9.toml", &format!("{key} = {three}\n"));
        let nine = world.path("geoip-exporter.d/9.toml");
        expect(&world, three, Source::File(nine));
        let variable = setting.variable();
        let world = world.variable(&variable, &as_text(two));
        expect(&world, two, Source::Variable(variable));
        let world = world.flag(key, &as_text(one));
        expect(&world, one, Source::Flag(format!("--{}", setting.flag())));
    }
}

#[test]
fn layers_that_set_different_keys_add_up() {
    let world = World::new()
        .file("poll_interval = \"5s\"\nlog_level = \"debug\"\n")
        .drop_in("a.toml", "log_level = \"warn\"\n")
        .variable("GEOIP_EXPORTER_FLOW_BATCH_SIZE", "7")
        .flag("metrics_path", "/m");
    let loaded = world.good();
    let config = &loaded.config;
    assert_eq!(config.poll_interval.as_secs(), 5);
    assert_eq!(config.log_level.as_str(), "warn");
    assert_eq!(config.flow_batch_size.get(), 7);
    assert_eq!(config.metrics_path, "/m");
    assert_eq!(
        loaded.files,
        [world.paths().file, world.path("geoip-exporter.d/a.toml")]
    );
}

#[test]
fn a_named_file_replaces_the_default_one_and_the_flag_beats_the_variable() {
    let mut world = World::new()
        .file("log_level = \"error\"\nflow_batch_size = 3\n")
        .write("variable.toml", "log_level = \"debug\"\n")
        .write("flag.toml", "log_level = \"trace\"\n");
    let file = world.path("variable.toml");
    let world_with_variable =
        world.variable(config::CONFIG_VARIABLE, file.to_str().unwrap());
    let loaded = world_with_variable.good();
    assert_eq!(loaded.config.log_level.as_str(), "debug");
    assert_eq!(loaded.config.flow_batch_size.get(), 10_000);
    world = world_with_variable;
    world.flags.config_file = Some(world.path("flag.toml"));
    assert_eq!(world.good().config.log_level.as_str(), "trace");
}

#[test]
fn only_visible_toml_files_of_the_directory_are_read() {
    let world = World::new()
        .drop_in(".#a.toml", "nonsense")
        .drop_in("a.toml~", "nonsense")
        .drop_in("a.toml.dpkg-old", "nonsense")
        .drop_in("README", "nonsense");
    assert_eq!(world.good().config, Config::default());
}

#[test]
fn interfaces_are_any_or_a_list_in_every_spelling() {
    let eth: Vec<String> = vec!["eth0".into(), "wg0".into()];
    for (toml, expected) in [
        ("\"any\"", Interfaces::Any),
        ("[\"any\"]", Interfaces::Any),
        ("\" any ,\"", Interfaces::Any),
        ("\"eth0,wg0\"", Interfaces::Named(eth.clone())),
        ("\" eth0 ,, wg0, eth0,\"", Interfaces::Named(eth.clone())),
        ("[\"eth0\", \"\", \"wg0\", \"eth0\"]", Interfaces::Named(eth.clone())),
        ("[\"eth0,wg0\"]", Interfaces::Named(eth)),
        (
            "\"a23456789012345\"",
            Interfaces::Named(vec!["a23456789012345".into()]),
        ),
    ] {
        let world = World::new().file(&format!("interfaces = {toml}"));
        assert_eq!(world.good().config.interfaces, expected, "{toml}");
    }
}

/// Every message about a value in a file, whole.
#[test]
fn a_wrong_value_says_what_was_found_and_what_is_allowed() {
    for (toml, expected) in [
        (
            "interfaces = \"\"",
            "interfaces: \"\" names no interface: name one, such as \"eth0\", or \"any\"",
        ),
        (
            "interfaces = \" , \"",
            "interfaces: \" , \" names no interface: name one, such as \"eth0\", or \"any\"",
        ),
        (
            "interfaces = []",
            "interfaces: [] names no interface: name one, such as \"eth0\", or \"any\"",
        ),
        (
            "interfaces = \"eth0,any\"",
            "interfaces: \"eth0,any\" has \"any\" beside other names: \"any\" stands alone",
        ),
        (
            "interfaces = [1]",
            "interfaces: [1] is not \"any\", a comma list or an array of interface names, such as \"eth0,wg0\"",
        ),
        (
            "interfaces = true",
            "interfaces: true is not \"any\", a comma list or an array of interface names, such as \"eth0,wg0\"",
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
            "geoip_cache_size = 0",
            "geoip_cache_size: 0 is not a whole number from 1 to 16777216, such as 65536",
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
            "flow_batch_size: 1048577 is not a whole number from 1 to 1048576, such as 10000",
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
            "poll_interval: \"0s\" is not a duration from 10ms to 1h, such as \"2s\"",
        ),
        (
            "poll_interval = \"-2s\"",
            "poll_interval: \"-2s\" is not a duration from 10ms to 1h, such as \"2s\"",
        ),
        (
            "poll_interval = 0",
            "poll_interval: 0 is not a duration from 10ms to 1h, such as \"2s\"",
        ),
        (
            "poll_interval = \"1ns\"",
            "poll_interval: \"1ns\" is not a duration from 10ms to 1h, such as \"2s\"",
        ),
        (
            "poll_interval = {}",
            "poll_interval: a table is not a duration from 10ms to 1h, such as \"2s\"",
        ),
        (
            "listen_address = \"9100\"",
            "listen_address: \"9100\" is not an address and port, such as \"127.0.0.1:9100\"",
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
            "metrics_path = \"/\"",
            "metrics_path: \"/\" is the landing page; write a path such as \"/metrics\"",
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
        .flag("log_level", "");
    assert_eq!(
        world.bad(),
        "GEOIP_EXPORTER_GEOIP_DB_WATCH: \"yes\" is not true or false, such as true\n\
         --flow-batch-size: \"99999999999999999999999999999999999999999\" is not a whole number from 1 to 1048576, such as 10000\n\
         --geoip-cache-size: -5 is not a whole number from 1 to 16777216, such as 65536\n\
         --log-level: \"\" is not one of error, warn, info, debug and trace, such as \"info\"\n\
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
        "/etc/geoip-exporter.toml: cannot be read: Is a directory (os error 21)\n\
         /etc/geoip-exporter.d/a.toml: cannot be read: Is a directory (os error 21)"
    );

    let world = World::new();
    std::os::unix::fs::symlink("gone", world.path("geoip-exporter.toml"))
        .unwrap();
    fs::remove_dir(world.path("geoip-exporter.d")).unwrap();
    let world = world.write("geoip-exporter.d", "");
    assert_eq!(
        world.bad(),
        "/etc/geoip-exporter.toml: cannot be read: No such file or directory (os error 2)\n\
         /etc/geoip-exporter.d: cannot be read: Not a directory (os error 20)"
    );

    let mut world = World::new();
    world.flags.config_file = Some("/dev/zero".into());
    assert_eq!(
        world.bad(),
        "/dev/zero: is no configuration: it has more than 1 MiB (named by --config)"
    );
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
fn a_byte_order_mark_is_not_part_of_the_configuration() {
    let world = World::new().file("\u{feff}log_level = \"WARNING\"\r\n");
    assert_eq!(world.good().config.log_level.as_str(), "warn");
}

#[test]
fn a_wrong_flag_is_a_usage_error_and_anything_else_a_configuration_error() {
    let world = World::new().flag("poll_interval", "0s");
    assert_eq!(world.load().unwrap_err().exit_code(), 64);
    let world = world.variable("GEOIP_EXPORTER_LOG_LEVEL", "loud");
    assert_eq!(world.load().unwrap_err().exit_code(), 78);
}

#[test]
fn the_limits_in_the_texts_are_the_limits() {
    for setting in all().filter(|setting| setting.kind == Kind::Number) {
        let rest =
            setting.expected.strip_prefix("a whole number from ").unwrap();
        let (least, most) = rest.split_once(" to ").unwrap();
        let (least, most): (i64, i64) =
            (least.parse().unwrap(), most.parse().unwrap());
        for (number, allowed) in
            [(least - 1, false), (least, true), (most, true), (most + 1, false)]
        {
            let world = World::new().flag(setting.key, &number.to_string());
            let key = setting.key;
            assert_eq!(world.load().is_ok(), allowed, "{key} = {number}");
        }
    }
    for (text, allowed) in
        [("9999us", false), ("10ms", true), ("1h", true), ("3601s", false)]
    {
        let world = World::new().flag("poll_interval", text);
        assert_eq!(world.load().is_ok(), allowed, "{text}");
    }
}

#[test]
fn every_example_is_a_good_value() {
    for setting in all() {
        let toml = format!("{} = {}\n", setting.key, setting.example);
        World::new().file(&toml).good();
    }
}

#[test]
fn the_printed_configuration_names_every_source() {
    let world = World::new()
        .file("interfaces = \"eth0,wg0\"\n")
        .variable("GEOIP_EXPORTER_POLL_INTERVAL", "90s")
        .flag("listen_address", ":9101");
    assert_eq!(
        world.etc(print_config(&world.good())),
        "interfaces = [\"eth0\", \"wg0\"]  # /etc/geoip-exporter.toml\n\
         geoip_db = \"/usr/share/GeoIP/GeoLite2-Country.mmdb\"  # default\n\
         geoip_db_watch = true  # default\n\
         geoip_cache_size = 65536  # default\n\
         map_max_entries = 100000  # default\n\
         poll_interval = \"1m30s\"  # GEOIP_EXPORTER_POLL_INTERVAL\n\
         flow_batch_size = 10000  # default\n\
         ipv4_prefix_length = 24  # default\n\
         ipv6_prefix_length = 48  # default\n\
         listen_address = \"[::]:9101\"  # --listen-address\n\
         metrics_path = \"/metrics\"  # default\n\
         log_level = \"info\"  # default\n\
         log_format = \"text\"  # default\n"
    );
}

/// A setting whose `keep` or `write` forgot its field would be lost here.
#[test]
fn a_reload_sees_a_change_of_every_setting() {
    let old = Config::default();
    for setting in all() {
        let text = as_text(others(setting)[0]);
        let new = World::new().flag(setting.key, &text).good().config;
        let plan = plan(&old, &new);
        let restart = setting.effect == config::Effect::Restart;
        let named = if restart { &plan.needs_restart } else { &plan.changed };
        assert_eq!(named, &[setting.key]);
        assert_eq!(plan.config, if restart { old.clone() } else { new });
    }
}

/// Any value a TOML file can hold.
fn toml_value() -> impl Strategy<Value = toml::Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(toml::Value::from),
        (-5i64..200).prop_map(toml::Value::from),
        any::<f64>().prop_map(toml::Value::from),
        any::<bool>().prop_map(toml::Value::from),
        ".*".prop_map(toml::Value::from),
        "[0-9]{1,3}(ms|s|m|h)?".prop_map(toml::Value::from),
        "[a-z]{1,4}(,[a-z0-9]{0,16})*".prop_map(toml::Value::from),
        Just(toml::Value::Datetime("1979-05-27T07:32:00Z".parse().unwrap())),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(toml::Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..4).prop_map(
                |table| toml::Value::Table(table.into_iter().collect())
            ),
        ]
    })
}

fn toml_key() -> impl Strategy<Value = String> {
    let keys: Vec<String> = all().map(|s| s.key.to_owned()).collect();
    prop_oneof![8 => prop::sample::select(keys), 1 => ".{0,20}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever a file holds: no panic, and either a configuration that
    /// prints and reads back as itself, or lines that name the file.
    #[test]
    fn any_table_is_a_configuration_or_problems_of_one_line_each(
        table in prop::collection::btree_map(toml_key(), toml_value(), 0..6)
    ) {
        let table: toml::Table = table.into_iter().collect();
        let world = World::new().file(&table.to_string());
        match world.load() {
            Ok(loaded) => {
                let printed = print_config(&loaded);
                let again = World::new().file(&printed).good();
                prop_assert_eq!(again.config, loaded.config);
            }
            Err(error) => {
                prop_assert!(!error.problems().is_empty());
                for line in world.etc(&error).lines() {
                    let named = line.starts_with("/etc/geoip-exporter.toml: ");
                    prop_assert!(named, "{}", line);
                }
                let lines = error.to_string().lines().count();
                prop_assert_eq!(lines, error.problems().len());
            }
        }
    }

    #[test]
    fn any_bytes_are_a_configuration_or_one_problem_line(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            "[a-z_]{1,9} ?= ?[\"\\[{'0-9a-z]{0,9}\n?.{0,9}"
                .prop_map(String::into_bytes),
        ]
    ) {
        let world = World::new().write("geoip-exporter.toml", bytes);
        if let Err(error) = world.load() {
            let text = world.etc(&error);
            prop_assert_eq!(text.lines().count(), error.problems().len());
            for line in text.lines() {
                prop_assert!(line.starts_with("/etc/geoip-exporter.toml:"));
            }
        }
    }

    #[test]
    fn any_text_for_a_flag_is_taken_or_refused_by_name(
        index in any::<prop::sample::Index>(), text in ".*"
    ) {
        let settings: Vec<_> = all().collect();
        let setting = index.get(&settings);
        let world = World::new().flag(setting.key, &text);
        if let Err(error) = world.load() {
            let flag = format!("--{}: ", setting.flag());
            prop_assert!(error.to_string().starts_with(&flag), "{}", error);
            prop_assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}
