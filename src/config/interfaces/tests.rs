use super::*;
use proptest::prelude::*;

/// Returns the names that are counted; `lo` is the loopback device, and
/// names with `en` are uplinks, and `veth` leads to
/// containers.
fn counted(list: &str, names: &[&str]) -> String {
    let interfaces = Interfaces::read(list).unwrap();
    let chosen = |name: &&&str| {
        interfaces.choose(Candidate {
            name: name.as_bytes(),
            is_loopback: **name == "lo",
            is_uplink: name.contains("en"),
            is_of_container: name.starts_with("veth"),
        })
    };
    let names: Vec<_> = names.iter().filter(chosen).copied().collect();
    names.join(" ")
}

#[test]
fn what_one_rule_includes_and_none_excludes_is_counted() {
    let names = ["lo", "eth0", "eth9", "veth1", "enp3s0", "docker0", "br-1"];
    for (list, expected) in [
        ("any", "eth0 eth9 veth1 enp3s0 docker0 br-1"),
        ("", "eth0 eth9 enp3s0 docker0 br-1"),
        (" , ", "eth0 eth9 enp3s0 docker0 br-1"),
        ("any,!containers", "eth0 eth9 enp3s0 docker0 br-1"),
        ("containers", "veth1"),
        ("eth*,!eth9", "eth0"),
        ("!eth9,eth*", "eth0"),
        ("any,!veth*,!docker*,!br-*", "eth0 eth9 enp3s0"),
        ("!veth*,!docker*,!br-*", "eth0 eth9 enp3s0"),
        ("any,eth0", "eth0 eth9 veth1 enp3s0 docker0 br-1"),
        ("any,lo,!eth*", "lo veth1 enp3s0 docker0 br-1"),
        ("eth0,wg0", "eth0"),
        ("lo", "lo"),
        ("l?", ""),
        ("*", "eth0 eth9 veth1 enp3s0 docker0 br-1"),
        ("*,lo,!l*x", "lo eth0 eth9 veth1 enp3s0 docker0 br-1"),
        ("uplinks", "enp3s0"),
        ("uplinks,eth?", "eth0 eth9 enp3s0"),
        ("any,!uplinks", "eth0 eth9 veth1 docker0 br-1"),
        ("! eth9, eth*", "eth0"),
    ] {
        assert_eq!(counted(list, &names), expected, "{list}");
    }
}

#[test]
fn an_excluded_loopback_stays_out() {
    // `!l*` excludes every such name, not only those that `l*` includes.
    assert_eq!(counted("any,lo,!lo?", &["lo", "loop"]), "lo loop");
    let fault = Interfaces::read("lo,!l*").unwrap_err();
    assert_eq!(fault, "\"!l*\" excludes every interface that \"lo\" includes");
}

