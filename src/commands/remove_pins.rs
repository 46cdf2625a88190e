//! `geoip-exporter remove-pins`: removes the pinned programs and maps, which
//! continue to count while no exporter runs.

use crate::config::Config;
use crate::daemon::Error;
use crate::kernel::{Pins, PinsFault};

/// Removes the pins and returns a line with their number.
///
/// # Errors
/// If an exporter runs, or a pin cannot be removed.
pub(super) fn run(config: &Config) -> Result<String, Error> {
    let Some(directory) = &config.pin_directory else {
        return Ok("pin_directory is empty: nothing is pinned\n".into());
    };
    let shown = directory.display();
    // bpffs usually hides its content from all but root. A directory that cannot
    // be seen is not one that does not exist.
    match directory.try_exists() {
        Ok(true) => {}
        Ok(false) => {
            return Ok(format!("{shown} does not exist: nothing is pinned\n"));
        }
        Err(error) => {
            return Err(PinsFault::Directory(directory.clone(), error)
                .of_removal()
                .into());
        }
    }
    let pins = Pins::open(directory).map_err(PinsFault::of_removal)?;
    let count = pins.clear()?;
    Ok(format!("removed {count} pins from {shown}\n"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::logging::chain;
    use crate::sysexits;

    fn said(path: &std::path::Path) -> Result<String, Error> {
        run(&Config { pin_directory: Some(path.into()), ..Config::default() })
    }

    #[test]
    fn only_a_directory_that_is_known_to_be_missing_has_no_pins() {
        let folder = tempfile::tempdir().unwrap();
        let (none, ring) =
            (folder.path().join("none"), folder.path().join("a"));
        let text = said(&none).unwrap();
        assert!(text.ends_with("none does not exist: nothing is pinned\n"));
        symlink(&ring, &ring).unwrap();
        let fault = said(&ring).unwrap_err();
        let text = chain(&fault);
        assert!(text.contains("a: Too many levels of symbolic"), "{text}");
        assert_eq!(fault.exit_code(), sysexits::UNAVAILABLE);
    }

    #[test]
    fn a_missing_right_is_said_with_who_has_it() {
        let denied = std::io::Error::from_raw_os_error(libc::EACCES);
        let fault = PinsFault::Directory("/x".into(), denied).of_removal();
        let fault = Error::from(fault);
        assert_eq!(fault.exit_code(), sysexits::NOPERM);
        assert_eq!(
            chain(&fault),
            "cannot remove the pins in /x, which only root and the exporter's \
             user can: Permission denied (os error 13)"
        );
    }
}
