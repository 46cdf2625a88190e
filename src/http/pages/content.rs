//! The content of a page, and how it becomes bytes.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::io::{self, Read as _, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use rouille::{Response, ResponseBody};

use crate::http::server::Response as Finished;

/// Bytes that go to the compressor at once: a call of it is expensive, and the
/// pieces of a page are short.
const COMPRESSED_AT_ONCE: usize = 32 * 1024;

/// Writes the body of a page.
type WriteBody<'a> = Box<dyn FnOnce(&mut Output) -> io::Result<()> + 'a>;

/// The answer of a page, whose body is not written yet.
pub struct Content<'a> {
    response: Response,
    body: Body<'a>,
}

enum Body<'a> {
    /// That of the response.
    Plain,
    Written(WriteBody<'a>),
    Packed(&'static [u8]),
}

impl<'a> Content<'a> {
    /// Returns plain text.
    #[must_use]
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        let response = Response::text(text).with_status_code(status);
        Self { response, body: Body::Plain }
    }

    /// Returns a page of HTML.
    #[must_use]
    pub fn html(text: impl Into<String>) -> Self {
        Self { response: Response::html(text), body: Body::Plain }
    }

    /// Returns a page whose body `write` writes, compressed or not.
    #[must_use]
    pub fn written(
        content_type: &'static str,
        write: impl FnOnce(&mut Output) -> io::Result<()> + 'a,
    ) -> Self {
        let response = Response::from_data(content_type, Vec::new());
        Self { response, body: Body::Written(Box::new(write)) }
    }

    /// Returns a file that was compressed with gzip when the exporter was built.
    #[must_use]
    pub fn packed(content_type: &'static str, packed: &'static [u8]) -> Self {
        let response = Response::from_data(content_type, Vec::new());
        Self { response, body: Body::Packed(packed) }
    }

    /// Adds a header, which replaces those of the same name.
    #[must_use]
    pub fn with_header(
        self,
        name: &'static str,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        let response = self.response.with_unique_header(name, value);
        Self { response, ..self }
    }

    /// Has browsers and proxies ask for the page each time.
    #[must_use]
    pub fn with_no_cache(self) -> Self {
        Self { response: self.response.with_no_cache(), ..self }
    }

    /// Writes the body, compressed with gzip if `gzip` says so and the body is
    /// written piece by piece.
    pub(super) fn finish(self, gzip: bool) -> Finished {
        let Self { mut response, body } = self;
        let is_written = !matches!(body, Body::Plain);
        let body = match body {
            Body::Written(write) => {
                let mut output = Output::new(gzip);
                write(&mut output).and_then(|()| output.finish())
            }
            Body::Packed(packed) if gzip => Ok(packed.to_vec()),
            Body::Packed(packed) => unpack(packed),
            Body::Plain => read(&mut response),
        };
        let (status, headers) = (response.status_code, response.headers);
        match body {
            Ok(body) => {
                let response = Finished { status, headers, body };
                match gzip && is_written {
                    true => response.with_header("Content-Encoding", "gzip"),
                    false => response,
                }
            }
            Err(error) => Finished::text(
                500,
                format!("500: cannot write the page: {error}\n"),
            ),
        }
    }
}

fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut body)?;
    Ok(body)
}

/// Takes the body of a short answer, of which only a reader is known.
fn read(response: &mut Response) -> io::Result<Vec<u8>> {
    let data = std::mem::replace(&mut response.data, ResponseBody::empty());
    let (mut reader, size) = data.into_reader_and_size();
    let mut body = Vec::with_capacity(size.unwrap_or_default());
    reader.read_to_end(&mut body)?;
    Ok(body)
}

/// Takes the bytes of a page. The buffer that they are written to, or that the
/// compressor fills, is the one that the server sends.
pub struct Output {
    buffer: Vec<u8>,
    compressor: Option<GzEncoder<Vec<u8>>>,
}

impl Output {
    fn new(gzip: bool) -> Self {
        let compressor =
            gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
        Self { buffer: Vec::new(), compressor }
    }

    fn compress(&mut self) -> io::Result<()> {
        if let Some(compressor) = &mut self.compressor {
            compressor.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<Vec<u8>> {
        self.compress()?;
        match self.compressor {
            None => Ok(self.buffer),
            Some(compressor) => compressor.finish(),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= COMPRESSED_AT_ONCE {
            self.compress()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    /// Writes more than the compressor takes at once, in short pieces.
    fn large(output: &mut Output) -> io::Result<()> {
        (0..20_000).try_for_each(|number| writeln!(output, "line {number}"))
    }

    #[test]
    fn a_written_page_is_the_same_compressed_or_not() {
        let finish = |gzip| Content::written("text/plain", large).finish(gzip);
        let (plain, packed) = (finish(false), finish(true));
        let mut unpacked = Vec::new();
        GzDecoder::new(&*packed.body).read_to_end(&mut unpacked).unwrap();
        assert!(packed.body.len() < plain.body.len() / 2);
        assert_eq!(unpacked, plain.body);
        assert_eq!(
            plain.headers,
            [("Content-Type".into(), "text/plain".into())]
        );
        assert!(
            packed
                .headers
                .contains(&("Content-Encoding".into(), "gzip".into()))
        );
    }

    #[test]
    fn the_bytes_that_a_page_writes_are_those_that_are_sent() {
        let mut place = std::ptr::null();
        let page = Content::written("text/plain", |output| {
            output.buffer.reserve(1 << 20);
            place = output.buffer.as_ptr();
            output.write_all(b"hello")
        });
        assert_eq!(page.finish(false).body.as_ptr(), place);
    }

    #[test]
    fn a_page_that_cannot_be_written_is_a_failure_of_the_server() {
        let page = Content::written("text/plain", |output| {
            output.write_all(b"half of it")?;
            Err(io::Error::other("a fault"))
        });
        let response = page.finish(true);
        assert_eq!(response.status, 500);
        assert_eq!(response.body, b"500: cannot write the page: a fault\n");
    }
}
