//! A dashboard on a port of its own, in a home of its own.

use std::ffi::OsString;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dashboard::{Dashboard, Directories, Network, Options};
use renew::{ClientFiles, Renewer, RuntimeDirectory, TokenUrl};
use serde_json::{Value, json};
use testkit::TestHome;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vault::VaultPaths;

/// How long anything may take on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
pub(crate) const PASSWORD: &str = "FAKE correct horse battery staple";
/// Stands in for `claude-accounts`: tells how it was started, then runs the script of its directory.
const PROGRAM: &str = "#!/bin/sh\necho \"$@\" >>\"$HOME/started\"\nexec /bin/sh ./run\n";

pub(crate) struct Server {
    pub(crate) home: TestHome,
    pub(crate) address: SocketAddr,
    /// With the scope `admin`.
    pub(crate) token: String,
    /// The account with an API key that is there from the start.
    pub(crate) account: String,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.json()
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let home = TestHome::new();
        let program = home.root().join("program");
        fs::write(&program, PROGRAM).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let dashboard =
            Dashboard::open(options(&home, program, address), vec![listener], None).unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(dashboard.run(async { drop(stopped.await) }));
        let mut server = Self {
            home,
            address,
            token: String::new(),
            account: String::new(),
            stop: Some(stop),
            running: Some(running),
        };
        let set_up = server
            .post("/api/auth/setup", &json!({"password": PASSWORD}))
            .await
            .ok();
        server.token = set_up["api_token"].as_str().unwrap().to_owned();
        let key = "sk-ant-api03-FAKEaaaaaaaaaaaaaaabc123";
        let added = server
            .post("/api/accounts", &json!({"name": "work", "api_key": key}))
            .await
            .ok();
        server.account = added["id"].as_str().unwrap().to_owned();
        server
    }

    /// A directory in which programs run `script`.
    pub(crate) fn running(&self, name: &str, script: &str) -> String {
        let directory = self.home.home().join(name);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("run"), script).unwrap();
        directory.to_str().unwrap().to_owned()
    }

    /// How programs were started, a line each.
    pub(crate) fn started(&self) -> Vec<String> {
        let text = fs::read_to_string(self.home.home().join("started")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Answer {
            status: status.unwrap_or_else(|| panic!("no answer: {answer:?}")),
            body: match head
                .to_ascii_lowercase()
                .contains("transfer-encoding: chunked")
            {
                true => unchunked(body),
                false => body.to_owned(),
            },
            head: head.to_owned(),
        }
    }

    fn headers(&self) -> String {
        let token = match self.token.as_str() {
            "" => String::new(),
            token => format!("X-Auth-Token: {token}\r\n"),
        };
        format!("{token}Content-Type: application/json\r\n")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &self.headers(), "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, &self.headers(), &body.to_string())
            .await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.ask("PUT", path, &self.headers(), &body.to_string())
            .await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, &self.headers(), "").await
    }

    /// The cookie of a browser that signs in.
    pub(crate) async fn sign_in(&self) -> String {
        let body = json!({"password": PASSWORD}).to_string();
        let answer = self
            .ask(
                "POST",
                "/api/auth/login",
                "Content-Type: application/json\r\n",
                &body,
            )
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let is_cookie = |line: &&str| line.to_ascii_lowercase().starts_with("set-cookie:");
        let line = answer.head.lines().find(is_cookie).unwrap();
        let (_, cookie) = line.split_once(':').unwrap();
        cookie.split(';').next().unwrap().trim().to_owned()
    }

    /// A new API token: its identifier and itself.
    pub(crate) async fn new_token(&self, scope: &str) -> (String, String) {
        let made = self
            .post("/api/auth/tokens", &json!({"name": scope, "scope": scope}))
            .await
            .ok();
        let text = |member: &str| made[member].as_str().unwrap().to_owned();
        (text("id"), text("token"))
    }

    pub(crate) async fn session(&self, id: &str) -> Option<Value> {
        let all = self.get("/api/sessions").await.ok();
        let mut all = all.as_array().unwrap().iter();
        all.find(|session| session["id"] == id).cloned()
    }

    /// Waits until a session is as `wanted` says.
    pub(crate) async fn session_that(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(async || self.session(id).await.filter(|session| wanted(session))).await
    }

    /// Stops it and waits until it has.
    pub(crate) async fn stop(&mut self) {
        drop(self.stop.take());
        let running = self.running.take().unwrap();
        tokio::time::timeout(LIMIT, running).await.unwrap().unwrap();
    }
}

/// Asks until there is an answer.
pub(crate) async fn eventually<T>(ask: impl AsyncFn() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, asking)
        .await
        .expect("an answer in time")
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        whole.push_str(&rest[..size.min(rest.len())]);
        body = rest.get(size + 2..).unwrap_or("");
    }
    whole
}

fn options(home: &TestHome, program: PathBuf, address: SocketAddr) -> Options {
    let vault = VaultPaths::new(home.vault_dir());
    let client_files = ClientFiles {
        directory: home.claude_dir(),
        claude_json: home.home().join(".claude.json"),
    };
    let runtime = RuntimeDirectory::locate(Some(&home.runtime()), &vault);
    let url = TokenUrl::parse("http://127.0.0.1:9/token").unwrap();
    let variable = |name: &str, value: &Path| (OsString::from(name), value.as_os_str().to_owned());
    Options {
        key: None,
        program,
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
        terminal_environment: vec![
            variable("HOME", &home.home()),
            variable("PATH", Path::new("/usr/local/bin:/usr/bin:/bin")),
        ],
        accounts_changed: Arc::new(|| {}),
        network: Network {
            addresses: vec![address],
            remote: false,
            tls: false,
            proxies: Vec::new(),
        },
        vault,
    }
}