#[test]
fn what_includes_nothing_is_refused_and_says_what_is_meant() {
    for (list, expected) in [
        (
            "ANY",
            "\"ANY\" is not accepted as a name: write \"any\", or '\\x41NY' \
             for an interface of that name",
        ),
        (
            "all",
            "\"all\" is not accepted as a name: write \"any\", or '\\x61ll' \
             for an interface of that name",
        ),
        (
            "eth0,!Uplink",
            "\"Uplink\" is not accepted as a name: write \"uplinks\", or \
             '\\x55plink' for an interface of that name",
        ),
        (
            "mon0;lo",
            "\"mon0;lo\" is not an interface name, such as \"eth0\": names \
             are separated by commas; write \"mon0,lo\", or '\\;' if it is \
             part of a name",
        ),
        (
            "veth0@if5",
            "\"veth0@if5\" is not a name: ip(8) appends \"@\" and another \
             interface to it; write \"veth0\"",
        ),
        (
            "${IFACE}",
            "\"${IFACE}\" is not an interface name, such as \"eth0\": \"$\" \
             has no meaning; write '\\$' if it is part of a name",
        ),
        (
            "eth%d",
            "\"eth%d\" is not an interface name, such as \"eth0\": it has a \
             percent sign",
        ),
        (
            "eth0:1",
            "\"eth0:1\" is an alias of the interface eth0: write \"eth0\", \
             which counts both",
        ),
        (
            "\\n",
            "\"\\\\n\" is not an interface name, such as \"eth0\": a \
             backslash stands before a sign, as in '\\*', or before x and two \
             digits, as in '\\xff'",
        ),
        ("any,!any", "\"!any\" excludes every interface"),
        ("!*", "\"!*\" excludes every interface"),
        (
            "eth0,!eth0",
            "\"!eth0\" excludes every interface that \"eth0\" includes",
        ),
        (
            "eth0,!eth*",
            "\"!eth*\" excludes every interface that \"eth0\" includes",
        ),
        (
            "eth*,!eth*",
            "\"!eth*\" excludes every interface that \"eth*\" includes",
        ),
        (
            "uplinks,!uplinks",
            "\"!uplinks\" excludes every interface that \"uplinks\" includes",
        ),
        ("!", "\"!\" needs a name or pattern behind it"),
        (
            "0123456789abcdef",
            "\"0123456789abcdef\" is not an interface name, such as \"eth0\": \
             it has more than 15 bytes",
        ),
        (
            "*0123456789abcdef",
            "\"*0123456789abcdef\" is not an interface name, such as \
             \"eth0\": it has more than 15 bytes",
        ),
        (
            "à",
            "\"à\" is not an interface name, such as \"eth0\": it has a byte \
             that the kernel reads as white space or as the end",
        ),
    ] {
        let refused = Interfaces::read(list);
        assert_eq!(refused, Err(expected.into()), "{list}");
    }
}

#[test]
fn a_name_with_signs_is_written_with_backslashes() {
    let list = r#"we\"ird, a\,b,\!x,\x61ny,\*,a\\b,é"#;
    let interfaces = Interfaces::read(list).unwrap();
    let names: Vec<_> = interfaces.names().collect();
    let expected: [&[u8]; 7] =
        [b"we\"ird", b"a,b", b"!x", b"any", b"*", b"a\\b", "é".as_bytes()];
    assert_eq!(names, expected);
    assert_eq!(interfaces.fixed(), Some(7));
}

#[test]
fn only_full_names_are_fixed() {
    for (list, fixed) in [
        ("eth0,wg0,!veth*", Some(2)),
        ("eth0,wg*", None),
        ("any", None),
        ("uplinks", None),
        ("!eth0", None),
    ] {
        let interfaces = Interfaces::read(list).unwrap();
        assert_eq!(interfaces.fixed(), fixed, "{list}");
    }
}

proptest! {
    /// In TOML, in the environment and as a flag.
    #[test]
    fn what_is_read_is_written_so_that_it_reads_the_same(
        text in prop_oneof![
            ".*",
            "[a-c./: ,]{0,20}",
            "(!?[a-c*?]{1,4},){0,4}",
            "(!?(any|uplinks|eth\\*|lo),){0,4}",
            r#"(\\[!-/\\]|\\x[0-9a-f]{2}|[a-z,]){0,20}"#,
            r#"\[["'a-c,\]]{0,20}"#,
        ]
    ) {
        let Ok(read) = interfaces(&text.as_str().into()) else {
            return Ok(());
        };
        prop_assert!(!read.rules().is_empty());
        for name in read.names() {
            prop_assert!((1..=15).contains(&name.len()));
            prop_assert!(!name.iter().any(|byte| b"/: \0%".contains(byte)));
        }
        let written = value(&read);
        let list = match &written {
            toml::Value::String(text) => text.clone(),
            toml::Value::Array(items) => {
                let items = items.iter().map(|item| item.as_str().unwrap());
                items.collect::<Vec<_>>().join(",")
            }
            _ => unreachable!(),
        };
        prop_assert_eq!(Interfaces::read(&list), Ok(read.clone()));
        let table = format!("x = {written}");
        let table: figment::value::Dict = toml::from_str(&table).unwrap();
        prop_assert_eq!(interfaces(&table["x"]), Ok(read));
    }
}
