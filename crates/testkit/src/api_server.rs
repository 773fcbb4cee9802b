//! A stand-in for the Messages API: says "pong" to everything, well enough for the real client without a terminal; first it
//! has the client use its tools, if it is told which.

mod message;

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
    uses: Mutex<Vec<ToolUse>>,
}

/// What a client is to do with one of its tools.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolUse {
    /// `Read`, `Edit`, `Bash`, …
    pub tool: String,
    /// As the tool's schema has it.
    pub input: Value,
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

    /// From now on every conversation in which tools are offered uses these, one after the other, before it is answered with
    /// [`REPLY`].
    pub fn have_used(&self, uses: Vec<ToolUse>) {
        *self.shared.uses.lock().unwrap() = uses;
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
        let response = self
            .refusal(&recorded)
            .unwrap_or_else(|| self.answer(&recorded));
        recorded.status = response.status;
        self.lock().push(recorded);
        self.arrived.notify_all();
        response
    }

    fn answer(&self, request: &ApiRequest) -> Response {
        match (request.method.as_str(), path_of(&request.path)) {
            ("POST", "/v1/messages") => message::answer(&request.body, &self.uses.lock().unwrap()),
            ("POST", "/v1/messages/count_tokens") => {
                Response::json(200, &json!({"input_tokens": 1}))
            }
            ("GET" | "HEAD", "/") => Response::json(200, &json!({})),
            _ => {
                let error = json!({"type": "not_found_error", "message": "Not found"});
                Response::json(404, &json!({"type": "error", "error": error}))
            }
        }
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
