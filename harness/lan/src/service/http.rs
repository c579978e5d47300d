//! HTTP/1.1 (RFC 9110, RFC 9112) on hyper, over a guest's TCP connection or over TLS on it.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{
    ACCEPT_RANGES, ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HOST, HeaderValue, LOCATION, RANGE,
    USER_AGENT,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use tokio_rustls::TlsAcceptor;

use crate::event::LanEventKind;
use crate::routes::{Answer, BodyFault, Head, Length, Resource, Route};
use crate::spec::LanSpec;
use crate::tcp::{HyperIo, Stream, Task};

/// Bytes given to hyper at a time.
const CHUNK: usize = 16384;
/// Longest path, host or user agent in an event.
const MAX_TEXT: usize = 512;

/// Events of a connection, with the guest's address.
pub(crate) type Sink = Rc<RefCell<Vec<(SocketAddr, LanEventKind)>>>;

/// Everything that a connection needs to know.
#[derive(Clone)]
pub(crate) struct Server {
    pub spec: Arc<LanSpec>,
    pub sink: Sink,
    pub tls: Option<TlsAcceptor>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Server").field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

impl Server {
    /// The task of a new connection.
    pub(crate) fn accept(&self, port: u16, peer: SocketAddr, stream: Stream) -> Task {
        let secure = self.spec.http.tls.as_ref().is_some_and(|tls| tls.ports.contains(&port));
        let connection = Connection { server: self.clone(), peer, stream: stream.clone(), secure };
        match self.tls.clone().filter(|_| secure) {
            Some(tls) => Box::pin(async move {
                match tls.accept(stream).await {
                    Ok(stream) => connection.serve(stream).await,
                    Err(error) => connection.say(LanEventKind::TlsRefused { reason: error.to_string() }),
                }
            }),
            None => Box::pin(async move { connection.serve(stream).await }),
        }
    }
}

#[derive(Clone)]
struct Connection {
    server: Server,
    peer: SocketAddr,
    stream: Stream,
    secure: bool,
}

impl Connection {
    fn say(&self, kind: LanEventKind) {
        self.server.sink.borrow_mut().push((self.peer, kind));
    }

