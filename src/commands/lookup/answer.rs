//! The answer about one address.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use serde::Serialize;

use crate::accounting::{
    Direction, FlowKey, InterfaceId, IpVersion, Origin, Range,
};
use crate::classifier::{Classifier, Rules, Sources};
use crate::geoip::{Network, Place, Records};
use crate::ranges::{Prefix, Rule, Special, carried_ipv4, is_nat64};

/// Everything that answers come from.
pub(super) struct Knowledge {
    sources: Sources,
    records: Records,
    /// The language of the names of cities.
    language: String,
    no_countries: Option<String>,
    no_networks: Option<String>,
    /// Asks for addresses as a whole.
    exact: Classifier,
    /// Asks for the prefixes that flows keep.
    counted: Classifier,
}

/// The answer about one address.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    address: IpAddr,
    country: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    country_name: Option<String>,
    /// The rule that won, or the reason why there is none.
    country_from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    /// The number of the autonomous system.
    #[serde(skip_serializing_if = "Option::is_none")]
    asn: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_name: Option<String>,
    network_from: String,
    range: String,
    /// Every range that contains the address, the narrowest first.
    ranges: Vec<OfRange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    special: Option<&'static str>,
    /// The IPv4 address that the address carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    carries: Option<IpAddr>,
    /// The answer of the exporter, if it is another one, as it counts prefixes.
    #[serde(skip_serializing_if = "Option::is_none")]
    counted_as: Option<String>,
}

/// A range that contains the address.
#[derive(Debug, Serialize)]
struct OfRange {
    name: String,
    prefix: String,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asn: Option<u32>,
}

impl Knowledge {
    pub(super) fn new(
        sources: Sources,
        records: Records,
        language: String,
        no_countries: Option<String>,
        no_networks: Option<String>,
    ) -> Self {
        let size = NonZeroUsize::MIN;
        let rules = sources.rules.clone();
        let whole = Rules { ipv4_length: 32, ipv6_length: 128, ..rules };
        let exact = Sources { rules: whole, ..sources.clone() };
        Self {
            exact: Classifier::new(exact, size, Arc::default()),
            counted: Classifier::new(sources.clone(), size, Arc::default()),
            sources,
            records,
            language,
            no_countries,
            no_networks,
        }
    }

