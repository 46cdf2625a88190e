//! Reads `[[service]]`.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use figment::value::{Num, Value};
use toml::Table;

use super::Config;
use super::elements::{Element, Fields, Wrong};
use super::values::{found, quoted};
use crate::ranges::{Location, name_fault};

/// The largest number of services. The kernel finds a port's service in a table
/// of bytes, in which 0 means none.
pub const MOST_SERVICES: usize = 255;

const KEYS: [&str; 2] = ["name", "ports"];
const PORTS_EXAMPLE: &str = "[\"80/tcp\", \"443\", \"5000-5010/udp\"]";

/// One `[[service]]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The value of the label `service`.
    pub name: Arc<str>,
    /// The local ports. No port and protocol belongs to two services.
    pub ports: Vec<Ports>,
    /// The place of the table.
    pub location: Location,
}

/// Ports from `first` to `last`, of one protocol or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The first port, at least 1.
    pub first: u16,
    /// The last port.
    pub last: u16,
    /// The protocol; `None` means TCP and UDP.
    pub protocol: Option<Protocol>,
}

/// A protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// Both protocols.
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Udp];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl Ports {
    /// Reads `80/tcp`, `443` or `5000-5010/udp`.
    fn read(text: &str) -> Option<Self> {
        let (ports, protocol) = match text.split_once('/') {
            Some((ports, name)) => {
                let name = name.trim();
                let is_it =
                    |it: &Protocol| it.as_str().eq_ignore_ascii_case(name);
                (ports, Some(Protocol::ALL.into_iter().find(is_it)?))
            }
            None => (text, None),
        };
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let (first, last) = (port(first)?, port(last)?);
        (first <= last).then_some(Self { first, last, protocol })
    }

    /// Returns the protocols.
    pub fn protocols(self) -> impl Iterator<Item = Protocol> {
        let of =
            move |one: &Protocol| self.protocol.is_none_or(|it| it == *one);
        Protocol::ALL.into_iter().filter(of)
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        if self.first != self.last {
            write!(f, "-{}", self.last)?;
        }
        match self.protocol {
            Some(protocol) => write!(f, "/{}", protocol.as_str()),
            None => Ok(()),
        }
    }
}

fn port(text: &str) -> Option<u16> {
    let text = text.trim();
    let are_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| are_digits && *port > 0)
}

/// Reads all `[[service]]` tables.
pub(super) fn services(
    config: &mut Config,
    elements: &[Element<'_>],
) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut services: Vec<Service> = Vec::new();
    let mut names: HashMap<Arc<str>, usize> = HashMap::new();
    let mut owners: HashMap<(Protocol, u16), (usize, Location)> =
        HashMap::new();
    for (number, element) in elements.iter().enumerate() {
        let Some((service, places)) = service(number, element, &mut wrong)
        else {
            continue;
        };
        let fault = |inside: &str, text| Wrong {
            element: number,
            inside: inside.into(),
            text,
        };
        let own = services.len();
        if let Some(first) = names.insert(Arc::clone(&service.name), own) {
            let first: &Service = &services[first];
            let text = format!(
                "{} is also the name of the service at {}: put the ports of \
                 both into one",
                quoted(&service.name),
                first.location
            );
            wrong.push(fault(".name", text));
        }
        for (ports, inside) in service.ports.iter().zip(&places) {
            let taken =
                take(&mut owners, own, *ports, &element.location(inside));
            if let Some((port, protocol, first, place)) = taken {
                let text = format!(
                    "port {port}/{} is also one of {}, at {place}: a port \
                     belongs to one service",
                    protocol.as_str(),
                    quoted(&services[first].name)
                );
                wrong.push(fault(inside, text));
            }
        }
        services.push(service);
    }
    if elements.len() > MOST_SERVICES {
        let text = format!("there are more than {MOST_SERVICES} services");
        let element = MOST_SERVICES;
        wrong.push(Wrong { element, inside: String::new(), text });
    }
    config.service = services;
    wrong
}

/// Gives ports to a service. Returns the first one that another service has,
/// with that service and the place at which it stands.
fn take(
    owners: &mut HashMap<(Protocol, u16), (usize, Location)>,
    own: usize,
    ports: Ports,
    location: &Location,
) -> Option<(u16, Protocol, usize, Location)> {
    let mut taken = None;
    for protocol in ports.protocols() {
        for port in ports.first..=ports.last {
            let (owner, place) = owners
                .entry((protocol, port))
                .or_insert_with(|| (own, location.clone()));
            if *owner != own && taken.is_none() {
                taken = Some((port, protocol, *owner, place.clone()));
            }
        }
    }
    taken
}

/// Returns a service, and the places of its ports in the table.
fn service(
    number: usize,
    element: &Element<'_>,
    wrong: &mut Vec<Wrong>,
) -> Option<(Service, Vec<String>)> {
    const EXAMPLE: &str = "\"web\"";
    let Some(table) = element.value.as_dict() else {
        let text = format!(
            "{} is not a table, such as [[service]] with name and ports",
            found(element.value)
        );
        wrong.push(Wrong { element: number, inside: String::new(), text });
        return None;
    };
    let mut fields = Fields::of(number, table, &KEYS, wrong);
    let name = fields.required("name", EXAMPLE);
    let name = name.and_then(|value| fields.text("name", value, EXAMPLE));
    if let Some(fault) = name.and_then(name_fault) {
        fields.fault(".name", format!("{fault}; a name is such as {EXAMPLE}"));
    }
    let mut ports = Vec::new();
    let mut places = Vec::new();
    if let Some(value) = fields.required("ports", PORTS_EXAMPLE) {
        let items = match value {
            Value::Num(..) => vec![(".ports".into(), value)],
            value => fields.list("ports", value, PORTS_EXAMPLE),
        };
        for (inside, item) in items {
            match read_ports(item) {
                Some(read) => {
                    ports.push(read);
                    places.push(inside);
                }
                None => {
                    let text = format!(
                        "{} is no port from 1 to 65535, such as \"80/tcp\", \
                         \"443\" or \"5000-5010/udp\"",
                        found(item)
                    );
                    fields.fault(&inside, text);
                }
            }
        }
    }
    let location = element.location("");
    Some((Service { name: name?.into(), ports, location }, places))
}

fn read_ports(value: &Value) -> Option<Ports> {
    match value {
        Value::String(_, text) => Ports::read(text.trim()),
        Value::Num(_, Num::F32(_) | Num::F64(_)) => None,
        Value::Num(_, number) => Ports::read(&number.to_i128()?.to_string()),
        _ => None,
    }
}

/// Writes the services so that [`services`] reads them back.
pub(super) fn services_value(config: &Config) -> toml::Value {
    let table = |service: &Service| {
        let ports: Vec<String> =
            service.ports.iter().map(ToString::to_string).collect();
        let mut table = Table::new();
        table.insert("name".into(), (*service.name).into());
        table.insert("ports".into(), ports.into());
        toml::Value::Table(table)
    };
    config.service.iter().map(table).collect::<Vec<_>>().into()
}
