//! The page at `/`: the version, links to the other pages, and the state of the
//! interfaces. With the setting `web`, also the live map, which is all in the
//! files of `assets`.
//!
//! Nothing is loaded from elsewhere.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::content::Content;
use super::health::{HEALTHY_MEANS, READY_MEANS};
use super::routes::Page;
use rouille::Request;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::api;
use crate::collectors::interfaces::{self, Once};
use crate::config::Config;
use crate::http::server::Edition;
use crate::metrics::published::Published;
use crate::release::Build;

/// The page without the map. Browsers use the page itself and the style in it,
/// and load nothing.
const PLAIN: Template = Template {
    text: include_str!("index.html"),
    content_security_policy: "default-src 'none'; style-src 'unsafe-inline'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

/// The page with the map.
const MAP: Template = Template {
    text: include_str!("web/page.html"),
    content_security_policy: "default-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
};

/// A page with places for what this exporter has to say.
struct Template {
    text: &'static str,
    content_security_policy: &'static str,
}

/// The first page of the interface for programs.
const SUMMARY: &str = <api::Summary as api::Answer>::PATH;

/// Its description.
const PROGRAMS: &str = "Counters as JSON, for programs: docs/api.md";

/// A line in the list of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The page's path.
    pub path: &'static str,
    /// A description of the page.
    pub text: &'static str,
}

/// `/`: links to the other pages, and the state of the interfaces.
#[derive(Debug)]
pub struct Index {
    /// The version of the exporter.
    pub build: Build,
    /// The configuration, with the path of the metrics.
    pub config: Published<Config>,
    /// The states of the interfaces.
    pub interfaces: Published<interfaces::Snapshot>,
    /// The interfaces at which the whole machine is counted.
    pub counted_once: Published<interfaces::OnceSnapshot>,
    /// Further pages.
    pub links: Vec<Link>,
}

impl Page for Index {
    fn serves(&self, path: &str) -> bool {
        path == "/"
    }

    fn shared(&self, _: &Request) -> Option<Edition> {
        let version = self.config.version()
            + self.interfaces.version()
            + self.counted_once.version();
        Some(Edition { form: 0, version })
    }

    fn content(&self, _: &Request) -> Content<'_> {
        let Build { version, revision } = self.build;
        let version = format!("Version {version}, revision {revision}");
        let Template { text, content_security_policy } =
            if self.config.get().web { MAP } else { PLAIN };
        let page = text
            .replace("{{version}}", &escape(&version))
            .replace("{{links}}", &self.link_list())
            .replace("{{interfaces}}", &self.interface_table());
        Content::html(page)
            .with_header("Content-Security-Policy", content_security_policy)
            .with_no_cache()
    }
}

impl Index {
    fn link_list(&self) -> String {
        let config = self.config.get();
        let health = [("/-/healthy", HEALTHY_MEANS), ("/-/ready", READY_MEANS)];
        [(config.metrics_path.as_str(), "Metrics, for Prometheus")]
            .into_iter()
            .chain(config.web.then_some((SUMMARY, PROGRAMS)))
            .chain(self.links.iter().map(|link| (link.path, link.text)))
            .chain(health)
            .map(|(path, text)| {
                let (path, text) = (escape(path), escape(text));
                format!("<li><a href=\"{path}\">{path}</a> {text}</li>\n")
            })
            .collect()
    }

    fn interface_table(&self) -> String {
        let interfaces = self.interfaces.get();
        let once = self.counted_once.get();
        let names: BTreeSet<_> = interfaces.keys().chain(once.keys()).collect();
        if names.is_empty() {
            return "<p>None yet.</p>".into();
        }
        // Without a slice that counts the whole machine there is no such column.
        let heading = match once.is_empty() {
            true => "",
            false => "<th>Counted for the whole machine</th>",
        };
        let row = |name: &Arc<str>| {
            let state = interfaces.get(name).map(|state| state.label());
            let state = state.unwrap_or("not in interfaces");
            let label = once.get(name).map(Once::label).unwrap_or_default();
            let label = match once.is_empty() {
                true => String::new(),
                false => format!("<td>{}</td>", escape(&label)),
            };
            let name = escape(name);
            format!("<tr><td>{name}</td><td>{state}</td>{label}</tr>\n")
        };
        let rows: String = names.into_iter().map(row).collect();
        format!(
            "<table>\n<tr><th>Interface</th><th>State</th>{heading}</tr>\n\
             {rows}</table>"
        )
    }
}

/// Escapes text for HTML, inside and outside of quoted attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
