//! Lists of tables: every file adds to them, and all faults are named with
//! file and line.

use geoip_exporter::config::{self, Protocol, print_config};

use super::World;

#[test]
fn every_file_adds_its_tables() {
    let world = World::new()
        .file(
            "range_files = [\"/etc/a.json\"]\n\
             [[range]]\nname = \"office\"\n\
             cidrs = [\"198.51.100.0/24\", \"2001:db8:7::/48\"]\n\
             country = \"de\"\nasn = 64500\n\
             [[service]]\nname = \"web\"\nports = [\"80/tcp\", 443]\n",
        )
        .drop_in("a.toml", "service = [{ name = \"dns\", ports = \"53\" }]\n")
        .drop_in(
            "b.toml",
            "range_files = [{ path = \"/etc/b.txt\", format = \"list\", \
             name = \"blocked\" }]\n\
             # A comment.\n[[range]]\nname = \"vpn\"\ncidrs = \"10.8.0.0/16\"\n\
             asn = \"AS64501\"\ncountry = \"HQ Berlin\"\nlocal = false\n",
        );
    let loaded = world.good();
    let [office, vpn] = &loaded.config.range[..] else {
        panic!("{:?}", loaded.config.range);
    };
    assert_eq!((&*office.name, &*vpn.name), ("office", "vpn"));
    assert_eq!(office.country.as_deref(), Some("DE"));
    assert_eq!((office.asn, vpn.asn), (Some(64500), Some(64501)));
    assert_eq!((office.local, vpn.local), (true, false));
    let place = world.etc(&office.cidrs[1].location);
    assert_eq!(place, "/etc/geoip-exporter.toml:4");
    let place = world.etc(&vpn.location);
    assert_eq!(place, "/etc/geoip-exporter.d/b.toml:3");
    let files = loaded.config.range_files.iter().map(|file| &file.path);
    assert_eq!(
        files.collect::<Vec<_>>(),
        ["/etc/a.json", "/etc/b.txt"]
            .map(std::path::Path::new)
            .iter()
            .collect::<Vec<_>>()
    );
    let ports = loaded.config.service.iter().flat_map(|it| &it.ports);
    let ports: Vec<_> = ports.map(ToString::to_string).collect();
    assert_eq!(ports, ["80/tcp", "443", "53"]);
    let dns = loaded.config.service[1].ports[0];
    let protocols: Vec<_> = dns.protocols().collect();
    assert_eq!(protocols, [Protocol::Tcp, Protocol::Udp]);
}

#[test]
fn the_printed_lists_name_the_place_of_each_table_and_read_back() {
    let world = World::new()
        .file(
            "range_files = [\"/etc/a.json\", { path = \"/etc/b\", format = \
             \"list\", name = \"b\" }]\n\
             [[range]]\nname = \"office\"\ncidrs = \"198.51.100.0/24\"\n",
        )
        .drop_in("a.toml", "[[service]]\nname = \"web\"\nports = \"80/tcp\"\n");
    let loaded = world.good();
    let printed = world.etc(print_config(&loaded));
    let (keys, tables) = printed.split_once("\n\n").unwrap();
    assert!(
        keys.starts_with(
            "range_files = [\n    \
             \"/etc/a.json\",  # /etc/geoip-exporter.toml:1\n    \
             { format = \"list\", name = \"b\", path = \"/etc/b\" },  # \
             /etc/geoip-exporter.toml:1\n]\n"
        ),
        "{keys}"
    );
    assert_eq!(
        tables,
        "[[range]]  # /etc/geoip-exporter.toml:2\n\
         cidrs = [\"198.51.100.0/24\"]\n\
         name = \"office\"\n\
         \n[[service]]  # /etc/geoip-exporter.d/a.toml:1\n\
         name = \"web\"\n\
         ports = [\"80/tcp\"]\n"
    );
    let again = World::new().file(&printed).good().config;
    let plan = config::plan(&loaded.config, &again);
    assert_eq!(plan.changed, Vec::<&str>::new());
}

