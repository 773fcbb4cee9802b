//! A token endpoint with strictly single-use refresh tokens, which misbehaves on demand.

use crate::http::{Answer, Request, Response, Server};
use crate::token_book::{IssuedLogin, TokenBook};
pub use crate::token_exchange::{CLIENT_ID, EXPIRES_IN_SECONDS};
use crate::token_exchange::{exchange, exchange_without_rotation};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

/// Bytes of [`Mode::HugeBody`].
pub const HUGE_BODY_BYTES: u64 = 1 << 30;
const PATIENCE: Duration = Duration::from_secs(30);

/// How the endpoint treats requests from now on.
/// A token is spent under `Normal`, `DropAfterConsuming`, `SlowlyAnswer` and `WithExpiresIn`, and under no other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Mode {
    /// As the real endpoint does.
    #[default]
    Normal,
    /// This status and body.
    Status(u16, String),
    /// Says nothing until the server is dropped or the mode is changed, then closes.
    Hang,
    /// Closes without a word.
    DropConnection,
    /// Spends the token, then closes without a word: the answer is lost.
    DropAfterConsuming,
    /// As `Normal`, after this long.
    SlowlyAnswer(Duration),
    /// Leaves `refresh_token` out of the answer; the one sent stays good.
    WithoutRefreshToken,
    /// 200 with a page that is not JSON, as a captive portal does.
    Garbage,
    /// 200 with [`HUGE_BODY_BYTES`] of JSON that never ends.
    HugeBody,
    /// As `Normal`, with this `expires_in` (seconds).
    WithExpiresIn(u64),
}

/// A request as it came, and what became of it.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    /// The refresh token sent; empty when there was none.
    pub refresh_token: String,
    /// When it had been read.
    pub at: SystemTime,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as sent.
    pub body: Vec<u8>,
    /// The status, once the answer was decided on; stays `None` for a connection that is dropped or hangs.
    pub answered_status: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Gate {
    #[default]
    Open,
    BeforeSpending,
    AfterSpending,
}

#[derive(Default)]
struct State {
    book: TokenBook,
    requests: Vec<RecordedRequest>,
    /// Places in `requests`, in the order dealt with.
    answers: Vec<usize>,
    mode: Mode,
    failures: VecDeque<u16>,
    gate: Gate,
    /// So many of the first requests are lost if they are held before their tokens are spent.
    lost: usize,
    closing: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The running server.
pub struct TokenServer {
    shared: Arc<Shared>,
    server: Server,
}

impl TokenServer {
    /// Listens on a free port of 127.0.0.1.
    #[must_use]
    pub fn start() -> TokenServer {
        let shared = Arc::new(Shared::default());
        let handling = Arc::clone(&shared);
        let server = Server::start(move |request| handling.handle(request));
        TokenServer { shared, server }
    }

    /// `http://127.0.0.1:PORT/v1/oauth/token`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/v1/oauth/token", self.server.url())
    }

    /// Begins a new chain of tokens, as a sign-in does.
    #[must_use]
    pub fn issue(&self, subject: &str) -> IssuedLogin {
        self.shared.lock().book.issue(subject, EXPIRES_IN_SECONDS)
    }

    /// Whether spending a used token ends its whole chain. Off at first.
    pub fn revoke_on_reuse(&self, revoke: bool) {
        self.shared.lock().book.set_revoke_on_reuse(revoke);
    }

    /// Ends every chain of `subject`: its refresh tokens get `invalid_grant` and its access tokens are not valid any more.
    pub fn revoke(&self, subject: &str) {
        self.shared.lock().book.revoke_subject(subject);
    }

    /// Makes one access token invalid; its chain lives on.
    pub fn expire_access(&self, access_token: &str) {
        self.shared.lock().book.expire_access(access_token);
    }

    /// Answers the next `count` requests with `status` and spends nothing.
    pub fn fail_next(&self, count: usize, status: u16) {
        self.shared
            .lock()
            .failures
            .extend(std::iter::repeat_n(status, count));
    }