    /// Returns the city and its subdivision by the database of cities.
    fn city(&self, address: IpAddr) -> Option<String> {
        let database = self.sources.cities.as_ref()?;
        let Place { subdivision, city } =
            database.place(address, &self.language);
        let parts: Vec<_> = city.into_iter().chain(subdivision).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// Returns the answer about an address.
    pub(super) fn answer(&mut self, address: IpAddr) -> Answer {
        let rules = &self.sources.rules;
        let name_special = rules.name_special;
        let carries = match address {
            IpAddr::V6(v6) => carried_ipv4(v6).map(IpAddr::from),
            IpAddr::V4(_) => None,
        };
        let asked = carries.filter(|_| name_special).unwrap_or(address);
        let ranges = Arc::clone(&rules.ranges);
        let mut matches: Vec<&Rule> = ranges.matches(address).collect();
        if asked != address {
            matches.extend(ranges.matches(asked));
        }
        let special = special(address);

        let origin = origin_of(&mut self.exact, address);
        let labels = Arc::clone(self.exact.labels());
        let country = labels.get(origin.country).to_owned();
        let by_rule = matches.iter().find(|it| ranges.country_of(it).is_some());
        let explained = self.records.explain(asked);
        let database = self.sources.countries.as_ref();
        let path = database.map(|it| it.path().display().to_string());
        let path = path.unwrap_or_default();
        let country_from = match (by_rule, special) {
            (Some(rule), _) => from_range(&ranges, rule),
            (None, Some(special)) if special.label() == country => {
                "the registry of special addresses".into()
            }
            (None, _) if country != "UNKNOWN" => {
                let prefix = explained.prefix.as_deref().unwrap_or("");
                format!("{path}, record of {prefix}")
            }
            (None, Some(special)) => format!(
                "a special address ({}); name_special_addresses = true names \
                 it",
                special.label()
            ),
            (None, None) => match &self.no_countries {
                Some(why) => why.clone(),
                None if explained.has_record => {
                    let prefix = explained.prefix.as_deref().unwrap_or("");
                    format!("{path}: the record of {prefix} has no country")
                }
                None => format!("{path} has no record of it"),
            },
        };
        let asn =
            (origin.network != Network::UNKNOWN).then_some(origin.network.0);
        let networks = self.sources.networks.as_ref();
        let network_name = networks
            .and_then(|it| it.names().get(origin.network).map(String::from));
        let by_rule = matches.iter().find(|rule| rule.asn().is_some());
        let network_from = match (by_rule, asn, networks) {
            (Some(rule), ..) => from_range(&ranges, rule),
            (None, Some(_), Some(it)) => it.path().display().to_string(),
            (None, _, Some(it)) => {
                format!("{} has no network for it", it.path().display())
            }
            (None, _, None) => self.no_networks.clone().unwrap_or_default(),
        };
        let counted_as = self.counted_as(address, &origin);
        let database = self.sources.countries.as_ref();
        let country_name = database
            .and_then(|it| it.names().name(origin.country).map(String::from));
        Answer {
            address,
            country,
            country_name,
            country_from,
            place: self.city(asked).or(explained.place),
            asn,
            network_name,
            network_from,
            range: ranges.names().get(origin.range).to_string(),
            ranges: matches.iter().map(|it| of_range(&ranges, it)).collect(),
            special: special.map(Special::label),
            carries,
            counted_as,
        }
    }

    /// Returns the answer for the prefix that flows keep, if it is another one.
    fn counted_as(
        &mut self,
        address: IpAddr,
        exact: &Origin,
    ) -> Option<String> {
        let rules = &self.sources.rules;
        let length = match address {
            IpAddr::V4(_) => rules.ipv4_length,
            IpAddr::V6(_) => rules.ipv6_length,
        };
        let prefix = Prefix::of(address, length)?;
        // The kernel keeps a prefix of the carried address.
        let kept = match self.carried(address) {
            Some(kept) => kept,
            None => prefix.address(),
        };
        let counted = origin_of(&mut self.counted, kept);
        let names = self.sources.rules.ranges.names();
        let show = |range, country: &str, network: Network| {
            let range: Arc<str> = names.get(range);
            let network = match network.0 {
                0 => "network UNKNOWN".to_owned(),
                number => format!("AS{number}"),
            };
            format!("{country}, {network}, range {range}")
        };
        let exact_text = show(
            exact.range,
            self.exact.labels().get(exact.country),
            exact.network,
        );
        // The kernel tells narrow ranges apart.
        let narrow = self.sources.rules.ranges.matches(address);
        let has_narrow =
            narrow.take(1).any(|rule| rule.prefix.length() > length);
        let counted_text = show(
            counted.range,
            self.counted.labels().get(counted.country),
            counted.network,
        );
        (counted_text != exact_text && !has_narrow)
            .then(|| format!("{counted_text} (flows keep {prefix})"))
    }
}

impl Knowledge {
    /// Returns the part that flows keep of an address of NAT64 or Teredo that
    /// carries an IPv4 address.
    fn carried(&self, address: IpAddr) -> Option<IpAddr> {
        const SIX_TO_FOUR: u16 = 0x2002;
        let IpAddr::V6(v6) = address else { return None };
        let carried = carried_ipv4(v6)?;
        if v6.segments()[0] == SIX_TO_FOUR {
            return None;
        }
        let length = self.sources.rules.ipv4_length;
        let kept = Prefix::of(carried.into(), length)?.address();
        let IpAddr::V4(kept) = kept else { return None };
        let flip = if is_nat64(v6) { 0 } else { u8::MAX };
        let mut octets = [0; 16];
        octets[..4].copy_from_slice(&v6.octets()[..4]);
        let kept = kept.octets().map(|byte| byte ^ flip);
        octets[12..].copy_from_slice(&kept);
        Some(IpAddr::from(octets))
    }
}

fn special(address: IpAddr) -> Option<Special> {
    Special::of(address, if address.is_ipv4() { 32 } else { 128 })
}

fn from_range(ranges: &crate::ranges::RangeTable, rule: &Rule) -> String {
    let name = ranges.names().get(rule.range);
    format!("range {name:?}, {}", ranges.place_of(rule))
}

fn of_range(ranges: &crate::ranges::RangeTable, rule: &Rule) -> OfRange {
    OfRange {
        name: ranges.names().get(rule.range).to_string(),
        prefix: rule.prefix.to_string(),
        at: ranges.place_of(rule),
        country: ranges.country_of(rule).map(String::from),
        asn: rule.asn(),
    }
}

/// Asks a classifier as the poller does.
fn origin_of(classifier: &mut Classifier, address: IpAddr) -> Origin {
    let mut remote = [0; 16];
    let ip_version = match address {
        IpAddr::V4(v4) => {
            remote[..4].copy_from_slice(&v4.octets());
            IpVersion::V4
        }
        IpAddr::V6(v6) => {
            remote = v6.octets();
            IpVersion::V6
        }
    };
    let (interface, direction) = (InterfaceId(0), Direction::Received);
    let flow = FlowKey { interface, direction, ip_version, class: 0, remote };
    let number = classifier.origin_of(&flow);
    let origin: &Origin = classifier.origin(number);
    Origin { range: Range(origin.range.0), ..*origin }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.address)?;
        if let Some(carries) = self.carries {
            writeln!(f, "  carries   {carries}")?;
        }
        write!(f, "  country   {}", self.country)?;
        if let Some(name) = &self.country_name {
            write!(f, " ({name})")?;
        }
        writeln!(f, "\n            from: {}", self.country_from)?;
        if let Some(place) = &self.place {
            writeln!(f, "  place     {place}")?;
        }
        match self.asn {
            Some(asn) => write!(f, "  network   AS{asn}")?,
            None => write!(f, "  network   UNKNOWN")?,
        }
        if let Some(name) = &self.network_name {
            write!(f, " ({name})")?;
        }
        writeln!(f, "\n            from: {}", self.network_from)?;
        writeln!(f, "  range     {}", self.range)?;
        for range in &self.ranges {
            let OfRange { name, prefix, at, country, asn } = range;
            write!(f, "            {prefix} {name:?}, {at}")?;
            if let Some(country) = country {
                write!(f, ", country {country}")?;
            }
            if let Some(asn) = asn {
                write!(f, ", AS{asn}")?;
            }
            writeln!(f)?;
        }
        if let Some(special) = self.special {
            writeln!(f, "  special   {special}")?;
        }
        if let Some(counted) = &self.counted_as {
            writeln!(f, "  counted   {counted}")?;
        }
        Ok(())
    }
}
