//! The client against a server that answers what each test says.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use super::*;
use crate::config::ListenAddress;
use crate::sysexits;

fn local(addresses: Vec<ListenAddress>) -> Config {
    Config { listen_address: addresses, ..Config::default() }
}

fn client_of(socket: &Path) -> Client {
    let config = local(vec![ListenAddress::Unix(socket.into())]);
    Client::new(&ClientOptions::default(), &config).unwrap()
}

/// Reads the head of a request; nothing if the client has gone.
fn head(reader: &mut BufReader<UnixStream>) -> Vec<String> {
    let lines = reader.lines().map_while(Result::ok);
    lines.take_while(|line| !line.is_empty()).collect()
}

/// Answers one request after the other on one connection each, and returns
/// their heads.
fn serve(socket: &Path, answers: Vec<String>) -> JoinHandle<Vec<Vec<String>>> {
    let listener = UnixListener::bind(socket).unwrap();
    thread::spawn(move || {
        let answer = |text: String| {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let request = head(&mut reader);
            // A client that has heard enough may have gone.
            let _ = reader.get_mut().write_all(text.as_bytes());
            request
        };
        answers.into_iter().map(answer).collect()
    })
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

#[test]
fn a_page_that_was_read_is_asked_for_with_its_tag() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("x.sock");
    let server = serve(
        &socket,
        vec![
            answer("200 OK", "ETag: \"7\"\r\n", "{\"a\": 1}"),
            answer("304 Not Modified", "ETag: \"7\"\r\n", ""),
            answer("200 OK", "", "{\"a\": 2}"),
            answer("200 OK", "", "{\"a\": 3}"),
        ],
    );
    let mut client = client_of(&socket);
    let mut get = || client.get::<Value>("/page?x=1").unwrap();
    assert_eq!(get(), Answer::Page(json!({"a": 1})));
    assert_eq!(get(), Answer::Unchanged);
    assert_eq!(get(), Answer::Page(json!({"a": 2})));
    assert_eq!(get(), Answer::Page(json!({"a": 3})));
    let heads = server.join().unwrap();
    let tag = |at: usize| {
        let is_tag = |line: &&String| line.starts_with("if-none-match: ");
        heads[at].iter().find(is_tag).map(String::as_str)
    };
    assert_eq!(heads[0][0], "GET /page?x=1 HTTP/1.1");
    assert_eq!(
        [tag(0), tag(1), tag(2), tag(3)],
        [
            None,
            Some("if-none-match: \"7\""),
            Some("if-none-match: \"7\""),
            None
        ]
    );
}

#[test]
fn each_answer_that_is_no_page_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("x.sock");
    let server = serve(
        &socket,
        vec![
            answer(
                "404 Not Found",
                "",
                "404: networks = true turns it on\nmore",
            ),
            answer("401 Unauthorized", "", ""),
            answer("200 OK", "", "no JSON"),
            "SSH-2.0-x\r\n".into(),
            String::new(),
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}".into(),
            answer("302 Found", "Location: /login\r\n", ""),
        ],
    );
    let mut client = client_of(&socket);
    let said: Vec<String> = (0..7)
        .map(|_| {
            let fault = client.get::<Value>("/x").unwrap_err().to_string();
            fault.replace(&folder.path().display().to_string(), "")
        })
        .collect();
    server.join().unwrap();
    for (said, expected) in said.iter().zip([
        "unix:/x.sock/x: status 404: networks = true turns it on",
        "unix:/x.sock does not accept this user and password, see --user",
        "unix:/x.sock/x: cannot read the answer: it is not that of a \
         geoip-exporter of this version (expected ident at line 1 column 2): \
         look at the address and the port",
        "cannot reach geoip-exporter at unix:/x.sock: the answer is not HTTP",
        "cannot reach geoip-exporter at unix:/x.sock: the connection ended \
         without an answer",
        "unix:/x.sock/x: cannot read the answer: ",
        "unix:/x.sock/x: status 302: the answer gives no reason: look at the \
         address and the port",
    ]) {
        assert!(said.starts_with(expected), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

/// Many servers answer each path with 200 and a page of their own.
#[test]
fn only_a_geoip_exporter_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("x.sock");
    let ready = "geoip-exporter is ready\n";
    let server = serve(
        &socket,
        ["<html>", "Prometheus Server is Ready.\n", "", ready]
            .map(|body| answer("200 OK", "", body))
            .to_vec(),
    );
    let mut client = client_of(&socket);
    for _ in 0..3 {
        let fault = client.ready().unwrap_err();
        let said = fault.to_string();
        assert!(said.contains("/-/ready: cannot read the answer: "), "{said}");
        assert!(said.contains("look at the address and the port"), "{said}");
        assert_eq!(fault.exit_code(), sysexits::UNAVAILABLE);
    }
    client.ready().unwrap();
    assert_eq!(server.join().unwrap()[0][0], "GET /-/ready HTTP/1.1");
}

#[test]
fn the_next_place_is_asked_where_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let [gone, here] = ["gone", "here"].map(|name| folder.path().join(name));
    let both = [&gone, &here].map(|path| ListenAddress::Unix(path.into()));
    let mut client =
        Client::new(&ClientOptions::default(), &local(both.to_vec())).unwrap();
    assert!(client.get::<Value>("/").unwrap_err().is_absent());
    let server = serve(&here, vec![answer("200 OK", "", "1")]);
    assert_eq!(client.get::<Value>("/").unwrap(), Answer::Page(json!(1)));
    assert_eq!(client.place(), format!("unix:{}", here.display()));
    server.join().unwrap();
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_flag() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.pem");
    let options = |password: bool| ClientOptions {
        url: Some("https://localhost:1".into()),
        ca_file: Some(file.clone()),
        user: Some("u".into()),
        password_file: password.then(|| folder.path().join("none")),
    };
    let fault = |password: bool| {
        let made = Client::new(&options(password), &Config::default());
        let fault = made.err().map(|fault| fault.to_string());
        fault.unwrap_or_default()
    };
    assert!(fault(false).starts_with("--ca-file: cannot read "));
    std::fs::write(&file, "text").unwrap();
    let said = fault(false);
    assert!(said.ends_with("there is no certificate in PEM form"), "{said}");
}
