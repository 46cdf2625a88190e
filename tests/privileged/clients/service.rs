//! How the exporter is asked in these tests: in the clear, with users, and
//! over TLS with users.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::crypto::ring;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use socket2::{Domain, Socket, Type};

use crate::harness::process::output_of;

/// How many users there are. Each scrape is another one's, so that the first of
/// each has its password checked.
const USERS: usize = if cfg!(debug_assertions) { 4 } else { 40 };

/// The cost of bcrypt: that of the documents of Prometheus in an optimised build.
const COST: u32 = if cfg!(debug_assertions) { 4 } else { 10 };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Plain,
    /// With passwords.
    Users,
    /// With TLS, a certificate of RSA, and passwords.
    Secured,
}

impl Service {
    /// Writes the web configuration into a folder, if there is to be one.
    pub(super) fn write(self, folder: &Path) -> Option<PathBuf> {
        let mut text = String::new();
        if self == Self::Secured {
            let (certificate, key) =
                (folder.join("server.crt"), folder.join("server.key"));
            output_of(
                Command::new("openssl")
                    .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes"])
                    .args(["-days", "2", "-subj", "/CN=localhost"])
                    .args(["-addext", "subjectAltName=DNS:localhost"])
                    .args(["-addext", "basicConstraints=critical,CA:FALSE"])
                    .arg("-keyout")
                    .arg(&key)
                    .arg("-out")
                    .arg(&certificate),
            );
            text += "tls_server_config:\n  cert_file: server.crt\n  \
                     key_file: server.key\n";
        }
        if self == Self::Plain {
            return None;
        }
        text += "basic_auth_users:\n";
        for number in 0..USERS {
            let hash = bcrypt::hash(format!("secret{number}"), COST).unwrap();
            writeln!(text, "  user{number}: {hash}").unwrap();
        }
        let file = folder.join("web.yml");
        fs::write(&file, text).unwrap();
        Some(file)
    }
}

/// A connection, in the clear or not.
pub(super) trait Talk: Read + Write + Send {}

impl<S: Read + Write + Send> Talk for S {}

/// The knowledge that all clients share.
pub(super) struct Clients {
    pub(super) server: SocketAddr,
    pub(super) service: Service,
    pub(super) is_over: AtomicBool,
    /// The number of attempts of all attackers.
    pub(super) done: AtomicU64,
    tls: Option<Arc<ClientConfig>>,
}

impl Clients {
    pub(super) fn new(
        server: SocketAddr,
        service: Service,
        folder: &Path,
    ) -> Self {
        let tls = (service == Service::Secured).then(|| {
            let mut roots = RootCertStore::empty();
            let file = folder.join("server.crt");
            roots.add(CertificateDer::from_pem_file(file).unwrap()).unwrap();
            let provider = Arc::new(ring::default_provider());
            let mut config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            // Each scrape is a stranger's.
            config.resumption = rustls::client::Resumption::disabled();
            Arc::new(config)
        });
        let (is_over, done) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { server, service, is_over, done, tls }
    }

    pub(super) fn go_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    /// Connects, unless the server is too busy to let anybody in.
    pub(super) fn try_connect(&self, from: Ipv4Addr) -> Option<TcpStream> {
        self.done.fetch_add(1, Ordering::Relaxed);
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
        let patience = Duration::from_secs(5);
        socket.connect_timeout(&self.server.into(), patience).ok()?;
        let socket = TcpStream::from(socket);
        socket.set_read_timeout(Some(patience)).unwrap();
        socket.set_write_timeout(Some(patience)).unwrap();
        Some(socket)
    }

    pub(super) fn session(&self) -> Option<ClientConnection> {
        let config = self.tls.as_ref()?;
        let name = ServerName::try_from("localhost").unwrap();
        Some(ClientConnection::new(Arc::clone(config), name).unwrap())
    }

    /// Begins TLS on a connection, if the service has it.
    pub(super) fn talk(&self, socket: TcpStream) -> Box<dyn Talk> {
        match self.session() {
            None => Box::new(socket),
            Some(session) => Box::new(StreamOwned::new(session, socket)),
        }
    }

    /// Returns a request for the page, with a password if the service has users.
    pub(super) fn request(&self, target: &str, user: usize) -> String {
        let user = user % USERS;
        let code = BASE64_STANDARD.encode(format!("user{user}:secret{user}"));
        let authorization = match self.service {
            Service::Plain => String::new(),
            _ => format!("Authorization: Basic {code}\r\n"),
        };
        format!("GET {target} HTTP/1.1\r\nHost: x\r\n{authorization}\r\n")
    }

    /// Asks over a new connection and returns the time and the bytes that the
    /// answer took.
    ///
    /// # Errors
    /// When it is cut off.
    pub(super) fn scrape(&self, user: usize) -> io::Result<(Duration, usize)> {
        let asked = Instant::now();
        let socket = TcpStream::connect(self.server)?;
        socket.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut client = self.talk(socket);
        let request = self.request("/metrics", user);
        let request =
            request.replace("Host: x\r\n", "Host: x\r\nConnection: close\r\n");
        client.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        client.read_to_end(&mut answer)?;
        let start = String::from_utf8_lossy(&answer[..answer.len().min(99)]);
        if !start.starts_with("HTTP/1.1 200 OK\r\n") {
            return Err(io::Error::other(format!("answered {start:?}")));
        }
        Ok((asked.elapsed(), answer.len()))
    }
}
