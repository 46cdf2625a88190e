use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::http::server::reply::{Body, Reply};
use crate::http::server::step::Step;
use crate::http::server::stream::{Socket, Stream};

/// Bytes of an answer, more than sockets hold.
const LARGE: usize = 4 << 20;

/// Connections of two clients, each with an answer that its socket does not
/// take.
struct Crowd {
    places: Places,
    clients: Vec<UnixStream>,
    start: Instant,
}

impl Crowd {
    fn new() -> Self {
        let (places, clients) = (Places::default(), Vec::new());
        Self { places, clients, start: Instant::now() }
    }

    /// Has a client ask, this long after the start.
    fn ask(&mut self, address: [u8; 4], body: &Body, after: Duration) -> usize {
        let (client, server) = UnixStream::pair().unwrap();
        client.set_nonblocking(true).unwrap();
        server.set_nonblocking(true).unwrap();
        let socket = Socket::Unix(mio::net::UnixStream::from_std(server));
        let stream = Stream::new(socket, None).unwrap();
        let (id, now) = (self.clients.len(), self.start + after);
        let peer = Some((address, 1).into());
        let mut connection = Connection::new(stream, peer, now);
        let body = Body::clone(body);
        let reply = Reply { head: b"head".into(), body, keep_alive: true };
        connection.answer(reply, now);
        while matches!(connection.turn(now, &mut [0; 4096]), Step::Again) {}
        self.places.insert(id, connection);
        self.clients.push(client);
        id
    }

    /// Has a client read all that has arrived.
    fn read(&mut self, id: usize) -> usize {
        let mut some = [0; 65536];
        let client = &mut self.clients[id];
        let read = || client.read(&mut some).ok().filter(|&count| count > 0);
        std::iter::from_fn(read).sum()
    }

    fn is_there(&mut self, id: usize) -> bool {
        self.places.get_mut(id).is_some()
    }
}

const HOME: [u8; 4] = [127, 0, 0, 1];
const ELSEWHERE: [u8; 4] = [192, 0, 2, 1];

fn body() -> Body {
    Arc::new(vec![b'x'; LARGE])
}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

#[test]
fn a_client_that_reads_keeps_its_place_before_any_event_tells_of_it() {
    let (mut crowd, page) = (Crowd::new(), body());
    let reader = crowd.ask(HOME, &page, seconds(0));
    let others = [1, 2, 3].map(|s| crowd.ask(HOME, &page, seconds(s)));
    let mut read = 0;
    for (second, silent) in (4..).zip(others) {
        read += crowd.read(reader);
        let now = crowd.start + seconds(second);
        assert!(crowd.places.make_room(None, now));
        assert!(crowd.is_there(reader), "cut after {read} bytes");
        assert!(!crowd.is_there(silent));
    }
    // It goes once it does not read any more.
    let now = crowd.start + seconds(60);
    assert!(crowd.places.make_room(None, now));
    assert!(!crowd.is_there(reader));
}

#[test]
fn clients_that_are_fast_enough_make_no_room() {
    let (mut crowd, page) = (Crowd::new(), body());
    let ids = [0, 0, 0].map(|s| crowd.ask(HOME, &page, seconds(s)));
    let now = crowd.start;
    assert!(!crowd.places.has_spare(now));
    assert!(!crowd.places.make_room(None, now));
    assert!(crowd.places.bound_unsent(0, now));
    assert!(ids.into_iter().all(|id| crowd.is_there(id)));
    assert!(crowd.places.has_spare(now + seconds(10)));
}

#[test]
fn a_page_that_many_share_counts_once() {
    let (mut crowd, page) = (Crowd::new(), body());
    let ids = [0; 5].map(|s| crowd.ask(HOME, &page, seconds(s)));
    let now = crowd.start + seconds(10);
    assert!(!crowd.places.bound_unsent(LARGE, now));
    assert!(ids.into_iter().all(|id| crowd.is_there(id)));
    assert!(!crowd.places.bound_unsent(LARGE - 1, now));
    assert!(!ids.into_iter().any(|id| crowd.is_there(id)));
}

#[test]
fn answers_are_bounded_at_the_cost_of_the_client_that_holds_most() {
    let mut crowd = Crowd::new();
    // The oldest of all, and the only one of its client.
    let alone = crowd.ask(ELSEWHERE, &body(), seconds(0));
    let many = [1, 2, 3, 4].map(|s| crowd.ask(HOME, &body(), seconds(s)));
    let now = crowd.start + seconds(30);
    assert!(!crowd.places.bound_unsent(3 * LARGE, now));
    assert!(crowd.is_there(alone));
    assert_eq!(many.map(|id| crowd.is_there(id)), [false, false, true, true]);
}

#[test]
fn a_client_that_sends_and_does_not_read_makes_room() {
    let (mut crowd, page) = (Crowd::new(), body());
    let ids = [0, 1].map(|s| crowd.ask(HOME, &page, seconds(s)));
    let now = crowd.start + seconds(10);
    // A byte that it sends has its socket reported ready.
    crowd.places.wake(ids[0], now);
    assert!(crowd.places.make_room(None, now));
    assert!(!crowd.is_there(ids[0]));
    assert!(crowd.is_there(ids[1]));
}
