//! A server on loopback, and pages that behave badly.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use geoip_exporter::accounting::PollStatistics;
use geoip_exporter::config::{Config, ListenAddress};
use geoip_exporter::http::pages::{
    Content, Healthy, Index, Metrics, Page, Ready,
};
use geoip_exporter::http::{
    self, Edition, Handle, Limits, Routes, Security, Server,
};
use geoip_exporter::metrics::published::Publisher;
use geoip_exporter::release::Build;
use rouille::Request;

use crate::client::{Client, PATIENCE};
use crate::exposition::registry;

const BUILD: Build = Build { version: "1.2.3", revision: "0123abc" };

/// Bytes of the page `/large`.
pub(super) const LARGE: usize = 4 * 1024 * 1024;

/// Pages no exporter has.
struct Bad {
    /// Says that `/gate` is being answered.
    entered: Sender<()>,
    /// Lets one of them go.
    opened: Receiver<()>,
    made: Arc<AtomicUsize>,
}

impl Page for Bad {
    fn serves(&self, path: &str) -> bool {
        ["/gate", "/json", "/large", "/panic", "/sized"].contains(&path)
    }

    /// There is one `/large` for all, and `/large?own` for each.
    fn shared(&self, request: &Request) -> Option<Edition> {
        let is_shared =
            request.url() == "/large" && request.raw_query_string() != "own";
        is_shared.then_some(Edition { form: 0, version: 0 })
    }

    fn content(&self, request: &Request) -> Content<'_> {
        self.made.fetch_add(1, Ordering::Relaxed);
        match &*request.url() {
            "/panic" => panic!("on purpose"),
            "/json" => Content::written("application/json", |output| {
                output.write_all("{\"name\": \"Åland\"}".as_bytes())
            }),
            "/large" => Content::written("text/plain", |output| {
                output.write_all(&vec![b'x'; LARGE])
            }),
            "/sized" => {
                let bytes = request.raw_query_string().parse().unwrap();
                Content::written("text/plain", move |output| {
                    output.write_all(&vec![b'x'; bytes])
                })
            }
            _ => {
                // A test that has ended does not wait.
                let _ = self.entered.send(());
                let _ = self.opened.recv_timeout(PATIENCE);
                Content::text(200, "gate\n")
            }
        }
    }
}

/// A server that stops when it is dropped.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) addresses: Vec<ListenAddress>,
    /// How many of the bad pages were made.
    pub(super) made: Arc<AtomicUsize>,
    pub(super) entered: Receiver<()>,
    pub(super) open: Sender<()>,
    pub(super) handle: Option<Handle>,
    thread: Option<JoinHandle<Result<(), http::Error>>>,
}

impl Running {
    pub(super) fn start() -> Self {
        Self::with(Limits::default())
    }

    pub(super) fn with(limits: Limits) -> Self {
        Self::on(&[loopback()], limits)
    }

    pub(super) fn on(addresses: &[ListenAddress], limits: Limits) -> Self {
        Self::secured(addresses, limits, Security::default())
    }

    pub(super) fn secured(
        addresses: &[ListenAddress],
        limits: Limits,
        security: Security,
    ) -> Self {
        Self::over(Server::bind(addresses).unwrap().secure(security), limits)
    }

    pub(super) fn over(server: Server, limits: Limits) -> Self {
        let config = Publisher::new(Config::default()).reader();
        let interfaces = Publisher::new(BTreeMap::new()).reader();
        let counted_once = Publisher::new(BTreeMap::new()).reader();
        let polls = Publisher::new(PollStatistics::default()).reader();
        let (entered, entering) = bounded(1000);
        let (open, opened) = bounded(1000);
        let made = Arc::<AtomicUsize>::default();
        let bad = Bad { entered, opened, made: Arc::clone(&made) };
        let routes = Routes::new(config.clone())
            .with(Metrics { config: config.clone(), registry: registry() })
            .with(Healthy)
            .with(Ready { polls })
            .with(bad)
            .with(Index {
                build: BUILD,
                config,
                interfaces,
                counted_once,
                links: vec![],
            });
        let server = server.limits(limits);
        let addresses = server.addresses().to_vec();
        let tcp = addresses.iter().find_map(|address| match address {
            ListenAddress::Tcp(address) => Some(*address),
            ListenAddress::Unix(_) => None,
        });
        let handle = Some(server.handle());
        let thread = thread::spawn(move || server.run(routes));
        Self {
            address: tcp.unwrap_or_else(|| ([127, 0, 0, 1], 0).into()),
            addresses,
            made,
            entered: entering,
            open,
            handle,
            thread: Some(thread),
        }
    }

    pub(super) fn client(&self) -> Client<TcpStream> {
        Client::connect(self.address)
    }

    /// Sends a request on a connection of its own and returns all that came
    /// back: head and body.
    pub(super) fn ask(&self, request: &str) -> (String, Vec<u8>) {
        let mut client = self.client();
        client.send(&format!(
            "{request}\r\nHost: test\r\nConnection: close\r\n\r\n"
        ));
        let answer = client.answer().unwrap();
        assert!(client.is_closed(), "{}", answer.0);
        answer
    }

    pub(super) fn stop(&mut self) -> Result<(), http::Error> {
        drop(self.handle.take());
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.thread.is_some() {
            let result = self.stop();
            assert!(thread::panicking() || result.is_ok(), "{result:?}");
        }
    }
}

pub(super) fn loopback() -> ListenAddress {
    ListenAddress::Tcp(([127, 0, 0, 1], 0).into())
}
