//! Clients that cannot speak WebSocket, or not yet.

use serde_json::{Value, json};

use crate::server::Server;

struct Polling<'server> {
    server: &'server Server,
    headers: String,
    path: String,
}

impl<'server> Polling<'server> {
    async fn open(server: &'server Server, headers: &str) -> Self {
        let path = "/socket.io/?EIO=4&transport=polling".to_owned();
        let opened = server.ask("GET", &path, headers, "").await;
        assert_eq!(opened.status, 200, "{opened:?}");
        let packet: Value = serde_json::from_str(opened.body.strip_prefix('0').unwrap()).unwrap();
        assert_eq!(packet["upgrades"], json!(["websocket"]));
        Self {
            server,
            headers: headers.to_owned(),
            path: format!("{path}&sid={}", packet["sid"].as_str().unwrap()),
        }
    }

    async fn post(&self, packets: &str) -> u16 {
        self.post_as(&self.headers, packets).await
    }

    async fn post_as(&self, headers: &str, packets: &str) -> u16 {
        let headers = format!(
            "{headers}Content-Type: text/plain;charset=UTF-8
"
        );
        let answer = self.server.ask("POST", &self.path, &headers, packets);
        answer.await.status
    }

    async fn until(&self, wanted: &str) -> String {
        let mut all = String::new();
        while !all.contains(wanted) {
            let polled = self.server.ask("GET", &self.path, &self.headers, "").await;
            assert_eq!(polled.status, 200, "{polled:?}");
            for packet in polled.body.split('\u{1e}') {
                if packet == "2" {
                    assert_eq!(self.post("3").await, 200);
                }
            }
            all.push_str(&polled.body);
        }
        all
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_without_websocket() {
    let server = Server::start().await;
    let directory = server.running(
        "project",
        "stty raw -echo; printf ready; head -c 300000 | wc -c; exec cat",
    );
    let polling = Polling::open(&server, &format!("X-Auth-Token: {}\r\n", server.token)).await;
    assert_eq!(polling.post("40").await, 200);
    polling.until("40{").await;
    let start = json!(["start_terminal", {"account_id": server.account, "cwd": directory}]);
    assert_eq!(polling.post(&format!("42{start}")).await, 200);
    polling.until("ready").await;
    // More than Engine.IO takes unless it is told to, and many packets at once.
    let text = "x".repeat(100_000);
    let packet = format!("42{}", json!(["terminal_input", {"data": text}]));
    assert_eq!(
        polling.post(&[packet.as_str(); 3].join("\u{1e}")).await,
        200
    );
    polling.until("300000").await;
    // Clients that send a token with the first request alone go on; somebody else does not.
    assert_eq!(polling.post_as("", "3").await, 200);
    let (_, other) = server.new_token("launch").await;
    let other = format!("X-Auth-Token: {other}\r\n");
    assert_eq!(polling.post_as(&other, "3").await, 403);
    let cookie = format!("Cookie: {}\r\n", server.sign_in().await);
    let browser = Polling::open(&server, &cookie).await;
    assert_eq!(browser.post_as("", "40").await, 403);
    assert_eq!(browser.post("40").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_post_little() {
    let server = Server::start().await;
    let polling = Polling::open(&server, "").await;
    assert_eq!(polling.post(&"x".repeat(100_000)).await, 413);
    assert_eq!(polling.post("40").await, 200);
    polling.until("44{\"message\":\"not signed in\"}").await;
    let nowhere = server
        .ask(
            "GET",
            "/socket.io/?EIO=4&transport=polling&sid=none",
            "",
            "",
        )
        .await;
    assert_eq!(nowhere.status, 400, "{nowhere:?}");
    for query in [
        "",
        "?EIO=3&transport=polling",
        "?EIO=4&transport=carrier-pigeon",
    ] {
        assert_eq!(
            server
                .ask("GET", &format!("/socket.io/{query}"), "", "")
                .await
                .status,
            400,
            "{query}"
        );
    }
}
