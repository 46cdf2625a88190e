//! Writes a configuration as TOML that reads back as the same.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::resolve::Loaded;
use super::settings;

/// Returns the effective configuration as TOML, each value with its source.
pub fn print_config(loaded: &Loaded) -> String {
    let mut text = String::new();
    let mut table = "";
    for (setting, (_, source)) in settings::all().zip(&loaded.sources) {
        let (inside, key) =
            setting.key.rsplit_once('.').unwrap_or(("", setting.key));
        if inside != table {
            text += &format!("\n[{inside}]\n");
            table = inside;
        }
        let value = (setting.write)(&loaded.config);
        text += &format!("{key} = {value}  # {source}\n");
    }
    text
}
