//! The HTTP client of the commands that ask a running daemon.
//!
//! A [`Client`] asks the daemon at `--url`, or the one on this machine, which
//! it finds by the configuration. Every answer has a time limit and a largest
//! size. A page that was read before is asked for with its ETag, so that a
//! page that has not changed costs a 304.

mod cause;
mod error;
mod socket;
mod target;
#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use lru::LruCache;
use serde::de::DeserializeOwned;
use ureq::http::{Response, StatusCode, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Connector as _, RustlsConnector, TcpConnector,
};
use ureq::{Agent, Body};

pub use crate::cli::ClientOptions;
use crate::commands::plain::plain;
use crate::config::Config;
use crate::files::{self, Unread};
use crate::http::pages::READY;
use crate::release;
use cause::{Failed, cause};
pub use error::ClientError;
use socket::SocketConnector;
use target::Target;

/// The time for one connection, TLS included.
const CONNECT: Duration = Duration::from_secs(3);

/// The time for one answer.
const ANSWER: Duration = Duration::from_secs(10);

/// The largest answer. 200,000 hosts take some 100 MB.
const LARGEST: u64 = 256 * 1024 * 1024;

/// The largest line of an answer that refuses a page.
const LARGEST_LINE: u64 = 4096;

/// The largest file with certificates or a password.
const LARGEST_FILE: u64 = 4 * 1024 * 1024;

/// The number of pages whose ETag is remembered.
const REMEMBERED: NonZeroUsize = const { NonZeroUsize::new(64).unwrap() };

/// An answer of the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// The page.
    Page(T),
    /// The page is the one that this client has read before.
    Unchanged,
}

/// A client of one daemon. It is for one thread.
pub struct Client {
    /// The places to try. The one that answered last is the first.
    places: Vec<(Target, Agent)>,
    login: Option<String>,
    /// The value of `--ca-file`.
    ca_file: Option<PathBuf>,
    tags: LruCache<String, String>,
}

impl Client {
    /// Prepares a client, without connecting. Without `--url`, it will ask the
    /// daemon that runs on this machine with this configuration.
    ///
    /// # Errors
    /// If a flag or a file that it names cannot be used.
    pub fn new(
        options: &ClientOptions,
        local: &Config,
    ) -> Result<Self, ClientError> {
        let targets = match &options.url {
            Some(url) => vec![Target::parse(url)?],
            None => Target::local(
                &local.listen_address,
                local.web_config_file.is_some(),
            ),
        };
        let has_tls = targets.iter().any(|it| it.base.starts_with("https:"));
        let roots = match (has_tls, options.ca_file.as_deref()) {
            (false, _) => Vec::new(),
            (true, Some(file)) => certificates(file)?,
            (true, None) => trusted_here()?,
        };
        let roots = Arc::new(roots);
        let places = targets
            .into_iter()
            .map(|target| {
                let agent = agent(&target, &roots);
                (target, agent)
            })
            .collect();
        let login = login(options)?;
        let ca_file = options.ca_file.clone();
        let tags = LruCache::new(REMEMBERED);
        Ok(Self { places, login, ca_file, tags })
    }

    /// Returns the place of the daemon, as it is shown.
    #[must_use]
    pub fn place(&self) -> String {
        self.places.first().map(|(it, _)| it.to_string()).unwrap_or_default()
    }

    /// Asks for a page, such as `/api/v1/countries?limit=10`, and reads it.
    ///
    /// # Errors
    /// If no daemon answers, or it refuses the page.
    pub fn get<T: DeserializeOwned>(
        &mut self,
        page: &str,
    ) -> Result<Answer<T>, ClientError> {
        let mut response = self.ask(page)?;
        let place = self.place();
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(Answer::Unchanged);
        }
        let garbage = |cause| ClientError::Garbage {
            place: place.clone(),
            page: page.to_owned(),
            cause,
        };
        let body = response.body_mut().with_config().limit(LARGEST);
        let failed = Failed { place: &place, ca_file: None };
        let body = body
            .read_to_vec()
            .map_err(|error| garbage(cause(&error, failed)))?;
        let value = serde_json::from_slice(&body)
            .map_err(|error| garbage(foreign(&error.to_string())))?;
        let tag = response.headers().get(header::ETAG);
        match tag.and_then(|tag| tag.to_str().ok()) {
            Some(tag) => self.tags.put(page.to_owned(), tag.to_owned()),
            None => self.tags.pop(page),
        };
        Ok(Answer::Page(value))
    }

    /// Asks whether the daemon is ready.
    ///
    /// # Errors
    /// If it is not, or no daemon answers: another server may answer each path
    /// with 200.
    pub fn ready(&mut self) -> Result<(), ClientError> {
        const PAGE: &str = "/-/ready";
        let mut response = self.ask(PAGE)?;
        let body = response.body_mut().with_config().limit(LARGEST_LINE);
        match body.read_to_string() {
            Ok(text) if text == READY => Ok(()),
            _ => Err(ClientError::Garbage {
                place: self.place(),
                page: PAGE.to_owned(),
                cause: foreign(&format!("not {:?}", READY.trim())),
            }),
        }
    }

    /// Asks for a page, and reads it also if it has not changed.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn get_again<T: DeserializeOwned>(
        &mut self,
        page: &str,
    ) -> Result<T, ClientError> {
        self.tags.pop(page);
        match self.get(page)? {
            Answer::Page(value) => Ok(value),
            Answer::Unchanged => Err(ClientError::Garbage {
                place: self.place(),
                page: page.to_owned(),
                cause: "status 304 without a condition".into(),
            }),
        }
    }

    /// Asks every place in turn, until one answers. Returns a page or 304.
    fn ask(&mut self, page: &str) -> Result<Response<Body>, ClientError> {
        let mut failed = None;
        for at in 0..self.places.len() {
            let (target, agent) = &self.places[at];
            let mut request = agent.get(format!("{}{page}", target.base));
            if let Some(login) = &self.login {
                request = request.header(header::AUTHORIZATION, login);
            }
            if let Some(tag) = self.tags.peek(page) {
                request = request.header(header::IF_NONE_MATCH, tag);
            }
            match request.call() {
                // A port with TLS, whose certificate was refused, is asked
                // without TLS next, and answers 400.
                Ok(response)
                    if response.status() == 400 && failed.is_some() =>
                {
                    break;
                }
                Ok(response) => {
                    let place = target.to_string();
                    self.places.swap(0, at);
                    return accept(response, place, page);
                }
                Err(error) => {
                    let fault = ClientError::unreachable(
                        target.to_string(),
                        self.ca_file.as_deref(),
                        &error,
                    );
                    failed = Some(worse(failed, fault));
                }
            }
        }
        Err(failed.unwrap_or(ClientError::NoCertificates))
    }
}

