//! Writes a configuration as TOML that reads back as the same.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::resolve::Loaded;
use super::setting::Setting;
use super::settings;

/// Returns the effective configuration as TOML, each value with its source.
pub fn print_config(loaded: &Loaded) -> String {
    print(settings::all(), loaded)
}

/// Prints `settings`, the ones that `loaded` was made from.
fn print(
    settings: impl Iterator<Item = &'static Setting>,
    loaded: &Loaded,
) -> String {
    let mut rows: Vec<_> = settings.zip(&loaded.sources).collect();
    // Keys after the heading of a table belong to that table.
    rows.sort_by_key(|(setting, _)| setting.key.contains('.'));
    let mut text = String::new();
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
    text
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
            files: Vec::new(),
            left_out: Vec::new(),
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
