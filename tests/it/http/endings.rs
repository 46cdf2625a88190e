//! The end of an answer over TLS.

use std::io::{Read as _, Write as _};

use geoip_exporter::files::Place;
use geoip_exporter::http::{Limits, Security};

use super::certificates::Folder;
use super::security::TLS;
use super::server::{Running, loopback};

/// A client takes an end without `close_notify` for an answer that was cut. The
/// socket can be full exactly when the last byte of the answer is written, so
/// sizes around that of its buffers are tried.
#[test]
fn the_end_of_an_answer_is_announced_also_to_a_full_socket() {
    let folder = Folder::new();
    folder.certify("server", None);
    let file = folder.write("web.yml", TLS);
    let (security, _) = Security::load(Some(&file), &Place::default()).unwrap();
    let server = Running::secured(&[loopback()], Limits::default(), security);
    for kilobytes in (100..1000).step_by(10) {
        let mut client = folder.connect(server.address, "server", None);
        client.send(&format!(
            "GET /sized?{kilobytes}000 HTTP/1.1\r\nHost: x\r\n\
             Connection: close\r\n\r\n"
        ));
        client.stream.flush().unwrap();
        // The first byte, so that the answer is under way; and another client's
        // answer, so that the sockets are full.
        client.stream.read_exact(&mut [0]).unwrap();
        let mut other = folder.connect(server.address, "server", None);
        other.get("/-/healthy").unwrap();
        let mut rest = Vec::new();
        let end = client.stream.read_to_end(&mut rest);
        assert!(end.is_ok(), "{end:?} after {} bytes", rest.len());
        assert!(rest.len() > kilobytes * 1000);
    }
}
