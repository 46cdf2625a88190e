//! Keys that cannot be served by, and the files of them.

use std::process::Command;

use geoip_exporter::files::Place;
use geoip_exporter::http::Security;

use super::certificates::Folder;

/// Makes a key by openssl, and a certificate for it.
fn make(folder: &Folder, arguments: &[&str]) {
    let run = |command: &mut Command| {
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {text}");
    };
    let key = folder.path("x.key");
    let (command, options) = arguments.split_first().unwrap();
    run(Command::new("openssl")
        .arg(command)
        .arg("-out")
        .arg(&key)
        .args(options));
    run(Command::new("openssl")
        .args(["req", "-x509", "-new", "-days", "2", "-subj", "/CN=x"])
        .args(["-passin", "pass:secret"])
        .arg("-key")
        .arg(&key)
        .arg("-out")
        .arg(folder.path("x.crt")));
}

/// Returns the fault, without the name of the file.
fn fault(folder: &Folder) -> Option<String> {
    let text = "tls_server_config:\n  cert_file: x.crt\n  key_file: x.key\n";
    let file = folder.write("web.yml", text);
    let error =
        Security::load(Some(&file), &Place::default()).err()?.to_string();
    Some(error.replace(file.to_str().unwrap(), ""))
}

#[test]
fn a_key_that_is_not_taken_is_named_and_not_the_certificate() {
    const TAKEN: &str = "take RSA of 2048 to 4096 bits, ECDSA on P-256 or \
                         P-384, or Ed25519";
    for (arguments, expected) in [
        ("genrsa 1024", "an RSA key of 1024 bits"),
        ("genrsa -traditional 1024", "an RSA key of 1024 bits"),
        (
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521",
            "a key on the curve P-521",
        ),
        ("ecparam -genkey -noout -name secp521r1", "a key on the curve P-521"),
        (
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1",
            "a key on the curve secp256k1",
        ),
        ("genpkey -algorithm ed448", "an Ed448 key"),
    ] {
        let folder = Folder::new();
        make(&folder, &arguments.split(' ').collect::<Vec<_>>());
        assert_eq!(
            fault(&folder).as_deref(),
            Some(&*format!(
                ":3: tls_server_config.key_file: has {expected}: {TAKEN}"
            )),
            "{arguments}"
        );
    }
}

#[test]
fn a_key_that_is_taken_has_no_fault() {
    for arguments in [
        "genrsa 2048",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384",
        "genpkey -algorithm ed25519",
    ] {
        let folder = Folder::new();
        make(&folder, &arguments.split(' ').collect::<Vec<_>>());
        assert_eq!(fault(&folder), None, "{arguments}");
    }
}

#[test]
fn the_content_of_a_file_without_a_key_is_named() {
    let folder = Folder::new();
    make(&folder, &["genrsa", "-aes256", "-passout", "pass:secret", "2048"]);
    let key = ":3: tls_server_config.key_file: ";
    assert_eq!(
        fault(&folder).unwrap(),
        format!(
            "{key}has a key with a passphrase: remove it, such as with \
             openssl pkey -in KEY -out NEW"
        )
    );
    std::fs::copy(folder.path("x.crt"), folder.path("x.key")).unwrap();
    assert_eq!(
        fault(&folder).unwrap(),
        format!("{key}has a certificate and no private key")
    );
    folder.write("x.key", "nothing");
    assert_eq!(
        fault(&folder).unwrap(),
        format!("{key}has no private key in PEM format, unencrypted")
    );
    folder.write("web.yml", "");
}
