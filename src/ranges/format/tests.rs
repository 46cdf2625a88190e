use proptest::prelude::*;

use super::*;

fn read_as<'a>(
    text: &'a str,
    format: Option<FileFormat>,
    name: Option<&'a str>,
    field: Option<&'a str>,
) -> Vec<String> {
    match read(text, format, Naming { name, field }) {
        Ok(entries) => {
            let shown = entries.entries.iter().map(|entry| {
                let is_ipv4 = entry.prefix.address().is_ipv4();
                let place = entries.place(entry.outer, entry.inner, is_ipv4);
                format!("{place} {} {}", entry.prefix, entry.name)
            });
            shown.chain(entries.faults.iter().cloned()).collect()
        }
        Err(fault) => vec![fault],
    }
}

fn read_plain(text: &str) -> Vec<String> {
    read_as(text, None, None, None)
}

#[test]
fn the_neighbour_s_file_is_read_unchanged() {
    let text = r#"[
      {"name": "local", "ipv4": ["192.168.0.0/16", "10.0.0.1"],
       "ipv6": ["fe80::/10", "::1"]},
      {"name": "zoom", "ipv6": ["2407:30C0::/32"]},
      {"name": "empty"}
    ]"#;
    assert_eq!(
        read_plain(text),
        [
            "[0].ipv4[0] 192.168.0.0/16 local",
            "[0].ipv4[1] 10.0.0.1/32 local",
            "[0].ipv6[0] fe80::/10 local",
            "[0].ipv6[1] ::1/128 local",
            "[1].ipv6[0] 2407:30c0::/32 zoom",
        ]
    );
    let all = read_as(text, None, Some("all"), None);
    assert!(all.iter().all(|line| line.ends_with(" all")), "{all:?}");
}

#[test]
fn faults_of_the_neighbour_s_file_are_named_by_index() {
    let text = r#"[{"name": "a", "ipv4": ["10.0.0.1/8", "::1", "x"]}, {}]"#;
    assert_eq!(
        read_plain(text),
        [
            "[0].ipv4[0]: \"10.0.0.1/8\" has bits set past its length: write \
             \"10.0.0.0/8\", or \"10.0.0.1\" for this address alone",
            "[0].ipv4[1]: \"::1\" is no IPv4 prefix",
            "[0].ipv4[2]: \"x\" is no prefix: write an address and a length, \
             such as \"198.51.100.0/24\" or \"2001:db8::/32\", or an address \
             alone",
            "[1]: has no name",
        ]
    );
    assert_eq!(
        read_plain("[{\"name\": \"a\",\n \"ipv4\": \"10.0.0.0/8\"}]"),
        ["is not JSON of this format: invalid type: string \
             \"10.0.0.0/8\", expected a sequence at line 2 column 21"]
    );
}

#[test]
fn a_list_has_comments_and_blank_lines() {
    let text = "\u{feff}# a list\r\n\r\n198.51.100.0/24 ; SBL1\r\n\
                2001:db8::1 # host\n  10.0.0.0/8\t// inside\n";
    assert_eq!(
        read_as(text, None, Some("blocked"), None),
        [
            "3 198.51.100.0/24 blocked",
            "4 2001:db8::1/128 blocked",
            "5 10.0.0.0/8 blocked",
        ]
    );
    assert!(read_plain(text)[0].starts_with("a list needs a name: write "));
    let many = "nonsense\n".repeat(30);
    let faults = read_as(&many, None, Some("x"), None);
    assert_eq!((faults.len(), &*faults[20]), (21, "10 more faults"));
}

const AWS: &str = r#"{
  "syncToken": "0123456789", "createDate": "2026-01-01-00-00-00",
  "prefixes": [
    {"ip_prefix": "198.51.100.0/24", "region": "eu-central-1",
     "service": "AMAZON", "network_border_group": "eu-central-1"},
    {"ip_prefix": "203.0.113.0/24", "region": "us-east-1",
     "service": "AMAZON", "network_border_group": "us-east-1"},
    {"ip_prefix": "198.51.100.0/24", "region": "eu-central-1",
     "service": "EC2", "network_border_group": "eu-central-1"}
  ],
  "ipv6_prefixes": [
    {"ipv6_prefix": "2001:db8:1::/48", "region": "GLOBAL",
     "service": "CLOUDFRONT", "network_border_group": "GLOBAL"}
  ]
}"#;