    /// Changes how requests are treated, including those that hang now.
    pub fn set_mode(&self, mode: Mode) {
        self.shared.change(|state| state.mode = mode);
    }

    /// Holds every request from now on before its token is spent, until [`TokenServer::release`].
    /// One whose sender has died is carried out at the release all the same, as on a real server.
    pub fn hold(&self) {
        self.shared
            .change(|state| state.gate = Gate::BeforeSpending);
    }

    /// The same after its token is spent and before the answer is sent.
    pub fn hold_answers(&self) {
        self.shared.change(|state| state.gate = Gate::AfterSpending);
    }

    /// Loses the first `count` requests, counted from the start, if they are held before their tokens are spent: as if they
    /// had never reached the server.
    pub fn lose_held(&self, count: usize) {
        self.shared.change(|state| state.lost = count);
    }

    /// Lets held requests go on.
    pub fn release(&self) {
        self.shared.change(|state| state.gate = Gate::Open);
    }

    /// Waits until `count` requests have come in since the start, answered or not.
    ///
    /// # Panics
    /// When they have not within 30 seconds.
    #[track_caller]
    pub fn wait_for_requests(&self, count: usize) {
        self.shared
            .wait("requests", count, |state| state.requests.len());
    }

    /// Waits until `count` requests have been dealt with since the start: answered, or dropped on purpose.
    /// With [`TokenServer::hold_answers`] this is when the token has been spent and nobody has been told.
    ///
    /// # Panics
    /// When they have not within 30 seconds.
    #[track_caller]
    pub fn wait_for_answers(&self, count: usize) {
        self.shared
            .wait("answers", count, |state| state.answers.len());
    }

    /// Calls `note` for every request that has been dealt with, in that order, until the server is dropped.
    pub fn for_each_answer(&self, mut note: impl FnMut(&RecordedRequest)) {
        for number in 0.. {
            let waiting = |state: &mut State| state.answers.len() <= number && !state.closing;
            let state = self
                .shared
                .changed
                .wait_while(self.shared.lock(), waiting)
                .expect("no panic");
            let Some(index) = state.answers.get(number) else {
                return;
            };
            let request = state.requests[*index].clone();
            drop(state);
            note(&request);
        }
    }

