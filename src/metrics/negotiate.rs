//! The formats that the scraper can read: the `Accept` and `Accept-Encoding`
//! headers.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::encode::Format;

/// Chooses the format from an `Accept` header.
///
/// Clients that ask for OpenMetrics by name, at no lower weight than for text,
/// get it; all others get text, also those that accept neither, as Prometheus
/// clients expect.
#[must_use]
pub fn format(accept: Option<&str>) -> Format {
    let accept = accept.unwrap_or_default();
    let mut open_metrics = None;
    let mut text = None;
    let mut any = None;
    for range in accept.split(',') {
        let Some((name, weight, version)) = media_range(range) else {
            continue;
        };
        let slot = match (name.as_str(), version) {
            ("application/openmetrics-text", None | Some("1.0.0")) => {
                &mut open_metrics
            }
            ("text/plain", None | Some("0.0.4")) => &mut text,
            ("text/*" | "*/*", _) => &mut any,
            _ => continue,
        };
        *slot = Some(slot.unwrap_or(0).max(weight));
    }
    let text = text.or(any).unwrap_or(0);
    match open_metrics {
        Some(weight) if weight > 0 && weight >= text => Format::OpenMetrics,
        _ => Format::Text,
    }
}

/// Returns whether an `Accept-Encoding` header takes gzip.
#[must_use]
pub fn accepts_gzip(accept_encoding: Option<&str>) -> bool {
    let mut gzip = None;
    let mut any = None;
    for coding in accept_encoding.unwrap_or_default().split(',') {
        let Some((name, weight, _)) = media_range(coding) else { continue };
        match name.as_str() {
            "gzip" | "x-gzip" => gzip = Some(weight),
            "*" => any = Some(weight),
            _ => {}
        }
    }
    gzip.or(any).unwrap_or(0) > 0
}

/// Splits `name;version=1;q=0.5` into the lower-case name, the weight in
/// thousandths and the version. An unreadable weight is none.
fn media_range(range: &str) -> Option<(String, u16, Option<&str>)> {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let mut weight = 1000;
    let mut version = None;
    for parameter in parts {
        let Some((key, value)) = parameter.split_once('=') else { continue };
        let (key, value) = (key.trim_end(), value.trim_start());
        if key.eq_ignore_ascii_case("q") {
            weight = thousandths(value)?;
        } else if key.eq_ignore_ascii_case("version") {
            version = Some(value.trim_matches('"'));
        }
    }
    Some((name.to_ascii_lowercase(), weight, version))
}

/// Reads a weight from `0` to `1` with up to three decimals.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = decimals.len();
    if digits > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let decimals: u16 = format!("{decimals:0<3}").parse().ok()?;
    match (whole, decimals) {
        ("0", decimals) => Some(decimals),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_for_everybody_who_does_not_ask_for_more() {
        for accept in [
            None,
            Some(""),
            Some("*/*"),
            Some("text/html,application/xhtml+xml,*/*;q=0.8"),
            Some("text/plain"),
            Some("application/json"),
            Some("application/openmetrics-text;version=0.0.1"),
            Some("application/openmetrics-text;q=0"),
            Some("application/openmetrics-text;q=0.2,text/plain;q=0.5"),
            Some("application/openmetrics-text;q=high"),
            Some("application/openmetrics-text;q=2"),
            Some(",;;=,q=1;q"),
        ] {
            assert_eq!(format(accept), Format::Text, "{accept:?}");
        }
    }

    #[test]
    fn open_metrics_is_for_those_who_ask_for_it() {
        for accept in [
            "application/openmetrics-text",
            "Application/OpenMetrics-Text; Version=1.0.0; Charset=utf-8",
            "application/openmetrics-text;version=\"1.0.0\"",
            "text/plain;q=0.5, application/openmetrics-text; q=0.75",
            "application/openmetrics-text;q=0.001",
            // Prometheus 2.5x and 3.x
            "application/openmetrics-text;version=1.0.0,\
             application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;\
             escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        ] {
            assert_eq!(format(Some(accept)), Format::OpenMetrics, "{accept}");
        }
    }

    #[test]
    fn a_page_is_compressed_for_those_who_take_it() {
        for header in ["gzip", "deflate, GZIP;q=0.1", "x-gzip", "*", "br,*"] {
            assert!(accepts_gzip(Some(header)), "{header}");
        }
        for header in
            ["", "identity", "gzip;q=0", "gzip; q=0.000, *", "*;q=0", "br"]
        {
            assert!(!accepts_gzip(Some(header)), "{header}");
        }
        assert!(!accepts_gzip(None));
    }
}
