use std::fs;
use std::io::{Error, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::thread;

use super::*;

const DENIED: Option<ErrorKind> = Some(ErrorKind::PermissionDenied);

fn kind<T>(result: std::io::Result<T>) -> Option<ErrorKind> {
    result.err().as_ref().map(Error::kind)
}

/// Returns the version of the kernel's Landlock; zero if it has none.
fn version(files: Files) -> i32 {
    match files {
        Files::Restricted(version) => version,
        _ => 0,
    }
}

/// Does `work` on a thread that is restricted, not the tests beside it.
fn restricted<T: Send + 'static>(
    writable: Vec<PathBuf>,
    ports: Vec<u16>,
    work: impl FnOnce() -> T + Send + 'static,
) -> (i32, T) {
    let thread = thread::spawn(move || {
        let files = restrict(&writable, &ports).unwrap();
        (version(files), work())
    });
    thread.join().unwrap()
}

#[test]
fn files_are_read_anywhere_and_written_where_it_is_allowed() {
    let folder = tempfile::TempDir::new().unwrap();
    let [open, closed] = ["open", "closed"].map(|name| {
        let path = folder.path().join(name);
        fs::create_dir(&path).unwrap();
        fs::write(path.join("old"), "text").unwrap();
        path
    });
    let (version, (replaced, kinds, read)) =
        restricted(vec![open.clone()], vec![], move || {
            // The steps of saving the state.
            let replaced = fs::write(open.join("new"), "text")
                .and_then(|()| fs::rename(open.join("new"), open.join("old")))
                .and_then(|()| fs::remove_file(open.join("old")));
            let kinds = [
                kind(fs::write(closed.join("new"), "text")),
                kind(fs::write(closed.join("old"), "text")),
                kind(fs::remove_file(closed.join("old"))),
                kind(fs::rename(closed.join("old"), closed.join("new"))),
            ];
            (replaced, kinds, fs::read_to_string(closed.join("old")))
        });
    replaced.unwrap();
    if version > 0 {
        assert_eq!(kinds, [DENIED; 4]);
        assert_eq!(read.unwrap(), "text");
    }
}

#[test]
fn ports_are_those_that_are_listened_at() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    drop(other);
    let (version, kinds) = restricted(vec![], vec![port], move || {
        [
            kind(TcpListener::bind(("127.0.0.1", port))),
            kind(TcpListener::bind("127.0.0.1:0")),
            kind(TcpStream::connect(address)),
        ]
    });
    if version >= 4 {
        // Another test may have the port by now.
        assert_ne!(kinds[0], DENIED);
        assert_eq!(kinds[1..], [DENIED; 2]);
    }
}

#[test]
fn others_are_neither_signalled_nor_reached_by_abstract_sockets() {
    let mut cat = Command::new("cat");
    let mut child = cat.stdin(Stdio::piped()).spawn().unwrap();
    let name = format!("geoip-exporter-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    let (version, (kinds, mut child)) = restricted(vec![], vec![], move || {
        let connected = kind(UnixStream::connect_addr(&address));
        ([kind(child.kill()), connected], child)
    });
    if version >= 6 {
        assert_eq!(kinds, [DENIED; 2]);
    }
    drop(child.stdin.take());
    child.wait().unwrap();
}

/// Restricts a thread as those that talk to clients.
#[test]
fn what_talks_to_clients_reads_only_of_its_own_process() {
    let (version, (own, kinds)) = restricted(vec![], vec![0], || {
        restrict_to_own_process().unwrap();
        let number = std::process::id();
        let own = [
            kind(fs::read("/proc/self/limits")),
            kind(fs::read(format!("/proc/{number}/stat"))),
            kind(fs::read_dir("/proc/self/fd")),
        ];
        let others = [
            kind(fs::read("/proc/stat")),
            kind(fs::read("/proc/1/status")),
            kind(fs::read("/etc/passwd")),
            kind(fs::read("/proc/self/root/etc/passwd")),
            kind(fs::read_dir("/")),
        ];
        (own, others)
    });
    assert_eq!(own, [None; 3]);
    if version > 0 {
        assert_eq!(kinds, [DENIED; 5]);
    }
}
