//! A private vault with the API around it, asked without a socket.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use renew::{ClientFiles, Renewer, RuntimeDirectory, TokenUrl};
use serde_json::{Value, json};
use testkit::{TestHome, TokenServer};
use tower::ServiceExt as _;
use vault::{NoPassphrase, Vault, VaultPaths};

use crate::access::Scope;
use crate::app::App;
use crate::clock;
use crate::listener::Connection;
use crate::options::{Directories, Network, Options};
use crate::store::{Digest, NewToken};

pub(super) const ADMIN: Option<&str> = Some("cat_FAKE-admin");
pub(super) const LAUNCH: Option<&str> = Some("cat_FAKE-launch");
pub(super) const READ: Option<&str> = Some("cat_FAKE-read");

/// What was answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Bytes,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    #[track_caller]
    pub(super) fn ok(self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.text());
        self.json()
    }

    #[track_caller]
    pub(super) fn refused(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        let body = self.json();
        assert!(body["error"].is_string(), "{body}");
        assert!(!self.text().contains("FAKE"), "{body}");
        body
    }
}

pub(super) struct Server {
    pub(super) app: Arc<App>,
    pub(super) tokens: TokenServer,
    /// How often aliases were to follow.
    pub(super) followed: Arc<AtomicUsize>,
    router: Router,
    pub(super) home: TestHome,
}

impl Server {
    pub(super) fn new() -> Self {
        let home = TestHome::new();
        let tokens = TokenServer::start();
        let followed = Arc::new(AtomicUsize::new(0));
        let app = App::open(options(&home, &tokens, Arc::clone(&followed))).unwrap();
        for (token, scope) in [
            (ADMIN, Scope::Admin),
            (LAUNCH, Scope::Launch),
            (READ, Scope::Read),
        ] {
            let token = NewToken {
                id: scope.as_str().to_owned(),
                hash: Digest::of(token.unwrap().as_bytes()),
                name: scope.as_str().to_owned(),
                scope,
                created_at: clock::now(),
                expires_at: None,
            };
            assert!(app.store.add_token(&token).unwrap());
        }
        let (router, _) = crate::api::router().split_for_parts();
        Self {
            router: router.with_state(Arc::clone(&app)),
            app,
            tokens,
            followed,
            home,
        }
    }

    /// Another process' view of the same vault.
    pub(super) fn vault(&self) -> Vault {
        Vault::open(&self.paths(), Box::new(NoPassphrase)).unwrap()
    }

    pub(super) fn paths(&self) -> VaultPaths {
        VaultPaths::new(self.home.vault_dir())
    }

    pub(super) fn followed(&self) -> usize {
        self.followed.load(Ordering::SeqCst)
    }

    /// The body of an answer that goes on.
    pub(super) async fn stream(&self, request: Request<Body>) -> Body {
        let response = self.response(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.into_body()
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.response(request).await.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            bytes: body.collect().await.unwrap().to_bytes(),
        }
    }

    async fn response(&self, mut request: Request<Body>) -> Response {
        let local = SocketAddr::from(([127, 0, 0, 1], 5111));
        request.extensions_mut().insert(Connection {
            peer: SocketAddr::from(([127, 0, 0, 1], 50_000)),
            local,
            tls: false,
        });
        let host = local.to_string().parse().unwrap();
        request.headers_mut().entry(header::HOST).or_insert(host);
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(super) fn request(
        method: &str,
        path: &str,
        token: Option<&str>,
    ) -> axum::http::request::Builder {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path);
        if let Some(token) = token {
            request = request.header("X-Auth-Token", token);
        }
        request
    }

    pub(super) async fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Answer {
        let request = Self::request(method, path, token);
        let request = match body {
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.send(request.unwrap()).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, READ, None).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, ADMIN, Some(body)).await
    }

    pub(super) async fn put(&self, path: &str, body: Value) -> Answer {
        self.call("PUT", path, ADMIN, Some(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, ADMIN, None).await
    }

    /// Adds an account; its identifier.
    pub(super) async fn add(&self, body: Value) -> String {
        let added = self.post("/api/accounts", body).await.ok();
        added["id"].as_str().unwrap().to_owned()
    }

    pub(super) async fn add_key(&self, name: &str) -> String {
        let key = "sk-ant-api03-FAKEaaaaaaaaaaaaaaabc123";
        self.add(json!({"name": name, "api_key": key})).await
    }

    /// A login that the token server knows.
    pub(super) async fn add_login(&self, name: &str) -> String {
        let id = self.add(json!({"name": name, "auth_type": "oauth"})).await;
        let document = self.tokens.issue(name).credentials();
        let path = format!("/api/accounts/{id}/capture-oauth");
        self.post(&path, json!({"credentials": document}))
            .await
            .ok();
        id
    }

    pub(super) async fn accounts(&self) -> Vec<Value> {
        let list = self.get("/api/accounts").await.ok();
        list.as_array().unwrap().clone()
    }

    pub(super) async fn account(&self, id: &str) -> Value {
        self.get(&format!("/api/accounts/{id}")).await.ok()
    }

    pub(super) fn refresh_token(&self, id: &str) -> String {
        let vault = self.vault();
        let account = vault.get(&model::AccountId::from_stored(id)).unwrap();
        let unsealed = vault.unseal(&account).unwrap();
        unsealed
            .login()
            .unwrap()
            .refresh_token()
            .expose()
            .to_owned()
    }

    /// The columns of an account as they stand in the database.
    pub(super) fn row(&self, id: &str) -> Vec<(String, rusqlite::types::Value)> {
        let database = rusqlite::Connection::open(self.paths().database()).unwrap();
        let mut statement = database
            .prepare("SELECT * FROM accounts WHERE id = ?1")
            .unwrap();
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let read = |row: &rusqlite::Row<'_>| {
            let columns = names.iter().enumerate();
            columns
                .map(|(index, name)| Ok((name.clone(), row.get(index)?)))
                .collect()
        };
        statement.query_row([id], read).unwrap()
    }

    /// Does to the database what another program may do.
    pub(super) fn execute(&self, statement: &str, values: impl rusqlite::Params) {
        let database = rusqlite::Connection::open(self.paths().database()).unwrap();
        assert!(database.execute(statement, values).unwrap() > 0);
    }
}

fn options(home: &TestHome, tokens: &TokenServer, followed: Arc<AtomicUsize>) -> Options {
    let vault = VaultPaths::new(home.vault_dir());
    let client_files = ClientFiles {
        directory: home.claude_dir(),
        claude_json: home.home().join(".claude.json"),
    };
    let runtime = RuntimeDirectory::locate(Some(&home.runtime()), &vault);
    let url = TokenUrl::parse(&tokens.url()).unwrap();
    Options {
        key: None,
        program: PathBuf::from("/opt/bin/claude-accounts"),
        directories: Directories {
            home: home.home(),
            config_home: home.root().join("config"),
            zsh_directory: home.home(),
            login_shell: Some(launch::Shell::Bash),
        },
        renewer: Arc::new(Renewer::new(
            url,
            Some(client_files.clone()),
            runtime.clone(),
        )),
        client_files,
        client: None,
        runtime,
        terminal_environment: Vec::new(),
        accounts_changed: Arc::new(move || {
            followed.fetch_add(1, Ordering::SeqCst);
        }),
        network: Network {
            addresses: vec![SocketAddr::from(([127, 0, 0, 1], 5111))],
            remote: false,
            tls: false,
            proxies: Vec::new(),
        },
        vault,
    }
}
