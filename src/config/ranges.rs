//! Reads `[[range]]` and `range_files`.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::Arc;

use figment::value::{Num, Value};
use toml::Table;

use super::Config;
use super::elements::{Element, Fields, Wrong};
use super::nearest::nearest;
use super::values::{file, found, quoted};
use crate::ranges::{
    Definition, FileFormat, Listed, Prefix, SourceFile, name_fault,
};

/// The largest number of tables.
const MOST: usize = 4_096;

const RANGE_KEYS: [&str; 5] = ["name", "cidrs", "country", "asn", "local"];
const FILE_KEYS: [&str; 5] = ["path", "format", "name", "field", "local"];

/// Reads all `[[range]]` tables.
pub(super) fn ranges(
    config: &mut Config,
    elements: &[Element<'_>],
) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let read = |(number, element)| range(number, element, &mut wrong);
    let ranges: Vec<_> = elements.iter().enumerate().filter_map(read).collect();
    let mut names: HashMap<&str, &Definition> = HashMap::new();
    let mut prefixes: HashMap<Prefix, &Definition> = HashMap::new();
    for (number, range) in &ranges {
        let fault = |inside: &str, text: String| Wrong {
            element: *number,
            inside: inside.into(),
            text,
        };
        if let Some(first) = names.insert(&range.name, range) {
            let text = format!(
                "{} is also the name of the range at {}: put the prefixes of \
                 both into one",
                quoted(&range.name),
                first.location
            );
            wrong.push(fault(".name", text));
            continue;
        }
        for (index, listed) in range.cidrs.iter().enumerate() {
            let first = prefixes.insert(listed.prefix, range);
            if let Some(first) = first.filter(|it| it.name != range.name) {
                let same = |it: &&Listed| it.prefix == listed.prefix;
                let place = first.cidrs.iter().find(same);
                let place = place.map_or(&first.location, |it| &it.location);
                let text = format!(
                    "\"{}\" is also a prefix of {}, at {place}: a prefix has \
                     one name",
                    listed.prefix,
                    quoted(&first.name)
                );
                wrong.push(fault(&format!(".cidrs[{index}]"), text));
            }
        }
    }
    if let Some(element) = (elements.len() > MOST).then_some(MOST) {
        let text =
            format!("there are more than {MOST} ranges: use range_files");
        wrong.push(Wrong { element, inside: String::new(), text });
    }
    config.range = ranges.into_iter().map(|(_, range)| range).collect();
    wrong
}

fn range(
    number: usize,
    element: &Element<'_>,
    wrong: &mut Vec<Wrong>,
) -> Option<(usize, Definition)> {
    let Some(table) = element.value.as_dict() else {
        let text = format!(
            "{} is not a table, such as [[range]] with name and cidrs",
            found(element.value)
        );
        wrong.push(Wrong { element: number, inside: String::new(), text });
        return None;
    };
    let mut fields = Fields::of(number, table, &RANGE_KEYS, wrong);
    let name = name(&mut fields);
    let cidrs = cidrs(&mut fields, element);
    let country = fields.get("country").and_then(|v| country(&mut fields, v));
    let asn = fields.get("asn").and_then(|value| asn(&mut fields, value));
    let local = local(&mut fields).unwrap_or(true);
    let location = element.location("");
    let name = name?;
    Some((number, Definition { name, cidrs, country, asn, local, location }))
}

fn name(fields: &mut Fields<'_, '_>) -> Option<Arc<str>> {
    const EXAMPLE: &str = "\"office\"";
    let value = fields.required("name", EXAMPLE)?;
    let name = fields.text("name", value, EXAMPLE)?;
    if let Some(fault) = name_fault(name) {
        fields.fault(".name", format!("{fault}; a name is such as {EXAMPLE}"));
    }
    Some(name.into())
}

