//! Exporters that a client cannot trust or reach: a line in words, with the
//! fault and what would be right.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use geoip_exporter::commands::client::{Client, ClientOptions};
use geoip_exporter::config::Config;
use geoip_exporter::http::Limits;
use serde_json::Value;

use super::Folder;
use super::asking::secured;
use super::security::TLS;
use super::server::{Running, loopback};

/// Returns the line about an exporter, without its port and the folder.
fn said(folder: &Folder, url: &str, trusted: Option<&str>) -> String {
    let options = ClientOptions {
        url: Some(url.into()),
        ca_file: trusted.map(|name| folder.path(&format!("{name}.crt"))),
        ..ClientOptions::default()
    };
    let mut client = Client::new(&options, &Config::default()).unwrap();
    let fault = client.get::<Value>("/json").unwrap_err().to_string();
    assert_eq!(fault.lines().count(), 1, "{fault}");
    let port = url.rsplit(':').next().unwrap();
    let folder = folder.path("");
    fault.replace(port, "PORT").replace(folder.to_str().unwrap(), "/etc/")
}

fn serve(folder: &Folder) -> Running {
    let security = secured(folder, TLS);
    Running::secured(&[loopback()], Limits::default(), security)
}

/// Returns the beginning of a line about an exporter that asks for TLS.
const AT: &str = "cannot reach geoip-exporter at https://localhost:PORT: ";

#[test]
fn a_certificate_of_nobody_that_is_trusted_is_a_line_with_the_flag() {
    let folder = Folder::new();
    folder.certify("other", None);
    folder.certify("server", None);
    let old = folder.path("old.crt");
    std::fs::copy(folder.path("server.crt"), old).unwrap();
    folder.certify("server", None);
    let server = serve(&folder);
    let url = format!("https://localhost:{}", server.address.port());
    // The old one has the right name and another key.
    for trusted in ["other", "old"] {
        assert_eq!(
            said(&folder, &url, Some(trusted)),
            format!(
                "{AT}its certificate is not signed by one in --ca-file \
                 /etc/{trusted}.crt: name the file with the certificate of \
                 its authority, or its own if it signed itself"
            )
        );
    }
}

#[test]
fn a_certificate_for_another_name_is_a_line_with_the_names() {
    let folder = Folder::new();
    folder.certify_for("server", None, "DNS:web.example,IP:192.0.2.1");
    let server = serve(&folder);
    let url = format!("https://localhost:{}", server.address.port());
    assert_eq!(
        said(&folder, &url, Some("server")),
        format!(
            "{AT}its certificate is made out for web.example and 192.0.2.1, \
             not for localhost: write --url https://web.example:PORT, or have \
             localhost added to the certificate"
        )
    );
}

#[test]
fn a_certificate_out_of_date_is_a_line_with_the_date() {
    for (date, expected) in [
        (
            b"210203040506Z",
            "its certificate expired at 2021-02-03T04:05:06Z: have it renewed, \
             or set the clock of this machine right",
        ),
        (
            b"480203040506Z",
            "its certificate is valid from 2038-02-03T04:05:06Z on: set the \
             clocks of both machines right",
        ),
    ] {
        let folder = Folder::new();
        folder.certify("server", None);
        folder.expire("server", date);
        let server = serve(&folder);
        let url = format!("https://localhost:{}", server.address.port());
        let said = said(&folder, &url, Some("server"));
        assert_eq!(said, format!("{AT}{expected}"));
    }
}

#[test]
fn a_certificate_of_another_kind_is_a_line() {
    let folder = Folder::new();
    folder.certify("ca", None);
    for kind in ["crt", "key"] {
        let to = folder.path(&format!("server.{kind}"));
        std::fs::copy(folder.path(&format!("ca.{kind}")), to).unwrap();
    }
    let server = serve(&folder);
    let url = format!("https://localhost:{}", server.address.port());
    assert_eq!(
        said(&folder, &url, Some("ca")),
        format!(
            "{AT}its certificate is that of an authority (CA:TRUE): make one \
             for the exporter with basicConstraints=critical,CA:FALSE"
        )
    );
    // The exporter asks for one of the client.
    folder.certify("server", None);
    let text = format!(
        "{TLS}  client_auth_type: RequireAndVerifyClientCert\n  \
         client_ca_file: server.crt\n"
    );
    let security = secured(&folder, &text);
    let server = Running::secured(&[loopback()], Limits::default(), security);
    let url = format!("https://localhost:{}", server.address.port());
    assert_eq!(
        said(&folder, &url, Some("server")),
        format!(
            "{AT}it asks for a certificate of the client, and this command has \
             none: ask it at a socket (listen_address), or without \
             client_auth_type"
        )
    );
}

#[test]
fn a_port_of_another_kind_is_a_line_with_the_right_scheme() {
    let folder = Folder::new();
    folder.certify("server", None);
    let expected = format!(
        "{AT}the answer is not TLS: write --url http://localhost:PORT, or look \
         at the port"
    );
    let plain = Running::on(&[loopback()], Limits::default());
    let url = format!("https://localhost:{}", plain.address.port());
    assert_eq!(said(&folder, &url, Some("server")), expected);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("https://localhost:{port}");
    let ssh = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"SSH-2.0-x\r\n").unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    });
    assert_eq!(said(&folder, &url, Some("server")), expected);
    ssh.join().unwrap();
    // The port of TLS, asked without it.
    let server = serve(&folder);
    let url = format!("http://localhost:{}", server.address.port());
    assert_eq!(
        said(&folder, &url, None),
        "http://localhost:PORT/json: status 400: this port speaks TLS: ask \
         with https instead of http"
    );
}

#[test]
fn a_place_where_nobody_listens_is_a_line() {
    let folder = Folder::new();
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    for scheme in ["http", "https"] {
        folder.certify("server", None);
        let url = format!("{scheme}://localhost:{port}");
        assert_eq!(
            said(&folder, &url, Some("server")),
            format!(
                "cannot reach geoip-exporter at {scheme}://localhost:PORT: \
                 connection refused: nothing listens there, so look at the \
                 port, and whether the exporter runs"
            )
        );
    }
}