    async fn serve<S>(self, stream: S)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
    {
        let connection = self.clone();
        let service = service_fn(move |request| {
            let connection = connection.clone();
            async move { Ok::<_, Infallible>(connection.answer(&request).await) }
        });
        let served = http1::Builder::new()
            .header_read_timeout(None)
            .auto_date_header(false)
            .title_case_headers(true)
            .max_buf_size(65536)
            .serve_connection(HyperIo(stream), service)
            .await;
        if let Err(error) = served {
            self.say(LanEventKind::HttpBroken { reason: error.to_string() });
        }
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Sending> {
        let path = request.uri().path();
        let offered = |path: &str| self.server.spec.offered(path).filter(|_| path.starts_with('/'));
        // shim asks for //grubx64.efi beside its own file; web servers take that for one slash
        let resource = offered(path).or_else(|| offered(&with_single_slashes(path)));
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let fits = |route: &&Route| route.fits(path, request.uri().query(), host);
        let route = self.server.spec.http.routes.iter().find(fits);
        let answer = match (route, resource) {
            (Some(route), _) => route.answer.clone(),
            (None, Some(bytes)) => Answer::Resource(Resource::new(Arc::clone(bytes))),
            (None, None) => Answer::Status(404),
        };
        let response = match (&answer, request.method()) {
            (Answer::Silence, _) => None,
            (Answer::Resource(resource), &Method::HEAD) if resource.head == Head::Silence => None,
            (Answer::Reset, _) => {
                self.stream.reset();
                None
            }
            (Answer::Resource(resource), &Method::GET | &Method::HEAD) => Some(self.resource(request, resource)),
            (Answer::Resource(_), _) => Some(status(405)),
            (Answer::Redirect { status: code, location }, _) => {
                let mut response = status(*code);
                if let Ok(location) = HeaderValue::from_str(location) {
                    response.headers_mut().insert(LOCATION, location);
                }
                Some(response)
            }
            (Answer::Status(code), _) => Some(status(*code)),
        };
        self.say(self.request_event(request, response.as_ref().map(|response| response.status().as_u16())));
        match response {
            Some(response) => response,
            None => std::future::pending().await,
        }
    }

    fn request_event(&self, request: &Request<Incoming>, status: Option<u16>) -> LanEventKind {
        let header = |name| {
            let value = request.headers().get(name)?;
            Some(cut(&String::from_utf8_lossy(value.as_bytes())))
        };
        LanEventKind::HttpRequest {
            method: cut(request.method().as_str()),
            path: cut(request.uri().path()),
            host: header(HOST),
            user_agent: header(USER_AGENT),
            range: header(RANGE),
            status,
            secure: self.secure,
        }
    }

    fn resource(&self, request: &Request<Incoming>, resource: &Resource) -> Response<Sending> {
        let total = resource.bytes.len() as u64;
        let range = request.headers().get(RANGE).filter(|_| resource.ranges).and_then(|value| value.to_str().ok());
        let (start, end, code) = match range.map_or(Part::Whole, |range| Part::of(range, total)) {
            Part::Whole => (0, total, StatusCode::OK),
            Part::Within { start, end } => (start, end, StatusCode::PARTIAL_CONTENT),
            Part::Unsatisfiable => {
                let mut response = status(416);
                set(&mut response, CONTENT_RANGE, &format!("bytes */{total}"));
                return response;
            }
        };
        let mut response = Response::new(Sending::Text(None));
        *response.status_mut() = code;
        set(&mut response, CONTENT_TYPE, &resource.content_type);
        if resource.ranges {
            set(&mut response, ACCEPT_RANGES, "bytes");
        }
        if code == StatusCode::PARTIAL_CONTENT {
            set(&mut response, CONTENT_RANGE, &format!("bytes {start}-{}/{total}", end - 1));
        }
        let head = request.method() == Method::HEAD;
        match (head, resource.head) {
            (true, Head::Status(code)) => return status(code),
            (true, Head::Claimed(bytes)) => set(&mut response, CONTENT_LENGTH, &bytes.to_string()),
            _ => match resource.length {
                Length::Exact => set(&mut response, CONTENT_LENGTH, &(end - start).to_string()),
                Length::Claimed(bytes) => set(&mut response, CONTENT_LENGTH, &bytes.to_string()),
                Length::Chunked => {}
                Length::UntilClose => {
                    *response.version_mut() = Version::HTTP_10;
                    set(&mut response, CONNECTION, "close");
                }
            },
        }
        if !head {
            *response.body_mut() = Sending::File(Box::new(FileBody {
                connection: self.clone(),
                path: cut(request.uri().path()),
                bytes: Arc::clone(&resource.bytes),
                start,
                at: start,
                end,
                fault: resource.fault,
                falls_short: matches!(resource.length, Length::Claimed(bytes) if bytes > end - start),
                over: false,
            }));
        }
        response
    }
}

/// A path in which slashes that follow each other are one.
fn with_single_slashes(path: &str) -> String {
    let mut single = String::with_capacity(path.len());
    for letter in path.chars() {
        if letter != '/' || !single.ends_with('/') {
            single.push(letter);
        }
    }
    single
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

fn set(response: &mut Response<Sending>, name: hyper::header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn status(code: u16) -> Response<Sending> {
    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let text = format!("{code}\n");
    let mut response = Response::new(Sending::Text(Some(Bytes::from(text))));
    *response.status_mut() = code;
    set(&mut response, CONTENT_TYPE, "text/plain");
    if code == StatusCode::METHOD_NOT_ALLOWED {
        set(&mut response, ALLOW, "GET, HEAD");
    }
    response
}

/// Which part of a file a request wants (RFC 9110 section 14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// All of it: there is no range, or one that is to be ignored.
    Whole,
    /// From the first byte to the one before `end`.
    Within { start: u64, end: u64 },
    /// One that the file does not have.
    Unsatisfiable,
}

impl Part {
    /// Reads a Range header of one range.
    fn of(text: &str, total: u64) -> Self {
        match range(text, total) {
            Some((start, end)) if start < end => Self::Within { start, end },
            Some(_) => Self::Unsatisfiable,
            None => Self::Whole,
        }
    }
}

fn range(text: &str, total: u64) -> Option<(u64, u64)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    Some(match (first.trim(), last.trim()) {
        ("", suffix) => (total.saturating_sub(suffix.parse().ok()?), total),
        (first, "") => (first.parse().ok()?, total),
        (first, last) => (first.parse().ok()?, last.parse::<u64>().ok()?.saturating_add(1).min(total)),
    })
}

/// A response's body.
enum Sending {
    Text(Option<Bytes>),
    File(Box<FileBody>),
}

struct FileBody {
    connection: Connection,
    path: String,
    bytes: Arc<[u8]>,
    start: u64,
    at: u64,
    end: u64,
    fault: Option<BodyFault>,
    /// The length that was told is larger than what there is.
    falls_short: bool,
    over: bool,
}

impl Body for Sending {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        match &mut *self {
            Self::Text(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::File(file) => file.next(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Text(text) => SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64)),
            // The length is told by the header, or on purpose not at all.
            Self::File(_) => SizeHint::default(),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Text(None))
    }
}

impl FileBody {
    fn next(&mut self) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let limit = match self.fault {
            Some(BodyFault::StallAfter(bytes) | BodyFault::ResetAfter(bytes) | BodyFault::CloseAfter(bytes)) => {
                self.end.min(self.start.saturating_add(bytes))
            }
            None => self.end,
        };
        if self.at < limit {
            let from = self.at as usize;
            let to = (limit as usize).min(from + CHUNK);
            self.at = to as u64;
            let frame = Frame::data(Bytes::copy_from_slice(&self.bytes[from..to]));
            // Where the length is told, hyper does not ask again after the last byte.
            if self.at == self.end {
                self.finish();
            }
            return Poll::Ready(Some(Ok(frame)));
        }
        if self.at < self.end {
            return self.fail();
        }
        self.finish();
        if self.falls_short {
            // hyper would throw away what it holds if the body ended before its length: the connection ends instead.
            let stream = self.connection.stream.clone();
            self.connection.stream.when_handed(move || stream.close());
            return Poll::Pending;
        }
        Poll::Ready(None)
    }

