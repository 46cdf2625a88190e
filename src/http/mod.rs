//! The web server, in three rooms.
//!
//! * `server` holds connections. It reads requests, shares answers among
//!   clients, and bounds what clients can take. It knows no page: it asks a
//!   [`Site`].
//! * `web_config` reads a `web.config.file`, in the format that the exporters of
//!   Prometheus share, and makes of it the [`Security`] of the server.
//! * [`pages`] answers requests. It knows no connection: a page gets a
//!   [`Request`] and returns its content.
//!
//! A request goes through them in one direction: a connection reads it, its
//! sender is checked, [`Routes`] finds the page, the page makes its content once
//! for all clients that ask for the same, and the connection sends it.

pub mod pages;
mod server;
mod web_config;

pub use pages::{Page, Routes};
pub use server::{
    CertificateExpiry, Edition, Error, GivenSocket, Handle, Limits, Owner,
    Request, Response, Security, Server, Site, Trial, try_address,
};
pub use web_config::{Fault, WebConfigError};
