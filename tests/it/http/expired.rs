//! Certificates that are out of date.

use geoip_exporter::files::Place;
use geoip_exporter::http::{Security, Server};

use super::certificates::Folder;
use super::security::TLS;
use super::server::loopback;

/// It is served all the same: some client may not look at the date.
#[test]
fn a_certificate_that_expired_is_one_warning_and_a_time() {
    let folder = Folder::new();
    folder.certify("server", None);
    folder.expire("server", b"210203040506Z");
    let file = folder.write("web.yml", TLS);
    let (security, warnings) =
        Security::load(Some(&file), &Place::default()).unwrap();
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    let said = "web.yml:2: tls_server_config.cert_file: the certificate \
        expired at 2021-02-03T04:05:06Z; clients refuse it";
    assert!(warning.ends_with(said), "{warning}");
    let server = Server::bind(&[loopback()]).unwrap();
    assert_eq!(server.certificate_expiry()(), None);
    let server = server.secure(security);
    assert_eq!(server.certificate_expiry()(), Some(1_612_325_106));
    // One that is valid is no warning.
    folder.certify("server", None);
    let (security, warnings) =
        Security::load(Some(&file), &Place::default()).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let expiry = server.secure(security).certificate_expiry()().unwrap();
    let now = time::UtcDateTime::now().unix_timestamp();
    assert!((86_400..3 * 86_400).contains(&(expiry - now)), "{expiry}");
}
