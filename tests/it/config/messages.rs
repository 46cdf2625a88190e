//! Every message about a value, whole.

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
            "absent_interface_retention: 60 has no unit: write \"60s\" for seconds",
        ),
        (
            "connections_interval = \"500ms\"",
            "connections_interval: \"500ms\" is not a duration from 1s to 1h, such as \"10s\"",
        ),
        (
            "connections_interval = \"10\"",
            "connections_interval: \"10\" has no unit: write \"10s\" for seconds",
        ),
        (
            "connections_interval = 2000",
            "connections_interval: 2000 has no unit: write \"2000s\" for seconds or \"2000ms\" for milliseconds",
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
        ("interfaces = [1]", "interfaces[0]: 1 is not text in quotes"),
        (
            "interfaces = true",
            "interfaces: true is not \"any\", \"uplinks\", \"containers\" or a comma list of names, patterns and exclusions (in TOML also an array), such as \"eth*,!eth9\"",
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
            "listen_address: \"9100\" is a port without an address: write \":9100\" for every address, or \"127.0.0.1:9100\" for this machine only",
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
            "listen_address: \"192.0.2.1:65536\" has a port above 65535, the highest there is",
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
            "exporter: there is no table of that name: settings are written at the top, without [exporter]",
        ),
        (
            "\"poll_interval.x\" = 1\n\"\\n\" = 2",
            "\"poll_interval.x\": unknown setting, did you mean poll_interval?\n/etc/geoip-exporter.toml:2: \"\\n\": unknown setting, geoip-exporter --help lists them all",
        ),
        (
            "[[exporter]]\nlog_level = \"info\"",
            "exporter: there is no table of that name: settings are written at the top, without [exporter]",
        ),
        (
            "exporter.log_level = \"info\"",
            "exporter: there is no table of that name: settings are written at the top, without [exporter]",
        ),
        (
            "colour = []",
            "colour: unknown setting, geoip-exporter --help lists them all",
        ),
        (
            "colour = 1979-05-27",
            "colour: unknown setting, geoip-exporter --help lists them all",
        ),
        (
            "interfaces = \"eth0:1\"",
            "interfaces: \"eth0:1\" is an alias of the interface eth0: write \"eth0\", which counts both",
        ),
        (
            "interfaces = [\"eth0\", 5, \"wg0\", true]",
            "interfaces[1]: 5 is not text in quotes\n/etc/geoip-exporter.toml:1: interfaces[3]: true is not text in quotes",
        ),
        (
            "geoip_db = \"~/x.mmdb\"",
            "geoip_db: \"~/x.mmdb\" begins with ~, which only a shell replaces: write the whole path, such as \"/root/x.mmdb\"",
        ),
        (
            "state_directory = \"~kim/state\"",
            "state_directory: \"~kim/state\" begins with ~, which only a shell replaces: write the whole path, such as \"/root/state\"",
        ),
        (
            "geoip_db_watch = \"yes\"",
            "geoip_db_watch: \"yes\" is not true or false: write true",
        ),
        (
            "geoip_db_watch = \"Off\"",
            "geoip_db_watch: \"Off\" is not true or false: write false",
        ),
        (
            "geoip_db_watch = \"perhaps\"",
            "geoip_db_watch: \"perhaps\" is not true or false, such as true",
        ),
        (
            "map_max_entries = 1e5",
            "map_max_entries: 1e5 is not a whole number from 1 to 16777216, such as 100000",
        ),
        (
            "map_max_entries = 1_000.50",
            "map_max_entries: 1_000.50 is not a whole number from 1 to 16777216, such as 100000",
        ),
        (
            "map_max_entries = \"many\"",
            "map_max_entries: \"many\" is not a whole number from 1 to 16777216, such as 100000",
        ),
        (
            "listen_address = 9100",
            "listen_address: \"9100\" is a port without an address: write \":9100\" for every address, or \"127.0.0.1:9100\" for this machine only",
        ),
        (
            "listen_address = \"http://127.0.0.1:9100/metrics\"",
            "listen_address: \"http://127.0.0.1:9100/metrics\" is a URL, not an address and port: write \"127.0.0.1:9100\"",
        ),
        (
            "listen_address = \"https://[::1]:9100\"",
            "listen_address: \"https://[::1]:9100\" is a URL, not an address and port: write \"[::1]:9100\"; web_config_file turns TLS on",
        ),
        (
            "listen_address = \"tcp://metrics.example\"",
            "listen_address: \"tcp://metrics.example\" is a URL, not an address and port: write \"127.0.0.1:9100\"",
        ),
        (
            "listen_address = \"127.0.0.1:9100/metrics\"",
            "listen_address: \"127.0.0.1:9100/metrics\" has a path: write \"127.0.0.1:9100\"; the path is another setting, metrics_path",
        ),
        (
            "listen_address = \":99999\"",
            "listen_address: \":99999\" has a port above 65535, the highest there is",
        ),
        (
            "listen_address = 91000",
            "listen_address: \"91000\" has a port above 65535, the highest there is",
        ),
        (
            "listen_address = [\"127.0.0.1:9100\", 9101]",
            "listen_address[1]: 9101 is not text in quotes",
        ),
    ] {
        let refused = World::new().file(toml).bad();
        let expected = format!("/etc/geoip-exporter.toml:1: {expected}");
        assert_eq!(refused, expected, "{toml}");
    }
}

#[test]
fn a_fault_names_its_line_inside_a_list_and_down_the_file() {
    let world = World::new().file(
        "log_level = \"loud\"\n\n# a comment\ncolour = 1\n\
         interfaces = [\n  \"eth0\",\n  7,\n]\nflow_batch_size = -1\n",
    );
    assert_eq!(
        world.bad(),
        "/etc/geoip-exporter.toml:1: log_level: \"loud\" is not one of error, warn, info, debug and trace, such as \"info\"\n\
         /etc/geoip-exporter.toml:4: colour: unknown setting, geoip-exporter --help lists them all\n\
         /etc/geoip-exporter.toml:7: interfaces[1]: 7 is not text in quotes\n\
         /etc/geoip-exporter.toml:9: flow_batch_size: -1 is not a whole number from 1 to 1048576, or 0 for the default, such as 10000"
    );
}
