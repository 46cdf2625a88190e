//! The client of the commands that ask a running daemon, at the real server.

use geoip_exporter::commands::client::{
    Answer, Client, ClientError, ClientOptions,
};
use geoip_exporter::config::{Config, ListenAddress};
use geoip_exporter::files::Place;
use geoip_exporter::http::{Limits, Security};
use serde_json::{Value, json};

use super::Folder;
use super::security::TLS;
use super::server::{Running, loopback};

pub(super) fn secured(folder: &Folder, text: &str) -> Security {
    let file = folder.write("web.yml", text);
    Security::load(Some(&file), &Place::default()).unwrap().0
}

fn ask(client: &mut Client) -> Result<Answer<Value>, ClientError> {
    client.get("/json")
}

fn page() -> Answer<Value> {
    Answer::Page(json!({"name": "Åland"}))
}

#[test]
fn a_local_daemon_is_found_at_its_port_and_its_socket() {
    let folder = Folder::new();
    let socket = ListenAddress::Unix(folder.path("x.sock"));
    for listen in [loopback(), socket] {
        let server = Running::on(&[listen], Limits::default());
        let config = Config {
            listen_address: server.addresses.clone(),
            ..Config::default()
        };
        let mut client =
            Client::new(&ClientOptions::default(), &config).unwrap();
        for _ in 0..3 {
            assert_eq!(ask(&mut client).unwrap(), page());
        }
        drop(server);
        assert!(ask(&mut client).unwrap_err().is_absent());
    }
}

#[test]
fn tls_and_the_user_are_those_of_the_daemon() {
    let folder = Folder::new();
    folder.certify("server", None);
    folder.certify("other", None);
    let hash = bcrypt::hash("secret", 4).unwrap();
    let text = format!("{TLS}basic_auth_users:\n  me: {hash}\n");
    let server = Running::secured(
        &[loopback()],
        Limits::default(),
        secured(&folder, &text),
    );
    let password = folder.write("password", "secret\n");
    let port = server.address.port();
    let options = |trusted: &str, user: Option<&str>| ClientOptions {
        url: Some(format!("https://localhost:{port}")),
        ca_file: Some(folder.path(&format!("{trusted}.crt"))),
        user: user.map(Into::into),
        password_file: Some(password.clone()),
    };
    let fault = |trusted, user| {
        let options = options(trusted, user);
        let mut client = Client::new(&options, &Config::default()).unwrap();
        ask(&mut client).map_err(|fault| fault.to_string())
    };
    assert_eq!(fault("server", Some("me")), Ok(page()));
    for (trusted, user, expected) in [
        ("server", None, "does not accept this user and password"),
        ("server", Some("you"), "does not accept this user and password"),
        (
            "other",
            Some("me"),
            "its certificate is not signed by one in --ca-file",
        ),
    ] {
        let said = fault(trusted, user).unwrap_err();
        assert!(said.contains(expected), "{said}");
    }
    // Without --url, the daemon is asked over TLS too.
    let local = Config {
        listen_address: server.addresses.clone(),
        web_config_file: Some(folder.path("web.yml")),
        ..Config::default()
    };
    for (trusted, expected) in [("server", true), ("other", false)] {
        let options =
            ClientOptions { url: None, ..options(trusted, Some("me")) };
        let answer = ask(&mut Client::new(&options, &local).unwrap());
        assert_eq!(answer.is_ok(), expected, "{answer:?}");
        if let Err(fault) = answer {
            let said = fault.to_string();
            assert!(
                said.contains(
                    "its certificate is not signed by one in --ca-file"
                ),
                "{said}"
            );
        }
    }
}
