//! Writes a configuration as TOML that reads back as the same.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::error::one_line;
use super::resolve::Loaded;
use super::setting::Setting;
use super::settings;
use crate::ranges::Location;

/// Returns the effective configuration as TOML, each value with its source.
pub fn print_config(loaded: &Loaded) -> String {
    print(settings::all(), loaded)
}

/// Prints `settings`, the ones that `loaded` was made from.
fn print(
    settings: impl Iterator<Item = &'static Setting>,
    loaded: &Loaded,
) -> String {
    let rows: Vec<_> = settings.zip(&loaded.sources).collect();
    let is_list = |key: &str| loaded.elements.contains_key(key);
    let (lists, mut rows): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|(setting, _)| is_list(setting.key));
    // Keys after the heading of a table belong to that table.
    rows.sort_by_key(|(setting, _)| setting.key.contains('.'));
    let mut text = String::new();
    let mut tables = String::new();
    for (setting, _) in lists {
        let places = &loaded.elements[setting.key];
        let value = (setting.write)(&loaded.config);
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        match items.iter().all(toml::Value::is_table)
            && !setting.key.contains('.')
        {
            true => tables += &list_of_tables(setting.key, items, places),
            false => text += &list(setting.key, items, places),
        }
    }
    let mut heading = "";
    for (setting, (_, source)) in rows {
        let (table, key) =
            setting.key.rsplit_once('.').unwrap_or(("", setting.key));
        if table != heading {
            text += &format!("\n[{table}]\n");
            heading = table;
        }
        let value = (setting.write)(&loaded.config);
        text += &format!("{key} = {value}  # {source}\n");
    }
    // Behind all keys, which would belong to them.
    text + &tables
}

/// Writes a list with an element a line.
fn list(key: &str, items: &[toml::Value], places: &[Location]) -> String {
    let mut text = format!("{key} = [\n");
    for (item, place) in items.iter().zip(places) {
        text += &format!("    {item},  # {}\n", comment(place));
    }
    text + "]\n"
}

/// Writes each element as `[[key]]`.
fn list_of_tables(
    key: &str,
    items: &[toml::Value],
    places: &[Location],
) -> String {
    let mut text = String::new();
    for (item, place) in items.iter().zip(places) {
        text += &format!("\n[[{key}]]  # {}\n", comment(place));
        for (name, value) in item.as_table().into_iter().flatten() {
            text += &format!("{name} = {value}\n");
        }
    }
    text
}

/// Returns a place in one line, even if the file's name has line breaks.
fn comment(place: &Location) -> String {
    one_line(&place.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Config, Source};

    #[test]
    fn tables_come_after_the_keys_that_are_in_none() {
        fn setting(key: &'static str) -> &'static Setting {
            let general = settings::find("log_level").unwrap();
            Box::leak(Box::new(Setting { key, ..*general }))
        }
        let keys = ["first", "a.b", "a.c", "last", "z.y"];
        let loaded = Loaded {
            config: Config::default(),
            sources: keys.map(|key| (key, Source::Default)).into(),
            lines: BTreeMap::new(),
            elements: BTreeMap::new(),
            files: Vec::new(),
            left_out: Vec::new(),
            seen: crate::config::Seen::default(),
            warnings: Vec::new(),
        };
        assert_eq!(
            print(keys.into_iter().map(setting), &loaded),
            "first = \"info\"  # default\n\
             last = \"info\"  # default\n\
             \n[a]\n\
             b = \"info\"  # default\n\
             c = \"info\"  # default\n\
             \n[z]\n\
             y = \"info\"  # default\n"
        );
    }
}
