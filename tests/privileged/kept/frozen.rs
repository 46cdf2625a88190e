//! A disk under the state that does not answer.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::Kept;
use crate::harness::process::output_of;
use crate::harness::traffic::Traffic;
use crate::harness::wait::{PATIENCE, await_until};

/// A file system that can be frozen: whoever writes to it waits.
struct Disk(TempDir);

impl Disk {
    fn new() -> Self {
        let disk = Self(TempDir::new().unwrap());
        let image = disk.0.path().join("image");
        std::fs::File::create(&image).unwrap().set_len(16 << 20).unwrap();
        std::fs::create_dir(disk.mount()).unwrap();
        output_of(Command::new("mkfs.ext4").arg("-q").arg(&image));
        let mut mount = Command::new("mount");
        output_of(mount.args(["-o", "loop"]).arg(&image).arg(disk.mount()));
        disk
    }

    fn mount(&self) -> PathBuf {
        self.0.path().join("mount")
    }

    fn freeze(&self) {
        output_of(Command::new("fsfreeze").arg("-f").arg(self.mount()));
    }

    fn thaw(&self) {
        output_of(Command::new("fsfreeze").arg("-u").arg(self.mount()));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever waits for it could not be killed. It may not be frozen.
        let mut thaw = Command::new("fsfreeze");
        let _ = thaw.arg("-u").arg(self.mount()).output();
        let _ = Command::new("umount").arg("-l").arg(self.mount()).output();
    }
}

/// And no numbers that are old, or that a kill would set back.
#[test]
fn a_disk_that_does_not_answer_refuses_scrapes_until_it_does() {
    let kept = Kept::new();
    let disk = Disk::new();
    let path = disk.mount();
    let state = path.to_str().unwrap();
    let mut daemon = kept.setup().set("state_directory", state).start();
    // Thaws it before the daemon is killed, if an assertion fails.
    let disk = disk;
    let mut traffic = Traffic::new(&kept.lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    disk.freeze();
    traffic.exchange();
    let body = await_until(PATIENCE, "a refused scrape", || {
        let answer = daemon.get("/metrics").unwrap();
        match answer.status {
            503 => Ok(answer.body),
            other => Err(other.to_string()),
        }
    });
    assert!(body.contains("does not answer"), "{body}");
    assert_eq!(daemon.get("/-/healthy").unwrap().status, 200);
    assert_eq!(daemon.get("/metrics").unwrap().status, 503);
    disk.thaw();
    await_until(PATIENCE, "a scrape", || {
        match daemon.get("/metrics").unwrap().status {
            200 => Ok(()),
            other => Err(other.to_string()),
        }
    });
    traffic.await_booked(&daemon);
    daemon.await_sum("geoip_state_saved", &[], 1);
    let log = daemon.log();
    let said = |text: &str| {
        log.iter().filter(|line| line.message().starts_with(text)).count()
    };
    assert_eq!(said("the disk does not answer"), 1);
    assert_eq!(said("the disk answers again"), 1);
    drop(daemon);
}
