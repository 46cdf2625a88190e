//! Any bytes of a client get an answer or an end.

use std::time::{Duration, Instant};

use geoip_exporter::http::Limits;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::server::Running;
use crate::client::status;

#[test]
fn other_bytes_than_a_request_are_refused_at_once_with_the_reason() {
    let server = Running::start();
    let long = "x".repeat(20_000);
    for (request, expected) in [
        ("\x16\x03\x01\x02\x00\x01\x00\x01\x00\x03\x03", 400),
        ("hello\r\n", 400),
        ("\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\n\n", 400),
        (&"\r\n".repeat(101), 431),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("GET / HTTP/3.0\r\n\r\n", 505),
        (&format!("GET /{long} HTTP/1.1\r\n\r\n"), 431),
        (&format!("GET / HTTP/1.1\r\nA: {long}\r\n\r\n"), 431),
        (&format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200)), 431),
        (&long, 431),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            501,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\
             Content-Length: 2\r\n\r\n",
            400,
        ),
    ] {
        let mut client = server.client();
        client.try_send(request.as_bytes());
        let (head, body) = client.answer().unwrap();
        assert_eq!(status(&head), expected, "{request:.60} got {head}");
        let start = format!("{expected}: ");
        assert!(String::from_utf8(body).unwrap().starts_with(&start));
        assert!(client.is_closed(), "{request:.60}");
    }
}

/// Bytes that are more or less a request.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let header = prop_oneof![
        "[A-Za-z-]{1,12}: ?[ -~]{0,30}\r\n",
        Just("Host: x\r\n".to_owned()),
        "Content-Length: [0-9+, ]{1,6}\r\n",
        "(Connection|Expect|Transfer-Encoding): [a-z0-9-]{1,12}\r\n",
    ];
    let headers = proptest::collection::vec(header, 0..6);
    let line = "(GET|HEAD|POST|XX) (/|/metrics|/-/healthy|\\*|[!-~]{0,9}) HTTP/1\\.[01]\r\n";
    let request = (line, headers, "(\r\n)?[ -~]{0,9}")
        .prop_map(|(line, headers, end)| line + &headers.concat() + &end)
        .prop_map(String::into_bytes);
    let broken = (request.clone(), any::<prop::sample::Index>(), any::<u8>())
        .prop_map(|(mut request, at, byte)| {
            let at = at.index(request.len());
            request[at] = byte;
            request
        });
    let noise = proptest::collection::vec(any::<u8>(), 0..300);
    let some = prop_oneof![request, broken, noise];
    proptest::collection::vec(some, 1..4).prop_map(|many| many.concat())
}

#[test]
fn any_bytes_get_an_answer_or_an_end_in_time_and_harm_nobody() {
    let server = Running::with(Limits {
        request_timeout: Duration::from_millis(100),
        idle_timeout: Duration::from_millis(100),
        ..Limits::default()
    });
    let mut runner = TestRunner::new(Config::with_cases(300));
    runner
        .run(&anything(), |bytes| {
            let mut client = server.client();
            client.try_send(&bytes);
            let sent = Instant::now();
            // Up to the end; a proxy's clients would be told apart by less.
            while client.answer_to_head().is_some() {}
            let took = sent.elapsed();
            prop_assert!(took < Duration::from_secs(3), "{took:?}");
            Ok(())
        })
        .unwrap();
    assert_eq!(status(&server.ask("GET /metrics HTTP/1.1").0), 200);
}
