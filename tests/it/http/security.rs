//! TLS, users and headers, as a `web.config.file` asks for them.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use geoip_exporter::files::Place;
use geoip_exporter::http::{Limits, Security};

use super::certificates::Folder;
use super::server::{LARGE, Running, loopback};
use crate::client::{Client, header, status};

pub(super) const TLS: &str =
    "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";

fn load(folder: &Folder, text: &str) -> Security {
    let file = folder.write("web.yml", text);
    Security::load(Some(&file), &Place::default()).unwrap().0
}

fn serve(security: Security) -> Running {
    Running::secured(&[loopback()], Limits::default(), security)
}

fn fault(folder: &Folder, text: &str) -> String {
    let file = folder.write("web.yml", text);
    let error =
        Security::load(Some(&file), &Place::default()).unwrap_err().to_string();
    error.replace(&folder.path("").display().to_string(), "")
}

fn user(name: &str, password: &str) -> String {
    let hash = bcrypt::hash(password, 4).unwrap();
    format!("basic_auth_users:\n  {name}: {hash}\n")
}

fn ask_as(client: &mut Client<TcpStream>, credentials: &str) -> (u16, String) {
    let code = BASE64_STANDARD.encode(credentials);
    client.send(&format!(
        "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {code}\
         \r\n\r\n"
    ));
    let (head, _) = client.answer().unwrap();
    (status(&head), head)
}

#[test]
fn a_scrape_over_tls_is_the_page_however_large() {
    let folder = Folder::new();
    folder.certify("server", None);
    let server = serve(load(&folder, TLS));
    let mut client = folder.connect(server.address, "server", None);
    for _ in 0..3 {
        let (head, body) = client.get("/large").unwrap();
        assert_eq!((status(&head), body.len()), (200, LARGE));
    }
    client.send("GET /-/healthy HTTP/1.1\r\nHost: x\r\n");
    client.send("Connection: close\r\n\r\n");
    assert_eq!(status(&client.answer().unwrap().0), 200);
    // With a word of farewell: without, reading would be an error.
    assert!(client.is_closed());
}

#[test]
fn a_client_that_does_not_speak_tls_is_told_to() {
    let folder = Folder::new();
    folder.certify("server", None);
    let server = serve(load(&folder, TLS));
    let (head, body) = server.ask("GET /metrics HTTP/1.1");
    assert_eq!(status(&head), 400);
    assert!(String::from_utf8(body).unwrap().contains("https"));
    let mut client = server.client();
    client.try_send(b"\0\x01\x02 neither of them \r\n\r\n");
    let mut rest = Vec::new();
    let _ = std::io::Read::read_to_end(&mut client.stream, &mut rest);
    assert!(!rest.starts_with(b"HTTP"), "{rest:?}");
}

#[test]
fn a_handshake_that_never_ends_is_ended_and_holds_nobody() {
    let folder = Folder::new();
    folder.certify("server", None);
    let limits = Limits {
        request_timeout: Duration::from_millis(300),
        ..Limits::default()
    };
    let security = load(&folder, TLS);
    let server = Running::secured(&[loopback()], limits, security);
    let mut stuck: Vec<_> = (0..100)
        .map(|_| {
            let mut client = server.client();
            // The head of a record whose body never comes.
            client.stream.write_all(b"\x16\x03\x01\x02\0\x01").unwrap();
            client
        })
        .collect();
    let mut client = folder.connect(server.address, "server", None);
    assert_eq!(status(&client.get("/metrics").unwrap().0), 200);
    assert!(stuck.iter_mut().all(Client::is_closed));
}

#[test]
fn a_client_certificate_is_demanded_and_checked() {
    let folder = Folder::new();
    for name in ["server", "ca", "stranger"] {
        folder.certify(name, None);
    }
    folder.certify("client", Some("ca"));
    let server = serve(load(
        &folder,
        &format!(
            "{TLS}  client_auth_type: RequireAndVerifyClientCert\n  \
             client_ca_file: ca.crt\n"
        ),
    ));
    let mut known = folder.connect(server.address, "server", Some("client"));
    assert_eq!(status(&known.get("/metrics").unwrap().0), 200);
    for certificate in [None, Some("stranger")] {
        let mut client = folder.connect(server.address, "server", certificate);
        let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        let _ = client.stream.write_all(request);
        let mut byte = [0];
        let read = std::io::Read::read(&mut client.stream, &mut byte);
        assert!(!matches!(read, Ok(1..)), "{certificate:?}: {read:?}");
    }
}

