//! `geoip-exporter health`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use super::fake::FakeHost;
use super::running::{BASE, Running};

/// Returns the exit status, standard output and standard error.
fn health(url: &str) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_geoip-exporter"))
        .args(["health", "--config", "/dev/null", "--url", url])
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn health_is_the_readiness_of_the_exporter() {
    let daemon = Running::start(FakeHost::new(&[(2, "eth0")]), BASE);
    daemon.settled();
    let url = format!("http://{}", daemon.address);
    let (status, text, error) = health(&url);
    assert_eq!((status, &*error), (Some(0), ""));
    assert_eq!(text, format!("{url} is ready\n"));
    daemon.stop();
    let (status, text, error) = health(&url);
    assert_eq!((status, &*text), (Some(69), ""));
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains("cannot reach geoip-exporter"), "{error}");
}

#[test]
fn an_exporter_that_is_not_ready_is_not_healthy() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let answers = thread::spawn(move || {
        let (mut client, _) = server.accept().unwrap();
        let mut lines = BufReader::new(&client).lines();
        let first = lines.next().unwrap().unwrap();
        while !lines.next().unwrap().unwrap().is_empty() {}
        client
            .write_all(
                b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 9\r\n\
                  Connection: close\r\n\r\nnot ready",
            )
            .unwrap();
        first
    });
    let (status, text, error) = health(&url);
    assert_eq!(answers.join().unwrap(), "GET /-/ready HTTP/1.1");
    assert_eq!((status, &*text), (Some(69), ""));
    assert!(error.contains("/-/ready: status 503: not ready"), "{error}");
}
