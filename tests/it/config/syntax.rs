//! Every message about a line that is not TOML, whole.

use super::World;

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
        (
            "log_level = \"info\n",
            "1:18: the quote \" is not closed: write log_level = \"info\"",
        ),
        (
            "# é\nlog_level\n",
            "2:10: log_level has no value: write one, such as log_level = \"info\"",
        ),
        (
            "log_level = \"info\"\nlog_level = \"info\"\n",
            "2:1: log_level: is set already, in line 1: leave one out",
        ),
        (
            "a = 1\n[b]\nc = 1\nd = 2\nc = 3\n",
            "5:1: c: is set already, in line 3: leave one out",
        ),
        (
            "log_level: info\n",
            "1:10: log_level has : in place of =: write log_level = \"info\"",
        ),
        (
            "poll_interval := \"5s\"",
            "1:15: poll_interval has := in place of =: write poll_interval = \"5s\"",
        ),
        (
            "poll_intervall: 5",
            "1:15: poll_intervall has : in place of =: write a value such as poll_interval = \"2s\"",
        ),
        (
            "map_max_entries: 5",
            "1:16: map_max_entries has : in place of =: write map_max_entries = 5",
        ),
        (
            "log_level info\n",
            "1:11: log_level has nothing in place of =: write log_level = \"info\"",
        ),
        (
            "log_level =\n",
            "1:12: log_level has no value: write one, such as log_level = \"info\"",
        ),
        (
            "map_max_entries = # many\n",
            "1:19: map_max_entries has no value: write one, such as map_max_entries = 100000",
        ),
        (
            "log_level = “info”\n",
            "1:13: “ is not a quote in TOML: write log_level = \"info\"",
        ),
        (
            "interfaces = [‘eth0’]\n",
            "1:15: ‘ is not a quote in TOML: write interfaces = [\"eth0\"]",
        ),
        (
            "geoip_db = '/x.mmdb\n",
            "1:20: the quote ' is not closed: write geoip_db = \"/x.mmdb\"",
        ),
        (
            "// log\nlog_level = \"info\"\n",
            "1:1: a comment begins with #, not with //",
        ),
        ("; log\n", "1:1: a comment begins with #, not with ;"),
        (
            "log_level = \"info\" // loud\n",
            "1:20: a comment begins with #, not with //",
        ),
        (
            "log_level = \"info\" ; loud\n",
            "1:20: a comment begins with #, not with ;",
        ),
        ("log_level = \"info\";\n", "1:19: leave out the ; behind the value"),
        (
            "log_level = \"info\"\rmetrics_path = \"/m\"\r",
            "1:19: the line ends in a carriage return alone (CR): save the file with the line ends LF or CR LF",
        ),
        (
            "geoip_db_watch = True\n",
            "1:18: True is not true or false: write geoip_db_watch = true",
        ),
        (
            "sandbox = no\n",
            "1:11: no is not true or false: write sandbox = false",
        ),
        (
            "log_level = loud\n",
            "1:13: log_level: loud is not one of error, warn, info, debug and trace, such as \"info\"",
        ),
        (
            "poll_interval = 5s\n",
            "1:18: text needs quotes: poll_interval = \"5s\"",
        ),
        (
            "geoip_db = ~/x.mmdb\n",
            "1:12: geoip_db: ~/x.mmdb begins with ~, which only a shell replaces: write the whole path, such as \"/root/x.mmdb\"",
        ),
        (
            "poll_interval\u{a0}= \"5s\"\n",
            "1:14: there is a character that only looks like a blank, U+00A0: write an ordinary one",
        ),
        (
            "{\n  \"log_level\": \"info\"\n}\n",
            "1:1: this looks like JSON, and TOML has no brace here: write lines such as log_level = \"info\"",
        ),
    ] {
        let refused = World::new().file(toml).bad();
        let expected = format!("/etc/geoip-exporter.toml:{expected}");
        assert_eq!(refused, expected, "{toml}");
    }
}
