//! The formats that are JSON.
//!
//! | format | shape | fields for the name |
//! |---|---|---|
//! | ranges | `[{name, ipv4: [], ipv6: []}]` | |
//! | aws | `{prefixes: [{ip_prefix, region, service, network_border_group}], ipv6_prefixes: [{ipv6_prefix, …}]}` | service, region, network_border_group |
//! | google | `{prefixes: [{ipv4Prefix or ipv6Prefix, service, scope}]}` | service, scope |
//! | azure | `{values: [{name, properties: {region, systemService, addressPrefixes: []}}]}` | name, region, systemService |
//! | oracle | `{regions: [{region, cidrs: [{cidr, tags: []}]}]}` | region, tags |
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::FileFormat;
use super::super::place::Form;
use super::{Entries, Naming, shown};

/// Text of a file, borrowed unless it has escapes.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The keys that tell the formats apart.
#[derive(Deserialize)]
struct Keys {
    prefixes: Option<IgnoredAny>,
    ipv6_prefixes: Option<IgnoredAny>,
    values: Option<IgnoredAny>,
    regions: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    ipv4: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    ipv6: Option<Vec<Text<'a>>>,
}

#[derive(Deserialize)]
struct Aws<'a> {
    #[serde(borrow, default)]
    prefixes: Vec<AwsPrefix<'a>>,
    #[serde(borrow, default)]
    ipv6_prefixes: Vec<AwsPrefix<'a>>,
}

#[derive(Deserialize)]
struct AwsPrefix<'a> {
    #[serde(borrow, alias = "ipv6_prefix")]
    ip_prefix: Text<'a>,
    #[serde(borrow, default)]
    region: Text<'a>,
    #[serde(borrow, default)]
    service: Text<'a>,
    #[serde(borrow, default)]
    network_border_group: Text<'a>,
}

#[derive(Deserialize)]
struct Google<'a> {
    #[serde(borrow)]
    prefixes: Vec<GooglePrefix<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GooglePrefix<'a> {
    #[serde(borrow)]
    ipv4_prefix: Option<Text<'a>>,
    #[serde(borrow)]
    ipv6_prefix: Option<Text<'a>>,
    #[serde(borrow, default)]
    service: Text<'a>,
    #[serde(borrow, default)]
    scope: Text<'a>,
}

#[derive(Deserialize)]
struct Azure<'a> {
    #[serde(borrow)]
    values: Vec<AzureTag<'a>>,
}

#[derive(Deserialize)]
struct AzureTag<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow)]
    properties: AzureProperties<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AzureProperties<'a> {
    #[serde(borrow, default)]
    region: Text<'a>,
    #[serde(borrow, default)]
    system_service: Text<'a>,
    #[serde(borrow)]
    address_prefixes: Vec<Text<'a>>,
}

#[derive(Deserialize)]
struct Oracle<'a> {
    #[serde(borrow)]
    regions: Vec<OracleRegion<'a>>,
}

#[derive(Deserialize)]
struct OracleRegion<'a> {
    #[serde(borrow, default)]
    region: Text<'a>,
    #[serde(borrow)]
    cidrs: Vec<OracleCidr<'a>>,
}

#[derive(Deserialize)]
struct OracleCidr<'a> {
    #[serde(borrow)]
    cidr: Text<'a>,
    #[serde(borrow, default)]
    tags: Vec<Text<'a>>,
}

/// Finds the format of a text.
pub(super) fn recognise(text: &str) -> Result<FileFormat, String> {
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    if text.starts_with('[') {
        return Ok(FileFormat::Ranges);
    }
    if !text.starts_with('{') {
        return Ok(FileFormat::List);
    }
    let keys: Keys = parse(text)?;
    if keys.values.is_some() {
        Ok(FileFormat::Azure)
    } else if keys.regions.is_some() {
        Ok(FileFormat::Oracle)
    } else if keys.ipv6_prefixes.is_some() {
        Ok(FileFormat::Aws)
    } else if keys.prefixes.is_some() {
        Ok(FileFormat::Google)
    } else {
        Err("is JSON of no known format: write format = \"ranges\", \"aws\", \
             \"google\", \"azure\" or \"oracle\""
            .into())
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    let text = text.trim_start_matches('\u{feff}');
    serde_json::from_str(text)
        .map_err(|error| format!("is not JSON of this format: {error}"))
}

/// The fields of a provider's entries that can be the name.
struct Fields<'a> {
    /// The name of entries whose field is empty.
    provider: &'static str,
    naming: Naming<'a>,
    /// The number of the chosen field.
    chosen: usize,
}

impl<'a> Fields<'a> {
    fn new(
        provider: &'static str,
        naming: Naming<'a>,
        fields: &[&str],
    ) -> Result<Self, String> {
        let chosen = match naming.field {
            None => 0,
            Some(field) => {
                let at = fields.iter().position(|one| *one == field);
                at.ok_or_else(|| {
                    format!(
                        "{} is no field of this format, allowed: {}",
                        shown(field),
                        fields.join(", ")
                    )
                })?
            }
        };
        Ok(Self { provider, naming, chosen })
    }

