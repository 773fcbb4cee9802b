//! Changes, told as they happen, so that pages never poll.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Interval, MissedTickBehavior, interval_at};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::refusals::Refusals;
use crate::access::Reader;
use crate::app::App;
use crate::events::{Change, Closing};

/// How often something is written, for connections that nobody would keep otherwise, and how often
/// it is looked whether the caller may still listen.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(events))
}

/// Changes, as server-sent events
///
/// `hello` at once, with the server's version; `accounts` and `sessions`: ask again; `signed_out`:
/// the caller's right to listen has ended, and the stream with it.
#[utoipa::path(
    get, path = "/api/events", tag = "events",
    responses(
        (status = 200, description = "A stream without end.", body = String, content_type = "text/event-stream"),
        Refusals,
    ),
)]
async fn events(_caller: Reader, State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let told = Told::new(app, parts);
    let events = stream::unfold(told, async |mut told| {
        let event = told.next().await?;
        Some((Ok::<_, Infallible>(event), told))
    });
    // Proxies that collect an answer before they pass it on would keep all of it.
    let unbuffered = (
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    ([unbuffered], Sse::new(events)).into_response()
}

/// One stream. Holds a bounded number of events: what a slow reader missed is told as "ask again".
struct Told {
    app: Arc<App>,
    /// The request, by which the caller is known.
    parts: Parts,
    changes: Receiver<Change>,
    closing: Closing,
    keep_alive: Interval,
    waiting: VecDeque<Event>,
    is_over: bool,
}

impl Told {
    fn new(app: Arc<App>, parts: Parts) -> Self {
        let mut keep_alive = interval_at(tokio::time::Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let version = serde_json::json!({"version": env!("CARGO_PKG_VERSION")});
        let hello = Event::default().event("hello").data(version.to_string());
        Self {
            changes: app.events.listen(),
            closing: app.events.closing(),
            app,
            parts,
            keep_alive,
            waiting: VecDeque::from([hello]),
            is_over: false,
        }
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if self.is_over {
                return None;
            }
            tokio::select! {
                () = self.closing.wait() => return None,
                _ = self.keep_alive.tick() => {
                    self.check_caller();
                    self.waiting.push_back(Event::default().comment(""));
                }
                change = self.changes.recv() => self.collect(change),
            }
        }
    }

    /// The change, and whatever else has come since: each kind once.
    fn collect(&mut self, first: Result<Change, RecvError>) {
        let mut kinds = Kinds::default();
        let mut next = first;
        loop {
            match next {
                Ok(change) => kinds.note(&change),
                Err(RecvError::Lagged(_)) => kinds = Kinds::ALL,
                Err(RecvError::Closed) => {
                    self.is_over = true;
                    break;
                }
            }
            next = match self.changes.try_recv() {
                Ok(change) => Ok(change),
                Err(TryRecvError::Lagged(count)) => Err(RecvError::Lagged(count)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            };
        }
        if kinds.ended {
            self.check_caller();
        }
        for (is_told, name) in [(kinds.accounts, "accounts"), (kinds.sessions, "sessions")] {
            if is_told && !self.is_over {
                self.waiting
                    .push_back(Event::default().event(name).data("{}"));
            }
        }
    }

    fn check_caller(&mut self) {
        let caller = self.app.access.identify(&self.app, &self.parts);
        if !matches!(caller, Ok(Some(_))) {
            let event = Event::default().event("signed_out").data("{}");
            self.waiting.push_back(event);
            self.is_over = true;
        }
    }
}

/// Kinds of changes.
#[derive(Default)]
struct Kinds {
    accounts: bool,
    sessions: bool,
    ended: bool,
}

impl Kinds {
    const ALL: Self = Self {
        accounts: true,
        sessions: true,
        ended: true,
    };

    fn note(&mut self, change: &Change) {
        match change {
            Change::Accounts => self.accounts = true,
            Change::Sessions => self.sessions = true,
            Change::Ended(_) => self.ended = true,
        }
    }
}
