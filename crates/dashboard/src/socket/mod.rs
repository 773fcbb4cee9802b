//! Terminals over Socket.IO (protocol 5 over Engine.IO 4), at `/socket.io/`.
//!
//! socketioxide speaks the protocol. What it leaves open is done around it: who may connect
//! ([`admission`]), how much a stranger may send and a stalled client may leave unread ([`wire`]),
//! and that nothing is handled out of order: handlers are plain functions, called one after the
//! other for each connection ([`client`]).

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use http_body_util::Limited;
use socketioxide::SocketIo;
use socketioxide::extract::{SocketRef, TryData};
use socketioxide::handler::ConnectHandler as _;
use socketioxide::service::SocketIoService;
use tower::Service;

use crate::app::App;

mod admission;
mod client;
mod events;
mod handshake;
mod input;
mod messages;
mod metered;
mod sockets;
mod start;
mod view;
mod wire;
mod wires;

use handshake::Handshakes;
use sockets::Sockets;

/// Largest message, in bytes: a paste goes in one.
const MESSAGE_LIMIT: usize = 16 << 20;
/// Most that somebody may send before he has said who he is, in bytes.
const STRANGER_LIMIT: usize = 64 << 10;
/// How often a client is asked whether it is still there: with [`PONG_PATIENCE`], what a lost
/// connection takes to be noticed.
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// How long it may take to answer.
const PONG_PATIENCE: Duration = Duration::from_secs(15);
/// How long somebody has to say who he is.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// Packets that wait for one client. Far above [`wire::MOST_EVENTS`]: one that finds no room, be it
/// a ping, ends the connection.
const PACKETS: usize = 1024;
/// How much is read from a connection at once, in bytes.
const READ_AT_ONCE: usize = 16 << 10;

/// socketioxide, with a limit on what is posted to it.
type Engine = SocketIoService<NotHere>;

/// Adds the route of Socket.IO.
pub(crate) fn attach(router: Router, app: &Arc<App>) -> Router {
    let (engine, io) = SocketIo::builder()
        .req_path("/socket.io")
        .ping_interval(PING_INTERVAL)
        .ping_timeout(PONG_PATIENCE)
        .connect_timeout(CONNECT_PATIENCE)
        .max_buffer_size(PACKETS)
        .max_payload(MESSAGE_LIMIT as u64)
        .ws_max_message_size(MESSAGE_LIMIT)
        .ws_max_frame_size(MESSAGE_LIMIT)
        .ws_read_buffer_size(READ_AT_ONCE)
        .build_with_inner_svc(NotHere);
    let sockets = Arc::new(Sockets::new(io.clone()));
    tokio::spawn(sockets::end_with_rights(
        Arc::downgrade(&sockets),
        app.events.listen(),
    ));
    let admit = {
        let (app, sockets) = (Arc::clone(app), sockets);
        async move |socket: SocketRef, TryData(auth): TryData<admission::Auth>| {
            admission::admit(&app, &sockets, &socket, auth.unwrap_or_default())
        }
    };
    // Everything is set up before the client hears that it is connected.
    io.ns("/", (async || ()).with(admit));
    let handshakes = Arc::new(Handshakes::new(Arc::clone(app), engine));
    let route = any(answer).with_state(handshakes);
    router.route("/socket.io/", route)
}

async fn answer(State(handshakes): State<Arc<Handshakes>>, request: Request) -> Response {
    match handshakes.answer(request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

/// What is not for Socket.IO: nothing, since only its path leads there.
#[derive(Clone, Copy, Debug)]
struct NotHere;

impl Service<axum::http::Request<Limited<Body>>> for NotHere {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: axum::http::Request<Limited<Body>>) -> Self::Future {
        ready(Ok(StatusCode::NOT_FOUND.into_response()))
    }
}
