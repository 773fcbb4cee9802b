//! Every HTTP request of Socket.IO: judged before the protocol sees it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper_util::rt::TokioIo;
use tower::Service as _;
use tungstenite::handshake::derive_accept_key;

use super::metered::Metered;
use super::wire::Wire;
use super::wires::Wires;
use super::{Engine, MESSAGE_LIMIT, STRANGER_LIMIT};
use crate::access::{Caller, Who};
use crate::app::App;
use crate::error::ApiError;

/// Seconds after which a stranger who found no place may come again.
const RETRY_AFTER: u64 = 10;

/// See the head of this file.
pub(super) struct Handshakes {
    app: Arc<App>,
    engine: Engine,
    wires: Wires,
}

impl Handshakes {
    pub(super) fn new(app: Arc<App>, engine: Engine) -> Self {
        Self {
            app,
            engine,
            wires: Wires::default(),
        }
    }

    /// # Errors
    /// 400 for what is no Socket.IO, 403 for another site's page or another's connection, 429 where
    /// too many strangers are there already.
    pub(super) async fn answer(&self, mut request: Request) -> Result<Response, ApiError> {
        let upgrade = hyper::upgrade::on(&mut request);
        let (mut parts, body) = request.into_parts();
        self.app.access.check_upgrade(&parts)?;
        let asked = Asked::read(&parts)?;
        let caller = self.caller(&parts)?;
        let wire = match asked.id {
            Some(id) => self.wire(id, caller.as_ref())?,
            None => self.new_wire(&parts, caller.as_ref())?,
        };
        let (id, is_websocket) = (asked.id.map(str::to_owned), asked.is_websocket);
        parts.extensions.insert(Arc::clone(&wire));
        if !is_websocket {
            return self
                .poll(Request::from_parts(parts, body), id.as_deref(), &wire)
                .await;
        }
        let accepted = accepted(&parts)?;
        let mut engine = self.engine.clone();
        tokio::spawn(async move {
            // Fails if the client is gone already.
            if let Ok(upgraded) = upgrade.await {
                let connection = Metered::new(TokioIo::new(upgraded), wire);
                let request = axum::http::Request::from_parts(parts, ());
                drop(engine.call((connection, request)).await);
            }
        });
        Ok(accepted)
    }

    /// Who asks. A sign-in that has ended is nobody's: there may be a link in the connect packet.
    fn caller(&self, parts: &Parts) -> Result<Option<Caller>, ApiError> {
        match self.app.access.identify(&self.app, parts) {
            Err(error) if error.status == StatusCode::UNAUTHORIZED => Ok(None),
            identified => identified,
        }
    }

    /// Of a connection that is there. Whoever has opened it goes on with it, nobody else. Programs
    /// may send their token with its first request alone, as python-socketio does: then the
    /// identifier, 96 random bits, stands for it. Browsers send their cookie always.
    fn wire(&self, id: &str, caller: Option<&Caller>) -> Result<Arc<Wire>, ApiError> {
        let Some(wire) = self.wires.get(id) else {
            return Err(ApiError::bad_request("this Socket.IO connection has ended"));
        };
        let may = match (&wire.opener, caller) {
            (None, _) | (Some(Who::Token { .. }), None) => true,
            (Some(_), None) => false,
            (Some(opener), Some(caller)) => caller.who == *opener,
        };
        match may {
            true => Ok(wire),
            false => {
                let message = "this connection is somebody else's";
                Err(ApiError::new(StatusCode::FORBIDDEN, message))
            }
        }
    }

    fn new_wire(&self, parts: &Parts, caller: Option<&Caller>) -> Result<Arc<Wire>, ApiError> {
        if let Some(caller) = caller {
            let wire = Wire::new(Some(caller.who.clone()), caller.address, None);
            return Ok(Arc::new(wire));
        }
        let address = self.app.access.visitor(parts)?.address;
        match self.wires.stranger(address) {
            Some(stranger) => Ok(Arc::new(Wire::new(None, address, Some(stranger)))),
            None => Err(too_many_strangers()),
        }
    }

    /// A request of a client that polls.
    async fn poll(
        &self,
        request: Request,
        id: Option<&str>,
        wire: &Arc<Wire>,
    ) -> Result<Response, ApiError> {
        let is_get = request.method() == Method::GET;
        let limit = if wire.is_admitted() {
            MESSAGE_LIMIT
        } else {
            STRANGER_LIMIT
        };
        if announced(request.headers()) > limit as u64 {
            let message = "this is more than a Socket.IO packet may hold";
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        let request = request.map(|body| Limited::new(body, limit));
        let Ok(response) = self.engine.clone().call(request).await;
        let (parts, body) = response.into_parts();
        // It is there as a whole: Engine.IO collects what is to be sent first.
        let body = body
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        match id {
            None => {
                if let Some(id) = opened(&body) {
                    self.wires.add(&id, wire);
                }
            }
            Some(_) if is_get && parts.status == StatusCode::OK => wire.drained(),
            Some(_) => {}
        }
        Ok(Response::from_parts(parts, Body::from(body)))
    }
}

/// What the query says.
struct Asked<'parts> {
    /// Engine.IO's identifier of the connection; `None` for a new one.
    id: Option<&'parts str>,
    is_websocket: bool,
}

impl<'parts> Asked<'parts> {
    fn read(parts: &'parts Parts) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(found, _)| *found == name)
                .map(|(_, value)| value)
        };
        let is_websocket = match (value("EIO"), value("transport")) {
            (Some("4"), Some("websocket")) => true,
            (Some("4"), Some("polling")) => false,
            _ => {
                return Err(ApiError::bad_request(
                    "this is no Engine.IO 4 over websocket or polling",
                )
                .hinted("Use a Socket.IO client of version 3 or 4."));
            }
        };
        Ok(Self {
            id: value("sid"),
            is_websocket,
        })
    }
}

/// The answer to a WebSocket handshake (RFC 6455, section 4.2.2).
fn accepted(parts: &Parts) -> Result<Response, ApiError> {
    let has = |name, wanted: &str| {
        let value = parts
            .headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok());
        value.is_some_and(|value| {
            value
                .split(',')
                .any(|one| one.trim().eq_ignore_ascii_case(wanted))
        })
    };
    let key = parts.headers.get(header::SEC_WEBSOCKET_KEY);
    let is_handshake = parts.method == Method::GET
        && has(header::UPGRADE, "websocket")
        && has(header::CONNECTION, "upgrade")
        && has(header::SEC_WEBSOCKET_VERSION, "13");
    let Some(key) = key.filter(|_| is_handshake) else {
        return Err(ApiError::bad_request("this is no WebSocket handshake"));
    };
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes()));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = accept {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    Ok(response)
}

fn announced(headers: &HeaderMap) -> u64 {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    length.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Engine.IO's identifier in its first packet, `0{"sid": …}`.
fn opened(body: &Bytes) -> Option<String> {
    let packet: serde_json::Value = serde_json::from_slice(body.strip_prefix(b"0")?).ok()?;
    Some(packet.get("sid")?.as_str()?.to_owned())
}

fn too_many_strangers() -> ApiError {
    let message = "too many connections have not said yet who they are";
    let mut error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, message)
        .coded("too_many_tries")
        .hinted("Sign in first, or send a token in the header X-Auth-Token.");
    error.retry_after = Some(RETRY_AFTER);
    error
}
