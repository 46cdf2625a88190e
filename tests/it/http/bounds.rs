//! Clients that take more than their share, and a scrape beside them.

use std::fs;
use std::io::Read as _;
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use geoip_exporter::http::Limits;
use socket2::SockRef;

use super::server::{LARGE, Running};
use crate::client::{Client, status};

/// Scrapes over a new connection. How long that takes beside an attack is
/// measured in `tests/privileged/clients`.
fn scrape(server: &Running) {
    let (head, body) = server.ask("GET /metrics HTTP/1.1");
    assert_eq!(status(&head), 200);
    assert!(body.len() > 1000, "{} bytes", body.len());
}

fn short(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

fn connect(server: &Running) -> Client<TcpStream> {
    Client::connect(server.address)
}

#[test]
fn a_scrape_gets_through_two_thousand_idle_connections() {
    let server = Running::start();
    scrape(&server);
    // The tests beside this one have threads too, but not two thousand.
    let before = threads();
    let mut clients = Vec::new();
    // As many as this process may have open, both ends in it.
    for number in 0..2000 {
        let mut client = connect(&server);
        // Some were used, some send a part of a request.
        match number % 3 {
            0 => {}
            1 => client.send("GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"),
            _ => client.send("GET /metrics HTTP/1.1\r\nHo"),
        }
        clients.push(client);
        if number % 250 == 0 {
            scrape(&server);
        }
        if clients.len() > 300 {
            clients.swap_remove(number % 300);
        }
    }
    scrape(&server);
    assert!(threads() < before + 500, "{} threads", threads());
}

#[test]
fn the_longest_idle_makes_room_for_a_new_connection() {
    let server = Running::with(short(|limits| limits.connections = 4));
    let mut clients: Vec<_> = (0..4).map(|_| connect(&server)).collect();
    // An answer tells that the server knows of this one, and of those before.
    for client in &mut clients {
        client.get("/-/healthy").unwrap();
    }
    clients[0].get("/-/healthy").unwrap();
    let mut newest = connect(&server);
    newest.get("/-/healthy").unwrap();
    assert!(clients[1].is_closed());
    for index in [0, 2, 3] {
        assert!(clients[index].get("/-/healthy").is_some(), "{index}");
    }
}

#[test]
fn a_slow_request_ends_with_its_time_however_it_trickles() {
    let limit = Duration::from_millis(300);
    let server = Running::with(short(|l| l.request_timeout = limit));
    let mut silent = connect(&server);
    let mut client = connect(&server);
    let began = Instant::now();
    client.send("GET / HTTP/1.1\r\n");
    let mut trickle = Client::over(client.stream.try_clone().unwrap());
    thread::spawn(move || {
        while trickle.try_send(b"A") {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let (head, _) = client.answer().unwrap();
    assert_eq!(status(&head), 408);
    assert!(began.elapsed() >= limit);
    assert!(silent.is_closed());
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn an_idle_connection_is_closed_after_a_while() {
    let limit = Duration::from_millis(300);
    let server = Running::with(short(|l| l.idle_timeout = limit));
    let mut client = connect(&server);
    client.get("/-/healthy").unwrap();
    let began = Instant::now();
    assert!(client.is_closed());
    assert!(began.elapsed() >= limit / 2);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn an_answer_that_is_not_taken_is_dropped() {
    let limit = Duration::from_millis(300);
    let server = Running::with(short(|l| l.answer_timeout = limit));
    let mut client = connect(&server);
    client.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    // The sockets take a part of it, and the rest is not sent.
    let mut first = [0; 1];
    std::io::Read::read_exact(&mut client.stream, &mut first).unwrap();
    thread::sleep(limit * 2);
    let mut rest = Vec::new();
    let _ = std::io::Read::read_to_end(&mut client.stream, &mut rest);
    assert!(rest.len() < LARGE, "{}", rest.len());
}

#[test]
fn answers_that_are_not_taken_are_bounded_and_a_scrape_gets_through() {
    let server = Running::with(short(|l| l.unsent_bytes = 3 * LARGE));
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = connect(&server);
        client.send("GET /large?own HTTP/1.1\r\nHost: x\r\n\r\n");
        clients.push(client);
    }
    scrape(&server);
    // The last of them was not stopped for the others, and gets it all.
    let taken: Vec<_> = clients
        .iter_mut()
        .map(|client| client.answer().is_some_and(|a| a.1.len() == LARGE))
        .collect();
    let whole = taken.iter().filter(|&&is_whole| is_whole).count();
    assert!((1..=5).contains(&whole), "{taken:?}");
}

#[test]
fn a_client_that_pipelines_without_reading_holds_nobody() {
    let server = Running::start();
    let request = b"GET /large?own HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = connect(&server);
        client.stream.set_nonblocking(true).unwrap();
        client.try_send(&request);
        clients.push(client);
    }
    for _ in 0..10 {
        scrape(&server);
    }
    // Each gets one page at a time, and the sockets take a few more.
    let made = server.made.load(Ordering::Relaxed);
    assert!(made < 100, "{made} pages were made");
}

#[test]
fn clients_that_wait_for_the_same_page_share_one() {
    let server = Running::with(short(|limits| limits.workers = 1));
    let mut gate = ask(&server, "/gate");
    server.entered.recv().unwrap();
    // While the worker is busy, these wait.
    let mut waiting: Vec<_> = (0..50).map(|_| ask(&server, "/large")).collect();
    settle(&server);
    server.open.send(()).unwrap();
    gate.answer().unwrap();
    for client in &mut waiting {
        assert_eq!(client.answer().unwrap().1.len(), LARGE);
    }
    assert_eq!(server.made.load(Ordering::Relaxed), 2);
}

/// Asks for a page without waiting for it.
fn ask(server: &Running, target: &str) -> Client<TcpStream> {
    let mut client = connect(server);
    client.send(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
    client
}

/// Returns once the server has seen all that clients have sent.
fn settle(server: &Running) {
    // No worker is needed for this.
    let mut last = connect(server);
    last.send("no request\r\n");
    assert_eq!(status(&last.answer().unwrap().0), 400);
}

#[test]
fn a_page_is_made_once_for_all_however_they_ask_for_it() {
    let server = Running::start();
    let clients: Vec<_> = (0..20)
        .map(|number| {
            let mut client = connect(&server);
            client.send(&format!(
                "GET /large?{number} HTTP/1.1\r\nHost: {number}\r\n\
                 Accept: a/{number}\r\nConnection: close\r\n\r\n"
            ));
            client
        })
        .collect();
    for mut client in clients {
        assert_eq!(client.answer().unwrap().1.len(), LARGE);
    }
    let mut client = connect(&server);
    client.send("HEAD /large?x HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(status(&client.answer_to_head().unwrap()), 200);
    assert_eq!(server.made.load(Ordering::Relaxed), 1);
}

#[test]
fn nothing_is_made_for_clients_that_left_before_those_that_stayed() {
    let server = Running::with(short(|limits| limits.workers = 1));
    let mut gate = ask(&server, "/gate");
    server.entered.recv().unwrap();
    for number in 0..50 {
        let client = ask(&server, "/large?own");
        if number % 2 == 0 {
            // It does not only send nothing more, but breaks off.
            let socket = SockRef::from(&client.stream);
            socket.set_linger(Some(Duration::ZERO)).unwrap();
        }
    }
    let mut stays = ask(&server, "/large?own");
    settle(&server);
    server.open.send(()).unwrap();
    gate.answer().unwrap();
    // Only the first byte: other pages can be made while the rest is read.
    stays.stream.read_exact(&mut [0]).unwrap();
    // Those that may wait for an answer all the same get one, but later.
    let made = server.made.load(Ordering::Relaxed);
    assert!(made <= 4, "{made} pages were made");
    drop(stays);
    while server.ask("GET /-/healthy HTTP/1.1").1.is_empty() {}
    let made = server.made.load(Ordering::Relaxed);
    assert!(made <= 27, "{made} pages were made");
}

#[test]
fn clients_that_read_stay_and_the_others_make_room() {
    let server = Running::with(short(|limits| limits.connections = 4));
    let mut silent: Vec<_> =
        (0..3).map(|_| ask(&server, "/large?own")).collect();
    let first = |client: &mut Client<TcpStream>| {
        client.stream.read_exact(&mut [0; 100]).unwrap();
    };
    silent.iter_mut().for_each(first);
    let mut reader = ask(&server, "/large?own");
    let mut taken = vec![0; LARGE / 2];
    reader.stream.read_exact(&mut taken).unwrap();
    for _ in 0..3 {
        scrape(&server);
    }
    let mut newer: Vec<_> =
        (0..3).map(|_| ask(&server, "/large?own")).collect();
    newer.iter_mut().for_each(first);
    let mut rest = Vec::new();
    reader.stream.shutdown(Shutdown::Write).unwrap();
    while rest.len() < LARGE / 2 {
        let mut some = [0; 65536];
        match reader.stream.read(&mut some).unwrap() {
            0 => panic!("{} of {LARGE} bytes", LARGE / 2 + rest.len()),
            count => rest.extend_from_slice(&some[..count]),
        }
    }
    for mut client in silent {
        let mut rest = Vec::new();
        let _ = client.stream.read_to_end(&mut rest);
        assert!(rest.len() < LARGE);
    }
}

#[test]
fn the_client_with_most_connections_makes_room_first() {
    let server = Running::with(short(|limits| limits.connections = 4));
    // The oldest of all, and the only one of its address.
    let mut alone = Client::connect_from([127, 0, 0, 2], server.address);
    alone.get("/-/healthy").unwrap();
    let mut many: Vec<_> = (0..6).map(|_| connect(&server)).collect();
    for client in &mut many[3..] {
        client.get("/-/healthy").unwrap();
    }
    assert!(many[..3].iter_mut().all(Client::is_closed));
    assert!(alone.get("/-/healthy").is_some());
}

#[test]
fn fifty_scrapers_at_once_are_all_answered() {
    const SCRAPES: usize = 20;
    let server = Running::start();
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| (0..SCRAPES).for_each(|_| scrape(&server)));
        }
    });
}

/// The test calls itself in a process with few descriptors.
#[test]
fn clients_that_take_every_descriptor_do_not_silence_the_server_for_good() {
    const INNER: &str = "GEOIP_TEST_FEW_DESCRIPTORS";
    if std::env::var_os(INNER).is_none() {
        let name = thread::current().name().unwrap().to_owned();
        let status = Command::new("sh")
            .args(["-c", "ulimit -n 64 && exec \"$0\" --exact \"$1\""])
            .arg(std::env::current_exe().unwrap())
            .arg(name)
            .env(INNER, "1")
            .status()
            .unwrap();
        assert!(status.success(), "{status}");
        return;
    }

    let server = Running::start();
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.pop();
        while let Ok(client) = TcpStream::connect(server.address) {
            clients.push(client);
        }
    }
    drop(clients);
    // The port was never closed, so nothing has to be tried again.
    let mut client = connect(&server);
    assert_eq!(status(&client.get("/metrics").unwrap().0), 200);
}
