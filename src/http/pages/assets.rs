//! The files of the page at `/`, compressed when the exporter was built.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use rouille::Request;

use super::content::Content;
use super::routes::Page;
use crate::config::Config;
use crate::http::server::Edition;
use crate::metrics::published::Published;

/// A file: its name, its type and its compressed content.
type Asset = (&'static str, &'static str, &'static [u8]);

macro_rules! asset {
    ($name:literal, $content_type:literal) => {
        (
            $name,
            $content_type,
            include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz")),
        )
    };
}

const ALL: [Asset; 16] = [
    asset!("page.css", "text/css; charset=utf-8"),
    asset!("world.svg", "image/svg+xml"),
    asset!("icon.svg", "image/svg+xml"),
    asset!("page.js", "text/javascript; charset=utf-8"),
    asset!("choice.js", "text/javascript; charset=utf-8"),
    asset!("controls.js", "text/javascript; charset=utf-8"),
    asset!("detail.js", "text/javascript; charset=utf-8"),
    asset!("exporter.js", "text/javascript; charset=utf-8"),
    asset!("format.js", "text/javascript; charset=utf-8"),
    asset!("lines.js", "text/javascript; charset=utf-8"),
    asset!("map.js", "text/javascript; charset=utf-8"),
    asset!("past.js", "text/javascript; charset=utf-8"),
    asset!("quota.js", "text/javascript; charset=utf-8"),
    asset!("source.js", "text/javascript; charset=utf-8"),
    asset!("table.js", "text/javascript; charset=utf-8"),
    asset!("values.js", "text/javascript; charset=utf-8"),
];

/// The paths below `/web/`.
#[derive(Debug)]
pub struct Assets {
    /// The configuration, which can turn the page off.
    pub config: Published<Config>,
}

impl Assets {
    fn find(path: &str) -> Option<(usize, &'static Asset)> {
        let name = path.strip_prefix("/web/")?;
        ALL.iter().enumerate().find(|(_, asset)| asset.0 == name)
    }
}

impl Page for Assets {
    fn serves(&self, path: &str) -> bool {
        self.config.get().web && Self::find(path).is_some()
    }

    fn is_compressed(&self) -> bool {
        true
    }

    fn shared(&self, request: &Request) -> Option<Edition> {
        let (number, _) = Self::find(&request.url())?;
        let form = u64::try_from(number).ok()?;
        Some(Edition { form, version: 0 })
    }

    fn content(&self, request: &Request) -> Content<'_> {
        match Self::find(&request.url()) {
            Some((_, (_, content_type, packed))) => {
                Content::packed(content_type, packed)
                    .with_header("Cache-Control", "no-cache")
            }
            None => Content::text(404, "404: there is no such file\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("web/page.html");

    /// The compressed size of everything that a browser loads.
    #[test]
    fn the_page_is_small() {
        let size: usize = ALL.iter().map(|(_, _, packed)| packed.len()).sum();
        // The page itself is not compressed here.
        let size = size + PAGE.len();
        assert!(size <= 110_000, "{size} bytes");
    }

    /// Modules import each other: without a list a browser would find the last
    /// ones late.
    #[test]
    fn the_page_names_all_its_modules() {
        for (name, content_type, _) in ALL {
            let is_module = content_type.starts_with("text/javascript");
            if is_module && name != "page.js" {
                let link =
                    format!("<link rel=\"modulepreload\" href=\"web/{name}\">");
                assert!(PAGE.contains(&link), "{link}");
            }
        }
    }

    #[test]
    fn the_page_asks_for_nothing_but_its_own_files() {
        let addresses = ["href=\"", "src=\""].into_iter().flat_map(|start| {
            let parts = PAGE.split(start).skip(1);
            parts.map(|part| part.split('"').next().unwrap_or_default())
        });
        for address in addresses {
            let is_own = Assets::find(&format!("/{address}")).is_some();
            assert!(is_own, "{address}");
        }
        assert!(!PAGE.contains("style=") && !PAGE.contains("<style"));
    }
}
