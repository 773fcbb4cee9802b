//! One connection, from its handshake to its end.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::response::Response;
use hyper::Request;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, UPGRADE};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::Connection;
use super::body::{Answer, Paced};
use super::places::{Phase, Place, Trust};
use super::pool::TakenPlace;
use super::stream::{Transport, Watched};
use super::tls::Tls;

/// Largest head of a request, in bytes.
const HEAD_LIMIT: usize = 64 * 1024;

/// First byte of an encrypted connection: the record of a handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;

/// For whoever speaks HTTP where TLS is spoken. It says nothing that depends on the request.
const NOT_ENCRYPTED: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Connection: close\r\nContent-Length: 58\r\n\r\nThis port speaks HTTPS: put https:// before the address.\r\n";

/// What an answer is called that goes on and on (HTML standard, 9.2).
const EVENTS: &str = "text/event-stream";

/// A request as it reaches the routes.
pub(crate) type Incoming = Request<axum::body::Body>;

/// Answers requests.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Never fails: a failure is an answer.
    fn answer(self: Arc<Self>, request: Incoming)
    -> Pin<Box<dyn Future<Output = Response> + Send>>;
}

/// Serves one connection until it ends, is closed, or `stopping` says so.
pub(super) async fn serve(
    stream: TcpStream,
    connection: Connection,
    place: TakenPlace,
    tls: Option<Arc<Tls>>,
    handler: Arc<dyn Handler>,
    stopping: watch::Receiver<bool>,
) {
    let shared = place.share();
    let work = async move {
        let Some(transport) = transport(stream, tls).await else {
            return;
        };
        requests(
            Watched::new(transport, place),
            connection,
            handler,
            stopping,
        )
        .await;
    };
    tokio::select! {
        () = work => {}
        () = shared.closed() => {}
    }
}

async fn transport(mut stream: TcpStream, tls: Option<Arc<Tls>>) -> Option<Transport> {
    let mut first = [0];
    // A connection that says nothing costs no more than its descriptor.
    if stream.peek(&mut first).await.ok()? == 0 {
        return None;
    }
    let Some(tls) = tls else {
        return Some(Transport::Plain(stream));
    };
    if first[0] != HANDSHAKE {
        drop(stream.write_all(NOT_ENCRYPTED).await);
        return None;
    }
    let encrypted = tls.acceptor().accept(stream).await.ok()?;
    Some(Transport::Encrypted(Box::new(encrypted)))
}

async fn requests(
    stream: Watched,
    connection: Connection,
    handler: Arc<dyn Handler>,
    mut stopping: watch::Receiver<bool>,
) {
    let place = stream.share();
    let service = hyper::service::service_fn(move |request| {
        answer(
            request,
            connection,
            Arc::clone(&place),
            Arc::clone(&handler),
        )
    });
    // At most 100 header fields, which is hyper's own limit; asking for it would cost each request
    // some memory. No timer of hyper's: the pool knows what each connection is doing, and since when.
    let serving = http1::Builder::new()
        .max_buf_size(HEAD_LIMIT)
        .max_header_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(serving);
    tokio::select! {
        // Errors are the client's: it went away, or does not speak HTTP.
        _ = serving.as_mut() => return,
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    serving.as_mut().graceful_shutdown();
    drop(serving.await);
}

async fn answer(
    request: Request<hyper::body::Incoming>,
    connection: Connection,
    place: Arc<Place>,
    handler: Arc<dyn Handler>,
) -> Result<hyper::Response<Answer>, Infallible> {
    place.enter(Phase::Busy);
    let wants_upgrade = request.headers().contains_key(UPGRADE);
    let mut request =
        request.map(|body| axum::body::Body::new(Paced::new(body, Arc::clone(&place))));
    request.extensions_mut().insert(connection);
    request.extensions_mut().insert(Trust(Arc::clone(&place)));
    let response = handler.answer(request).await;
    if wants_upgrade && response.status() == StatusCode::SWITCHING_PROTOCOLS {
        place.enter(Phase::Upgraded);
    } else if response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == EVENTS)
    {
        place.enter(Phase::Stream);
    }
    Ok(response.map(|body| Answer { body, place }))
}
