//! A dashboard of its own for each test: a private vault, requests without a network.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use renew::{ClientFiles, Renewer, RuntimeDirectory, TokenUrl};
use serde_json::{Value, json};
use testkit::TestHome;
use tower::ServiceExt as _;
use vault::VaultPaths;

use crate::app::App;
use crate::listener::Connection;
use crate::options::{Directories, Network, Options};

/// The password of the tests.
pub(crate) const PASSWORD: &str = "FAKE long enough";
/// Where the tests' page comes from.
pub(crate) const ORIGIN: &str = "http://localhost:5111";

/// A dashboard.
pub(crate) struct TestDashboard {
    pub(crate) home: TestHome,
    pub(crate) app: Arc<App>,
    router: Router,
}

impl TestDashboard {
    pub(crate) fn new() -> Self {
        Self::open(TestHome::new(), loopback())
    }

    pub(crate) fn with_network(network: Network) -> Self {
        Self::open(TestHome::new(), network)
    }

    pub(crate) fn open(home: TestHome, network: Network) -> Self {
        let app = App::open(options(&home, network)).unwrap();
        let (router, _) = crate::api::router().split_for_parts();
        let router = router.with_state(Arc::clone(&app));
        Self { home, app, router }
    }

    /// The same after a restart.
    pub(crate) fn restarted(self) -> Self {
        let (home, network) = (self.home, self.app.options.network.clone());
        drop((self.router, self.app));
        Self::open(home, network)
    }

    /// The first set-up; the browser that did it.
    pub(crate) async fn set_up(&self) -> Browser {
        let code = self.app.setup_code().unwrap();
        let body = json!({"password": PASSWORD, "code": code});
        let answer = self.ask(post("/api/auth/setup", &body)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json);
        Browser {
            cookie: answer.cookie().unwrap(),
            api_token: answer.json["api_token"].as_str().unwrap().to_owned(),
        }
    }

    /// Signs a browser in with the password.
    pub(crate) async fn sign_in(&self) -> Browser {
        let answer = self
            .ask(post("/api/auth/login", &json!({"password": PASSWORD})))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
        Browser {
            cookie: answer.cookie().unwrap(),
            api_token: String::new(),
        }
    }

    pub(crate) async fn ask(&self, ask: Ask) -> Answer {
        let response = self.router.clone().oneshot(ask.request()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            json: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }
}

/// A browser that is signed in.
#[derive(Clone)]
pub(crate) struct Browser {
    /// `name=value`.
    pub(crate) cookie: String,
    /// What set-up showed; empty after an ordinary sign-in.
    pub(crate) api_token: String,
}

/// A request. As it is made, it is a page's of [`ORIGIN`], from another machine.
#[derive(Clone)]
pub(crate) struct Ask {
    method: &'static str,
    path: String,
    headers: HeaderMap,
    body: Option<Value>,
    connection: Connection,
}

pub(crate) fn get(path: &str) -> Ask {
    ask("GET", path, None)
}

pub(crate) fn post(path: &str, body: &Value) -> Ask {
    ask("POST", path, Some(body.clone()))
}

pub(crate) fn delete(path: &str) -> Ask {
    ask("DELETE", path, None)
}

fn ask(method: &'static str, path: &str, body: Option<Value>) -> Ask {
    let connection = Connection {
        peer: "192.0.2.1:50000".parse().unwrap(),
        local: "127.0.0.1:5111".parse().unwrap(),
        tls: false,
    };
    let ask = Ask {
        method,
        path: path.to_owned(),
        headers: HeaderMap::new(),
        body,
        connection,
    };
    ask.header("host", "localhost:5111")
        .header("origin", ORIGIN)
}

impl Ask {
    /// In place of what it had.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(crate) fn by(self, browser: &Browser) -> Self {
        self.header("cookie", &browser.cookie)
    }

    pub(crate) fn with_token(self, token: &str) -> Self {
        self.header("x-auth-token", token)
    }

    pub(crate) fn from(mut self, address: &str) -> Self {
        self.connection.peer = SocketAddr::new(address.parse().unwrap(), 50000);
        self
    }

    pub(crate) fn over(mut self, peer: SocketAddr, local: SocketAddr) -> Self {
        (self.connection.peer, self.connection.local) = (peer, local);
        self
    }

    pub(crate) fn over_tls(mut self) -> Self {
        self.connection.tls = true;
        self.header("origin", "https://localhost:5111")
    }

    pub(crate) fn request(self) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.extension(self.connection);
        match self.body {
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        }
        .unwrap()
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// `Null` for what is not JSON.
    pub(crate) json: Value,
}

impl Answer {
    /// `name=value` of the cookie that it sets.
    pub(crate) fn cookie(&self) -> Option<String> {
        let text = self.headers.get(header::SET_COOKIE)?.to_str().unwrap();
        Some(text.split(';').next().unwrap().to_owned())
    }

    /// Status, and the word for programs.
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (
            self.status.as_u16(),
            self.json["code"].as_str().unwrap_or_default(),
        )
    }
}

pub(crate) fn loopback() -> Network {
    Network {
        addresses: vec!["127.0.0.1:5111".parse().unwrap()],
        remote: false,
        tls: false,
        proxies: Vec::new(),
    }
}

pub(crate) fn options(home: &TestHome, network: Network) -> Options {
    let vault = VaultPaths::new(home.vault_dir());
    let runtime = RuntimeDirectory::locate(Some(&home.runtime()), &vault);
    let client_files = ClientFiles {
        directory: home.claude_dir(),
        claude_json: home.home().join(".claude.json"),
    };
    // Nobody listens there: no test may renew anything by accident.
    let url = TokenUrl::parse("http://127.0.0.1:1/token").unwrap();
    let renewer = Renewer::new(url, Some(client_files.clone()), runtime.clone());
    Options {
        vault,
        key: None,
        program: PathBuf::from("/nonexistent/claude-accounts"),
        directories: Directories {
            home: home.home(),
            config_home: home.root().join("config"),
            zsh_directory: home.home(),
            login_shell: None,
        },
        client_files,
        client: None,
        runtime,
        renewer: Arc::new(renewer),
        terminal_environment: Vec::new(),
        accounts_changed: Arc::new(|| {}),
        network,
    }
}
