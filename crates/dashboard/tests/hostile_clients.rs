//! Clients that want to hurt, against the whole dashboard on a port of its own.

#![allow(
    clippy::unwrap_used,
    reason = "what must not fail in a test ends the test"
)]

use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dashboard::{Dashboard, DashboardError, Directories, Network, Options, TlsFiles};
use ipnet::IpNet;
use renew::{ClientFiles, Renewer, RuntimeDirectory, TokenUrl};
use serde_json::Value;
use testkit::TestHome;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vault::VaultPaths;

/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
const PASSWORD: &str = "FAKE correct horse battery staple";

struct Server {
    home: TestHome,
    address: SocketAddr,
    /// What was reported.
    log: Arc<Mutex<Vec<String>>>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Server {
    fn start(proxies: &[IpNet]) -> Self {
        let home = TestHome::new();
        let listeners = dashboard::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let address = listeners[0].local_addr().unwrap();
        let options = options(&home, address, proxies);
        let log = Arc::new(Mutex::new(Vec::new()));
        let reported = Arc::clone(&log);
        let dashboard = Dashboard::open(options, listeners, None)
            .unwrap()
            .reporting(move |line| reported.lock().unwrap().push(line.to_owned()));
        assert_eq!(dashboard.addresses(), [address]);
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(dashboard.run(async { drop(stopped.await) }));
        Self {
            home,
            address,
            log,
            stop,
            running,
        }
    }

    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    async fn get(&self, path: &str) -> Answer {
        self.connect().await.request("GET", path, "", "").await
    }

    /// Sets it up; an API token with the scope `admin`.
    async fn token(&self) -> String {
        let body = format!("{{\"password\":\"{PASSWORD}\"}}");
        let json = "Content-Type: application/json\r\n";
        let answer = self
            .connect()
            .await
            .request("POST", "/api/auth/setup", json, &body)
            .await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        answer["api_token"].as_str().unwrap().to_owned()
    }

    async fn stop(self) {
        drop(self.stop);
        within(self.running).await.unwrap();
        assert!(TcpStream::connect(self.address).await.is_err());
    }
}

fn options(home: &TestHome, address: SocketAddr, proxies: &[IpNet]) -> Options {
    let vault = VaultPaths::new(home.vault_dir());
    let client_files = ClientFiles {
        directory: home.claude_dir(),
        claude_json: home.home().join(".claude.json"),
    };
    let runtime = RuntimeDirectory::locate(Some(&home.runtime()), &vault);
    let url = TokenUrl::parse("http://127.0.0.1:9/token").unwrap();
    Options {
        key: None,
        program: "/nowhere/claude-accounts".into(),
        directories: Directories {
            home: home.home(),
            config_home: home.root().join("config"),
            zsh_directory: home.home(),
            login_shell: None,
        },
        renewer: Arc::new(Renewer::new(
            url,
            Some(client_files.clone()),
            runtime.clone(),
        )),
        client_files,
        client: None,
        runtime,
        terminal_environment: vec![(OsString::from("HOME"), home.home().into())],
        accounts_changed: Arc::new(|| {}),
        network: Network {
            addresses: vec![address],
            remote: false,
            tls: false,
            proxies: proxies.to_vec(),
        },
        vault,
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

struct Client(TcpStream);

impl Client {
    async fn request(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let host = match headers.contains("Host: ") {
            true => "",
            false => "Host: localhost\r\n",
        };
        let length = body.len();
        let text = format!(
            "{method} {path} HTTP/1.1\r\n{host}{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        self.0.write_all(text.as_bytes()).await.unwrap();
        self.answer(method == "HEAD").await
    }

    async fn answer(&mut self, is_head: bool) -> Answer {
        within(read(&mut self.0, is_head)).await
    }
}

async fn read(stream: &mut (impl tokio::io::AsyncRead + Unpin), is_head: bool) -> Answer {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let byte = stream.read_u8().await;
        bytes.push(byte.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&bytes))));
    }
    let head = String::from_utf8(bytes).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer {
        status,
        head,
        body: String::new(),
    };
    let length = answer
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; if is_head { 0 } else { length }];
    stream.read_exact(&mut body).await.unwrap();
    answer.body = String::from_utf8_lossy(&body).into_owned();
    answer
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, work).await.expect("in time")
}

