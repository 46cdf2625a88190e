//! The attacks. Each goes on until the test ends it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::service::Clients;

pub(super) type Kind = fn(&Clients);

pub(super) const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

const HOME: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// The address of clients that guess passwords.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

const IDLE: usize = 2_000;
const SLOW: usize = 100;
const GREEDY: usize = 600;

/// Keeps so many connections, each as `begin` leaves it, with a new one for the
/// oldest all the time.
fn hold(clients: &Clients, count: usize, begin: impl Fn(&mut TcpStream)) {
    hold_from(clients, count, |_| HOME, begin);
}

/// The same from the address that `from` chooses for each.
fn hold_from(
    clients: &Clients,
    count: usize,
    from: impl Fn(u8) -> Ipv4Addr,
    begin: impl Fn(&mut TcpStream),
) {
    let mut held = std::collections::VecDeque::new();
    for number in (0..=u8::MAX).cycle().take_while(|_| clients.go_on()) {
        let from = from(number);
        let Some(mut client) = clients.try_connect(from) else { continue };
        begin(&mut client);
        held.push_back(client);
        if held.len() > count {
            held.pop_front();
        }
    }
}

/// Opens [`IDLE`] connections, and keeps those that the exporter does not close.
pub(super) fn idle(clients: &Clients) {
    let mut held = Vec::new();
    while held.len() < IDLE && clients.go_on() {
        held.extend(clients.try_connect(HOME));
    }
    while clients.go_on() {
        thread::sleep(Duration::from_millis(50));
    }
}

/// Sends so many requests a byte at a time.
pub(super) fn trickling(clients: &Clients) {
    trickle(clients, SLOW, b"GET /metrics HTTP/1.1\r\nHost: x\r\nA: ");
}

/// The same with bodies.
pub(super) fn trickling_body(clients: &Clients) {
    let head = b"POST /metrics HTTP/1.1\r\nHost: x\r\n\
        Content-Length: 4000\r\n\r\n";
    trickle(clients, GREEDY, head);
}

/// The same with handshakes.
pub(super) fn trickling_hello(clients: &Clients) {
    trickle(clients, GREEDY, &hello(clients));
}

fn trickle(clients: &Clients, count: usize, bytes: &[u8]) {
    let mut slow: Vec<(TcpStream, usize)> = Vec::new();
    while clients.go_on() {
        while slow.len() < count {
            slow.extend(clients.try_connect(HOME).map(|client| (client, 0)));
        }
        slow.retain_mut(|(client, at)| {
            let byte = bytes.get(*at).copied().unwrap_or(b'a');
            *at += 1;
            client.write_all(&[byte]).is_ok()
        });
        thread::sleep(Duration::from_millis(20));
    }
}

/// Sends bytes that are no request, and requests that are too large.
pub(super) fn babbling(clients: &Clients) {
    let long = "x".repeat(20_000);
    let wrong = [
        "hello\r\n\r\n".to_owned(),
        format!("GET /{long} HTTP/1.1\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nA: {long}\r\n\r\n"),
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n".into(),
        "\x16\x03\x01\x02\0\x01\0\x01\x00\x03\x03".into(),
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".into(),
    ];
    for text in wrong.iter().cycle().take_while(|_| clients.go_on()) {
        let Some(mut client) = clients.try_connect(HOME) else { continue };
        let _ = client.write_all(text.as_bytes());
        let _ = client.read(&mut [0; 100]);
    }
}

/// Asks for the page and never reads it.
pub(super) fn greedy(clients: &Clients) {
    let request = clients.request("/metrics", 0);
    match clients.session() {
        None => hold(clients, GREEDY, |client| {
            let _ = client.write_all(request.repeat(10).as_bytes());
        }),
        Some(_) => {
            let mut held = std::collections::VecDeque::new();
            while clients.go_on() {
                let Some(client) = clients.try_connect(HOME) else { continue };
                let mut client = clients.talk(client);
                let _ = client.write_all(request.as_bytes());
                let _ = client.flush();
                held.push_back(client);
                if held.len() > GREEDY {
                    held.pop_front();
                }
            }
        }
    }
}

/// Asks for the page from another address each time, and never reads it.
pub(super) fn greedy_from_everywhere(clients: &Clients) {
    let request = clients.request("/metrics", 0);
    let others = std::cell::Cell::new(0);
    let from = |number| {
        if number == 0 {
            others.set((others.get() + 1) % 3);
        }
        Ipv4Addr::new(127, 1, others.get(), number)
    };
    hold_from(clients, GREEDY, from, |client| {
        let _ = client.write_all(request.as_bytes());
    });
}

/// Asks for the page and reads it a little at a time.
pub(super) fn dawdling(clients: &Clients) {
    let request = clients.request("/metrics", 0);
    let mut slow = Vec::new();
    while clients.go_on() {
        // So many more each time, so that nobody waits for all of them.
        for _ in 0..20 {
            if slow.len() < GREEDY
                && let Some(client) = clients.try_connect(HOME)
            {
                let mut client = clients.talk(client);
                if client.write_all(request.as_bytes()).is_ok() {
                    slow.push(client);
                }
            }
        }
        slow.retain_mut(|client| {
            matches!(client.read(&mut [0; 16_384]), Ok(1..))
        });
    }
}

