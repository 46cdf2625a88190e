use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use slog::{Discard, Logger, o};

use super::*;

const WAIT: Duration = Duration::from_secs(20);

/// A text file. Says `panic` to panic, and `wait` to fail for now.
#[derive(Clone)]
struct Text {
    file: PathBuf,
    /// Held by a test that wants opening to take long.
    gate: Arc<Mutex<()>>,
    /// The gate was reached at least once.
    is_there: Arc<AtomicBool>,
}

impl Resource for Text {
    type Content = (String, Files);
    type Error = String;

    fn open(&self, place: &Place) -> Result<Self::Content, String> {
        place.enter(&self.file);
        let state = Identity::of(&self.file);
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        self.is_there.store(true, Ordering::Release);
        drop(self.gate.lock().unwrap());
        assert_ne!(text, "panic");
        match &*text {
            "wait" | "bad" => Err(text),
            _ => Ok((text, vec![(self.file.clone(), state)])),
        }
    }

    fn files_of((_, files): &Self::Content) -> Files {
        files.clone()
    }

    fn may_pass(error: &String) -> bool {
        error == "wait"
    }

    fn panicked(&self) -> String {
        "panicked".into()
    }
}

struct World {
    folder: tempfile::TempDir,
    text: Text,
    follower: Follower<Text>,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let text = Text {
        file: folder.path().join("x"),
        gate: Arc::default(),
        is_there: Arc::default(),
    };
    let log = Logger::root(Discard, o!());
    let follower = Follower::start(&log, "follower", || ()).unwrap();
    World { folder, text, follower }
}

impl World {
    fn write(&self, text: &str) {
        let next = self.folder.path().join("next");
        fs::write(&next, text).unwrap();
        fs::rename(next, &self.text.file).unwrap();
    }

    fn open(&mut self) {
        let text = self.text.clone();
        let file = text.file.clone();
        self.follower.open(text, &file, true);
    }

    /// Waits until the file is being opened. Before that the thread looks at it,
    /// and has no place for a moment.
    fn await_gate(&self) {
        while !self.text.is_there.load(Ordering::Acquire) {
            thread::yield_now();
        }
    }

    fn news(&self) -> Result<String, String> {
        let news = self.follower.news().recv_timeout(WAIT).unwrap();
        let news = self.follower.accept(news).expect("these are not old");
        news.map(|(text, _)| text)
    }
}

#[test]
fn a_file_is_opened_at_once_and_whenever_it_changes() {
    let mut world = world();
    world.write("one");
    world.open();
    assert_eq!(world.news(), Ok("one".into()));
    world.write("two");
    assert_eq!(world.news(), Ok("two".into()));
    world.write("bad");
    assert_eq!(world.news(), Err("bad".into()));
    world.write("panic");
    assert_eq!(world.news(), Err("panicked".into()));
    world.write("three");
    assert_eq!(world.news(), Ok("three".into()));
}

#[test]
fn a_fault_that_may_pass_is_tried_again_without_a_change() {
    let mut world = world();
    world.write("wait");
    world.open();
    for _ in 0..2 {
        assert_eq!(world.news(), Err("wait".into()));
    }
}

#[test]
fn a_file_that_is_not_there_is_opened_once_it_is() {
    let mut world = world();
    let text = world.text.clone();
    let files = vec![(text.file.clone(), None)];
    world.follower.follow(text, files, true);
    world.write("one");
    assert_eq!(world.news(), Ok("one".into()));
}

#[test]
fn news_from_before_another_order_are_not_accepted() {
    let mut world = world();
    world.write("one");
    let gate = Arc::clone(&world.text.gate);
    let closed = gate.lock().unwrap();
    world.open();
    world.await_gate();
    world.open();
    drop(closed);
    let old = world.follower.news().recv_timeout(WAIT).unwrap();
    assert!(world.follower.accept(old).is_none());
    assert_eq!(world.news(), Ok("one".into()));
}

#[test]
fn a_file_that_hangs_is_shown_as_stuck_only_after_a_while() {
    let mut world = world();
    world.write("one");
    let gate = Arc::clone(&world.text.gate);
    let closed = gate.lock().unwrap();
    world.open();
    world.await_gate();
    assert_eq!(world.follower.complaint(), None);
    assert_eq!(world.follower.stuck_at(), None);
    let complaint = world.follower.place.complaint(Duration::ZERO);
    assert_eq!(complaint.as_deref(), Some(&*world.text.file));
    drop(closed);
    assert_eq!(world.news(), Ok("one".into()));
}
