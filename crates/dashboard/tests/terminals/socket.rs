//! A client of Socket.IO over WebSocket, spoken by hand.

use std::collections::VecDeque;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::server::{LIMIT, Server};

pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// Came while something else was waited for.
    events: VecDeque<(String, Value)>,
    /// Whether output is acknowledged as it comes.
    pub(crate) acknowledges: bool,
    asked: u64,
}

impl Socket {
    /// With the token of the server.
    pub(crate) async fn connect(server: &Server) -> Self {
        let header = [("X-Auth-Token", server.token.as_str())];
        Self::with(server, &header, "").await.unwrap()
    }

    /// With these headers, and `auth` in the connect packet.
    ///
    /// # Errors
    /// The message of a refusal.
    pub(crate) async fn with(
        server: &Server,
        headers: &[(&str, &str)],
        auth: &str,
    ) -> Result<Self, String> {
        let mut socket = Self::open(server, headers)
            .await
            .map_err(|error| error.to_string())?;
        socket.send(&format!("40{auth}")).await;
        let answer = socket.packet().await.ok_or("hung up")?;
        match answer.strip_prefix("44") {
            Some(refusal) => {
                let refusal: Value = serde_json::from_str(refusal).unwrap();
                Err(refusal["message"].as_str().unwrap().to_owned())
            }
            None => {
                assert!(answer.starts_with("40{"), "{answer}");
                Ok(socket)
            }
        }
    }

    /// As far as Engine.IO.
    pub(crate) async fn open(server: &Server, headers: &[(&str, &str)]) -> Result<Self, Error> {
        let stream = TcpStream::connect(server.address).await.unwrap();
        Self::open_on(stream, server, headers).await
    }

    /// From another address of this machine.
    pub(crate) async fn connect_from(server: &Server, address: &str, cookie: &str) -> Self {
        let tcp = TcpSocket::new_v4().unwrap();
        tcp.bind(format!("{address}:0").parse().unwrap()).unwrap();
        let stream = tcp.connect(server.address).await.unwrap();
        let mut socket = Self::open_on(stream, server, &[("Cookie", cookie)])
            .await
            .unwrap();
        socket.send("40").await;
        assert!(socket.packet().await.unwrap().starts_with("40{"));
        socket
    }

    /// One whose buffer for what comes in is small: to stall soon.
    pub(crate) async fn connect_narrow(server: &Server) -> Self {
        let tcp = TcpSocket::new_v4().unwrap();
        tcp.set_recv_buffer_size(4096).unwrap();
        let stream = tcp.connect(server.address).await.unwrap();
        let header = [("X-Auth-Token", server.token.as_str())];
        let mut socket = Self::open_on(stream, server, &header).await.unwrap();
        socket.send("40").await;
        assert!(socket.packet().await.unwrap().starts_with("40{"));
        socket
    }

    async fn open_on(
        stream: TcpStream,
        server: &Server,
        headers: &[(&str, &str)],
    ) -> Result<Self, Error> {
        stream.set_nodelay(true).unwrap();
        let address = format!(
            "ws://{}/socket.io/?EIO=4&transport=websocket",
            server.address
        );
        let mut request = address.into_client_request().unwrap();
        for (name, value) in headers {
            let name: axum::http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let (stream, _) = client_async(request, stream).await?;
        let mut socket = Self {
            stream,
            events: VecDeque::new(),
            acknowledges: true,
            asked: 0,
        };
        assert!(socket.packet().await.unwrap().starts_with("0{"));
        Ok(socket)
    }

    pub(crate) async fn send(&mut self, packet: &str) {
        self.stream.send(Message::text(packet)).await.unwrap();
    }

    /// Sends what the server may refuse by hanging up in the middle of it.
    pub(crate) async fn send_in_vain(&mut self, packet: &str) {
        drop(self.stream.send(Message::text(packet)).await);
    }

    /// The next packet but pings, which are answered; `None` once the server has hung up.
    pub(crate) async fn packet(&mut self) -> Option<String> {
        loop {
            let message = tokio::time::timeout(LIMIT, self.stream.next()).await;
            match message.expect("a packet in time") {
                Some(Ok(Message::Text(text))) if text.as_str() == "2" => {
                    self.send_in_vain("3").await;
                }
                Some(Ok(Message::Text(text))) => return Some(text.to_string()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    pub(crate) async fn emit(&mut self, event: &str, payload: Value) {
        self.send(&format!("42{}", json!([event, payload]))).await;
    }

    /// Emits and waits for the acknowledgement.
    pub(crate) async fn ask(&mut self, event: &str, payload: Value) -> Value {
        self.asked += 1;
        let number = self.asked;
        self.send(&format!("42{number}{}", json!([event, payload])))
            .await;
        let answer = format!("43{number}");
        loop {
            let packet = self.packet().await.expect("an answer");
            if let Some(answer) = packet.strip_prefix(&answer) {
                let mut answer: Vec<Value> = serde_json::from_str(answer).unwrap();
                return answer.remove(0);
            }
            self.keep(&packet).await;
        }
    }

    async fn keep(&mut self, packet: &str) {
        if let Some(event) = packet.strip_prefix("42") {
            let (name, payload): (String, Value) = serde_json::from_str(event).unwrap();
            if name == "terminal_output" && self.acknowledges {
                let parsed = json!({"session": payload["session"], "after": payload["after"]});
                self.emit("terminal_ack", parsed).await;
            }
            self.events.push_back((name, payload));
        }
    }

    /// The next event; `None` once the server has hung up.
    pub(crate) async fn event(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let packet = self.packet().await?;
            if packet.starts_with("41") {
                return None;
            }
            self.keep(&packet).await;
        }
    }

    /// The next event of this name.
    pub(crate) async fn wait_for(&mut self, wanted: &str) -> Value {
        loop {
            let (name, payload) = self
                .event()
                .await
                .unwrap_or_else(|| panic!("hung up before {wanted}"));
            assert!(name != "terminal_error" || wanted == name, "{payload}");
            if name == wanted {
                return payload;
            }
        }
    }

    /// Output until `end` is in it.
    pub(crate) async fn output_until(&mut self, end: &str) -> String {
        let mut all = String::new();
        while !all.contains(end) {
            all.push_str(
                self.wait_for("terminal_output").await["data"]
                    .as_str()
                    .unwrap(),
            );
        }
        all
    }

    /// As a new client does; the session.
    pub(crate) async fn start(&mut self, account: &str, directory: &str) -> String {
        let start = json!({"account_id": account, "cwd": directory, "rows": 24, "cols": 80});
        self.emit("start_terminal", start).await;
        let started = self.wait_for("terminal_started").await;
        started["session"].as_str().unwrap().to_owned()
    }

    /// As an older client does; the session.
    pub(crate) async fn start_as_older(&mut self, account: &str, directory: &str) -> String {
        self.acknowledges = false;
        self.emit(
            "start_terminal",
            json!({"account_id": account, "cwd": directory}),
        )
        .await;
        let started = self.wait_for("terminal_started").await;
        started["session"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn type_text(&mut self, text: &str) {
        self.emit("terminal_input", json!({"data": text})).await;
    }

    /// Goes without a word, as when a cable is pulled.
    pub(crate) fn pull_the_cable(self) {
        drop(self.stream.into_inner());
    }
}