#[test]
fn the_file_of_aws_is_named_by_service_or_region() {
    assert_eq!(
        read_plain(AWS),
        [
            "prefixes[1] 203.0.113.0/24 AMAZON",
            "prefixes[2] 198.51.100.0/24 EC2",
            "ipv6_prefixes[0] 2001:db8:1::/48 CLOUDFRONT",
        ]
    );
    assert_eq!(
        read_as(AWS, None, Some("aws"), Some("region")),
        [
            "prefixes[0] 198.51.100.0/24 aws eu-central-1",
            "prefixes[1] 203.0.113.0/24 aws us-east-1",
            "ipv6_prefixes[0] 2001:db8:1::/48 aws GLOBAL",
        ]
    );
    assert_eq!(
        read_as(AWS, None, None, Some("regoin")),
        ["\"regoin\" is no field of this format, allowed: service, \
             region, network_border_group"]
    );
}

#[test]
fn the_files_of_google_azure_and_oracle_are_read() {
    let cloud = r#"{"syncToken": "1", "creationTime": "2026-01-01T00:00:00",
      "prefixes": [
        {"ipv4Prefix": "198.51.100.0/24", "service": "Google Cloud",
         "scope": "europe-west3"},
        {"ipv6Prefix": "2001:db8:2::/48", "service": "Google Cloud",
         "scope": "us-east1"}]}"#;
    assert_eq!(
        read_as(cloud, None, None, Some("scope")),
        [
            "prefixes[0] 198.51.100.0/24 europe-west3",
            "prefixes[1] 2001:db8:2::/48 us-east1",
        ]
    );
    let all = r#"{"prefixes": [{"ipv4Prefix": "203.0.113.0/24"}]}"#;
    assert_eq!(read_plain(all), ["prefixes[0] 203.0.113.0/24 Google"]);

    let azure = r#"{"changeNumber": 1, "cloud": "Public", "values": [
      {"name": "AzureCloud", "id": "AzureCloud", "properties": {
        "changeNumber": 1, "region": "", "regionId": 0, "platform": "Azure",
        "systemService": "", "addressPrefixes":
        ["198.51.100.0/24", "2001:db8:3::/48"], "networkFeatures": null}},
      {"name": "Storage.WestEurope", "id": "Storage.WestEurope",
       "properties": {"region": "westeurope", "systemService":
       "AzureStorage", "addressPrefixes": ["198.51.100.0/24"]}}]}"#;
    assert_eq!(
        read_plain(azure),
        [
            "values[0].properties.addressPrefixes[1] 2001:db8:3::/48 \
             AzureCloud",
            "values[1].properties.addressPrefixes[0] 198.51.100.0/24 \
             Storage.WestEurope",
        ]
    );
    assert_eq!(
        read_as(azure, None, None, Some("systemService"))[0],
        "values[0].properties.addressPrefixes[1] 2001:db8:3::/48 Azure"
    );

    let oracle = r#"{"last_updated_timestamp": "2026-01-01", "regions": [
      {"region": "eu-frankfurt-1", "cidrs": [
        {"cidr": "198.51.100.0/24", "tags": ["OCI"]}]}]}"#;
    assert_eq!(
        read_plain(oracle),
        ["regions[0].cidrs[0] 198.51.100.0/24 eu-frankfurt-1"]
    );
    assert!(read_plain("{}")[0].starts_with("is JSON of no known format"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(
        text in prop_oneof![
            ".*",
            "[\\[\\]{}\",:a-z0-9./ \n]{0,60}",
        ],
        format in prop::option::of(prop::sample::select(&FileFormat::ALL[..])),
    ) {
        let naming = Naming { name: Some("x"), field: None };
        if let Ok(entries) = read(&text, format, naming) {
            prop_assert!(entries.faults.len() <= MOST_FAULTS + 1);
        }
    }

    /// Each file, with a part of it changed.
    #[test]
    fn a_damaged_file_is_read_or_refused(
        at in any::<prop::sample::Index>(),
        put in "[\\[\\]{}\",:a-z0-9./\u{0}é]{0,4}",
        cut in 0..8_usize,
    ) {
        let at = at.index(AWS.len() + 1);
        let end = (at + cut).min(AWS.len());
        let text = format!("{}{put}{}", &AWS[..at], &AWS[end..]);
        for format in FileFormat::ALL {
            let naming = Naming { name: None, field: None };
            let _ = read(&text, Some(format), naming);
        }
    }
}
