use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use super::*;
use crate::http::server::step::Rank;
use crate::http::server::stream::Socket;

/// Bytes of a turn, as documented.
const TURN: usize = 64 * 1024;

fn pair() -> (UnixStream, Connection) {
    let (client, server) = UnixStream::pair().unwrap();
    client.set_nonblocking(true).unwrap();
    server.set_nonblocking(true).unwrap();
    let socket = Socket::Unix(mio::net::UnixStream::from_std(server));
    let stream = Stream::new(socket, None).unwrap();
    (client, Connection::new(stream, None, Instant::now()))
}

/// Fills the socket, and returns the number of bytes.
fn fill(client: &mut UnixStream) -> usize {
    let some = [b'x'; 4096];
    std::iter::from_fn(|| client.write(&some).ok()).sum()
}

/// Reads all that has arrived, and returns the number of bytes.
fn drain(client: &mut UnixStream) -> usize {
    let mut some = [0; 4096];
    let read = || client.read(&mut some).ok().filter(|&count| count > 0);
    std::iter::from_fn(read).sum()
}

fn turn(connection: &mut Connection) -> Step {
    connection.turn(Instant::now(), &mut [0; 4096])
}

/// Gives turns until another one would be of no use. A turn also ends with its
/// time, which a busy machine may take from it.
fn turns(connection: &mut Connection) -> Step {
    loop {
        match turn(connection) {
            Step::Again => {}
            step => return step,
        }
    }
}

#[test]
fn a_turn_ends_however_much_there_is_to_read_for_nothing() {
    let (mut client, mut connection) = pair();
    client.write_all(b"\n").unwrap();
    assert!(matches!(turns(&mut connection), Step::Wait));
    assert!(drain(&mut client) > 0, "it was refused");
    let mut sent = fill(&mut client);
    assert!(sent > 0);
    let mut taken = 0;
    while matches!(turn(&mut connection), Step::Again) {
        // Bytes that the server takes make room for as many.
        let more = fill(&mut client);
        assert!(more <= TURN + 4096, "{more} bytes in one turn");
        (sent, taken) = (sent + more, taken + 1);
        assert!(sent < 2 * LINGER_BYTES, "it does not linger for ever");
    }
    assert!(taken > 1, "{sent} bytes in {taken} turns");
}

#[test]
fn a_turn_ends_however_much_there_is_to_write() {
    let (mut client, mut connection) = pair();
    let body = vec![b'x'; 1024 * 1024];
    let reply =
        Reply { head: b"head".into(), body: Arc::new(body), keep_alive: true };
    connection.answer(reply, Instant::now());
    let (mut sum, mut step) = (0, Step::Again);
    while matches!(step, Step::Again) {
        step = turn(&mut connection);
        let taken = drain(&mut client);
        assert!(taken <= TURN, "{taken} bytes in one turn");
        sum += taken;
    }
    assert_eq!(sum, 4 + 1024 * 1024);
}

#[test]
fn a_client_that_may_be_gone_gets_the_head_before_the_body() {
    let (mut client, mut connection) = pair();
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let Step::Ask(request) = turns(&mut connection) else { panic!() };
    assert!(request.has_ended.load(Ordering::Relaxed));
    let reply = Reply {
        head: b"head".into(),
        body: Arc::new(b"body".into()),
        keep_alive: false,
    };
    connection.answer(reply, Instant::now());
    assert!(matches!(turn(&mut connection), Step::Again));
    assert_eq!(drain(&mut client), 4);
    drop(client);
    assert!(matches!(turn(&mut connection), Step::Close));
}

#[test]
fn a_handshake_with_a_greeting_outlasts_those_without_one() {
    let now = Instant::now();
    let rank = |was_heard, milliseconds| {
        let (_client, mut connection) = pair();
        connection.phase = Phase::Shaking { is_ours: true };
        (connection.was_heard, connection.moved) = (was_heard, now);
        connection.rank(now + Duration::from_millis(milliseconds))
    };
    let known = rank(true, 1);
    for milliseconds in [0, 1, 1_000] {
        assert!(rank(false, milliseconds) < known, "{milliseconds}");
    }
    assert!(rank(false, 1) < rank(false, 2), "the newest goes first");
    assert!(known < Rank::Ours);
}
