//! The operating system's error inside an error of a library.

use std::io;

use aya::maps::MapError;

/// Returns the operating system's error at the bottom of a chain of errors.
pub(super) fn os_error(
    error: &(dyn std::error::Error + 'static),
) -> Option<io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(code) =
            error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error)
        {
            return Some(io::Error::from_raw_os_error(code));
        }
        next = error.source();
    }
    None
}

/// Returns the call's error inside an error of a map.
pub(super) fn io_error(error: MapError) -> io::Error {
    os_error(&error).unwrap_or_else(|| io::Error::other(error))
}
