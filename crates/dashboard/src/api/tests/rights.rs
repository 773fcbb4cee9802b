//! Who may do what, and what is refused of everybody.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::header;
use serde_json::{Value, json};

use super::server::{ADMIN, Answer, LAUNCH, READ, Server};

/// What a route takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Json,
}

use Takes::{Json, Nothing};

/// Every route: method, path, the least that a caller needs, and whether a body is read. Those of
/// `anybody` ask for no credential; for those of `sign-in` no token will do.
const ROUTES: [(&str, &str, &str, Takes); 56] = [
    ("GET", "/healthz", "anybody", Nothing),
    ("GET", "/api/openapi.json", "anybody", Nothing),
    ("GET", "/api/auth/status", "anybody", Nothing),
    ("POST", "/api/auth/setup", "anybody", Json),
    ("POST", "/api/auth/login", "anybody", Json),
    ("POST", "/api/auth/login/passkey/start", "anybody", Json),
    ("POST", "/api/auth/login/passkey/finish", "anybody", Json),
    ("POST", "/api/auth/logout", "anybody", Nothing),
    ("POST", "/api/auth/strength", "anybody", Json),
    ("POST", "/api/auth/confirm", "sign-in", Json),
    ("POST", "/api/auth/change-password", "admin", Json),
    ("GET", "/api/auth/sessions", "admin", Nothing),
    ("DELETE", "/api/auth/sessions/ID", "admin", Nothing),
    ("GET", "/api/auth/tokens", "admin", Nothing),
    ("POST", "/api/auth/tokens", "admin", Json),
    ("DELETE", "/api/auth/tokens/ID", "admin", Nothing),
    ("POST", "/api/auth/totp/start", "admin", Nothing),
    ("POST", "/api/auth/totp/finish", "admin", Json),
    ("DELETE", "/api/auth/totp", "admin", Nothing),
    ("GET", "/api/auth/passkeys", "admin", Nothing),
    ("POST", "/api/auth/passkeys/start", "admin", Json),
    ("POST", "/api/auth/passkeys/finish", "admin", Json),
    ("DELETE", "/api/auth/passkeys/ID", "admin", Nothing),
    ("POST", "/api/auth/recovery-codes", "admin", Nothing),
    ("GET", "/api/audit", "admin", Nothing),
    ("GET", "/api/accounts", "read", Nothing),
    ("POST", "/api/accounts", "admin", Json),
    ("GET", "/api/accounts/ID", "read", Nothing),
    ("PUT", "/api/accounts/ID", "admin", Json),
    ("DELETE", "/api/accounts/ID", "admin", Nothing),
    ("POST", "/api/accounts/undo-delete", "admin", Json),
    ("GET", "/api/accounts/ID/status", "read", Nothing),
    ("POST", "/api/accounts/ID/capture-oauth", "admin", Json),
    ("POST", "/api/accounts/ID/refresh-oauth", "launch", Nothing),
    ("POST", "/api/accounts/ID/launch", "launch", Nothing),
    ("POST", "/api/refresh-all", "launch", Nothing),
    ("GET", "/api/history/ID", "read", Nothing),
    ("POST", "/api/history/ID/restore", "admin", Json),
    ("GET", "/api/usage", "read", Nothing),
    ("GET", "/api/generate-aliases", "read", Nothing),
    ("POST", "/api/install-aliases", "admin", Nothing),
    ("GET", "/api/export", "admin", Nothing),
    ("POST", "/api/import", "admin", Json),
    ("GET", "/api/directories", "read", Nothing),
    ("PUT", "/api/directories", "admin", Json),
    ("DELETE", "/api/directories?directory=/", "admin", Nothing),
    ("GET", "/api/browse", "launch", Nothing),
    ("GET", "/api/recent-dirs", "launch", Nothing),
    ("GET", "/api/settings", "read", Nothing),
    ("PUT", "/api/settings", "admin", Json),
    ("GET", "/api/events", "read", Nothing),
    ("GET", "/api/sessions", "launch", Nothing),
    ("PUT", "/api/sessions/ID", "launch", Json),
    ("DELETE", "/api/sessions/ID", "launch", Nothing),
    ("POST", "/api/sessions/ID/links", "admin", Json),
    ("GET", "/api/sessions/ID/recording", "launch", Nothing),
];
/// Each includes those before it.
const ORDER: [&str; 5] = ["anybody", "read", "launch", "admin", "sign-in"];

fn rank(least: &str) -> usize {
    ORDER.iter().position(|known| *known == least).unwrap()
}

