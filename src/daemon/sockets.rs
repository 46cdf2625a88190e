//! Sockets that the service manager opened for the exporter, as
//! sd_listen_fds(3) describes it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::RawFd;

use crate::http::GivenSocket;
use crate::kernel;

/// The descriptor of the first one.
const FIRST: RawFd = 3;

/// The name of a socket without one.
const UNNAMED: &str = "unknown";

/// More is a mistake: the exporter needs descriptors of its own.
const MOST: usize = 64;

/// Takes the sockets that the environment names. To be called before the process
/// opens anything: the environment may be wrong, and a descriptor of the process
/// must not be taken for a socket.
///
/// # Errors
/// If they do not exist.
pub(super) fn take(
    environment: &[(OsString, OsString)],
) -> io::Result<Vec<GivenSocket>> {
    let names = names(environment, std::process::id())?;
    let count = names.len();
    let sockets = kernel::take_descriptors(FIRST, count).map_err(|error| {
        io::Error::other(format!(
            "LISTEN_FDS is {count}, but not all descriptors from {FIRST} to {} \
             are open: {error}",
            FIRST.unsigned_abs() as usize + count - 1
        ))
    })?;
    let given = names.into_iter().zip(sockets);
    Ok(given.map(|(name, socket)| GivenSocket { name, socket }).collect())
}

/// Returns the names of the sockets; none if they are for another process.
fn names(
    environment: &[(OsString, OsString)],
    own: u32,
) -> io::Result<Vec<String>> {
    let find = |name: &str| {
        let found = environment.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_os_str())
    };
    let number = |value: &OsStr| value.to_str()?.parse::<usize>().ok();
    let is_ours = find("LISTEN_PID")
        .and_then(number)
        .is_some_and(|pid| u32::try_from(pid) == Ok(own));
    let Some(count) = find("LISTEN_FDS").filter(|_| is_ours) else {
        return Ok(Vec::new());
    };
    let count =
        number(count).filter(|&count| count <= MOST).ok_or_else(|| {
            let count = count.to_string_lossy();
            io::Error::other(format!(
                "LISTEN_FDS is {count:?}, not a number from 0 to {MOST}"
            ))
        })?;
    let text = find("LISTEN_FDNAMES").unwrap_or_default().to_string_lossy();
    let mut names: Vec<String> = text.split(':').map(str::to_owned).collect();
    names.resize(count, UNNAMED.to_owned());
    for name in names.iter_mut().filter(|name| name.is_empty()) {
        UNNAMED.clone_into(name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> io::Result<Vec<String>> {
        let variables = variables.iter();
        let environment: Vec<_> =
            variables.map(|(k, v)| (k.into(), v.into())).collect();
        names(&environment, 7)
    }

    #[test]
    fn each_socket_has_its_name() {
        let pid = ("LISTEN_PID", "7");
        let read_names = |count, names| {
            read(&[pid, ("LISTEN_FDS", count), ("LISTEN_FDNAMES", names)])
                .unwrap()
        };
        assert_eq!(read_names("2", "web.socket:unix"), ["web.socket", "unix"]);
        assert_eq!(read_names("2", ":unix"), ["unknown", "unix"]);
        assert_eq!(read_names("3", "a"), ["a", "unknown", "unknown"]);
        assert_eq!(read_names("1", "a:b"), ["a"]);
        assert_eq!(read_names("0", "a"), [""; 0]);
        let unnamed = read(&[pid, ("LISTEN_FDS", "1")]).unwrap();
        assert_eq!(unnamed, ["unknown"]);
    }

    #[test]
    fn those_of_another_process_are_left_alone() {
        for pid in ["8", "", "x", "4294967303"] {
            let variables = [("LISTEN_PID", pid), ("LISTEN_FDS", "1")];
            assert_eq!(read(&variables).unwrap(), [""; 0], "{pid}");
        }
        assert_eq!(read(&[("LISTEN_FDS", "1")]).unwrap(), [""; 0]);
    }

    #[test]
    fn a_number_that_is_none_is_named() {
        for count in ["x", "-1", "65", ""] {
            let pid = ("LISTEN_PID", "7");
            let error = read(&[pid, ("LISTEN_FDS", count)]).unwrap_err();
            let said = error.to_string();
            assert!(said.starts_with("LISTEN_FDS is \""), "{said}");
        }
    }
}
