//! A raw WebSocket client that speaks as much Socket.IO as a terminal needs.

use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::{Message, WebSocket};

use super::server::Server;

pub(crate) struct Socket {
    socket: WebSocket<TcpStream>,
    session: String,
    acknowledged: u64,
}

/// Acknowledged after this many bytes.
const PACE: u64 = 32 * 1024;

impl Socket {
    /// Connects and starts a terminal in `directory`.
    pub(crate) fn start(server: &Server, account: &str, directory: &Path) -> Self {
        let address = format!(
            "ws://{}/socket.io/?EIO=4&transport=websocket",
            server.address
        );
        let mut request = address.into_client_request().unwrap();
        request
            .headers_mut()
            .insert("X-Auth-Token", server.token.parse().unwrap());
        let stream = TcpStream::connect(&server.address).unwrap();
        stream.set_nodelay(true).unwrap();
        let (socket, _) = tungstenite::client(request, stream).unwrap();
        let mut socket = Self {
            socket,
            session: String::new(),
            acknowledged: 0,
        };
        assert!(socket.text().starts_with('0'), "no Engine.IO");
        socket.send("40");
        let joined = socket.text();
        assert!(joined.starts_with("40"), "{joined}");
        socket.emit(
            "start_terminal",
            &json!({"account_id": account, "cwd": directory, "rows": 24, "cols": 80}),
        );
        let started = socket.event_named("terminal_started");
        socket.session = started["session"].as_str().unwrap().to_owned();
        socket
    }

    pub(crate) fn emit(&mut self, event: &str, payload: &Value) {
        let text = format!("42{}", json!([event, payload]));
        self.send(&text);
    }

    pub(crate) fn type_text(&mut self, text: &str) {
        let payload = json!({"data": text, "session": self.session});
        self.emit("terminal_input", &payload);
    }

    fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).unwrap();
    }

    fn text(&mut self) -> String {
        loop {
            match self.socket.read().unwrap() {
                Message::Text(text) if text.as_str() == "2" => self.send("3"),
                Message::Text(text) => return text.to_string(),
                _ => {}
            }
        }
    }

    /// The next event; output is acknowledged.
    pub(crate) fn event(&mut self) -> (String, Value) {
        loop {
            let text = self.text();
            let Some(body) = text.strip_prefix("42") else {
                continue;
            };
            let (name, payload): (String, Value) = serde_json::from_str(body).unwrap();
            if name == "terminal_output" {
                self.acknowledge(payload["after"].as_u64().unwrap_or(0));
            }
            return (name, payload);
        }
    }

    fn acknowledge(&mut self, after: u64) {
        if after >= self.acknowledged + PACE {
            self.acknowledged = after;
            let payload = json!({"session": self.session, "after": after});
            self.emit("terminal_ack", &payload);
        }
    }

    pub(crate) fn event_named(&mut self, wanted: &str) -> Value {
        loop {
            let (name, payload) = self.event();
            assert!(name != "terminal_error", "{payload}");
            if name == wanted {
                return payload;
            }
        }
    }

    /// Reads output until it has ended with `end`; the number of bytes.
    pub(crate) fn read_until(&mut self, end: &str) -> usize {
        let mut total = 0;
        let mut tail = String::new();
        loop {
            let output = self.event_named("terminal_output");
            let data = output["data"].as_str().unwrap();
            total += data.len();
            tail.push_str(data);
            if tail.contains(end) {
                return total;
            }
            let keep = tail.len().saturating_sub(end.len());
            let keep = (keep..=tail.len())
                .find(|&at| tail.is_char_boundary(at))
                .unwrap();
            tail.drain(..keep);
        }
    }
}