/// Resident memory of this process, which the server is a part of, in KiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_guarded_and_none_sends_elsewhere() {
    let server = Server::start(&[]);
    for (method, path, status) in [
        ("GET", "/", 200),
        ("HEAD", "/accounts", 200),
        ("GET", "/healthz", 200),
        ("GET", "/api/openapi.json", 200),
        ("GET", "/api/auth/status", 200),
        ("GET", "/api/accounts", 401),
        ("GET", "/api/nothing", 404),
        ("GET", "/nothing", 404),
        ("GET", "//nowhere.example/", 404),
        ("GET", "/assets/0/src/main.js", 404),
        ("POST", "/healthz", 405),
        ("FROB", "/api/accounts", 405),
        ("OPTIONS", "/api/accounts", 405),
        ("TRACE", "/", 405),
    ] {
        let answer = server.connect().await.request(method, path, "", "").await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("location"), None);
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert_eq!(
            answer.header("cache-control"),
            Some("no-store"),
            "{method} {path}"
        );
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        if path.starts_with("/api") && status >= 400 {
            let body: Value = serde_json::from_str(&answer.body).unwrap();
            assert!(body["error"].is_string(), "{path}");
        }
        assert_eq!(
            answer.header("allow").is_some(),
            status == 405,
            "{method} {path}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_request_becomes_a_header_of_the_answer() {
    let server = Server::start(&["127.0.0.0/8".parse().unwrap()]);
    for host in [
        "localhost; script-src *",
        "a b",
        "a'b",
        "localhost, x",
        "<script>",
    ] {
        let headers = format!("Host: localhost\r\nX-Forwarded-Host: {host}\r\n");
        let answer = server
            .connect()
            .await
            .request("GET", "/", &headers, "")
            .await;
        assert!(!answer.head.contains(host), "{answer:?}");
    }
    for path in [
        "/%0d%0aX-Injected:%201",
        "/api/accounts/%0d%0aX-Injected:%201",
        "/?a=%0d%0aX-Injected:%201",
    ] {
        let answer = server.get(path).await;
        assert!(
            !answer.head.to_lowercase().contains("x-injected"),
            "{answer:?}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_of_a_request_stands_in_the_log() {
    let server = Server::start(&[]);
    let token = server.token().await;
    // From now on every question fails.
    let vault = server.home.vault_dir();
    std::fs::rename(vault.join("dashboard.db"), vault.join("elsewhere")).unwrap();
    let headers = format!("X-Auth-Token: {token}\r\nCookie: claude_accounts_session={token}\r\n");
    let paths = [
        "/api/accounts",
        "/api/events",
        "/api/auth/status",
        "/socket.io/",
    ];
    for path in paths {
        let asked = format!("{path}?EIO=4&transport=polling&token={token}");
        let mut client = server.connect().await;
        let answer = client.request("GET", &asked, &headers, "").await;
        assert_eq!(answer.status, 503, "{path}: {answer:?}");
    }
    let log = server.log.lock().unwrap().clone();
    for path in paths {
        let is_told = |line: &String| line.starts_with(&format!("GET {path}: 503 "));
        assert!(log.iter().any(is_told), "{path}: {log:?}");
    }
    let log = log.join("\n");
    assert!(!log.contains(&token) && !log.contains("token="), "{log}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_a_gigabyte_is_refused_before_it_is_there() {
    let server = Server::start(&[]);
    let token = server.token().await;
    for path in [
        "/api/auth/login",
        "/api/accounts",
        "/api/import",
        "/api/nothing",
        "/",
    ] {
        let mut client = server.connect().await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: {token}\r\n\
             Content-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n"
        );
        client.0.write_all(head.as_bytes()).await.unwrap();
        let answer = client.answer(false).await;
        assert_eq!(answer.status, 413, "{path}: {answer:?}");
        assert!(answer.body.starts_with("{\"error\":"), "{answer:?}");
    }
    let before = memory();
    for path in ["/api/auth/login", "/api/import"] {
        let (mut reading, mut writing) = server.connect().await.0.into_split();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: {token}\r\n\
             Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        writing.write_all(head.as_bytes()).await.unwrap();
        let sending = tokio::spawn(async move {
            let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
            let mut sent = 0_u64;
            while sent < 1 << 30 && writing.write_all(chunk.as_bytes()).await.is_ok() {
                sent += 0x10000;
            }
            sent
        });
        let answer = within(read(&mut reading, false)).await;
        assert_eq!(answer.status, 413, "{path}: {answer:?}");
        let sent = within(sending).await.unwrap();
        assert!(sent < 64 << 20, "{path}: {sent} bytes were taken");
    }
    let more = memory().saturating_sub(before);
    assert!(more < 64 * 1024, "{more} KiB more");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_signed_in_is_answered_while_thousands_say_nothing() {
    dashboard::raise_descriptor_limit();
    let server = Server::start(&[]);
    let token = server.token().await;
    let headers = format!("X-Auth-Token: {token}\r\n");
    let mut kept = server.connect().await;
    let mut silent = Vec::new();
    for number in 0..4_000 {
        // This process may have fewer descriptors; then that is as many as can be.
        let Ok(stream) = TcpStream::connect(server.address).await else {
            break;
        };
        silent.push(stream);
        if number % 400 == 0 {
            let answer = kept.request("GET", "/api/accounts", &headers, "").await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let mut fresh = server.connect().await;
            let answer = fresh.request("GET", "/api/accounts", &headers, "").await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }
    assert!(silent.len() > 400, "{}", silent.len());
    drop(silent);
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_that_is_of_no_use_is_said_to_be_so() {
    let home = TestHome::new();
    let listeners = dashboard::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
    let address = listeners[0].local_addr().unwrap();
    let files = TlsFiles {
        certificate: home.root().join("missing.pem"),
        key: home.root().join("missing.key"),
        self_signed: false,
    };
    let opened = Dashboard::open(options(&home, address, &[]), listeners, Some(files));
    let Err(DashboardError::Certificate(error)) = opened else {
        panic!("opened, or refused for another reason");
    };
    assert!(error.to_string().contains("missing.pem"), "{error}");
}
