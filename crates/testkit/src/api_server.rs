//! A stand-in for the Messages API: says "pong" to everything, well enough for the real client without a terminal.

use crate::http::{Answer, Request, Response, Server};
use serde_json::{Value, json};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// What every message is answered with.
pub const REPLY: &str = "pong";

/// Says whether a bearer token is good.
pub type AccessCheck = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// A request as it came, and its answer's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRequest {
    /// `POST`, …
    pub method: String,
    /// Path with query, as sent.
    pub path: String,
    /// The whole `authorization` header.
    pub authorization: Option<String>,
    /// The `x-api-key` header.
    pub api_key: Option<String>,
    /// The `anthropic-beta` header.
    pub beta: Option<String>,
    /// The body as sent.
    pub body: Vec<u8>,
    /// The status answered.
    pub status: u16,
}

impl ApiRequest {
    /// The token of `Authorization: Bearer …`.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        self.authorization.as_deref()?.strip_prefix("Bearer ")
    }

    /// Whether it asked for a message (and not for a count of tokens).
    #[must_use]
    pub fn is_message(&self) -> bool {
        self.method == "POST" && path_of(&self.path) == "/v1/messages"
    }
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<ApiRequest>>,
    arrived: Condvar,
    check: Mutex<Option<AccessCheck>>,
}

/// The running server.
pub struct ApiServer {
    shared: Arc<Shared>,
    server: Server,
}

impl ApiServer {
    /// Listens on a free port of 127.0.0.1.
    #[must_use]
    pub fn start() -> ApiServer {
        let shared = Arc::new(Shared::default());
        let handling = Arc::clone(&shared);
        let server = Server::start(move |request| Answer::Response(handling.handle(request)));
        ApiServer { shared, server }
    }

    /// `http://127.0.0.1:PORT`: what `ANTHROPIC_BASE_URL` takes.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// From now on answers 401 to bearer tokens that `check` does not know. API keys are not checked.
    pub fn accept_only(&self, check: AccessCheck) {
        *self.shared.check.lock().unwrap() = Some(check);
    }

    /// Every request since the start, in the order answered.
    #[must_use]
    pub fn requests(&self) -> Vec<ApiRequest> {
        self.shared.lock().clone()
    }

    /// Those that asked for a message.
    #[must_use]
    pub fn message_requests(&self) -> Vec<ApiRequest> {
        self.requests()
            .into_iter()
            .filter(ApiRequest::is_message)
            .collect()
    }

    /// Waits until `count` messages have been asked for since the start.
    ///
    /// # Panics
    /// When they have not within `limit`.
    #[track_caller]
    pub fn wait_for_messages(&self, count: usize, limit: Duration) {
        let seen = |requests: &Vec<ApiRequest>| {
            requests
                .iter()
                .filter(|request| request.is_message())
                .count()
        };
        let waiting = |requests: &mut Vec<ApiRequest>| seen(requests) < count;
        let (requests, _) = self
            .shared
            .arrived
            .wait_timeout_while(self.shared.lock(), limit, waiting)
            .unwrap();
        let seen = seen(&requests);
        drop(requests);
        assert!(
            seen >= count,
            "waited {limit:?} for {count} messages and saw {seen}"
        );
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Vec<ApiRequest>> {
        self.requests.lock().unwrap()
    }

    fn handle(&self, request: &Request) -> Response {
        let header = |name: &str| request.header(name).map(str::to_owned);
        let mut recorded = ApiRequest {
            method: request.method.clone(),
            path: request.path.clone(),
            authorization: header("authorization"),
            api_key: header("x-api-key"),
            beta: header("anthropic-beta"),
            body: request.body.clone(),
            status: 0,
        };
        let response = self.refusal(&recorded).unwrap_or_else(|| answer(&recorded));
        recorded.status = response.status;
        self.lock().push(recorded);
        self.arrived.notify_all();
        response
    }

    fn refusal(&self, request: &ApiRequest) -> Option<Response> {
        let message = match (request.bearer(), &request.api_key) {
            _ if !request.path.starts_with("/v1/") => return None,
            (Some(token), _) => {
                let check = self.check.lock().unwrap().clone();
                if check.is_none_or(|check| check(token)) {
                    return None;
                }
                "Invalid bearer token"
            }
            (None, Some(_)) => return None,
            (None, None) => "x-api-key header is required",
        };
        let error = json!({"type": "authentication_error", "message": message});
        Some(Response::json(
            401,
            &json!({"type": "error", "error": error}),
        ))
    }
}

fn path_of(path: &str) -> &str {
    path.split('?').next().unwrap_or_default()
}

fn answer(request: &ApiRequest) -> Response {
    match (request.method.as_str(), path_of(&request.path)) {
        ("POST", "/v1/messages") => message(&request.body),
        ("POST", "/v1/messages/count_tokens") => Response::json(200, &json!({"input_tokens": 1})),
        ("GET" | "HEAD", "/") => Response::json(200, &json!({})),
        _ => {
            let error = json!({"type": "not_found_error", "message": "Not found"});
            Response::json(404, &json!({"type": "error", "error": error}))
        }
    }
}

fn message(body: &[u8]) -> Response {
    let Ok(asked) = serde_json::from_slice::<Value>(body) else {
        let error = json!({"type": "invalid_request_error", "message": "The request body is not valid JSON"});
        return Response::json(400, &json!({"type": "error", "error": error}));
    };
    let mut message = json!({
        "id": "msg_01StandIn",
        "type": "message",
        "role": "assistant",
        "model": asked["model"],
        "content": [{"type": "text", "text": REPLY}],
        "stop_reason": "end_turn",
        "stop_sequence": null,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    });
    if asked["stream"] != true {
        return Response::json(200, &message);
    }
    message["content"] = json!([]);
    message["stop_reason"] = Value::Null;
    Response::text(200, "text/event-stream", events(&message))
}

fn events(message: &Value) -> String {
    let delta = json!({"stop_reason": "end_turn", "stop_sequence": null});
    [
        json!({"type": "message_start", "message": message}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": REPLY}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 1}}),
        json!({"type": "message_stop"}),
    ]
    .iter()
    .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default()))
    .collect()
}