fn cidrs(fields: &mut Fields<'_, '_>, element: &Element<'_>) -> Vec<Listed> {
    const EXAMPLE: &str = "[\"198.51.100.0/24\", \"2001:db8:7::/48\"]";
    let Some(value) = fields.required("cidrs", EXAMPLE) else {
        return Vec::new();
    };
    let mut cidrs = Vec::new();
    for (inside, item) in fields.list("cidrs", value, EXAMPLE) {
        let Some(text) = item.as_str() else {
            let text = format!(
                "{} is not text in quotes, such as \"198.51.100.0/24\"",
                found(item)
            );
            fields.fault(&inside, text);
            continue;
        };
        match Prefix::read(text.trim()) {
            Ok(prefix) => {
                let location = element.location(&inside);
                cidrs.push(Listed { prefix, location });
            }
            Err(fault) => {
                fields.fault(&inside, format!("{} {fault}", quoted(text)));
            }
        }
    }
    cidrs
}

/// Returns a code in capitals, or a label of the user's own.
fn country(fields: &mut Fields<'_, '_>, value: &Value) -> Option<Arc<str>> {
    const EXAMPLE: &str = "\"DE\" or \"HQ Berlin\"";
    let Some(label) = value.as_str() else {
        let text = format!(
            "{} is not text in quotes, such as {EXAMPLE}",
            found(value)
        );
        fields.fault(".country", text);
        return None;
    };
    if let Some(fault) = name_fault(label) {
        let text = format!("{fault}; a country is such as {EXAMPLE}");
        fields.fault(".country", text);
    }
    let is_code = label.len() == 2
        && label.bytes().all(|byte| byte.is_ascii_alphabetic());
    Some(match is_code {
        true => label.to_ascii_uppercase().into(),
        false => label.into(),
    })
}

/// Returns whether the range is looked for among local addresses too.
fn local(fields: &mut Fields<'_, '_>) -> Option<bool> {
    let value = fields.get("local")?;
    let local = value.to_bool();
    if local.is_none() {
        fields
            .fault(".local", format!("{} is not true or false", found(value)));
    }
    local
}

/// Reads `64500` or `"AS64500"`.
fn asn(fields: &mut Fields<'_, '_>, value: &Value) -> Option<u32> {
    let number = match value {
        Value::String(_, text) => {
            let digits = text.get(2..).filter(|_| {
                text.get(..2).is_some_and(|it| it.eq_ignore_ascii_case("as"))
            });
            digits.and_then(|digits| digits.parse::<u32>().ok())
        }
        Value::Num(_, Num::F32(_) | Num::F64(_)) => None,
        Value::Num(_, number) => {
            number.to_i128().and_then(|number| u32::try_from(number).ok())
        }
        _ => None,
    };
    let number = number.filter(|number| *number > 0);
    if number.is_none() {
        let text = format!(
            "{} is not a number from 1 to {}, such as 64500, nor such as \
             \"AS64500\"",
            found(value),
            u32::MAX
        );
        fields.fault(".asn", text);
    }
    number
}

/// Writes the ranges so that [`ranges`] reads them back.
pub(super) fn ranges_value(config: &Config) -> toml::Value {
    let table = |range: &Definition| {
        let cidrs = range.cidrs.iter().map(|it| it.prefix.to_string());
        let cidrs: Vec<String> = cidrs.collect();
        let mut table = Table::new();
        table.insert("name".into(), (*range.name).into());
        table.insert("cidrs".into(), cidrs.into());
        if let Some(country) = &range.country {
            table.insert("country".into(), (**country).into());
        }
        if let Some(asn) = range.asn {
            table.insert("asn".into(), i64::from(asn).into());
        }
        if !range.local {
            table.insert("local".into(), false.into());
        }
        toml::Value::Table(table)
    };
    config.range.iter().map(table).collect::<Vec<_>>().into()
}