    /// Returns the name of an entry with these fields.
    fn name(&self, fields: &[&str]) -> Cow<'a, str> {
        let value = match fields[self.chosen] {
            "" => self.provider,
            value => value,
        };
        match (self.naming.name, self.naming.field) {
            (Some(name), None) => Cow::Borrowed(name),
            (Some(name), Some(_)) => format!("{name} {value}").into(),
            (None, _) => value.to_owned().into(),
        }
    }
}

/// Reads a list of named ranges.
pub(super) fn ranges<'a>(
    text: &'a str,
    naming: Naming<'a>,
) -> Result<Entries<'a>, String> {
    if naming.field.is_some() {
        return Err("this format has no fields: leave out field".into());
    }
    let named: Vec<Named<'a>> = parse(text)?;
    let mut entries = Entries::new(Form::Ranges);
    for (named, outer) in named.into_iter().zip(0..) {
        let name = naming.name.map(Cow::Borrowed);
        let Some(name) = name.or(named.name.map(|text| text.0)) else {
            entries.fault(&format!("[{outer}]"), "has no name");
            continue;
        };
        for (family, is_ipv4) in [(named.ipv4, true), (named.ipv6, false)] {
            for (text, inner) in family.unwrap_or_default().iter().zip(0..) {
                entries.add(text.0.trim(), &name, (outer, inner), is_ipv4);
            }
        }
    }
    Ok(entries)
}

/// Reads the ranges of Amazon Web Services.
pub(super) fn aws<'a>(
    text: &'a str,
    naming: Naming<'a>,
) -> Result<Entries<'a>, String> {
    let fields = ["service", "region", "network_border_group"];
    let fields = Fields::new("AWS", naming, &fields)?;
    let file: Aws<'a> = parse(text)?;
    let mut entries = Entries::new(Form::Aws);
    for (family, is_ipv4) in
        [(file.prefixes, true), (file.ipv6_prefixes, false)]
    {
        for (one, outer) in family.iter().zip(0..) {
            let values = [&one.service, &one.region, &one.network_border_group];
            let name = fields.name(&values.map(|value| &*value.0));
            entries.add(&one.ip_prefix.0, &name, (outer, 0), is_ipv4);
        }
    }
    entries.keep_one_name();
    Ok(entries)
}

/// Reads the ranges of Google and its cloud.
pub(super) fn google<'a>(
    text: &'a str,
    naming: Naming<'a>,
) -> Result<Entries<'a>, String> {
    let fields = Fields::new("Google", naming, &["service", "scope"])?;
    let file: Google<'a> = parse(text)?;
    let mut entries = Entries::new(Form::Google);
    for (one, outer) in file.prefixes.iter().zip(0..) {
        let name = fields.name(&[&*one.service.0, &*one.scope.0]);
        let families = [(&one.ipv4_prefix, true), (&one.ipv6_prefix, false)];
        for (prefix, is_ipv4) in families {
            if let Some(prefix) = prefix {
                entries.add(&prefix.0, &name, (outer, 0), is_ipv4);
            }
        }
    }
    entries.keep_one_name();
    Ok(entries)
}

/// Reads the service tags of Microsoft Azure.
pub(super) fn azure<'a>(
    text: &'a str,
    naming: Naming<'a>,
) -> Result<Entries<'a>, String> {
    let fields = ["name", "region", "systemService"];
    let fields = Fields::new("Azure", naming, &fields)?;
    let file: Azure<'a> = parse(text)?;
    let mut entries = Entries::new(Form::Azure);
    for (tag, outer) in file.values.iter().zip(0..) {
        let AzureProperties { region, system_service, address_prefixes } =
            &tag.properties;
        let values = [&*tag.name.0, &*region.0, &*system_service.0];
        let name = fields.name(&values);
        for (text, inner) in address_prefixes.iter().zip(0..) {
            let is_ipv4 = !text.0.contains(':');
            entries.add(&text.0, &name, (outer, inner), is_ipv4);
        }
    }
    entries.keep_one_name();
    Ok(entries)
}

/// Reads the ranges of Oracle's cloud.
pub(super) fn oracle<'a>(
    text: &'a str,
    naming: Naming<'a>,
) -> Result<Entries<'a>, String> {
    let fields = Fields::new("Oracle", naming, &["region", "tags"])?;
    let file: Oracle<'a> = parse(text)?;
    let mut entries = Entries::new(Form::Oracle);
    for (region, outer) in file.regions.iter().zip(0..) {
        for (one, inner) in region.cidrs.iter().zip(0..) {
            let tag = one.tags.first().map_or("", |tag| &*tag.0);
            let name = fields.name(&[&*region.region.0, tag]);
            let is_ipv4 = !one.cidr.0.contains(':');
            entries.add(&one.cidr.0, &name, (outer, inner), is_ipv4);
        }
    }
    entries.keep_one_name();
    Ok(entries)
}
