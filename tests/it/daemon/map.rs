//! The files of the live map, as browsers get them.

use std::fs;
use std::path::Path;

use crate::client::{Client, header};

use super::fake::FakeHost;
use super::running::{Running, with_database};

/// All files together, compressed, in bytes.
const MOST: usize = 110_000;

fn start(lines: &str) -> Running {
    Running::start(FakeHost::new(&[(2, "eth0")]), &with_database(lines))
}

#[test]
fn every_file_of_the_page_is_served_and_all_are_small() {
    let daemon = start("");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = folder.join("src/http/pages/web");
    daemon.settled();
    let (status, page) = daemon.get("/");
    assert_eq!(status, 200);
    assert!(page.contains("web/page.js") && page.contains("eth0"), "{page}");
    let mut compressed = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name == "page.html" {
            continue;
        }
        let target = format!("/web/{name}");
        let (status, content) = daemon.get(&target);
        assert_eq!(status, 200, "{name}");
        assert_eq!(content, fs::read_to_string(&path).unwrap(), "{name}");
        let mut client = Client::connect(daemon.address);
        client.send(&format!(
            "GET {target} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"
        ));
        let (head, body) = client.answer().unwrap();
        assert_eq!(header(&head, "Content-Encoding"), Some("gzip"), "{name}");
        compressed += body.len();
    }
    assert!((30_000..MOST).contains(&compressed), "{compressed} bytes");
    assert_eq!(daemon.get("/web/nothing.js").0, 404);
    daemon.stop();
}

#[test]
fn without_the_setting_there_is_a_plain_page_and_no_file() {
    let daemon = start("web = false\n");
    daemon.settled();
    let (status, page) = daemon.get("/");
    assert_eq!(status, 200);
    assert!(page.contains("eth0") && !page.contains("script"), "{page}");
    assert_eq!(daemon.get("/web/page.js").0, 404);
    daemon.stop();
}
