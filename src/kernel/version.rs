//! Checks that the running kernel is new enough.

use std::fs;

use super::error::{Error, MINIMUM_KERNEL};

/// Checks the kernel's version. A kernel whose version cannot be read is tried.
///
/// # Errors
/// If the kernel is too old.
pub fn check() -> Result<(), Error> {
    match fs::read_to_string("/proc/sys/kernel/osrelease") {
        Ok(release) => check_release(release.trim()),
        Err(_) => Ok(()),
    }
}

fn check_release(release: &str) -> Result<(), Error> {
    match parse(release) {
        Some(version) if version < MINIMUM_KERNEL => {
            Err(Error::KernelTooOld { found: release.into() })
        }
        _ => Ok(()),
    }
}

/// Reads the first two numbers of a release such as `6.1.0-18-amd64`.
fn parse(release: &str) -> Option<(u8, u8)> {
    let mut numbers =
        release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_is_too_old_is_refused_by_its_name() {
        let error = check_release("4.18.0-553.el8_10.x86_64").unwrap_err();
        assert_eq!(
            error.to_string(),
            "kernel 4.18.0-553.el8_10.x86_64 is too old: 5.12 or later is \
             needed"
        );
        for old in ["5.11.22", "5.10.0-32-amd64", "5.4.0-150-generic", "4.19"] {
            assert!(check_release(old).is_err(), "{old}");
        }
    }

    #[test]
    fn one_that_is_new_enough_or_of_unknown_version_is_tried() {
        for new in [
            "5.14.0-427.el9.x86_64",
            "6.1.0-56-amd64",
            "6.12.9+deb13",
            "6.18",
            "7.0.1",
            "",
            "custom",
        ] {
            assert!(check_release(new).is_ok(), "{new}");
        }
    }
}
