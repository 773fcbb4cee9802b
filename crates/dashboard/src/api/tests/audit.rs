//! What is noted of what somebody does: what, from where, by whom, and of which account.

use serde_json::{Value, json};

use super::server::{ADMIN, LAUNCH, Server};

/// What changes something or gives something away: method, path, token, body; then the action that
/// is noted, its account and its detail.
type Noted<'a> = (
    &'a str,
    String,
    Option<&'a str>,
    Option<Value>,
    &'a str,
    Option<&'a str>,
    Option<&'a str>,
);

#[tokio::test]
async fn whatever_changes_something_is_noted_with_address_and_token() {
    let server = Server::new();
    let key = server.add_key("key").await;
    let login = server.add_login("login").await;
    let project = server.home.home().join("project");
    std::fs::create_dir(&project).unwrap();
    let project = project.canonicalize().unwrap();
    let project = project.to_str().unwrap();
    let of = |id: &str, what: &str| format!("/api/accounts/{id}{what}");
    let document = server.tokens.issue("login").credentials();
    let import = json!([{"name": "imported", "auth_type": "api_key", "api_key": "FAKE"}]);
    let table: Vec<Noted<'_>> = vec![
        (
            "PUT",
            of(&key, ""),
            ADMIN,
            Some(json!({"name": "key2"})),
            "account changed",
            Some("key2"),
            None,
        ),
        (
            "POST",
            of(&login, "/capture-oauth"),
            ADMIN,
            Some(json!({"credentials": document})),
            "login captured",
            Some("login"),
            None,
        ),
        (
            "POST",
            of(&login, "/refresh-oauth"),
            LAUNCH,
            None,
            "login renewed",
            Some("login"),
            None,
        ),
        (
            "POST",
            "/api/refresh-all".to_owned(),
            LAUNCH,
            None,
            "login renewed",
            Some("login"),
            None,
        ),
        (
            "POST",
            format!("/api/history/{login}/restore"),
            ADMIN,
            Some(json!({"generation": 1})),
            "generation restored",
            Some("login"),
            Some("generation 1"),
        ),
        (
            "PUT",
            "/api/directories".to_owned(),
            ADMIN,
            Some(json!({"directory": project, "account_id": key})),
            "directory bound",
            Some("key2"),
            Some(project),
        ),
        (
            "DELETE",
            format!("/api/directories?directory={project}"),
            ADMIN,
            None,
            "directory unbound",
            None,
            Some(project),
        ),
        (
            "PUT",
            "/api/settings".to_owned(),
            ADMIN,
            Some(json!({"recording": true})),
            "settings changed",
            None,
            Some("recording on"),
        ),
        (
            "POST",
            "/api/install-aliases".to_owned(),
            ADMIN,
            None,
            "aliases installed",
            None,
            None,
        ),
        (
            "GET",
            "/api/export".to_owned(),
            ADMIN,
            None,
            "export",
            None,
            Some("2 accounts"),
        ),
        (
            "POST",
            "/api/import".to_owned(),
            ADMIN,
            Some(import),
            "import",
            None,
            Some("1 accounts"),
        ),
        (
            "POST",
            "/api/auth/tokens".to_owned(),
            ADMIN,
            Some(json!({"name": "ci", "scope": "read"})),
            "token made",
            None,
            Some("ci, read"),
        ),
        (
            "DELETE",
            "/api/auth/tokens/read".to_owned(),
            ADMIN,
            None,
            "token revoked",
            None,
            Some("read"),
        ),
        (
            "POST",
            "/api/accounts".to_owned(),
            ADMIN,
            Some(json!({"name": "new"})),
            "account added",
            Some("new"),
            None,
        ),
        (
            "DELETE",
            of(&key, ""),
            ADMIN,
            None,
            "account removed",
            Some("key2"),
            None,
        ),
    ];
    for (method, path, token, body, action, account, detail) in table {
        let newest = newest(&server).await["id"].clone();
        server.call(method, &path, token, body).await.ok();
        let noted = self::newest(&server).await;
        assert_ne!(noted["id"], newest, "{method} {path}: nothing is noted");
        let who = if token == ADMIN {
            "token admin"
        } else {
            "token launch"
        };
        let told = json!([
            noted["action"],
            noted["who"],
            noted["address"],
            noted["account"],
            noted["detail"]
        ]);
        assert_eq!(
            told,
            json!([action, who, "127.0.0.1", account, detail]),
            "{method} {path}"
        );
    }
    // What is only looked at is not noted.
    let before = newest(&server).await["id"].clone();
    for path in [
        "/api/accounts",
        "/api/generate-aliases",
        "/api/usage",
        "/api/audit",
    ] {
        server.call("GET", path, ADMIN, None).await;
    }
    let preview = json!({"accounts": [{"name": "a", "auth_type": "api_key", "api_key": "FAKE"}], "dry_run": true});
    server.post("/api/import", preview).await.ok();
    assert_eq!(newest(&server).await["id"], before);
}

async fn newest(server: &Server) -> Value {
    let log = server
        .call("GET", "/api/audit?limit=1", ADMIN, None)
        .await
        .ok();
    log["entries"][0].clone()
}
