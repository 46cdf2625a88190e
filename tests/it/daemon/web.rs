//! The web server's part in a reload, and the reload by request.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;

use geoip_exporter::api;

use super::api::everything;
use super::fake::{FakeHost, PATIENCE};
use super::running::{BASE, Running, start_error};
use crate::client;
use crate::http::Folder;

/// Asks with a method and headers, and returns the status and the answer.
fn ask(daemon: &Running, line: &str, headers: &str) -> (u16, String) {
    let stream = TcpStream::connect(daemon.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let response = client::ask(stream, line, headers).unwrap();
    (response.status, format!("{:?}\n{}", response.headers, response.body))
}

fn host() -> FakeHost {
    FakeHost::new(&[(2, "eth0")])
}

const RELOADED: &str = "geoip_config_last_reload_successful";

#[test]
fn a_reload_by_request_answers_once_it_is_in_force() {
    let on = format!("{BASE}enable_reload = true\n");
    let daemon = Running::start(host(), &on);
    daemon.configure(&format!("{on}metrics_path = \"/m\"\n"));
    assert_eq!(ask(&daemon, "POST /-/reload", "").0, 200);
    assert_eq!(daemon.get("/m").0, 200);

    daemon.configure(&format!("{on}poll_interval = \"x\"\n"));
    let (status, answer) = ask(&daemon, "POST /-/reload", "");
    assert_eq!(status, 500, "{answer}");
    assert!(answer.contains("not reloaded; everything stays as it was"));
    assert!(answer.contains("geoip-exporter.toml"), "{answer}");
    assert_eq!(daemon.get("/m").0, 200);

    let (status, answer) = ask(&daemon, "GET /-/reload", "");
    assert_eq!(status, 405);
    assert!(answer.contains(r#"("allow", "POST")"#), "{answer}");
    let origin = "Origin: https://example.com\r\n";
    assert_eq!(ask(&daemon, "POST /-/reload", origin).0, 403);
    daemon.stop();
}

#[test]
fn a_reload_by_request_is_off_until_it_is_switched_on() {
    let daemon = Running::start(host(), BASE);
    let mark = daemon.host.log.mark();
    let (status, answer) = ask(&daemon, "POST /-/reload", "");
    assert_eq!(status, 403);
    assert!(answer.contains("enable_reload = true"), "{answer}");
    assert_eq!(ask(&daemon, "GET /-/reload", "").0, 405);
    assert!(!daemon.host.log.since(mark).contains("reloading"));

    daemon.configure(&format!("{BASE}enable_reload = true\n"));
    assert!(daemon.reload().contains("changed: enable_reload"));
    assert_eq!(ask(&daemon, "POST /-/reload", "").0, 200);
    daemon.stop();
}

#[test]
fn a_login_that_fails_is_a_warning_and_few_are() {
    let folder = Folder::new();
    let hash = bcrypt::hash("secret", 4).unwrap();
    let users = format!("basic_auth_users:\n  alice: {hash}\n");
    let web = folder.write("web.yml", &users);
    let config = format!("{BASE}web_config_file = {web:?}\n");
    let daemon = Running::start(host(), &config);
    // "al\x1b[2Jce:guess", and then 20 of alice's.
    let odd = "Authorization: Basic YWwbWzJKY2U6Z3Vlc3M=\r\n";
    assert_eq!(ask(&daemon, "GET /metrics", odd).0, 401);
    let line = daemon.host.log.wait_for(0, &["WARN login failed"]);
    let said = "client: 127.0.0.1, user: al\\u{1b}[2Jce, not_logged_before: 0";
    assert!(line.contains(said), "{line}");
    for _ in 0..20 {
        let wrong = "Authorization: Basic YWxpY2U6Z3Vlc3M=\r\n";
        assert_eq!(ask(&daemon, "GET /metrics", wrong).0, 401);
    }
    assert_eq!(daemon.host.log.text().matches("login failed").count(), 10);
    // alice:secret
    let alice = "Authorization: Basic YWxpY2U6c2VjcmV0\r\n";
    assert_eq!(ask(&daemon, "GET /metrics", alice).0, 200);
    daemon.stop();
}

#[test]
fn users_and_certificates_are_read_again_at_a_reload() {
    let folder = Folder::new();
    folder.certify("server", None);
    let web = folder.write("web.yml", "");
    let config = format!("{BASE}web_config_file = {web:?}\n");
    let daemon = Running::start(host(), &config);
    assert_eq!(daemon.get("/metrics").0, 200);

    let hash = bcrypt::hash("secret", 4).unwrap();
    let users = format!("basic_auth_users:\n  alice: {hash}\n");
    fs::write(&web, &users).unwrap();
    daemon.reload();
    assert_eq!(daemon.get("/metrics").0, 401);
    // alice:secret
    let alice = "Authorization: Basic YWxpY2U6c2VjcmV0\r\n";
    assert_eq!(ask(&daemon, "GET /metrics", alice).0, 200);

    // What is wrong changes nothing, and says where it is.
    fs::write(&web, format!("{users}tls_server_config:\n  cert: x\n")).unwrap();
    let log = daemon.reload();
    assert!(log.contains("web.yml:4: tls_server_config: key_file"), "{log}");
    assert!(log.contains("not reloaded"), "{log}");
    assert_eq!(daemon.get("/metrics").0, 401);
    let (status, page) = ask(&daemon, "GET /metrics", alice);
    assert_eq!(status, 200);
    assert!(page.contains(&format!("{RELOADED} 0\n")), "{page}");

    let tls = "tls_server_config:\n  cert_file: server.crt\n  \
        key_file: server.key\n";
    fs::write(&web, tls).unwrap();
    daemon.reload();
    assert_eq!(daemon.get("/metrics").0, 400);
    let mut client = folder.connect(daemon.address, "server", None);
    let (head, page) = client.get("/metrics").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains(&format!("{RELOADED} 1\n")), "{page}");
    daemon.stop();
}

const TLS: &str =
    "tls_server_config:\n  cert_file: tls.crt\n  key_file: tls.key\n";

/// Asks over TLS, trusting the certificate of this name.
fn ask_trusting(folder: &Folder, daemon: &Running, name: &str) -> String {
    let mut client = folder.connect(daemon.address, name, None);
    client.get("/metrics").unwrap().0
}

/// Returns whether the page shows that the web configuration was read.
fn is_read(folder: &Folder, daemon: &Running, name: &str) -> bool {
    let (_, page) =
        folder.connect(daemon.address, name, None).get("/metrics").unwrap();
    let page = String::from_utf8(page).unwrap();
    let series = "geoip_database_last_load_successful{database=\"web_config\"}";
    let value = page.split(series).nth(1).unwrap().lines().next().unwrap();
    value == " 1"
}

/// By the link that Kubernetes swaps, and file by file.
#[test]
fn certificates_that_are_replaced_are_used_without_a_signal() {
    let folder = Folder::new();
    for name in ["one", "two", "three"] {
        folder.certify(name, None);
        fs::create_dir(folder.path(&format!("..{name}"))).unwrap();
        for kind in ["crt", "key"] {
            let file = folder.path(&format!("..{name}/tls.{kind}"));
            fs::copy(folder.path(&format!("{name}.{kind}")), file).unwrap();
        }
    }
    let data = folder.path("..data");
    symlink("..one", &data).unwrap();
    for file in ["tls.crt", "tls.key"] {
        symlink(format!("..data/{file}"), folder.path(file)).unwrap();
    }
    let web = folder.write("web.yml", TLS);
    let config = format!("{BASE}web_config_file = {web:?}\n");
    let daemon = Running::start(host(), &config);
    assert!(is_read(&folder, &daemon, "one"));

    let again = "read the web configuration again";
    let mut mark = daemon.host.log.mark();
    symlink("..two", folder.path("..next")).unwrap();
    fs::rename(folder.path("..next"), &data).unwrap();
    daemon.host.log.wait_for(mark, &[again]);
    ask_trusting(&folder, &daemon, "two");

    // The key comes later than the certificate.
    mark = daemon.host.log.mark();
    let replace = |file: &str| {
        fs::rename(folder.path(&format!("three.{file}")), folder.path("next"))
            .unwrap();
        let place = folder.path(&format!("tls.{file}"));
        fs::rename(folder.path("next"), place).unwrap();
    };
    fs::copy(folder.path("three.crt"), folder.path("trusted.crt")).unwrap();
    replace("crt");
    let refused = ["WARN", "the last good one stays in use", "web.yml:2"];
    daemon.host.log.wait_for(mark, &refused);
    assert!(!is_read(&folder, &daemon, "two"));
    replace("key");
    daemon.host.log.wait_for(mark, &[again]);
    assert!(is_read(&folder, &daemon, "trusted"));
    let log = daemon.host.log.since(mark);
    assert_eq!(log.matches("stays in use").count(), 1, "{log}");
    daemon.stop();
}

#[test]
fn a_start_with_a_wrong_web_configuration_fails() {
    let folder = Folder::new();
    let web = folder.write("web.yml", "basic_auth: x\nusers: y\n");
    let config = format!("{BASE}web_config_file = {web:?}\n");
    let error = start_error(&host(), &config);
    assert_eq!(error.exit_code(), geoip_exporter::sysexits::CONFIG);
    let text = error.to_string();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("web.yml:1: basic_auth: unknown key"), "{text}");
}

#[test]
fn every_address_is_named_in_the_log_and_the_socket_goes_with_the_daemon() {
    let folder = Folder::new();
    let socket = folder.path("metrics.sock");
    let list = format!("127.0.0.1:0,unix:{}", socket.display());
    let config = BASE.replace("127.0.0.1:0", &list);
    let daemon = Running::start(host(), &config);
    let named = format!("listening, address: unix:{}", socket.display());
    daemon.host.log.wait_for(0, &[&named]);
    let mut stream = UnixStream::connect(&socket).unwrap();
    stream.write_all(b"GET /-/healthy HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("healthy\n"), "{answer}");
    daemon.stop();
    assert!(!socket.exists());
}

/// The login of alice:secret.
const ALICE: &str = "Authorization: Basic YWxpY2U6c2VjcmV0\r\n";

#[test]
fn the_pages_for_programs_have_the_rules_of_the_metrics() {
    let folder = Folder::new();
    folder.certify("tls", None);
    let hash = bcrypt::hash("secret", 4).unwrap();
    let users = format!("basic_auth_users:\n  alice: {hash}\n");
    let web = folder.write("web.yml", &users);
    let (socket, state) = (folder.path("metrics.sock"), folder.path("state"));
    fs::create_dir(&state).unwrap();
    let list = format!("127.0.0.1:0,unix:{}", socket.display());
    let config = format!(
        "web_config_file = {web:?}\nstate_directory = {state:?}\n\
         pin_directory = \"\"\nquota = \"1TiB\"\n{}",
        everything().replace("127.0.0.1:0", &list)
    );
    let daemon = Running::start(host(), &config);
    daemon.host.log.wait_for(0, &["ready"]);
    let over_socket = |path: &str, headers: &str| {
        let stream = UnixStream::connect(&socket).unwrap();
        let answer = client::ask(stream, &format!("GET {path}"), headers);
        answer.unwrap().status
    };
    let all = || [&["/metrics"][..], api::PATHS].concat();
    for path in all() {
        let line = format!("GET {path}");
        for (login, status) in [("", 401), (ALICE, 200)] {
            assert_eq!(ask(&daemon, &line, login).0, status, "{path}");
            assert_eq!(over_socket(path, login), status, "{path}");
        }
    }
    fs::write(&web, format!("{users}{TLS}")).unwrap();
    daemon.reload();
    for path in all() {
        assert_eq!(ask(&daemon, &format!("GET {path}"), ALICE).0, 400);
        for (login, status) in [("", 401), (ALICE, 200)] {
            let (found, _) = over_tls(&folder, &daemon, path, login);
            assert_eq!(found, status, "{path}");
        }
    }
    daemon.configure(&format!("web = false\n{config}"));
    daemon.reload();
    for path in api::PATHS {
        assert_eq!(over_tls(&folder, &daemon, path, "").0, 401);
        let (status, body) = over_tls(&folder, &daemon, path, ALICE);
        let off = "404: web = true turns the interface for programs on\n";
        assert_eq!((status, &*body), (404, off), "{path}");
    }
    daemon.stop();
}

/// Asks over TLS with headers, and returns the status and the body.
fn over_tls(
    folder: &Folder,
    daemon: &Running,
    path: &str,
    headers: &str,
) -> (u16, String) {
    let client = folder.connect(daemon.address, "tls", None);
    let answer = client::ask(client.stream, &format!("GET {path}"), headers);
    let answer = answer.unwrap();
    (answer.status, answer.body)
}
