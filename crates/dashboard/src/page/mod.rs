//! The embedded page.
//!
//! Everything but the first document has an address with a fingerprint of the whole page in it, so
//! browsers keep it for ever and modules name each other by relative paths.

mod encoding;
mod files;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use data_encoding::BASE64;

use encoding::Encoding;
use files::{Asset, Files};

pub(crate) use files::PageSource;

/// Addresses of the page's screens, which are all the same document.
const SCREENS: [&str; 9] = [
    "/",
    "/watch",
    "/accounts",
    "/terminal",
    "/directories",
    "/import",
    "/aliases",
    "/audit",
    "/settings",
];

/// Files that browsers look for at the root.
const AT_THE_ROOT: [&str; 3] = ["favicon.ico", "favicon.svg", "manifest.webmanifest"];

/// What the document has where the addresses of its parts begin.
const ASSETS: &str = "{{assets}}";
/// And where the nonce of this answer goes.
const NONCE: &str = "{{nonce}}";

/// A year, in seconds: what a cache keeps longest (RFC 9111, 5.3, by custom).
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");
const ASKED_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// The page, as it is served.
pub(crate) struct Page {
    files: Files,
}

impl Page {
    pub(crate) fn new(source: PageSource) -> Self {
        Self {
            files: Files::new(source),
        }
    }

    /// The answer, if `uri` is an address of the page. `web_socket` is the origin of this server's
    /// WebSockets, which not every browser takes to be the page's own.
    pub(crate) fn answer(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        web_socket: Option<&str>,
    ) -> Option<Response> {
        let path = uri.path();
        if !SCREENS.contains(&path) && !path.starts_with("/assets/") && at_the_root(path).is_none()
        {
            return None;
        }
        let mut response = match path {
            _ if method != Method::GET && method != Method::HEAD => (
                [(header::ALLOW, "GET,HEAD")],
                StatusCode::METHOD_NOT_ALLOWED,
            )
                .into_response(),
            _ if SCREENS.contains(&path) => self.document(web_socket),
            _ => self.asset(path, headers),
        };
        if method == Method::HEAD {
            *response.body_mut() = Body::empty();
        }
        Some(response)
    }

    fn document(&self, web_socket: Option<&str>) -> Response {
        let Some(document) = self.files.find("index.html") else {
            return not_found();
        };
        let mut random = [0; 18];
        if getrandom::fill(&mut random).is_err() {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let nonce = BASE64.encode(&random);
        let assets = format!("/assets/{}", self.files.fingerprint());
        let text = String::from_utf8_lossy(&document.raw())
            .replace(ASSETS, &assets)
            .replace(NONCE, &nonce);
        let mut response = with_length(Bytes::from(text));
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(document.content_type),
        );
        headers.insert(header::CACHE_CONTROL, NOT_KEPT);
        if let Ok(policy) = policy(&nonce, web_socket).parse() {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response
    }

    fn asset(&self, path: &str, headers: &HeaderMap) -> Response {
        let (name, cache) = match at_the_root(path) {
            Some(name) => (name, ASKED_AGAIN),
            None => match path["/assets/".len()..].split_once('/') {
                Some((print, name)) if print == self.files.fingerprint() => (
                    name,
                    if self.files.are_fixed() {
                        FOR_EVER
                    } else {
                        NOT_KEPT
                    },
                ),
                // Of another version: the page has to be loaded anew.
                _ => return not_found(),
            },
        };
        match self.files.find(name) {
            Some(asset) => serve(&asset, headers, cache),
            None => not_found(),
        }
    }
}

fn at_the_root(path: &str) -> Option<&str> {
    let name = path.strip_prefix('/')?;
    AT_THE_ROOT.contains(&name).then_some(name)
}

fn serve(asset: &Asset, headers: &HeaderMap, cache: HeaderValue) -> Response {
    let encoding = Encoding::accepted(headers.get_all(header::ACCEPT_ENCODING).iter());
    let (bytes, encoding) = match (encoding, &asset.brotli, &asset.gzip) {
        (Encoding::Brotli, Some(bytes), _) => (bytes.clone(), encoding),
        (Encoding::Brotli | Encoding::Gzip, _, Some(bytes)) => (bytes.clone(), Encoding::Gzip),
        _ => (asset.raw(), Encoding::Identity),
    };
    let tag = format!("\"{}{}\"", asset.digest, encoding.suffix());
    let is_known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|known| names(known, &tag));
    let mut response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => with_length(bytes),
    };
    let fields = response.headers_mut();
    fields.insert(header::CACHE_CONTROL, cache);
    fields.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Ok(tag) = tag.parse() {
        fields.insert(header::ETAG, tag);
    }
    if !is_known {
        fields.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(asset.content_type),
        );
        if let Some(name) = encoding.name() {
            fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
    }
    response
}

/// Whether a list of tags, as `If-None-Match` has it, names `tag`; weakly or not is the same here
/// (RFC 9110, 13.1.2).
fn names(list: &str, tag: &str) -> bool {
    list.split(',')
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == tag || known == "*")
}

/// With the length said in a header too, which answers to HEAD keep.
fn with_length(bytes: Bytes) -> Response {
    let length = HeaderValue::from(bytes.len());
    let mut response = Response::new(Body::from(bytes));
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, length);
    response
}

/// No text: browsers ask for files that are not there without anybody looking.
fn not_found() -> Response {
    ([(header::CACHE_CONTROL, NOT_KEPT)], StatusCode::NOT_FOUND).into_response()
}

/// What the document may load, run and be framed by.
fn policy(nonce: &str, web_socket: Option<&str>) -> String {
    let connect = web_socket
        .map(|origin| format!(" {origin}"))
        .unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; \
         img-src 'self' data: blob:; font-src 'self'; connect-src 'self'{connect}; \
         manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests;