    fn finish(&mut self) {
        if !self.over {
            self.over = true;
            let (stream, bytes) = (self.connection.stream.clone(), self.end - self.start);
            let (connection, path) = (self.connection.clone(), self.path.clone());
            stream.when_handed(move || connection.say(LanEventKind::HttpSent { path, bytes }));
            let (connection, path) = (self.connection.clone(), self.path.clone());
            stream.when_sent(move || connection.say(LanEventKind::HttpComplete { path, bytes }));
        }
    }

    fn fail(&mut self) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if !self.over {
            self.over = true;
            let sent = self.at - self.start;
            if let Some(fault) = self.fault {
                self.connection.say(LanEventKind::HttpBodyFault { path: self.path.clone(), fault, sent });
            }
            let stream = self.connection.stream.clone();
            match self.fault {
                Some(BodyFault::CloseAfter(_)) => self.connection.stream.when_handed(move || stream.close()),
                Some(BodyFault::ResetAfter(_)) => self.connection.stream.when_sent(move || stream.reset()),
                _ => {}
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("bytes=0-99", Part::Within { start: 0, end: 100 })]
    #[case("bytes=900-", Part::Within { start: 900, end: 1000 })]
    #[case("bytes=-1", Part::Within { start: 999, end: 1000 })]
    #[case("bytes=0-5000", Part::Within { start: 0, end: 1000 })]
    #[case("bytes=1000-", Part::Unsatisfiable)]
    #[case("bytes=9-3", Part::Unsatisfiable)]
    #[case("bytes=0-18446744073709551615", Part::Within { start: 0, end: 1000 })]
    #[case("lines=0-1", Part::Whole)]
    #[case("bytes=a-b", Part::Whole)]
    fn a_range_is_within_the_file_refused_or_ignored(#[case] text: &str, #[case] expected: Part) {
        assert_eq!(Part::of(text, 1000), expected);
    }
}
