//! Good clients get answers as HTTP defines them.

use std::io::Read as _;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use geoip_exporter::metrics::encode::Format;

use super::server::{LARGE, Running};
use crate::client::{header, status};
use crate::exposition::{page, registry};

#[test]
fn a_scrape_over_a_socket_is_the_page() {
    let server = Running::start();
    let (head, body) = server.ask("GET /metrics HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(header(&head, "Date").is_some_and(|d| d.ends_with(" GMT")));
    let expected = page(&registry(), Format::Text);
    assert_eq!(String::from_utf8(body).unwrap(), expected);
}

#[test]
fn a_compressed_scrape_over_a_socket_is_the_page() {
    let server = Running::start();
    let (head, body) =
        server.ask("GET /metrics HTTP/1.1\r\nAccept-Encoding: gzip");
    assert_eq!(header(&head, "Content-Encoding"), Some("gzip"));
    let mut unpacked = String::new();
    GzDecoder::new(&*body).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, page(&registry(), Format::Text));
}

#[test]
fn the_answer_to_head_is_that_to_get_without_the_body() {
    let server = Running::start();
    let mut client = server.client();
    let (get, page) = client.get("/metrics").unwrap();
    client.send("HEAD /metrics HTTP/1.1\r\nHost: test\r\n\r\n");
    let head = client.answer_to_head().unwrap();
    for name in ["Content-Type", "Content-Length", "X-Content-Type-Options"] {
        assert_eq!(header(&head, name), header(&get, name), "{name}");
    }
    let length = page.len().to_string();
    assert_eq!(header(&head, "Content-Length"), Some(&*length));
    // The next bytes are the next answer, not a body.
    let (head, body) = client.get("/-/healthy").unwrap();
    assert_eq!((status(&head), body.len()), (200, 26));
}

#[test]
fn wrong_methods_and_wrong_paths_get_their_status_and_a_hint() {
    let server = Running::start();
    let (head, body) = server.ask("POST /metrics HTTP/1.1");
    assert_eq!(status(&head), 405);
    assert_eq!(header(&head, "Allow"), Some("GET, HEAD"));
    assert!(!body.is_empty());
    let (head, body) = server.ask("GET /nothing HTTP/1.1");
    assert_eq!(status(&head), 404);
    assert!(String::from_utf8(body).unwrap().contains("/metrics"));
    let (head, _) = server.ask("GET /-/ready HTTP/1.1");
    assert_eq!(status(&head), 503);
}

#[test]
fn a_connection_takes_many_requests_also_sent_ahead() {
    let server = Running::start();
    let mut client = server.client();
    let one = "GET /-/healthy HTTP/1.1\r\nHost: test\r\n\r\n";
    client.send(&one.repeat(50));
    for _ in 0..50 {
        let (head, body) = client.answer().unwrap();
        assert_eq!(header(&head, "Connection"), Some("keep-alive"));
        assert_eq!(body, b"geoip-exporter is healthy\n");
    }
    client.send("GET /-/healthy HTTP/1.1\r\nHost: test\r\n");
    client.send("Connection: close\r\n\r\n");
    let (head, _) = client.answer().unwrap();
    assert_eq!(header(&head, "Connection"), Some("close"));
    assert!(client.is_closed());
}

#[test]
fn a_client_of_http_1_0_is_answered_and_left() {
    let server = Running::start();
    let mut client = server.client();
    client.send("GET /-/healthy HTTP/1.0\r\n\r\n");
    assert_eq!(status(&client.answer().unwrap().0), 200);
    assert!(client.is_closed());
}

#[test]
fn a_request_that_comes_byte_by_byte_is_answered() {
    let server = Running::start();
    let mut client = server.client();
    client.stream.set_nodelay(true).unwrap();
    let request = "\r\nGET /-/healthy HTTP/1.1\r\nHost: test\r\n\r\n";
    for byte in request.chars() {
        client.send(&byte.to_string());
    }
    assert_eq!(status(&client.answer().unwrap().0), 200);
}

#[test]
fn a_client_that_has_nothing_more_to_say_still_hears_the_answer() {
    let server = Running::start();
    let mut client = server.client();
    client.send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n");
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.answer().unwrap().1.len(), LARGE);
    assert!(client.is_closed());
}

#[test]
fn a_small_body_is_let_fall_and_a_large_one_refused() {
    let server = Running::start();
    let mut client = server.client();
    client.send("POST /metrics HTTP/1.1\r\nHost: test\r\n");
    client.send("Content-Length: 5\r\n\r\nHEAD ");
    assert_eq!(status(&client.answer().unwrap().0), 405);
    assert_eq!(status(&client.get("/-/healthy").unwrap().0), 200);

    client.send("POST /metrics HTTP/1.1\r\nHost: test\r\n");
    client.send("Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    let (head, _) = client.answer().unwrap();
    assert_eq!(head, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ok");
    assert_eq!(status(&client.answer().unwrap().0), 405);

    client.send("POST /metrics HTTP/1.1\r\nHost: test\r\n");
    client.send("Content-Length: 100000\r\n\r\n");
    // The answer is not lost, though the client goes on sending.
    client.try_send(&[b'x'; 100_000]);
    let (head, _) = client.answer().unwrap();
    assert_eq!(status(&head), 413);
    assert!(client.is_closed());
}

#[test]
fn a_page_that_panics_is_an_answer_and_not_the_end() {
    let server = Running::start();
    // More often than there are workers.
    for _ in 0..8 {
        assert_eq!(status(&server.ask("GET /panic HTTP/1.1").0), 500);
    }
    assert_eq!(status(&server.ask("GET /metrics HTTP/1.1").0), 200);
}

#[test]
fn a_client_that_never_pauses_does_not_keep_the_server_from_stopping() {
    let mut server = Running::start();
    let mut client = server.client();
    let asking = Arc::new(AtomicBool::new(true));
    let (answered, first_answer) = crossbeam_channel::bounded(1);
    let thread = thread::spawn({
        let asking = Arc::clone(&asking);
        move || {
            let request = b"GET /-/healthy HTTP/1.1\r\nHost: test\r\n\r\n";
            while asking.load(Ordering::Relaxed)
                && client.try_send(request)
                && client.answer().is_some()
            {
                let _ = answered.try_send(());
            }
        }
    });
    first_answer.recv().unwrap();
    let asked = Instant::now();
    server.stop().unwrap();
    let took = asked.elapsed();
    asking.store(false, Ordering::Relaxed);
    thread.join().unwrap();
    assert!(took < Duration::from_secs(2), "stopping took {took:?}");
}

#[test]
fn an_answer_under_way_is_finished_before_the_server_stops() {
    let mut server = Running::start();
    let mut client = server.client();
    client.send("GET /gate HTTP/1.1\r\nHost: test\r\n\r\n");
    server.entered.recv().unwrap();
    let open = server.open.clone();
    drop(server.handle.take());
    open.send(()).unwrap();
    let (head, body) = client.answer().unwrap();
    assert_eq!((status(&head), &*body), (200, &b"gate\n"[..]));
    assert_eq!(header(&head, "Connection"), Some("keep-alive"));
    assert!(client.is_closed());
    server.stop().unwrap();
}
