//! Certificates for loopback, made by openssl, and clients that trust them.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::crypto::ring;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tempfile::TempDir;

use crate::client::{Client, PATIENCE};

pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// A folder with certificates, and the `web.config.file` beside them.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Makes `NAME.crt` and `NAME.key`, signed by another or by itself.
    /// Only `ca` may sign others.
    pub(crate) fn certify(&self, name: &str, issuer: Option<&str>) {
        self.certify_for(name, issuer, "DNS:localhost,IP:127.0.0.1");
    }

    /// The same for other names and addresses.
    pub(crate) fn certify_for(
        &self,
        name: &str,
        issuer: Option<&str>,
        names: &str,
    ) {
        let mut openssl = Command::new("openssl");
        openssl
            .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
            .args(["-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-subj", &format!("/CN={name}")])
            .args(["-addext", &format!("subjectAltName={names}")])
            .arg("-keyout")
            .arg(self.path(&format!("{name}.key")))
            .arg("-out")
            .arg(self.path(&format!("{name}.crt")));
        if name != "ca" {
            openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        }
        if let Some(issuer) = issuer {
            openssl
                .arg("-CA")
                .arg(self.path(&format!("{issuer}.crt")))
                .arg("-CAkey")
                .arg(self.path(&format!("{issuer}.key")));
        }
        let output = openssl.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }

    /// Has `NAME.crt` expire at a date, `YYMMDDHHMMSSZ`, ten years after it
    /// began. Its signature is wrong then, which is for its clients to check.
    pub(crate) fn expire(&self, name: &str, date: &[u8; 13]) {
        let path = self.path(&format!("{name}.crt"));
        let mut der = certificate(&path).to_vec();
        let is_time = |two: &[u8]| two == [0x17, 13];
        let start = der.windows(2).position(is_time).unwrap();
        let not_after = start + 15;
        assert!(is_time(&der[not_after..][..2]));
        der[not_after + 2..][..13].copy_from_slice(date);
        let mut begin = *date;
        begin[0] -= 1;
        der[start + 2..][..13].copy_from_slice(&begin);
        let code = BASE64_STANDARD.encode(der);
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{code}\n-----END CERTIFICATE-----\n"
        );
        fs::write(path, pem).unwrap();
    }

    /// Connects over TLS, trusting `NAME.crt`, and with the certificate of
    /// `client` if there is one.
    pub(crate) fn connect(
        &self,
        address: SocketAddr,
        trusted: &str,
        client: Option<&str>,
    ) -> Client<TlsStream> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(&self.path(&format!("{trusted}.crt")))).unwrap();
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match client {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let key = self.path(&format!("{name}.key"));
                let key = PrivateKeyDer::from_pem_file(key).unwrap();
                let chain = certificate(&self.path(&format!("{name}.crt")));
                builder.with_client_auth_cert(vec![chain], key).unwrap()
            }
        };
        let name = ServerName::try_from("localhost").unwrap();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client::over(StreamOwned::new(session, stream))
    }
}

fn certificate(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).unwrap()
}
