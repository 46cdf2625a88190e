//! The layer that decides, and the messages about it.

use geoip_exporter::config::{
    self, Config, Flags, Interfaces, Kind, Loaded, Paths, Setting, Source, all,
    load, plan, print_config,
};

use super::World;

/// Three values of a setting that are neither its default nor each other,
/// as TOML.
fn others(setting: &Setting) -> [&'static str; 3] {
    match setting.key {
        "interfaces" => ["[\"eth1\"]", "[\"eth2\", \"wg0\"]", "[\"lo\"]"],
        "geoip_db" => ["\"/1.mmdb\"", "\"/2.mmdb\"", "\"/3.mmdb\""],
        "geoip_db_watch" => ["false", "true", "false"],
        "config_watch" => ["true", "false", "true"],
        "ipv4_prefix_length" => ["8", "16", "32"],
        "ipv6_prefix_length" => ["16", "64", "128"],
        "poll_interval" => ["\"1s\"", "\"30s\"", "\"500ms\""],
        "host" => ["true", "false", "true"],
        "counted_once" => ["[\"eth0\"]", "[\"eth1\", \"wg*\"]", "[\"lo\"]"],
        "countries_at_zero" => ["\"all\"", "[\"DE\", \"US\"]", "[\"XK\"]"],
        "absent_interface_retention" => ["\"0\"", "\"1s\"", "\"8760h\""],
        "listen_address" => {
            ["\"127.0.0.1:0\"", "[\"[::1]:1\", \"unix:/x\"]", "\"[::]:1\""]
        }
        "web_config_file" => ["\"/1.yml\"", "\"/2.yml\"", "\"/3.yml\""],
        "enable_reload" => ["true", "false", "true"],
        "metrics_path" => ["\"/a\"", "\"/b/c\"", "\"/d\""],
        "state_directory" | "pin_directory" => ["\"/a\"", "\"/b/c\"", "\"/d\""],
        "history" => ["false", "true", "false"],
        "history_timezone" => ["\"UTC\"", "\"Asia/Tokyo\"", "\"Etc/GMT-5\""],
        "quota" => ["\"20TiB\"", "\"1MiB\"", "\"3GB\""],
        "quota_direction" => ["\"sent\"", "\"received\"", "\"larger\""],
        "quota_reset_day" => ["2", "15", "31"],
        "log_level" => ["\"error\"", "\"debug\"", "\"trace\""],
        "log_format" => ["\"json\"", "\"text\"", "\"json\""],
        "web" => ["false", "true", "false"],
        "sandbox" => ["false", "true", "false"],
        "unknown_prefixes" | "name_special_addresses" => {
            ["true", "false", "true"]
        }
        "networks" | "country_info" | "connections" => {
            ["true", "false", "true"]
        }
        "city_db" => ["\"/a.mmdb\"", "\"/b.mmdb\"", "\"/c.mmdb\""],
        "names_language" => ["\"de\"", "\"pt-BR\"", "\"ja\""],
        "remote_hosts" | "remote_hosts_metrics" => ["true", "false", "true"],
        "remote_hosts_threshold" => ["\"0B\"", "\"10MiB\"", "\"3kB\""],
        "connections_interval" => ["\"1s\"", "\"30s\"", "\"1m\""],
        "connections_ignore" => {
            ["[\"192.0.2.0/24\"]", "[\"2001:db8::/32\", \"vpn\"]", "[\"x\"]"]
        }
        "connections_scope" => ["\"host\"", "\"namespace\"", "\"host\""],
        "asn_db" => ["\"/a.mmdb\"", "\"/b.mmdb\"", "\"/c d.mmdb\""],
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
    let list = toml.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    list.unwrap_or(toml).replace(['"', ' '], "")
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
        databases: Vec::new(),
        ..Paths::default()
    };
    let loaded = load(&Flags::default(), &[], &nowhere).unwrap();
    assert_eq!(loaded.config, Config::default());
}