#[test]
fn all_faults_are_named_together_with_file_and_line() {
    let world = World::new()
        .file(
            "[[range]]\n\
             cidrs = [\n  \"198.51.100.7/24\",\n  5,\n]\n\
             [[range]]\nname = \"other\"\ncidr = []\n\
             cidrs = []\nasn = 0\ncountry = \"\"\nlocal = 3\n\
             [[service]]\nname = \"web\"\nports = [\"80/sctp\", \"9-5\", 0]\n",
        )
        .drop_in(
            "a.toml",
            "range_files = [{ paht = \"/x\", format = \"lits\" }, 7]\n\
             [range]\nname = \"x\"\n",
        );
    let expected = "\
/etc/geoip-exporter.toml:1: range[0]: name is missing: write name = \"office\"
/etc/geoip-exporter.toml:3: range[0].cidrs[0]: \"198.51.100.7/24\" has bits set past its length: write \"198.51.100.0/24\", or \"198.51.100.7\" for this address alone
/etc/geoip-exporter.toml:4: range[0].cidrs[1]: 5 is not text in quotes, such as \"198.51.100.0/24\"
/etc/geoip-exporter.toml:7: range[1].name: \"other\" stands for traffic without a name; a name is such as \"office\"
/etc/geoip-exporter.toml:8: range[1].cidr: unknown key, did you mean cidrs?
/etc/geoip-exporter.toml:9: range[1].cidrs: is empty: write cidrs = [\"198.51.100.0/24\", \"2001:db8:7::/48\"]
/etc/geoip-exporter.toml:10: range[1].asn: 0 is not a number from 1 to 4294967295, such as 64500, nor such as \"AS64500\"
/etc/geoip-exporter.toml:11: range[1].country: \"\" is empty or has blanks at its ends; a country is such as \"DE\" or \"HQ Berlin\"
/etc/geoip-exporter.toml:12: range[1].local: 3 is not true or false
/etc/geoip-exporter.toml:15: service[0].ports[0]: \"80/sctp\" is no port from 1 to 65535, such as \"80/tcp\", \"443\" or \"5000-5010/udp\"
/etc/geoip-exporter.toml:15: service[0].ports[1]: \"9-5\" is no port from 1 to 65535, such as \"80/tcp\", \"443\" or \"5000-5010/udp\"
/etc/geoip-exporter.toml:15: service[0].ports[2]: 0 is no port from 1 to 65535, such as \"80/tcp\", \"443\" or \"5000-5010/udp\"
/etc/geoip-exporter.d/a.toml:1: range_files[0]: path is missing: write path = \"/etc/geoip-exporter/ranges.json\"
/etc/geoip-exporter.d/a.toml:1: range_files[0].format: \"lits\" is no format, allowed: \"ranges\", \"list\", \"aws\", \"google\", \"azure\", \"oracle\", did you mean \"list\"?
/etc/geoip-exporter.d/a.toml:1: range_files[0].paht: unknown key, did you mean path?
/etc/geoip-exporter.d/a.toml:1: range_files[1]: 7 is not a path such as \"/etc/geoip-exporter/ranges.json\", nor a table such as { path = \"/etc/geoip-exporter/ranges.json\", format = \"list\", name = \"blocked\" }
/etc/geoip-exporter.d/a.toml:2: range: a single table is not a list of tables: write [[range]] above it";
    let mut found: Vec<_> = world.bad().lines().map(String::from).collect();
    let mut expected: Vec<_> = expected.lines().map(String::from).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

/// Other settings take a list as one text.
#[test]
fn a_list_as_one_text_is_shown_as_it_should_be_written() {
    let world = World::new().file(
        "[[range]]\nname = \"a\"\ncidrs = \"192.0.2.0/24, 2001:db8::/32,\"\n\
         [[service]]\nname = \"b\"\nports = \"80,443/tcp\"\n\
         [[service]]\nname = \"c\"\nports = \",\"\n",
    );
    let expected = "\
/etc/geoip-exporter.toml:3: range[0].cidrs: \"192.0.2.0/24, 2001:db8::/32,\" is one text and not a list: write cidrs = [\"192.0.2.0/24\", \"2001:db8::/32\"]
/etc/geoip-exporter.toml:6: service[0].ports: \"80,443/tcp\" is one text and not a list: write ports = [\"80\", \"443/tcp\"]
/etc/geoip-exporter.toml:9: service[1].ports: \",\" is no port from 1 to 65535, such as \"80/tcp\", \"443\" or \"5000-5010/udp\"";
    assert_eq!(world.bad(), expected);
}

#[test]
fn a_name_or_a_prefix_or_a_port_of_two_tables_is_named_with_both_places() {
    let world = World::new()
        .file(
            "[[range]]\nname = \"a\"\ncidrs = [\n\"10.0.0.0/8\",\n\
             \"192.0.2.0/24\", \"192.0.2.0/24\"]\n\
             [[service]]\nname = \"web\"\nports = [\"80\", \"80/tcp\"]\n",
        )
        .drop_in(
            "b.toml",
            "[[range]]\nname = \"a\"\ncidrs = \"10.1.0.0/16\"\n\
             [[range]]\nname = \"b\"\ncidrs = \"192.0.2.0/24\"\n\
             [[service]]\nname = \"web\"\nports = \"1\"\n\
             [[service]]\nname = \"proxy\"\nports = [\"70-90/udp\"]\n",
        );
    assert_eq!(
        world.bad(),
        "\
/etc/geoip-exporter.d/b.toml:2: range[0].name: \"a\" is also the name of the range at /etc/geoip-exporter.toml:1: put the prefixes of both into one
/etc/geoip-exporter.d/b.toml:6: range[1].cidrs[0]: \"192.0.2.0/24\" is also a prefix of \"a\", at /etc/geoip-exporter.toml:5: a prefix has one name
/etc/geoip-exporter.d/b.toml:8: service[0].name: \"web\" is also the name of the service at /etc/geoip-exporter.toml:6: put the ports of both into one
/etc/geoip-exporter.d/b.toml:12: service[1].ports[0]: port 80/udp is also one of \"web\", at /etc/geoip-exporter.toml:8: a port belongs to one service"
    );
}

#[test]
fn a_flag_or_variable_is_told_that_lists_stand_in_files() {
    let world = World::new()
        .variable("GEOIP_EXPORTER_RANGE", "x")
        .variable("GEOIP_EXPORTER_RANGE_FILES", "/x");
    assert_eq!(
        world.bad(),
        "GEOIP_EXPORTER_RANGE: this setting stands in configuration files \
         only: write [[range]] there\n\
         GEOIP_EXPORTER_RANGE_FILES: this setting stands in configuration \
         files only: write range_files there"
    );
    let arguments = ["geoip-exporter", "--service", "web"].map(Into::into);
    let error = geoip_exporter::cli::parse(arguments).unwrap_err();
    assert_eq!(
        error.to_string(),
        "--service: this setting stands in configuration files only: write \
         [[service]] there"
    );
}
