//! `geoip-exporter remove-pins`: removes the pinned programs and maps, which
//! continue to count while no exporter runs.

use crate::config::Config;
use crate::daemon::Error;
use crate::kernel::Pins;

/// Removes the pins and returns a line with their number.
///
/// # Errors
/// If an exporter runs, or a pin cannot be removed.
pub(super) fn run(config: &Config) -> Result<String, Error> {
    let Some(directory) = &config.pin_directory else {
        return Ok("pin_directory is empty: nothing is pinned\n".into());
    };
    let shown = directory.display();
    if !directory.exists() {
        return Ok(format!("{shown} does not exist: nothing is pinned\n"));
    }
    let count = Pins::open(directory)?.clear()?;
    Ok(format!("removed {count} pins from {shown}\n"))
}