/// Reads all entries of `range_files`.
pub(super) fn files(
    config: &mut Config,
    elements: &[Element<'_>],
) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut files: Vec<SourceFile> = Vec::new();
    for (number, element) in elements.iter().enumerate() {
        let Some(read) = source_file(number, element, &mut wrong) else {
            continue;
        };
        let same = |known: &&SourceFile| {
            known.path == read.path
                && known.name == read.name
                && known.field == read.field
        };
        if let Some(first) = files.iter().find(same) {
            let text = format!(
                "{} is listed twice, first at {}",
                quoted(&read.path.to_string_lossy()),
                first.location
            );
            wrong.push(Wrong { element: number, inside: String::new(), text });
        }
        files.push(read);
    }
    config.range_files = files;
    wrong
}

fn source_file(
    number: usize,
    element: &Element<'_>,
    wrong: &mut Vec<Wrong>,
) -> Option<SourceFile> {
    const EXAMPLE: &str = "\"/etc/geoip-exporter/ranges.json\"";
    let location = element.location("");
    let (path, inside) = match element.value {
        Value::String(..) => (Some(element.value), ""),
        Value::Dict(_, table) => {
            let mut fields = Fields::of(number, table, &FILE_KEYS, wrong);
            (fields.required("path", EXAMPLE), ".path")
        }
        other => {
            let text = format!(
                "{} is not a path such as {EXAMPLE}, nor a table such as {{ \
                 path = {EXAMPLE}, format = \"list\", name = \"blocked\" }}",
                found(other)
            );
            wrong.push(Wrong { element: number, inside: String::new(), text });
            return None;
        }
    };
    let path = path.and_then(|value| match file(value) {
        Ok(path) => Some(path.into()),
        Err(fault) => {
            let text = match fault {
                super::values::Fault::Because(text) => text,
                _ => format!(
                    "{} is not the path of a file, such as {EXAMPLE}",
                    found(value)
                ),
            };
            wrong.push(Wrong { element: number, inside: inside.into(), text });
            None
        }
    });
    let empty = figment::value::Dict::new();
    let table = element.value.as_dict().unwrap_or(&empty);
    let mut fields = Fields::known(number, table, wrong);
    let format = fields.get("format").and_then(|it| format(&mut fields, it));
    let name = label(&mut fields, "name");
    let field = label(&mut fields, "field");
    let local = local(&mut fields);
    Some(SourceFile { path: path?, format, name, field, local, location })
}

fn format(fields: &mut Fields<'_, '_>, value: &Value) -> Option<FileFormat> {
    let names = FileFormat::ALL.map(FileFormat::as_str);
    let text = value.as_str().unwrap_or_default();
    let format = FileFormat::ALL.into_iter().find(|it| it.as_str() == text);
    if format.is_none() {
        let near = nearest(text, names.into_iter());
        let near = near.map(|near| format!(", did you mean \"{near}\"?"));
        let allowed = names.map(quoted).join(", ");
        let text = format!(
            "{} is no format, allowed: {allowed}{}",
            found(value),
            near.unwrap_or_default()
        );
        fields.fault(".format", text);
    }
    format
}

fn label(fields: &mut Fields<'_, '_>, key: &str) -> Option<Arc<str>> {
    let value = fields.get(key)?;
    let text = fields.text(key, value, "\"blocked\"")?;
    if let Some(fault) = name_fault(text) {
        fields.fault(&format!(".{key}"), fault);
    }
    Some(text.into())
}

/// Writes the files so that [`files`] reads them back.
pub(super) fn files_value(config: &Config) -> toml::Value {
    let entry = |file: &SourceFile| {
        let path = file.path.to_string_lossy().into_owned();
        let mut table = Table::new();
        if let Some(format) = file.format {
            table.insert("format".into(), format.as_str().into());
        }
        for (key, text) in [("name", &file.name), ("field", &file.field)] {
            if let Some(text) = text {
                table.insert(key.into(), (**text).into());
            }
        }
        if let Some(local) = file.local {
            table.insert("local".into(), local.into());
        }
        if table.is_empty() {
            return toml::Value::from(path);
        }
        table.insert("path".into(), path.into());
        toml::Value::Table(table)
    };
    config.range_files.iter().map(entry).collect::<Vec<_>>().into()
}