    /// Every request since the start.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.lock().requests.clone()
    }

    /// How many there were.
    #[must_use]
    pub fn request_count(&self) -> usize {
        self.shared.lock().requests.len()
    }

    /// The newest access and refresh token handed out for `subject`.
    ///
    /// # Panics
    /// When nothing was issued for it.
    #[must_use]
    pub fn current(&self, subject: &str) -> (String, String) {
        self.shared
            .lock()
            .book
            .current(subject)
            .unwrap_or_else(|| panic!("nothing was issued for {subject}"))
    }

    /// Whether anything was issued for `subject`.
    #[must_use]
    pub fn has_issued(&self, subject: &str) -> bool {
        self.shared.lock().book.current(subject).is_some()
    }

    /// Whether `token` would buy a new access token now.
    #[must_use]
    pub fn is_current_refresh(&self, token: &str) -> bool {
        self.shared.lock().book.is_current_refresh(token)
    }

    /// Whether `token` is an access token of a living chain; older ones of the chain stay valid.
    #[must_use]
    pub fn is_valid_access(&self, token: &str) -> bool {
        self.shared.lock().book.is_valid_access(token)
    }

    /// [`TokenServer::is_valid_access`] for [`ApiServer::accept_only`](crate::ApiServer::accept_only).
    #[must_use]
    pub fn access_check(&self) -> Arc<dyn Fn(&str) -> bool + Send + Sync> {
        let shared = Arc::clone(&self.shared);
        Arc::new(move |token| shared.lock().book.is_valid_access(token))
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        // Before the server is dropped, which joins the threads that wait here.
        self.shared.change(|state| state.closing = true);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no handler has panicked")
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    #[track_caller]
    fn wait(&self, what: &str, count: usize, reached: impl Fn(&State) -> usize) {
        let waiting = |state: &mut State| reached(state) < count;
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), PATIENCE, waiting)
            .expect("no panic");
        let reached = reached(&state);
        drop(state);
        assert!(
            reached >= count,
            "waited {PATIENCE:?} for {count} {what} and saw {reached}"
        );
    }

    fn handle(&self, request: &Request) -> Answer {
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/v1/oauth/token") => self.token(request),
            ("POST", "/v1/oauth/revoke") => self.revoke(request),
            _ => Answer::Response(Response::json(404, &json!({"error": "not_found"}))),
        }
    }

    fn revoke(&self, request: &Request) -> Answer {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        self.lock()
            .book
            .revoke_token(body["token"].as_str().unwrap_or_default());
        Answer::Response(Response::json(200, &json!({})))
    }

    fn token(&self, request: &Request) -> Answer {
        let index = self.record(request);
        let is_lost = self.pass(Gate::BeforeSpending, index).lost > index;
        let answer = if is_lost {
            Answer::Nothing
        } else {
            self.decide(request)
        };
        self.change(|state| {
            state.answers.push(index);
            state.requests[index].answered_status = match &answer {
                Answer::Response(response) => Some(response.status),
                Answer::Endless(_) => Some(200),
                Answer::Nothing => None,
            };
        });
        drop(self.pass(Gate::AfterSpending, index));
        answer
    }

    fn record(&self, request: &Request) -> usize {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let mut state = self.lock();
        state.requests.push(RecordedRequest {
            refresh_token: body["refresh_token"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            at: SystemTime::now(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            answered_status: None,
        });
        let index = state.requests.len() - 1;
        drop(state);
        self.changed.notify_all();
        index
    }

    fn pass(&self, gate: Gate, index: usize) -> MutexGuard<'_, State> {
        let held = |state: &mut State| state.gate == gate && state.lost <= index && !state.closing;
        self.changed
            .wait_while(self.lock(), held)
            .expect("no panic")
    }

    fn decide(&self, request: &Request) -> Answer {
        let mut state = self.lock();
        if let Some(status) = state.failures.pop_front() {
            return Answer::Response(Response::json(
                status,
                &json!({"error": "scripted_failure"}),
            ));
        }
        match state.mode.clone() {
            Mode::Normal => {
                Answer::Response(exchange(&mut state.book, request, EXPIRES_IN_SECONDS))
            }
            Mode::WithExpiresIn(seconds) => {
                Answer::Response(exchange(&mut state.book, request, seconds))
            }
            Mode::Status(status, body) => {
                Answer::Response(Response::text(status, "application/json", body))
            }
            Mode::Garbage => Answer::Response(Response::text(
                200,
                "text/html",
                "<html>sign in to the hotel</html>",
            )),
            Mode::HugeBody => Answer::Endless(HUGE_BODY_BYTES),
            Mode::DropConnection => Answer::Nothing,
            Mode::DropAfterConsuming => {
                drop(exchange(&mut state.book, request, EXPIRES_IN_SECONDS));
                Answer::Nothing
            }
            Mode::WithoutRefreshToken => {
                Answer::Response(exchange_without_rotation(&mut state.book, request))
            }
            Mode::SlowlyAnswer(pause) => {
                let waited = self
                    .changed
                    .wait_timeout_while(state, pause, |state| !state.closing);
                let (mut state, _) = waited.expect("no panic");
                Answer::Response(exchange(&mut state.book, request, EXPIRES_IN_SECONDS))
            }
            Mode::Hang => {
                drop(
                    self.changed
                        .wait_while(state, |state| state.mode == Mode::Hang && !state.closing),
                );
                Answer::Nothing
            }
        }
    }
}
