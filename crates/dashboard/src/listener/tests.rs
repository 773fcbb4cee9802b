//! Clients that do not behave, against a server with a handler of its own.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::*;

/// How long anything may take that has no time of its own.
const PATIENCE: Duration = Duration::from_secs(30);

/// `/` answers `ok`, `/trust` too and signs in, `/events` goes on and on, `/read` says how long the
/// body was.
struct Answers;

impl Handler for Answers {
    fn answer(
        self: Arc<Self>,
        request: Incoming,
    ) -> Pin<Box<dyn Future<Output = Response> + Send>> {
        Box::pin(async move {
            let trust = request.extensions().get::<Trust>().unwrap().clone();
            assert!(request.extensions().get::<Connection>().is_some());
            match request.uri().path() {
                "/trust" => trust.establish(),
                "/events" => {
                    trust.establish();
                    let events =
                        futures_util::stream::once(async { Ok::<_, std::io::Error>("hello") });
                    let events = events.chain(futures_util::stream::pending());
                    return (
                        [("content-type", "text/event-stream")],
                        Body::from_stream(events),
                    )
                        .into_response();
                }
                "/read" => {
                    return match request.into_body().collect().await {
                        Ok(body) => body.to_bytes().len().to_string().into_response(),
                        Err(error) => {
                            let mut cause: Option<&dyn std::error::Error> = Some(&error);
                            while let Some(error) = cause.filter(|error| !error.is::<TooSlow>()) {
                                cause = error.source();
                            }
                            assert!(cause.is_some());
                            hyper::StatusCode::REQUEST_TIMEOUT.into_response()
                        }
                    };
                }
                _ => {}
            }
            format!("{} ok", request.method()).into_response()
        })
    }
}

struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    end: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl Server {
    fn start(limit: usize, tls: Option<TlsFiles>) -> Self {
        let sockets = bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let tls = tls.map(|files| Arc::new(Tls::new(files).unwrap()));
        let listener = Listener::new(sockets, tls, Vec::new())
            .unwrap()
            .limited(limit);
        let address = listener.addresses()[0];
        let (stop, stopping) = watch::channel(false);
        let (end, ended) = oneshot::channel();
        let end_of = async { drop(ended.await) };
        let running = tokio::spawn(listener.run(Arc::new(Answers), stopping, end_of));
        Self {
            address,
            stop,
            end: Some(end),
            running,
        }
    }

    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    async fn stop(mut self) {
        self.stop.send_replace(true);
        drop(self.end.take());
        within(self.running).await.unwrap();
    }
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    async fn get(&mut self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            .await;
        self.answer().await
    }

    /// One answer with a length.
    async fn answer(&mut self) -> String {
        within(read_answer(&mut self.0)).await
    }

    /// What comes until the server closes the connection.
    async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        // A reset is an end too.
        drop(within(self.0.read_to_end(&mut bytes)).await);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

async fn read_answer(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    loop {
        let mut byte = [0];
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            break;
        }
        text.push(byte[0]);
        let so_far = String::from_utf8_lossy(&text).to_lowercase();
        let Some((head, body)) = so_far.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.lines().next()?.trim().parse().ok());
        if body.len() >= length.unwrap_or(0) {
            break;
        }
    }
    String::from_utf8(text).unwrap()
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("in time")
}

#[tokio::test]
async fn one_connection_answers_one_request_after_another() {
    let server = Server::start(8, None);
    let mut client = server.connect().await;
    for _ in 0..3 {
        assert!(client.get("/").await.ends_with("GET ok"));
    }
    // All at once, and answered in their order.
    let requests = ["PUT", "DELETE", "FROB"]
        .map(|method| format!("{method} / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    client.send(&requests.concat()).await;
    for method in ["PUT", "DELETE", "FROB"] {
        assert!(client.answer().await.ends_with(&format!("{method} ok")));
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_http_is_refused_and_does_not_reach_a_route() {
    let server = Server::start(64, None);
    let long = "x".repeat(70 * 1024);
    let many: String = (0..200)
        .map(|number| format!("X-{number}: 1\r\n"))
        .collect();
    for (request, expected) in [
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"),
            "431",
        ),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"), "431"),
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), "4"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nX: a\u{0}b\r\n\r\n".to_owned(),
            "400",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n".to_owned(),
            "400",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n".to_owned(),
            "400",
        ),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), "400"),
        ("\u{1}\u{2}\u{3}\r\n\r\n".to_owned(), "400"),
        (
            "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n".to_owned(),
            "400",
        ),
        (
            "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
                .to_owned(),
            "400",
        ),
        (
            "POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: frob\r\n\r\n".to_owned(),
            "400",
        ),
    ] {
        let mut client = server.connect().await;
        // The server may close before all of it is sent.
        drop(client.0.write_all(request.as_bytes()).await);
        let answer = client.answer().await;
        let shown = &request[..request.len().min(60)];
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {expected}")),
            "{shown:?}: {answer:?}"
        );
    }
    assert!(server.connect().await.get("/").await.ends_with("GET ok"));
    server.stop().await;
}