/// Also those that answer `HEAD` because they answer `GET`.
fn requests() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    ROUTES.iter().flat_map(|&(method, path, least, _)| {
        let head = (method == "GET").then_some(("HEAD", path, least));
        head.into_iter().chain([(method, path, least)])
    })
}

/// The word for programs; what answers `HEAD` has none.
fn code_of(answer: &Answer) -> String {
    let code = answer.json()["code"].clone();
    code.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn nobody_comes_in_without_a_credential_or_with_a_wrong_one() {
    let server = Server::new();
    for (method, path, least) in requests() {
        for token in [None, Some("cat_FAKE-unknown")] {
            let answer = server.call(method, path, token, None).await;
            if least == "anybody" {
                assert_ne!(code_of(&answer), "not_signed_in", "{method} {path}");
                continue;
            }
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
    for (method, path, least) in requests() {
        let path = path.replace("ID", &id);
        for (token, scope) in [(READ, "read"), (LAUNCH, "launch"), (ADMIN, "admin")] {
            // The confirmation reads its body before it tells that a token needs none.
            if rank(scope) >= rank(least) || (least == "sign-in" && scope == "admin") {
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
    let body = json!({"password": "FAKE"});
    let refused = server.post("/api/auth/confirm", body).await.refused(403);
    assert_eq!(refused["code"], "wrong_scope");
}

#[tokio::test]
async fn its_scope_is_all_that_a_route_needs() {
    let server = Server::new();
    for (method, path, least, takes) in ROUTES {
        // What is told goes on for ever, and a sign-in is no token's.
        if path == "/api/events" || least == "sign-in" {
            continue;
        }
        let token = [None, READ, LAUNCH, ADMIN][rank(least)];
        let path = path.replace("ID", "none");
        let body = (takes == Json).then(|| json!({"nmae": "FAKE"}));
        let answer = server.call(method, &path, token, body).await;
        let code = code_of(&answer);
        assert!(
            !["not_signed_in", "wrong_scope", "fresh_sign_in_needed"].contains(&&*code),
            "{method} {path}: {}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn another_sites_page_changes_nothing() {
    let server = Server::new();
    for (method, path, _, _) in ROUTES {
        if method == "GET" {
            continue;
        }
        for (name, value) in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1:5112"),
            ("sec-fetch-site", "cross-site"),
        ] {
            for token in [ADMIN, None] {
                let request = Server::request(method, path, token)
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
}

#[tokio::test]
async fn bodies_are_bounded_json_objects_of_known_fields() {
    let server = Server::new();
    let id = server.add_key("work").await;
    for (method, path, _, _) in ROUTES.iter().filter(|(.., takes)| *takes == Json) {
        let path = path.replace("ID", &id);
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

/// Method, path, whether anybody may, whether a body is described.
type Described = (String, String, bool, bool);

fn described(document: &Value) -> BTreeSet<Described> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap();
        let one = |(method, operation): (&String, &Value)| {
            let is_public = operation["security"] == json!([{}]);
            let has_body = operation["requestBody"].is_object();
            (method.to_uppercase(), path.clone(), is_public, has_body)
        };
        item.iter().map(one).collect::<Vec<_>>()
    });
    operations.collect()
}

#[tokio::test]
async fn the_document_names_every_route_and_no_other() {
    let document = serde_json::to_value(crate::api::router().to_openapi()).unwrap();
    let known = ROUTES.map(|(method, path, least, takes)| {
        let path = path.split('?').next().unwrap().replace("ID", "{id}");
        (method.to_owned(), path, least == "anybody", takes == Json)
    });
    assert_eq!(described(&document), BTreeSet::from(known));
    for (method, path, is_public, has_body) in described(&document) {
        let operation = &document["paths"][&path][method.to_lowercase()];
        assert!(operation["summary"].is_string(), "{method} {path}");
        // The others are asked for as the document says for all.
        assert_eq!(
            operation["security"].is_array(),
            is_public,
            "{method} {path}"
        );
        let responses = operation["responses"].as_object().unwrap();
        let refusals: &[&str] = match (path.as_str(), has_body) {
            ("/healthz" | "/api/openapi.json", _) => &[],
            (_, false) => &["400", "401", "403", "500", "503", "507"],
            (_, true) => &[
                "400", "401", "403", "408", "413", "415", "500", "503", "507",
            ],
        };
        for status in refusals {
            assert!(responses.contains_key(*status), "{method} {path} {status}");
        }
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
    assert_eq!(
        document["security"],
        json!([{"cookie": []}, {"token": []}, {"bearer": []}])
    );
}
