//! The allowed values. Any input gets an answer.

use geoip_exporter::config::{self, Config, Kind, all, print_config};
use proptest::prelude::*;

use super::World;

#[test]
fn the_limits_in_the_texts_are_the_limits() {
    for setting in all().filter(|setting| setting.kind == Kind::Number) {
        let rest =
            setting.expected.strip_prefix("a whole number from ").unwrap();
        let (least, most) = rest.split_once(" to ").unwrap();
        let (most, has_default) = match most.split_once(", or 0 for") {
            Some((most, _)) => (most, true),
            None => (most, false),
        };
        let (least, most): (i64, i64) =
            (least.parse().unwrap(), most.parse().unwrap());
        for (number, allowed) in [
            (least - 1, has_default),
            (least, true),
            (most, true),
            (most + 1, false),
        ] {
            let world = World::new().flag(setting.key, &number.to_string());
            let key = setting.key;
            assert_eq!(world.load().is_ok(), allowed, "{key} = {number}");
        }
    }
    for (text, allowed) in
        [("499us", false), ("500us", true), ("24h", true), ("86401s", false)]
    {
        let world = World::new().flag("poll_interval", text);
        assert_eq!(world.load().is_ok(), allowed, "{text}");
    }
}

/// The numbers and words that the Go exporter's flags take.
#[test]
fn what_means_something_in_go_means_the_same_here() {
    for (key, text, toml) in [
        ("map_max_entries", "0x186a0", "100000"),
        ("map_max_entries", "100_000", "100000"),
        ("map_max_entries", "+5", "5"),
        ("map_max_entries", "0b1000", "8"),
        ("map_max_entries", "010", "8"),
        ("map_max_entries", "0o10", "8"),
        ("flow_batch_size", "0", "10000"),
        ("geoip_cache_size", "0", "65536"),
        ("geoip_cache_size", "0x0", "65536"),
        ("metrics_path", "/", "\"/\""),
        ("log_level", "", "\"info\""),
        ("log_level", " Debug ", "\"debug\""),
        ("poll_interval", "500µs", "\"500us\""),
        ("poll_interval", "1440m", "\"24h\""),
        ("poll_interval", "+1.5h", "\"1h30m\""),
    ] {
        let loaded = World::new().flag(key, text).good();
        let setting = config::find(key).unwrap();
        let value = (setting.write)(&loaded.config).to_string();
        assert_eq!(value, toml, "{key} {text:?}");
        let world = World::new().variable(&setting.variable(), text);
        assert_eq!(world.good().config, loaded.config, "{key} {text:?}");
    }
    for (key, toml) in [
        ("map_max_entries", "0x186a0"),
        ("map_max_entries", "100_000"),
        ("flow_batch_size", "0"),
        ("geoip_cache_size", "0"),
        ("log_level", "\"\""),
    ] {
        let world = World::new().file(&format!("{key} = {toml}\n"));
        assert_eq!(world.good().config, Config::default(), "{key}");
    }
}

/// Each spelling, in each layer.
#[test]
fn hosts_and_ports_may_have_names_of_this_host() {
    let world = || {
        World::new()
            .write("hosts", "127.0.0.1 localhost\n192.0.2.7 web\n::1 six\n")
            .write("services", "http 80/tcp www\n")
    };
    for (text, expected) in [
        ("localhost:9100", "\"127.0.0.1:9100\""),
        ("web:http", "\"192.0.2.7:80\""),
        ("six:www", "\"[::1]:80\""),
        (":http", "\"[::]:80\""),
        ("web:1, six:2", "[\"192.0.2.7:1\", \"[::1]:2\"]"),
    ] {
        let key = "listen_address";
        let setting = config::find(key).unwrap();
        for world in [
            world().flag(key, text),
            world().variable(&setting.variable(), text),
            world().file(&format!("{key} = \"{text}\"\n")),
            world().file(&format!("{key} = [\"{text}\"]\n")),
        ] {
            let loaded = world.good();
            let value = (setting.write)(&loaded.config).to_string();
            assert_eq!(value, expected, "{text}");
        }
    }
    let refused = world().flag("listen_address", "nowhere:9100").bad();
    assert_eq!(
        refused,
        "--listen-address: \"nowhere:9100\" is not an address and port, such \
         as \"127.0.0.1:9100\": it has a name that is not in /etc/hosts or \
         /etc/services, and names are not looked up over the network"
    );
    // Without the files too.
    let loaded = World::new().flag("listen_address", "localhost:http").good();
    assert_eq!(loaded.config.listen_address[0].to_string(), "127.0.0.1:80");
}

/// A message adds the example itself.
#[test]
fn no_text_of_what_is_allowed_has_an_example() {
    for setting in all() {
        let expected = setting.expected;
        assert!(!expected.contains("such as"), "{}: {expected}", setting.key);
    }
}

#[test]
fn every_example_is_a_good_value() {
    for setting in all() {
        let toml = format!("{} = {}\n", setting.key, setting.example);
        World::new().file(&toml).good();
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
                // The texts are compared without their comments: ranges and
                // services of the configuration know their lines.
                let table = |text: &str| text.parse::<toml::Table>().unwrap();
                let again = table(&print_config(&again));
                prop_assert_eq!(again, table(&printed));
            }
            Err(error) => {
                prop_assert!(!error.problems().is_empty());
                for line in world.etc(&error).lines() {
                    let named = line.starts_with("/etc/geoip-exporter.toml:");
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
        let settings: Vec<_> = all().filter(|it| it.has_flag()).collect();
        let setting = index.get(&settings);
        let world = World::new().flag(setting.key, &text);
        if let Err(error) = world.load() {
            let flag = format!("--{}: ", setting.flag());
            prop_assert!(error.to_string().starts_with(&flag), "{}", error);
            prop_assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}