pub(super) fn scraping(clients: &Clients) {
    while clients.go_on() {
        // The scrape beside this one tells whether any is cut.
        let _ = clients.scrape(0);
        clients.done.fetch_add(1, Ordering::Relaxed);
    }
}

fn flood(clients: &Clients, bytes: &[u8]) {
    while clients.go_on() {
        let Some(mut client) = clients.try_connect(HOME) else { continue };
        while clients.go_on() && client.write_all(bytes).is_ok() {}
    }
}

pub(super) fn feeding(clients: &Clients) {
    flood(clients, &b"\n".repeat(65_536));
}

pub(super) fn sending_blank_lines(clients: &Clients) {
    flood(clients, &b"\r\n".repeat(32_768));
}

/// Asks for a page no other asks for, and leaves.
pub(super) fn leaving(clients: &Clients) {
    for number in (0..).take_while(|_| clients.go_on()) {
        let Some(client) = clients.try_connect(HOME) else { continue };
        let mut client = clients.talk(client);
        let request = clients.request(&format!("/metrics?{number}"), 0);
        let _ = client.write_all(request.as_bytes());
    }
}

/// Asks over one connection, each time in another way.
fn ask_on(clients: &Clients, request: impl Fn(usize) -> String) {
    let mut some = vec![0; 65_536];
    let mut number = 0;
    while clients.go_on() {
        let Some(mut client) = clients.try_connect(HOME) else { continue };
        client.set_nonblocking(true).unwrap();
        // Ahead of the answers, as far as the sockets go along.
        while clients.go_on() {
            number += 1;
            let mut is_idle = client.write(request(number).as_bytes()).is_err();
            match client.read(&mut some) {
                Ok(0) => break,
                Ok(_) => is_idle = false,
                Err(error)
                    if error.kind() != std::io::ErrorKind::WouldBlock =>
                {
                    break;
                }
                Err(_) => {}
            }
            if is_idle {
                thread::sleep(Duration::from_millis(1));
            }
            clients.done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub(super) fn varying(clients: &Clients) {
    ask_on(clients, |number| {
        let accept = match number % 2 {
            0 => "application/openmetrics-text",
            _ => "text/plain",
        };
        let coding = ["gzip", "identity"][number / 2 % 2];
        format!(
            "GET /metrics?{number} HTTP/1.1\r\nHost: {number}\r\n\
             Accept: {accept}, a/{number}\r\nIf-None-Match: \"{number}\"\r\n\
             Accept-Encoding: {coding}, x{number}\r\n\r\n"
        )
    });
}

pub(super) fn heading(clients: &Clients) {
    let accept = "a,".repeat(7_000);
    let headers: String = (0..95).map(|n| format!("A{n}: b\r\n")).collect();
    ask_on(clients, |_| {
        format!(
            "HEAD /metrics HTTP/1.1\r\nHost: x\r\n{headers}Accept: {accept}\
             \r\n\r\n"
        )
    });
}

pub(super) fn ranging(clients: &Clients) {
    let query = "a=b&".repeat(3_500);
    let ranges: String = (0..200).map(|at| format!(",{at}-{at}")).collect();
    ask_on(clients, |number| {
        format!(
            "GET /metrics?{query}{number} HTTP/1.0\r\n\
             Connection: keep-alive\r\nRange: bytes=0-0{ranges}\r\n\
             If-Range: \"{number}\"\r\n\r\n"
        )
    });
}

/// Tries one password after the other.
pub(super) fn guessing(clients: &Clients) {
    for number in (0..).take_while(|_| clients.go_on()) {
        let Some(mut client) = clients.try_connect(ELSEWHERE) else { continue };
        let thread = thread::current().id();
        let code = BASE64_STANDARD.encode(format!("user1:{thread:?}{number}"));
        let _ = client.write_all(
            format!(
                "GET /metrics HTTP/1.0\r\nAuthorization: Basic {code}\r\n\r\n"
            )
            .as_bytes(),
        );
        let _ = client.read(&mut [0; 100]);
    }
}

/// Makes handshakes, and sends no request.
pub(super) fn shaking(clients: &Clients) {
    while clients.go_on() {
        let Some(mut client) = clients.try_connect(HOME) else { continue };
        let mut session = clients.session().expect("TLS is spoken");
        let _ = session.complete_io(&mut client);
    }
}

/// Returns the first message of a handshake.
fn hello(clients: &Clients) -> Vec<u8> {
    let mut hello = Vec::new();
    let mut session = clients.session().expect("TLS is spoken");
    session.write_tls(&mut hello).unwrap();
    hello
}

/// Sends half of the first message of a handshake.
pub(super) fn half_shaking(clients: &Clients) {
    let hello = hello(clients);
    hold(clients, GREEDY, |client| {
        let _ = client.write_all(&hello[..hello.len() / 2]);
    });
}

/// Sends the first message of a handshake, and leaves.
pub(super) fn greeting(clients: &Clients) {
    let hello = hello(clients);
    hold(clients, 0, |client| {
        let _ = client.write_all(&hello);
    });
}

/// Sends the first message of a handshake, reads the answer, and stays.
pub(super) fn greeting_and_staying(clients: &Clients) {
    let hello = hello(clients);
    hold(clients, GREEDY, |client| {
        let _ = client.write_all(&hello);
        let _ = client.read(&mut [0; 100]);
    });
}
