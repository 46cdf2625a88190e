//! The description of the interface for programs, `docs/openapi.json`, and a
//! check of answers against it.
//!
//! The check knows the words of JSON Schema that the file uses, and refuses
//! others. It is stricter than the file: an answer has every property that the
//! file names, and no other. So the file and the types cannot differ.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use geoip_exporter::api;
use serde_json::{Map, Value};

/// The words of schemas that the check knows.
const WORDS: [&str; 16] = [
    "$ref",
    "additionalProperties",
    "default",
    "description",
    "enum",
    "format",
    "items",
    "maximum",
    "minimum",
    "oneOf",
    "properties",
    "required",
    "type",
    "contentMediaType",
    "title",
    "examples",
];

/// The file.
pub(crate) struct OpenApi(Value);

impl OpenApi {
    pub(crate) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(root.join("docs/openapi.json")).unwrap();
        Self(serde_json::from_str(&text).unwrap())
    }

    /// Returns the paths of the pages.
    pub(crate) fn paths(&self) -> BTreeSet<String> {
        self.0["paths"].as_object().unwrap().keys().cloned().collect()
    }

    /// Returns the names of the parameters of a page.
    pub(crate) fn parameters(&self, path: &str) -> BTreeSet<String> {
        let get = &self.0["paths"][path]["get"];
        let all = get["parameters"].as_array().unwrap();
        let of_query = all.iter().filter(|one| one["in"] == "query");
        of_query.map(|one| one["name"].as_str().unwrap().into()).collect()
    }

    /// Checks the answer of a page with status 200.
    pub(crate) fn check_page(&self, path: &str, body: &str) {
        let answer: Value = serde_json::from_str(body).unwrap();
        let responses = &self.0["paths"][path]["get"]["responses"];
        let schema = &responses["200"]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{path} is not in docs/openapi.json");
        self.check(schema, &answer, path);
    }

    /// Checks that a page may answer with this status and one line of text.
    pub(crate) fn check_refusal(&self, path: &str, status: u16, body: &str) {
        let responses = &self.0["paths"][path]["get"]["responses"];
        let response = &responses[status.to_string()];
        let response = self.resolve(response);
        let schema = &response["content"]["text/plain"]["schema"];
        assert_eq!(schema["type"], "string", "{path} {status}");
        assert!(body.starts_with(&format!("{status}: ")), "{body}");
        assert!(body.ends_with('\n') && body.lines().count() == 1, "{body}");
    }

    /// Checks a value against a named schema.
    pub(crate) fn check_type(&self, name: &str, value: &Value) {
        let schema = &self.0["components"]["schemas"][name];
        assert!(schema.is_object(), "{name} is not in docs/openapi.json");
        self.check(schema, value, name);
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value.get("$ref") {
            Some(to) => {
                let pointer = to.as_str().unwrap().strip_prefix('#').unwrap();
                self.0.pointer(pointer).unwrap_or_else(|| panic!("{to}"))
            }
            None => value,
        }
    }

    fn check(&self, schema: &Value, value: &Value, place: &str) {
        let schema = self.resolve(schema);
        for word in schema.as_object().unwrap().keys() {
            assert!(WORDS.contains(&word.as_str()), "{place}: {word}");
        }
        if let Some(choices) = schema.get("oneOf") {
            let mut choices = choices.as_array().unwrap().iter();
            let chosen = choices.find(|it| it["type"] == "null");
            assert!(chosen.is_some(), "{place}: no null");
            if !value.is_null() {
                let all = schema["oneOf"].as_array().unwrap();
                let other = all.iter().find(|it| it["type"] != "null");
                self.check(other.unwrap(), value, place);
            }
            return;
        }
        check_value(schema, value, place);
        match value {
            Value::Object(members) => {
                self.check_members(schema, members, place)
            }
            Value::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    let place = format!("{place}[{number}]");
                    self.check(&schema["items"], item, &place);
                }
            }
            _ => {}
        }
    }

    fn check_members(
        &self,
        schema: &Value,
        members: &Map<String, Value>,
        place: &str,
    ) {
        let Some(properties) = schema.get("properties") else {
            for (name, value) in members {
                let place = format!("{place}.{name}");
                self.check(&schema["additionalProperties"], value, &place);
            }
            return;
        };
        let properties = properties.as_object().unwrap();
        let named: BTreeSet<_> = properties.keys().collect();
        let found: BTreeSet<_> = members.keys().collect();
        assert_eq!(found, named, "{place}: answer and docs/openapi.json");
        let required = schema["required"].as_array().unwrap();
        assert_eq!(required.len(), named.len(), "{place}: all are required");
        for (name, value) in members {
            let place = format!("{place}.{name}");
            self.check(&properties[name], value, &place);
        }
    }
}

/// Checks the type and the limits of a value.
fn check_value(schema: &Value, value: &Value, place: &str) {
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{place}: the type {other:?}"),
    };
    let fits = types.iter().any(|name| is(name.as_str().unwrap()));
    assert!(fits, "{place}: {value} is none of {types:?}");
    if let Some(allowed) = schema.get("enum") {
        let allowed = allowed.as_array().unwrap();
        assert!(allowed.contains(value), "{place}: {value}");
    }
    if let (Some(least), Some(number)) = (schema.get("minimum"), value.as_f64())
    {
        assert!(number >= least.as_f64().unwrap(), "{place}: {value}");
    }
}

/// Returns the answers of all pages, with one of everything that they can have.
fn filled() -> Vec<(&'static str, Value)> {
    fn of<T: api::Answer>(answer: T) -> (&'static str, Value) {
        (T::PATH, serde_json::to_value(answer).unwrap())
    }
    let network = api::NetworkName { asn: 64_500, name: Some("x".into()) };
    let host = api::Host { network: Some(network), ..api::Host::default() };
    vec![
        of(api::Summary {
            databases: vec![api::Database::default()],
            quota: Some(api::Quota::default()),
            ..api::Summary::default()
        }),
        of(api::Countries {
            countries: vec![api::Country::default()],
            ..api::Countries::default()
        }),
        of(api::Interfaces {
            interfaces: vec![api::Interface {
                status: Some(api::InterfaceStatus::NotFound),
                ..api::Interface::default()
            }],
            ..api::Interfaces::default()
        }),
        of(api::Networks {
            networks: vec![api::Network::default()],
            ..api::Networks::default()
        }),
        of(api::Ranges {
            ranges: vec![api::RangePair::default()],
            ..api::Ranges::default()
        }),
        of(api::Services {
            services: vec![api::Service::default()],
            ..api::Services::default()
        }),
        of(api::Hosts {
            hosts: vec![host],
            forgotten: vec![api::Forgotten::default()],
            ..api::Hosts::default()
        }),
        of(api::History {
            rows: vec![api::HistoryRow::default()],
            ..api::History::default()
        }),
        of(api::Usage::default()),
        of(api::Unknown {
            prefixes: vec![api::UnknownPrefix::default()],
            ..api::Unknown::default()
        }),
        of(api::Events {
            events: vec![api::Event::default()],
            ..api::Events::default()
        }),
    ]
}

#[test]
fn every_type_is_as_the_file_says() {
    let file = OpenApi::read();
    for (path, answer) in filled() {
        let name = path.rsplit('/').next().unwrap();
        let name = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
        file.check_type(&name, &answer);
    }
    let pages: BTreeSet<_> =
        api::PATHS.iter().map(|path| (*path).to_owned()).collect();
    let known = file.paths();
    assert!(known.is_subset(&pages), "{known:?}");
}
