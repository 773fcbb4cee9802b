//! From a request to its answer: the API, the sockets, the page, and what every answer has.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::FutureExt as _;
use model::printable;
use tower::ServiceExt as _;
use utoipa::openapi::OpenApi;

use crate::api;
use crate::app::App;
use crate::error::{ApiError, Told};
use crate::listener::{Handler, Incoming, Tls};
use crate::page::Page;

/// Who is told of failures, a line each.
pub(crate) type Report = Arc<dyn Fn(&str) + Send + Sync>;

/// Longest path that a line repeats, in characters.
const PATH_LIMIT: usize = 200;

/// How long browsers remember to come encrypted only, in seconds: half a year.
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=15552000");

/// What every answer has. The page asks for nothing that the empty permissions name.
const EVERY_ANSWER: [(HeaderName, HeaderValue); 7] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), serial=(), usb=()",
        ),
    ),
    (
        // The document has its own.
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
    ),
];

/// All routes.
pub(crate) struct Routes {
    app: Arc<App>,
    router: Router,
    page: Arc<Page>,
    strict_transport: bool,
    report: Report,
}

impl Routes {
    pub(crate) fn new(app: Arc<App>, page: Page, tls: Option<&Tls>, report: Report) -> Self {
        Self {
            router: router(&app),
            page: Arc::new(page),
            // One that was made here may be given up for plain HTTP again.
            strict_transport: tls.is_some_and(|tls| !tls.is_self_signed()),
            app,
            report,
        }
    }

    async fn answered(&self, request: Incoming) -> Response {
        if let Err(refusal) = check_length(&request) {
            return refusal.into_response();
        }
        let (parts, body) = request.into_parts();
        if let Some(response) = self.page(&parts) {
            return response;
        }
        let request = Incoming::from_parts(parts, body);
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    fn page(&self, parts: &Parts) -> Option<Response> {
        let visitor = self.app.access.visitor(parts).ok();
        let web_socket = visitor
            .map(|visitor| visitor.origin().replacen("http", "ws", 1))
            .filter(|origin| is_plain(origin));
        self.page.answer(
            &parts.method,
            &parts.uri,
            &parts.headers,
            web_socket.as_deref(),
        )
    }

    /// Never the query, which may hold what somebody searched for, nor any header.
    fn tell(&self, method: &Method, path: &str, response: &Response) {
        if response.status().is_server_error() {
            let path: String = path.chars().take(PATH_LIMIT).collect();
            let reason = response.extensions().get::<Told>();
            let reason = reason.map_or("", |Told(reason)| reason);
            let line = format!("{method} {path}: {} {reason}", response.status().as_u16());
            (self.report)(&printable(line.trim_end()));
        }
    }
}

impl Handler for Routes {
    fn answer(
        self: Arc<Self>,
        request: Incoming,
    ) -> Pin<Box<dyn Future<Output = Response> + Send>> {
        Box::pin(async move {
            let (method, path) = (request.method().clone(), request.uri().clone());
            let mut response = unbroken(self.answered(request)).await;
            self.tell(&method, path.path(), &response);
            let headers = response.headers_mut();
            for (name, value) in EVERY_ANSWER {
                headers.entry(name).or_insert(value);
            }
            if self.strict_transport {
                headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
            }
            headers
                .entry(header::CACHE_CONTROL)
                .or_insert(HeaderValue::from_static("no-store"));
            response
        })
    }
}

/// A fault while one request is answered is an answer to it, and nobody else notices.
async fn unbroken(answering: impl Future<Output = Response>) -> Response {
    let answered = AssertUnwindSafe(answering).catch_unwind();
    answered.await.unwrap_or_else(|_| {
        ApiError::internal("this was broken off by a fault in the program").into_response()
    })
}

fn router(app: &Arc<App>) -> Router {
    let (api, document) = api::router().split_for_parts();
    let document = Arc::new(Document {
        source: document,
        text: OnceLock::new(),
    });
    let router = api
        .route("/api/openapi.json", get(async move || document.answer()))
        .route("/healthz", get(async || "ok"))
        .fallback(async || ApiError::not_found("there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            ApiError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this address does not take that method",
            )
        })
        .with_state(Arc::clone(app));
    crate::socket::attach(router, app)
}

/// The API's description, put into words when it is first asked for.
struct Document {
    source: OpenApi,
    text: OnceLock<Bytes>,
}

impl Document {
    fn answer(&self) -> Response {
        let text = self.text.get_or_init(|| {
            let text = self.source.to_json();
            text.map_or_else(|_| Bytes::from_static(b"{}"), Bytes::from)
        });
        let json = HeaderValue::from_static("application/json");
        ([(header::CONTENT_TYPE, json)], text.clone()).into_response()
    }
}

/// No route takes a larger body. Sockets that use requests instead of a WebSocket have a limit of
/// their own.
fn check_length(request: &Incoming) -> Result<(), ApiError> {
    match request.uri().path().starts_with("/socket.io") {
        true => Ok(()),
        false => api::body::check_length(request.headers()),
    }
}

/// Whether it can stand in a header and mean nothing else there.
fn is_plain(origin: &str) -> bool {
    origin
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b".:/-[]_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_fault_is_an_answer() {
        let response = unbroken(async { panic!("FAKE-secret") }).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let text = std::str::from_utf8(&body).unwrap();
        assert!(
            text.starts_with("{\"error\":") && !text.contains("FAKE"),
            "{text}"
        );
    }

    #[test]
    fn only_an_origin_that_means_nothing_else_stands_in_a_header() {
        assert!(is_plain("ws://localhost:5111") && is_plain("wss://[::1]:5111"));
        for origin in [
            "ws://a; script-src *",
            "ws://a b",
            "ws://a,b",
            "ws://a'b",
            "ws://a\r\nx",
        ] {
            assert!(!is_plain(origin), "{origin}");
        }
    }
}
