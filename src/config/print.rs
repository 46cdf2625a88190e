//! Writes a configuration as TOML that reads back as the same.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::resolve::Loaded;
use super::settings;

/// Returns the effective configuration as TOML, each value with its source.
pub fn print_config(loaded: &Loaded) -> String {
    let mut rows: Vec<_> = settings::all().zip(&loaded.sources).collect();
    // After a table's heading every key would belong to that table.
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