#[test]
fn only_those_with_the_right_password_are_answered() {
    let folder = Folder::new();
    let server = serve(load(&folder, &user("alice", "sec:ret")));
    let mut client = server.client();
    let (head, body) = client.get("/metrics").unwrap();
    assert_eq!((status(&head), body.len()), (401, 31));
    let asks = header(&head, "WWW-Authenticate");
    assert!(asks.is_some_and(|it| it.starts_with("Basic ")), "{head}");
    for (credentials, expected) in [
        ("alice:sec:ret", 200),
        ("alice:sec", 401),
        ("bob:sec:ret", 401),
        ("alice:", 401),
        ("alice", 401),
        (":", 401),
        ("\u{ff}:x", 401),
    ] {
        // The second outcome comes from memory.
        for _ in 0..2 {
            let (found, head) = ask_as(&mut client, credentials);
            assert_eq!(found, expected, "{credentials}: {head}");
        }
    }
    client.send("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n");
    assert_eq!(status(&client.answer().unwrap().0), 401);
    client
        .send("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ==!\r\n\r\n");
    assert_eq!(status(&client.answer().unwrap().0), 401);
}

/// A probe has no password, and learns nothing from the answer.
#[test]
fn health_is_told_without_a_password() {
    let folder = Folder::new();
    let server = serve(load(&folder, &user("alice", "secret")));
    let mut client = server.client();
    for path in ["/-/healthy", "/-/ready", "/-/ready?verbose"] {
        let (head, _) = client.get(path).unwrap();
        assert!([200, 503].contains(&status(&head)), "{path}: {head}");
    }
    client.send("HEAD /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(status(&client.answer_to_head().unwrap()), 200);
    for path in [
        "/-/health",
        "/-/healthy/",
        "/-/%68ealthy",
        "/-/reload",
        "//-/ready",
        "/metrics?/-/ready",
        "/-/ready/../../metrics",
        "/-/ready%3f",
        "*",
    ] {
        let (head, _) = client.get(path).unwrap();
        assert_eq!(status(&head), 401, "{path}: {head}");
    }
}

#[test]
fn a_password_that_was_checked_costs_nothing_more() {
    let folder = Folder::new();
    // Dear enough to be told from nothing.
    let hash = bcrypt::hash("secret", 9).unwrap();
    let text = format!("basic_auth_users:\n  alice: {hash}\n");
    let server = serve(load(&folder, &text));
    let mut client = server.client();
    let timed = |client: &mut Client<TcpStream>, credentials: &str| {
        let asked = Instant::now();
        ask_as(client, credentials);
        asked.elapsed()
    };
    let wrong = (0..3)
        .map(|n| timed(&mut client, &format!("alice:wrong{n}")))
        .min()
        .unwrap();
    let first = timed(&mut client, "alice:secret");
    let again = (0..20).map(|_| timed(&mut client, "alice:secret")).min();
    assert!(again.unwrap() * 5 < first, "{again:?} after {first:?}");
    // Nor does a name tell that nobody has it.
    let unknown =
        (0..3).map(|n| timed(&mut client, &format!("bob{n}:wrong"))).min();
    assert!(unknown.unwrap() * 3 > wrong, "{unknown:?} against {wrong:?}");
}

#[test]
fn a_right_password_does_not_wait_for_the_wrong_ones_of_another_address() {
    let folder = Folder::new();
    let hash = bcrypt::hash("secret", 6).unwrap();
    let text = format!("basic_auth_users:\n  alice: {hash}\n");
    let server = serve(load(&folder, &text));
    let mut tries: Vec<_> = (0..200)
        .map(|number| {
            let from = [127, 0, 0, 2];
            let mut client = Client::connect_from(from, server.address);
            let code = BASE64_STANDARD.encode(format!("alice:{number}"));
            client.send(&format!(
                "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {code}\
                 \r\n\r\n"
            ));
            client
        })
        .collect();
    // It was never checked before, and more wait than there is room for.
    assert_eq!(ask_as(&mut server.client(), "alice:secret").0, 200);
    for client in &mut tries {
        let (head, _) = client.answer().unwrap();
        assert!([401, 503].contains(&status(&head)), "{head}");
    }
}

#[test]
fn guessed_passwords_do_not_hold_a_user_who_has_logged_in() {
    let folder = Folder::new();
    let hash = bcrypt::hash("secret", 6).unwrap();
    let text = format!("basic_auth_users:\n  alice: {hash}\n");
    let server = serve(load(&folder, &text));
    let mut client = server.client();
    assert_eq!(ask_as(&mut client, "alice:secret").0, 200);
    let mut tries: Vec<_> = (0..200)
        .map(|number| {
            let mut client = server.client();
            let code = BASE64_STANDARD.encode(format!("alice:{number}"));
            client.send(&format!(
                "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {code}\
                 \r\n\r\n"
            ));
            client
        })
        .collect();
    assert_eq!(ask_as(&mut client, "alice:secret").0, 200);
    // Some are checked, the others turned away, and all are told.
    for client in &mut tries {
        let (head, _) = client.answer().unwrap();
        assert!([401, 503].contains(&status(&head)), "{head}");
    }
}

#[test]
fn headers_are_added_to_every_answer() {
    let folder = Folder::new();
    let headers = "http_server_config:\n  headers:\n    \
        X-Frame-Options: deny\n    Content-Security-Policy: default-src 'self'\n";
    let server = serve(load(&folder, headers));
    for path in ["/", "/metrics", "/nothing"] {
        let (head, _) = server.ask(&format!("GET {path} HTTP/1.1"));
        assert_eq!(header(&head, "X-Frame-Options"), Some("deny"));
        let policy = header(&head, "Content-Security-Policy");
        assert_eq!(policy, Some("default-src 'self'"));
        assert_eq!(head.matches("Content-Security-Policy").count(), 1);
    }
}

#[test]
fn other_rules_are_in_force_at_once_for_new_and_idle_connections() {
    let folder = Folder::new();
    folder.certify("server", None);
    let server = serve(Security::default());
    let mut idle = server.client();
    assert_eq!(status(&idle.get("/metrics").unwrap().0), 200);
    let mut busy = server.client();
    busy.send("GET /gate HTTP/1.1\r\nHost: x\r\n\r\n");
    server.entered.recv().unwrap();

    let handle = server.handle.as_ref().unwrap();
    handle.secure(load(&folder, TLS));
    assert!(idle.is_closed());
    server.open.send(()).unwrap();
    assert_eq!(busy.answer().unwrap().1, b"gate\n");
    assert!(busy.is_closed());
    let mut client = folder.connect(server.address, "server", None);
    assert_eq!(status(&client.get("/metrics").unwrap().0), 200);

    // The same files with another certificate.
    folder.certify("server", None);
    handle.secure(load(&folder, TLS));
    let mut client = folder.connect(server.address, "server", None);
    assert_eq!(status(&client.get("/metrics").unwrap().0), 200);
}

#[test]
fn without_tls_a_connection_outlives_a_change_of_users() {
    let folder = Folder::new();
    let server = serve(Security::default());
    let mut client = server.client();
    assert_eq!(ask_as(&mut client, "alice:secret").0, 200);
    let handle = server.handle.as_ref().unwrap();
    handle.secure(load(&folder, &user("bob", "secret")));
    assert_eq!(ask_as(&mut client, "alice:secret").0, 401);
    assert_eq!(ask_as(&mut client, "bob:secret").0, 200);
    handle.secure(load(&folder, &user("bob", "other")));
    assert_eq!(ask_as(&mut client, "bob:secret").0, 401);
    assert_eq!(ask_as(&mut client, "bob:other").0, 200);
    handle.secure(Security::default());
    assert_eq!(status(&client.get("/metrics").unwrap().0), 200);
}

#[test]
fn files_that_cannot_be_used_are_named_with_line_and_key() {
    let folder = Folder::new();
    folder.certify("server", None);
    folder.certify("other", None);
    folder.write("empty", "");
    let cert = "tls_server_config.cert_file";
    for (text, expected) in [
        (
            TLS.replace("server.crt", "none.crt"),
            format!(
                "web.yml:2: {cert}: none.crt cannot be read: No such file or \
                 directory (os error 2)"
            ),
        ),
        (
            TLS.replace("server.crt", "empty"),
            format!("web.yml:2: {cert}: has no certificate in PEM format"),
        ),
        (
            TLS.replace("server.key", "server.crt"),
            "web.yml:3: tls_server_config.key_file: has a certificate and no \
             private key"
                .into(),
        ),
        (
            TLS.replace("server.key", "other.key"),
            format!(
                "web.yml:2: {cert}: the certificate does not belong to the key"
            ),
        ),
        (
            TLS.replace("server.key", "."),
            "web.yml:3: tls_server_config.key_file: . is a directory".into(),
        ),
        (
            format!("{TLS}  cipher_suites:\n  - TLS_RSA_WITH_RC4_128_SHA\n"),
            "web.yml:5: tls_server_config.cipher_suites: \
             TLS_RSA_WITH_RC4_128_SHA is not supported; there are \
             TLS_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256, \
             TLS_CHACHA20_POLY1305_SHA256, \
             TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, \
             TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, \
             TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, \
             TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, \
             TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, \
             TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
                .into(),
        ),
        (
            format!("{TLS}  curve_preferences: [CurveP521]\n"),
            "web.yml:4: tls_server_config.curve_preferences: CurveP521 is not \
             supported; there are X25519, CurveP256, CurveP384"
                .into(),
        ),
        ("a: [".into(), "web.yml:2: is not YAML".into()),
    ] {
        let fault = fault(&folder, &text);
        assert!(fault.starts_with(&expected), "{fault}\nnot\n{expected}");
        assert_eq!(fault.lines().count(), 1);
    }
    let nowhere = folder.path("none.yml");
    let error = Security::load(Some(&nowhere), &Place::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(&format!("{}: cannot be read", nowhere.display()))
    );
}
