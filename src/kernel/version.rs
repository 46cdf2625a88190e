//! Whether the running kernel is new enough.

use std::fs;

use super::error::{Error, MINIMUM_KERNEL};

/// Returns an error where the kernel is too old. One whose version cannot be
/// read is tried.
pub(super) fn check() -> Result<(), Error> {
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
    fn a_kernel_before_tcx_is_refused_by_its_name() {
        let error = check_release("6.1.0-18-amd64").unwrap_err();
        assert_eq!(
            error.to_string(),
            "kernel 6.1.0-18-amd64 is too old: 6.6 or later is needed, \
             which brought TCX links for eBPF programs"
        );
        for old in ["5.15.0", "6.5.9-rc1", "4.19"] {
            assert!(check_release(old).is_err(), "{old}");
        }
    }

    #[test]
    fn a_kernel_with_tcx_or_of_unknown_version_is_tried() {
        for new in ["6.6.0", "6.12.9+deb13", "6.18", "7.0.1", "", "custom"] {
            assert!(check_release(new).is_ok(), "{new}");
        }
    }
}
