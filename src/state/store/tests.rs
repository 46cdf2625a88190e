use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use tempfile::TempDir;

use super::super::sections::Name;
use super::*;
use crate::collectors::traffic::Snapshot;

fn of(packets: u64) -> State {
    let traffic = Arc::new(Snapshot { packets, ..Snapshot::default() });
    State { traffic, ..State::default() }
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let name = |e: io::Result<fs::DirEntry>| e.unwrap().file_name();
    let mut names: Vec<_> =
        entries.map(|e| name(e).into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_is_saved_is_found_and_only_ours_to_read() {
    let folder = TempDir::new().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    assert!(matches!(store.load(), Ok(Found::Nothing)));
    for packets in [1, 2] {
        store.save(&of(packets)).unwrap();
        match store.load().unwrap() {
            Found::State { state, .. } => assert_eq!(*state, of(packets)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(names(&folder), [NAME]);
    let mode = fs::metadata(store.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_directory_belongs_to_one_process() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(error, Error::InUse(_)), "{error}");
    drop(store);
    Store::open(folder.path()).unwrap();
}

#[test]
fn what_is_of_no_use_is_set_aside_and_not_read_again() {
    let directory = |path: PathBuf| fs::create_dir(path).unwrap();
    let pipe = |path: PathBuf| {
        let made = std::process::Command::new("mkfifo").arg(path).status();
        assert!(made.unwrap().success());
    };
    let write = |bytes: &'static [u8]| {
        move |path: PathBuf| fs::write(path, bytes).unwrap()
    };
    type Case = (Box<dyn Fn(PathBuf)>, &'static str);
    let sparse = |path: PathBuf| {
        fs::File::create(path).unwrap().set_len(100 << 30).unwrap();
    };
    let link = |path: PathBuf| {
        std::os::unix::fs::symlink("/dev/zero", path).unwrap();
    };
    let cases: [Case; 7] = [
        (Box::new(write(b"")), "cut short"),
        (Box::new(write(b"<html>")), "not a state file"),
        (Box::new(write(b"geoip-exporter state\n\x09\0\0\0")), "version 9"),
        (Box::new(directory), "regular file"),
        (Box::new(pipe), "regular file"),
        (Box::new(sparse), "larger than"),
        (Box::new(link), "regular file"),
    ];
    for (make, expected) in cases {
        let folder = TempDir::new().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        make(store.path());
        match store.load().unwrap() {
            Found::SetAside { path, reason } => {
                let reason = reason.to_string();
                assert!(reason.contains(expected), "{reason}");
                assert!(path.exists() && !store.path().exists());
            }
            other => panic!("{expected}: {other:?}"),
        }
        assert!(names(&folder)[0].starts_with("counters.state.damaged-"));
        assert!(matches!(store.load(), Ok(Found::Nothing)));
    }
}

#[test]
fn a_save_that_fails_leaves_the_last_one() {
    let folder = TempDir::new().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    store.save(&of(1)).unwrap();
    let blocked = folder.path().join(NEW_NAME);
    fs::create_dir(&blocked).unwrap();
    store.save(&of(2)).unwrap_err();
    assert!(
        matches!(store.load(), Ok(Found::State { state, .. }) if *state == of(1))
    );
    fs::remove_dir(&blocked).unwrap();
    store.save(&of(3)).unwrap();
    assert!(
        matches!(store.load(), Ok(Found::State { state, .. }) if *state == of(3))
    );
}

#[test]
fn a_directory_that_is_missing_is_named_or_made() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a/b");
    let error = Store::open(&path).unwrap_err();
    assert!(error.to_string().contains("a/b"), "{error}");
    Store::make(&path).unwrap();
    Store::open(&path).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

/// Also a section that this release does not know.
#[test]
fn a_damaged_file_is_read_as_far_as_it_can_be_and_copied() {
    let folder = TempDir::new().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let mut state = of(7);
    state.polls.evictions = 5;
    let strange = Section::new(Name::of("networks"), 1, b"kept".into());
    store.unknown = vec![strange.clone()];
    store.save(&state).unwrap();
    let mut bytes = fs::read(store.path()).unwrap();
    let traffic = bytes.windows(7).position(|at| at == b"packets").unwrap();
    bytes[traffic] ^= 1;
    fs::write(store.path(), &bytes).unwrap();
    let mut store = {
        drop(store);
        Store::open(folder.path()).unwrap()
    };
    let Ok(Found::State { state, damage, copy: Some(copy) }) = store.load()
    else {
        panic!("nothing is left")
    };
    assert_eq!((state.traffic.packets, state.polls.evictions), (0, 5));
    assert_eq!(damage.len(), 1, "{damage:?}");
    assert_eq!(store.unknown, [strange]);
    // Until the next save it may be needed once more.
    assert_eq!(fs::read(store.path()).unwrap(), bytes);
    store.save(&state).unwrap();
    assert_eq!(fs::read(copy).unwrap(), bytes);
    assert!(fs::read(store.path()).unwrap().windows(4).any(|at| at == b"kept"));
}

#[test]
fn what_is_no_directory_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x");
    fs::write(&file, "").unwrap();
    let error = Store::open(&file).expect_err("it is a file");
    assert_eq!(error.to_string(), format!("cannot use {}", file.display()));
}
