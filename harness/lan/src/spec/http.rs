//! What the HTTP server answers, as plain data, faults of its own included.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::text_form;
use crate::tls::Identity;

/// The HTTP server of a lan.
///
/// ```
/// use bootwright_lan::routes::{Answer, Http, Resource};
///
/// let http = Http::default()
///     .route("/old.efi", Answer::Redirect { status: 302, location: "http://10.77.0.1/new.efi".into() })
///     .route("/new.efi", Answer::Resource(Resource::new(vec![0; 512]).chunked()));
/// assert_eq!(http.routes.len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Http {
    /// Ports for plain HTTP; none: no server.
    pub ports: Vec<u16>,
    /// HTTPS, if there is any.
    pub tls: Option<Https>,
    /// The first route that fits the request answers; a file of the lan at `/name` is offered behind them.
    pub routes: Vec<Route>,
}

impl Default for Http {
    fn default() -> Self {
        Self { ports: vec![80], tls: None, routes: Vec::new() }
    }
}

impl Http {
    /// Adds a route.
    #[must_use]
    pub fn route(mut self, path: impl Into<String>, answer: Answer) -> Self {
        self.routes.push(Route { path: path.into(), query: None, host: None, answer });
        self
    }

    /// The last route is for requests with this query alone.
    #[must_use]
    pub fn with_query(mut self, query: impl Into<String>) -> Self {
        if let Some(route) = self.routes.last_mut() {
            route.query = Some(query.into());
        }
        self
    }

    /// The last route is for requests to this host alone.
    #[must_use]
    pub fn at_host(mut self, host: impl Into<String>) -> Self {
        if let Some(route) = self.routes.last_mut() {
            route.host = Some(host.into());
        }
        self
    }

    /// Serves HTTPS on port 443 as well.
    #[must_use]
    pub fn tls(mut self, identity: Identity) -> Self {
        self.tls = Some(Https { ports: vec![443], identity });
        self
    }
}

/// HTTPS on the same routes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Https {
    /// Ports.
    pub ports: Vec<u16>,
    /// The server's certificate and key.
    pub identity: Identity,
}

/// One path and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Route {
    /// Path as in the request line, without the query; compared byte for byte.
    pub path: String,
    /// What stands behind the question mark; `None`: anything or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Host header, with its port where that is not the protocol's own (RFC 9110 section 7.2); `None`: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Answer.
    pub answer: Answer,
}

impl Route {
    /// Whether it is for a request for this.
    pub(crate) fn fits(&self, path: &str, query: Option<&str>, host: Option<&str>) -> bool {
        self.path == path
            && self.query.as_deref().is_none_or(|wanted| query == Some(wanted))
            && self.host.as_deref().is_none_or(|wanted| host.is_some_and(|host| host.eq_ignore_ascii_case(wanted)))
    }
}

/// What a request for a path gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Answer {
    /// Bytes.
    Resource(Resource),
    /// Another place.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// Absolute or relative URL.
        location: String,
    },
    /// A status with a short text.
    Status(u16),
    /// Nothing: the connection stays open and silent.
    Silence,
    /// The connection is reset.
    Reset,
}

/// Bytes and the way in which they are sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Resource {
    /// The bytes.
    #[serde(with = "text_form::bytes")]
    #[schemars(with = "text_form::Bytes")]
    pub bytes: Arc<[u8]>,
    /// Content-Type.
    pub content_type: String,
    /// How the length is told.
    pub length: Length,
    /// What HEAD gets.
    pub head: Head,
    /// Range requests are honoured.
    pub ranges: bool,
    /// What goes wrong in the body.
    pub fault: Option<BodyFault>,
}

impl Resource {
    /// Bytes with their length, HEAD and ranges.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self {
            bytes: bytes.into(),
            content_type: "application/octet-stream".to_owned(),
            length: Length::Exact,
            head: Head::Same,
            ranges: true,
            fault: None,
        }
    }

    /// Sent in chunks, without a length.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.length = Length::Chunked;
        self
    }

    /// With that way to tell the length.
    #[must_use]
    pub fn length(mut self, length: Length) -> Self {
        self.length = length;
        self
    }

    /// With that answer to HEAD.
    #[must_use]
    pub fn head(mut self, head: Head) -> Self {
        self.head = head;
        self
    }

    /// With that content type; edk2 knows an EFI program by `application/efi`, or by `.efi` at the end of the URL.
    #[must_use]
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = content_type.into();
        self
    }

    /// With that fault in the body.
    #[must_use]
    pub fn fault(mut self, fault: BodyFault) -> Self {
        self.fault = Some(fault);
        self
    }
}

impl Default for Resource {
    fn default() -> Self {
        Self::new([])
    }
}

/// How a body's length is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Length {
    /// Content-Length, and it is right.
    Exact,
    /// Transfer-Encoding: chunked.
    Chunked,
    /// Not at all: HTTP/1.0, and the end of the connection is the end of the body.
    UntilClose,
    /// Content-Length with this value. Where it is too large the connection ends early, where it is too small the body.
    Claimed(u64),
}

/// What HEAD gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// The header of GET.
    Same,
    /// This status.
    Status(u16),
    /// The header of GET with this Content-Length.
    Claimed(u64),
    /// Nothing: the connection stays open and silent.
    Silence,
}

/// What goes wrong in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BodyFault {
    /// After so many bytes nothing more comes; the connection stays open.
    StallAfter(u64),
    /// After so many bytes the connection is reset.
    ResetAfter(u64),
    /// After so many bytes the connection is closed in order.
    CloseAfter(u64),
}

impl fmt::Display for BodyFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, bytes) = match self {
            Self::StallAfter(bytes) => ("body stalled", bytes),
            Self::ResetAfter(bytes) => ("connection reset", bytes),
            Self::CloseAfter(bytes) => ("connection closed", bytes),
        };
        write!(out, "{what} after {bytes} bytes of the body")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_for_its_query_and_its_host_alone() {
        let http = Http::default().route("/a", Answer::Status(200)).with_query("b=1").at_host("boot.test:8080");
        let route = &http.routes[0];
        assert!(route.fits("/a", Some("b=1"), Some("BOOT.test:8080")));
        for (path, query, host) in [
            ("/b", Some("b=1"), Some("boot.test:8080")),
            ("/a", Some("b=2"), Some("boot.test:8080")),
            ("/a", None, Some("boot.test:8080")),
            ("/a", Some("b=1"), Some("boot.test")),
            ("/a", Some("b=1"), None),
        ] {
            assert!(!route.fits(path, query, host), "{path} {query:?} {host:?}");
        }
        assert!(Http::default().route("/a", Answer::Reset).routes[0].fits("/a", Some("b"), None));
    }
}