#[test]
fn each_layer_overrides_the_one_below_for_every_setting() {
    for setting in all().filter(|setting| setting.has_flag()) {
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
    let loaded = world.good();
    assert_eq!(loaded.config, Config::default());
    let left_out: Vec<String> = loaded
        .left_out
        .iter()
        .map(|(file, why)| world.etc(format!("{}: {why}", file.display())))
        .collect();
    assert_eq!(
        left_out,
        [
            "/etc/geoip-exporter.d/.#a.toml: its name begins with a dot",
            "/etc/geoip-exporter.d/README: its name does not end in .toml",
            "/etc/geoip-exporter.d/a.toml.dpkg-old: its name does not end in .toml",
            "/etc/geoip-exporter.d/a.toml~: its name does not end in .toml",
        ]
    );
}

#[test]
fn where_no_database_is_named_the_first_that_is_there_is_taken() {
    let world = World::new().write("2.mmdb", "");
    let second = world.path("2.mmdb");
    let loaded = world.good();
    assert_eq!(loaded.config.geoip_db, second);
    assert_eq!(
        source_of(config::find("geoip_db").unwrap(), &loaded),
        Source::Default
    );
    let world = world.write("1.mmdb", "");
    assert_eq!(world.good().config.geoip_db, world.path("1.mmdb"));
    let world = world.flag("geoip_db", "/x.mmdb");
    assert_eq!(world.good().config.geoip_db.to_str(), Some("/x.mmdb"));

    let world = world.write("asn.mmdb", "");
    assert_eq!(world.good().config.asn_db, world.path("asn.mmdb"));
    let world = world.flag("asn_db", "/y.mmdb");
    assert_eq!(world.good().config.asn_db.to_str(), Some("/y.mmdb"));

    assert_eq!(world.good().config.city_db, None);
    let world = world.write("city.mmdb", "");
    assert_eq!(world.good().config.city_db, Some(world.path("city.mmdb")));
    let world = world.flag("city_db", "");
    assert_eq!(world.good().config.city_db, None);

    let of_networks = Paths::default().network_databases;
    assert_eq!(of_networks[0], Config::default().asn_db);
    let all = Paths::default().databases;
    assert_eq!(all[0], Config::default().geoip_db);
    for folder in ["/var/lib/GeoIP", "/usr/local/share/GeoIP"] {
        let path = format!("{folder}/GeoLite2-Country.mmdb");
        assert!(all.contains(&path.into()), "{folder}");
    }
}

#[test]
fn interfaces_are_any_or_a_list_in_every_spelling() {
    let named = |list| Interfaces::read(list).unwrap();
    let eth = named("eth0,wg0");
    for (toml, expected) in [
        ("\"any\"", Interfaces::any()),
        ("[\"any\"]", Interfaces::any()),
        ("\" any ,\"", Interfaces::any()),
        ("\"eth0,wg0\"", eth.clone()),
        ("\" eth0 ,, wg0, eth0,\"", eth.clone()),
        ("[\"eth0\", \"\", \"wg0\", \"eth0\"]", eth.clone()),
        ("[\"eth0,wg0\"]", eth),
        ("\"\"", Interfaces::default()),
        ("\"!eth9, eth*\"", named("!eth9,eth*")),
        ("[\"any\", \"!veth*\", \"!br-*\"]", named("any,!veth*,!br-*")),
        ("[\"any\", \"eth0\"]", named("any,eth0")),
        ("['a\\,b', 'c\\\"d', \"e\\\\xffg\"]", named(r#"a\,b,c\"d,e\xffg"#)),
        ("\"uplinks\"", named("uplinks")),
        ("\"a23456789012345\"", named("a23456789012345")),
    ] {
        let world = World::new().file(&format!("interfaces = {toml}"));
        assert_eq!(world.good().config.interfaces, expected, "{toml}");
    }
}

#[test]
fn a_byte_order_mark_is_not_part_of_the_configuration() {
    let world = World::new().file("\u{feff}log_level = \"WARNING\"\r\n");
    assert_eq!(world.good().config.log_level.as_str(), "warn");
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
         host = false  # default\n\
         counted_once = \"auto\"  # default\n\
         networks = false  # default\n\
         asn_db = \"/usr/share/GeoIP/GeoLite2-ASN.mmdb\"  # default\n\
         networks_top = 200  # default\n\
         country_info = false  # default\n\
         remote_hosts = false  # default\n\
         city_db = \"\"  # default\n\
         names_language = \"en\"  # default\n\
         remote_hosts_metrics = false  # default\n\
         remote_hosts_top = 100  # default\n\
         remote_hosts_threshold = \"1MiB\"  # default\n\
         connections = false  # default\n\
         connections_interval = \"10s\"  # default\n\
         connections_ignore = []  # default\n\
         connections_scope = \"namespace\"  # default\n\
         connections_countries = 64  # default\n\
         countries_at_zero = \"none\"  # default\n\
         absent_interface_retention = \"1h\"  # default\n\
         listen_address = \"[::]:9101\"  # --listen-address\n\
         web_config_file = \"\"  # default\n\
         enable_reload = false  # default\n\
         metrics_path = \"/metrics\"  # default\n\
         web = true  # default\n\
         state_directory = \"\"  # default\n\
         pin_directory = \"/sys/fs/bpf/geoip-exporter\"  # default\n\
         config_watch = false  # default\n\
         log_level = \"info\"  # default\n\
         log_format = \"text\"  # default\n\
         sandbox = true  # default\n\
         history = true  # default\n\
         history_timezone = \"\"  # default\n\
         quota = \"\"  # default\n\
         quota_direction = \"both\"  # default\n\
         quota_reset_day = 1  # default\n\
         name_special_addresses = false  # default\n\
         unknown_prefixes = false  # default\n\
         range_files = []  # default\n\
         range = []  # default\n\
         service = []  # default\n"
    );
}

/// A setting whose `keep` or `write` forgot its field would be lost here.
#[test]
fn a_reload_sees_a_change_of_every_setting() {
    let old = Config::default();
    for setting in all() {
        let world = match setting.has_flag() {
            true => {
                let text = as_text(others(setting)[0]);
                World::new().flag(setting.key, &text)
            }
            false => {
                let (key, example) = (setting.key, setting.example);
                World::new().file(&format!("{key} = {example}\n"))
            }
        };
        let new = world.good().config;
        let plan = plan(&old, &new);
        let restart = setting.effect == config::Effect::Restart;
        let named = if restart { &plan.needs_restart } else { &plan.changed };
        // The kernel keeps whole addresses for it.
        let lengths = ["ipv4_prefix_length", "ipv6_prefix_length"];
        let others = match setting.key {
            "remote_hosts" => &lengths[..],
            _ => &[],
        };
        assert_eq!(named, &[others, &[setting.key]].concat());
        assert_eq!(plan.config, if restart { old.clone() } else { new });
    }
}