/// The advice if another server answers.
const ELSEWHERE: &str = "look at the address and the port";

/// Returns the cause of an answer that no daemon of this version gives.
fn foreign(fault: &str) -> String {
    format!(
        "it is not that of a geoip-exporter of this version ({fault}): \
         {ELSEWHERE}"
    )
}

/// Returns the fault to report of two places: one that is more than absent, or
/// the first.
fn worse(first: Option<ClientError>, second: ClientError) -> ClientError {
    match first {
        Some(first) if !first.is_absent() || second.is_absent() => first,
        _ => second,
    }
}

fn accept(
    mut response: Response<Body>,
    place: String,
    page: &str,
) -> Result<Response<Body>, ClientError> {
    match response.status() {
        StatusCode::OK | StatusCode::NOT_MODIFIED => Ok(response),
        StatusCode::UNAUTHORIZED => Err(ClientError::Unauthorised { place }),
        status => {
            let body = response.body_mut().with_config().limit(LARGEST_LINE);
            let text = body.read_to_string().unwrap_or_default();
            let line = text.lines().next().unwrap_or_default();
            // The exporter writes the status before its reason.
            let before = format!("{}: ", status.as_u16());
            let line = line.strip_prefix(&*before).unwrap_or(line);
            let line = match plain(line) {
                line if line.is_empty() => {
                    format!("the answer gives no reason: {ELSEWHERE}")
                }
                line => line,
            };
            let (page, status) = (page.to_owned(), status.as_u16());
            Err(ClientError::Refused { place, page, status, line })
        }
    }
}

fn agent(target: &Target, roots: &Arc<Vec<Certificate<'static>>>) -> Agent {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::clone(roots)))
        .unversioned_rustls_crypto_provider(provider)
        .build();
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        // The daemon is asked itself, whatever the environment says.
        .proxy(None)
        .timeout_connect(Some(CONNECT))
        .timeout_global(Some(ANSWER))
        .user_agent(format!("geoip-exporter/{}", release::VERSION))
        .tls_config(tls)
        .build();
    let connector = SocketConnector(target.socket.clone())
        .chain(TcpConnector::default())
        .chain(RustlsConnector::default());
    Agent::with_parts(config, connector, DefaultResolver::default())
}

fn read(flag: &'static str, file: &Path) -> Result<Vec<u8>, ClientError> {
    let cause = match files::read(file, LARGEST_FILE) {
        Ok(content) => return Ok(content.bytes),
        Err(Unread::Open(error) | Unread::Read(error)) => error.to_string(),
        Err(Unread::Kind(kind)) => format!("it is {kind}"),
        Err(Unread::TooLarge) => "it is larger than 4 MiB".into(),
    };
    Err(ClientError::File { flag, file: file.to_owned(), cause })
}

fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, ClientError> {
    const FLAG: &str = "--ca-file";
    let fault = |cause: String| ClientError::File {
        flag: FLAG,
        file: file.to_owned(),
        cause,
    };
    let bytes = read(FLAG, file)?;
    let mut all = Vec::new();
    for item in parse_pem(&bytes) {
        if let PemItem::Certificate(one) =
            item.map_err(|error| fault(error.to_string()))?
        {
            all.push(one);
        }
    }
    match all.is_empty() {
        true => Err(fault("there is no certificate in PEM form".into())),
        false => Ok(all),
    }
}

fn trusted_here() -> Result<Vec<Certificate<'static>>, ClientError> {
    let found = rustls_native_certs::load_native_certs().certs;
    let found = found.iter().map(|one| Certificate::from_der(one).to_owned());
    let found: Vec<_> = found.collect();
    match found.is_empty() {
        true => Err(ClientError::NoCertificates),
        false => Ok(found),
    }
}

/// Returns the header of the user and password.
fn login(options: &ClientOptions) -> Result<Option<String>, ClientError> {
    let password = match &options.password_file {
        None => String::new(),
        Some(file) => {
            let bytes = read("--password-file", file)?;
            let text = String::from_utf8_lossy(&bytes);
            text.trim_end_matches(['\r', '\n']).to_owned()
        }
    };
    Ok(options.user.as_ref().map(|user| {
        let both = BASE64.encode(format!("{user}:{password}"));
        format!("Basic {both}")
    }))
}
