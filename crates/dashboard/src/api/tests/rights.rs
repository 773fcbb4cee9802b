//! Who may do what, and what is refused of everybody.

use axum::body::Body;
use axum::http::header;
use serde_json::json;

use super::server::{ADMIN, LAUNCH, READ, Server};

/// Every route of these modules: method, path, the least scope.
const ROUTES: [(&str, &str, &str); 28] = [
    ("GET", "/api/accounts", "read"),
    ("POST", "/api/accounts", "admin"),
    ("GET", "/api/accounts/ID", "read"),
    ("PUT", "/api/accounts/ID", "admin"),
    ("DELETE", "/api/accounts/ID", "admin"),
    ("POST", "/api/accounts/undo-delete", "admin"),
    ("GET", "/api/accounts/ID/status", "read"),
    ("POST", "/api/accounts/ID/capture-oauth", "admin"),
    ("POST", "/api/accounts/ID/refresh-oauth", "launch"),
    ("POST", "/api/accounts/ID/launch", "launch"),
    ("POST", "/api/refresh-all", "launch"),
    ("GET", "/api/history/ID", "read"),
    ("POST", "/api/history/ID/restore", "admin"),
    ("GET", "/api/usage", "read"),
    ("GET", "/api/generate-aliases", "read"),
    ("POST", "/api/install-aliases", "admin"),
    ("GET", "/api/export", "admin"),
    ("POST", "/api/import", "admin"),
    ("GET", "/api/directories", "read"),
    ("PUT", "/api/directories", "admin"),
    ("DELETE", "/api/directories?directory=/", "admin"),
    ("GET", "/api/browse", "launch"),
    ("GET", "/api/recent-dirs", "launch"),
    ("GET", "/api/settings", "read"),
    ("PUT", "/api/settings", "admin"),
    ("GET", "/api/events", "read"),
    ("HEAD", "/api/accounts", "read"),
    ("HEAD", "/api/export", "admin"),
];

#[tokio::test]
async fn nobody_comes_in_without_a_credential_or_with_a_wrong_one() {
    let server = Server::new();
    for (method, path, _) in ROUTES {
        for token in [None, Some("cat_FAKE-unknown")] {
            let answer = server.call(method, path, token, None).await;
            assert_eq!(answer.status, 401, "{method} {path}");
            if method != "HEAD" {
                assert_eq!(answer.refused(401)["code"], "not_signed_in");
            }
        }
    }
}

#[tokio::test]
async fn each_route_needs_its_scope() {
    let server = Server::new();
    let id = server.add_key("work").await;
    for (method, path, least) in ROUTES {
        let path = path.replace("ID", &id);
        for (token, scope) in [(READ, "read"), (LAUNCH, "launch")] {
            let order = ["read", "launch", "admin"];
            let rank = |scope| order.iter().position(|known| *known == scope);
            if rank(scope) >= rank(least) {
                continue;
            }
            let answer = server.call(method, &path, token, None).await;
            assert_eq!(answer.status, 403, "{method} {path} {scope}");
            if method != "HEAD" {
                assert_eq!(answer.refused(403)["code"], "wrong_scope");
            }
        }
    }
    assert_eq!(server.accounts().await.len(), 1);
}

#[tokio::test]
async fn another_sites_page_changes_nothing() {
    let server = Server::new();
    for (method, path, _) in ROUTES {
        if ["GET", "HEAD"].contains(&method) {
            continue;
        }
        for (name, value) in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1:5112"),
            ("sec-fetch-site", "cross-site"),
        ] {
            let request = Server::request(method, path, ADMIN)
                .header(name, value)
                .body(Body::empty());
            let answer = server.send(request.unwrap()).await;
            assert_eq!(
                answer.refused(403)["code"],
                "wrong_origin",
                "{method} {path}"
            );
        }
    }
}

#[tokio::test]
async fn bodies_are_bounded_json_objects_of_known_fields() {
    let server = Server::new();
    let id = server.add_key("work").await;
    let with_body: Vec<(&str, String)> = [
        ("POST", "/api/accounts"),
        ("PUT", "/api/accounts/ID"),
        ("POST", "/api/accounts/undo-delete"),
        ("POST", "/api/accounts/ID/capture-oauth"),
        ("POST", "/api/history/ID/restore"),
        ("POST", "/api/import"),
        ("PUT", "/api/directories"),
        ("PUT", "/api/settings"),
    ]
    .map(|(method, path)| (method, path.replace("ID", &id)))
    .to_vec();
    for (method, path) in with_body {
        let send = |kind: &'static str, body: Vec<u8>| {
            let request = Server::request(method, &path, ADMIN)
                .header(header::CONTENT_TYPE, kind)
                .body(Body::from(body));
            server.send(request.unwrap())
        };
        let json = "application/json";
        send(json, vec![b' '; 1024 * 1024 + 1]).await.refused(413);
        send("text/plain", b"{}".to_vec()).await.refused(415);
        send(json, b"{".to_vec()).await.refused(400);
        send(json, b"{\"nmae\": \"FAKE\"}".to_vec())
            .await
            .refused(400);
        send(json, b"\xff\xfe".to_vec()).await.refused(400);
        send(json, b"7".to_vec()).await.refused(400);
        send(json, vec![b'['; 100_000]).await.refused(400);
    }
    assert_eq!(server.account(&id).await["name"], "work");
}

#[tokio::test]
async fn the_document_names_every_route_and_no_other() {
    let document = serde_json::to_value(crate::api::router().to_openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    for (method, path, _) in ROUTES.iter().filter(|(method, ..)| *method != "HEAD") {
        let path = path.split('?').next().unwrap().replace("ID", "{id}");
        let operation = &paths[&path][method.to_lowercase()];
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.contains_key("401"), "{method} {path}");
        assert!(operation["summary"].is_string(), "{method} {path}");
    }
    for schema in [
        "ErrorBody",
        "AccountObject",
        "AccountChangeBody",
        "ImportBody",
    ] {
        assert!(
            document["components"]["schemas"][schema].is_object(),
            "{schema}"
        );
    }
    let text = document.to_string();
    for name in text.split("#/components/schemas/").skip(1) {
        let name = name.split('"').next().unwrap();
        assert!(
            document["components"]["schemas"][name].is_object(),
            "{name}"
        );
    }
    assert_eq!(document["security"][0], json!({"cookie": []}));
}