#[tokio::test]
async fn an_upgrade_that_nobody_offers_is_a_request_like_any_other() {
    let server = Server::start(8, None);
    let mut client = server.connect().await;
    for protocol in ["h2c", "websocket", "frob"] {
        client
            .send(&format!(
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n"
            ))
            .await;
        assert!(client.answer().await.ends_with("GET ok"), "{protocol}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_nobody_reads_does_not_cost_the_answer() {
    let server = Server::start(8, None);
    let mut client = server.connect().await;
    client
        .send("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
        .await;
    // It is written for as long as it is taken.
    let (mut reading, mut writing) = client.0.into_split();
    let sender = tokio::spawn(async move {
        let chunk = vec![b'x'; 64 * 1024];
        let mut sent = 0;
        while writing.write_all(&chunk).await.is_ok() {
            sent += chunk.len();
        }
        sent
    });
    assert!(within(read_answer(&mut reading)).await.ends_with("POST ok"));
    let sent = within(sender).await.unwrap();
    assert!(sent < 64 * 1024 * 1024, "{sent} bytes were taken");
    server.stop().await;
}

#[tokio::test]
async fn a_full_house_makes_room_for_newcomers_but_not_at_the_cost_of_those_signed_in() {
    let server = Server::start(8, None);
    let mut events = server.connect().await;
    events.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut byte = [0];
    within(events.0.read_exact(&mut byte)).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(server.connect().await);
        assert!(server.connect().await.get("/").await.ends_with("GET ok"));
    }
    // The oldest have been closed.
    assert_eq!(silent[0].rest().await, "");
    within(events.0.read_exact(&mut byte)).await.unwrap();
    server.stop().await;
}

/// As many as this process may have descriptors for, up to 10,000.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_silent_connections_keep_nobody_out() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum.map(|most| most.min(16_384)).or(Some(16_384));
    setrlimit(Resource::Nofile, limit).unwrap_or_default();
    let room = getrlimit(Resource::Nofile).current.unwrap_or(16_384);
    let places = 1024.min(room as usize / 4);
    let wanted = 10_000.min(room as usize - places - 256);
    let server = Server::start(places, None);
    let mut signed_in = server.connect().await;
    assert!(signed_in.get("/trust").await.ends_with("GET ok"));
    let mut silent = Vec::with_capacity(wanted);
    for number in 0..wanted {
        let mut client = server.connect().await;
        if number % 2 == 0 {
            client.send("GET / HTTP/1.1\r\nHo").await;
        }
        silent.push(client);
        if number % 500 == 0 {
            assert!(
                signed_in.get("/").await.ends_with("GET ok"),
                "after {number}"
            );
            assert!(
                server.connect().await.get("/").await.ends_with("GET ok"),
                "after {number}"
            );
        }
    }
    assert!(signed_in.get("/").await.ends_with("GET ok"));
    drop(silent);
    server.stop().await;
}

/// The only tests that wait for a time: that of the server, which they are about.
#[tokio::test]
async fn who_takes_too_long_is_cut_off() {
    let server = Server::start(64, None);
    let dribble = |mut client: Client, start: &'static str| async move {
        client.send(start).await;
        let (mut reading, mut writing) = client.0.into_split();
        let writer = tokio::spawn(async move {
            while writing.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        let mut text = Vec::new();
        drop(within(reading.read_to_end(&mut text)).await);
        writer.abort();
        String::from_utf8_lossy(&text).into_owned()
    };
    let (silent, head, body) = tokio::join!(
        async { server.connect().await.rest().await },
        dribble(server.connect().await, "GET / HTTP/1.1\r\nX: "),
        dribble(
            server.connect().await,
            "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"
        ),
    );
    assert_eq!((silent.as_str(), head.as_str()), ("", ""));
    assert!(body.starts_with("HTTP/1.1 408"), "{body}");
    server.stop().await;
}

#[tokio::test]
async fn stopping_ends_what_waits_and_finishes_what_is_owed() {
    let server = Server::start(8, None);
    let mut idle = server.connect().await;
    idle.get("/").await;
    let mut events = server.connect().await;
    events.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut byte = [0];
    within(events.0.read_exact(&mut byte)).await.unwrap();
    let mut owed = server.connect().await;
    owed.send(
        "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n",
    )
    .await;
    // It is being answered from here on.
    within(owed.0.read_exact(&mut byte)).await.unwrap();
    server.stop.send_replace(true);
    assert_eq!(idle.rest().await, "");
    events.rest().await;
    assert!(TcpStream::connect(server.address).await.is_err());
    owed.send("body").await;
    assert!(owed.rest().await.ends_with('4'));
    within(server.running).await.unwrap();
}

fn certificate(directory: &std::path::Path) -> TlsFiles {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    TlsFiles::self_signed(directory, &names).unwrap()
}

#[tokio::test]
async fn an_encrypted_port_answers_those_who_encrypt_and_tells_the_others() {
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};
    let directory = tempfile::tempdir().unwrap();
    let files = certificate(directory.path());
    let mut known = rustls::RootCertStore::empty();
    known
        .add(CertificateDer::from_pem_file(&files.certificate).unwrap())
        .unwrap();
    let server = Server::start(8, Some(files));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(known)
        .with_no_client_auth();
    let stream = TcpStream::connect(server.address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut stream = within(connector.connect("localhost".try_into().unwrap(), stream))
        .await
        .unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    assert!(within(read_answer(&mut stream)).await.ends_with("GET ok"));
    let plain = server.connect().await.get("/").await;
    assert!(
        plain.starts_with("HTTP/1.1 400") && plain.contains("https://"),
        "{plain}"
    );
    server.stop().await;
}
