//! As much of HTTP/1.1 as the stand-in servers and the stand-in client need: one request a connection, loopback, no TLS.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path with query, as sent.
    pub path: String,
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
    /// The decoded body.
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of that name; `name` in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(held, _)| held == name)
            .map(|(_, value)| value.as_str())
    }
}

/// An answer: status, content type and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 200, 400, …
    pub status: u16,
    /// The value of `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, body: &serde_json::Value) -> Response {
        Response::text(status, "application/json", body.to_string())
    }

    /// Any other answer.
    #[must_use]
    pub fn text(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Response {
        Response {
            status,
            content_type: content_type.to_owned(),
            body: body.into(),
        }
    }
}

/// What a handler does with a request.
#[derive(Debug)]
pub enum Answer {
    /// Answers it.
    Response(Response),
    /// Answers 200 with JSON that never closes its string, of this many bytes.
    Endless(u64),
    /// Closes the connection without a word.
    Nothing,
}

/// A server with a thread a connection. Dropping it closes every connection and joins every thread.
pub struct Server {
    address: SocketAddr,
    listener: TcpListener,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    closing: AtomicBool,
    connections: Mutex<HashMap<u64, TcpStream>>,
}

impl Server {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When there is no loopback to listen on.
    pub fn start(handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port of 127.0.0.1");
        let address = listener.local_addr().expect("the address bound");
        let shared = Arc::new(Shared::default());
        let waking = listener.try_clone().expect("a descriptor");
        let accepting = {
            let (shared, handler) = (Arc::clone(&shared), Arc::new(handler));
            thread::spawn(move || accept_all(&listener, &shared, &handler))
        };
        Server {
            address,
            listener: waking,
            shared,
            accepting: Some(accepting),
        }
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which closes what is open and joins the rest. A connection would not do: the server may
        // listen in another network than this thread's.
        rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Read).ok();
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
    }
}

fn accept_all<H>(listener: &TcpListener, shared: &Arc<Shared>, handler: &Arc<H>)
where
    H: Fn(&Request) -> Answer + Send + Sync + 'static,
{
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    for (number, accepted) in (0u64..).zip(listener.incoming()) {
        if shared.closing.load(Ordering::SeqCst) {
            break;
        }
        let Ok(stream) = accepted else { continue };
        if let Ok(handle) = stream.try_clone() {
            shared.connections.lock().unwrap().insert(number, handle);
        }
        let (connection, handler) = (Arc::clone(shared), Arc::clone(handler));
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread::spawn(move || {
            // A client that went away is its own affair.
            drop(serve(&stream, &*handler));
            drop(stream.shutdown(Shutdown::Both));
            connection.connections.lock().unwrap().remove(&number);
        }));
    }
    for stream in shared.connections.lock().unwrap().values() {
        drop(stream.shutdown(Shutdown::Both));
    }
    for thread in threads {
        drop(thread.join());
    }
}

fn serve(stream: &TcpStream, handler: &(impl Fn(&Request) -> Answer + ?Sized)) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some(request) = read_request(stream)? else {
        return Ok(());
    };
    match handler(&request) {
        Answer::Response(response) => write_response(stream, &response, request.method == "HEAD"),
        Answer::Endless(bytes) => write_endless(stream, bytes),
        Answer::Nothing => Ok(()),
    }
}

fn read_request(mut stream: &TcpStream) -> io::Result<Option<Request>> {
    let mut reader = BufReader::new(stream);
    let first = read_line(&mut reader)?;
    let mut words = first.split(' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let (method, path) = (method.to_owned(), path.to_owned());
    let headers = read_headers(&mut reader)?;
    let mut request = Request {
        method,
        path,
        headers,
        body: Vec::new(),
    };
    if request
        .header("expect")
        .is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
    {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    request.body = read_body(&mut reader, &request.headers, false)?;
    Ok(Some(request))
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn read_headers(reader: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?;
        let Some((name, value)) = line.split_once(':') else {
            return Ok(headers);
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn read_body(
    reader: &mut impl BufRead,
    headers: &[(String, String)],
    until_end: bool,
) -> io::Result<Vec<u8>> {
    let header = |name: &str| {
        headers
            .iter()
            .find(|(held, _)| held == name)
            .map(|(_, value)| value.as_str())
    };
    let mut body = Vec::new();
    if header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        loop {
            let size = u64::from_str_radix(&read_line(reader)?, 16).map_err(io::Error::other)?;
            reader.by_ref().take(size).read_to_end(&mut body)?;
            read_line(reader)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let length = header("content-length").and_then(|value| value.parse().ok());
    let read = match length {
        Some(length) => reader.by_ref().take(length).read_to_end(&mut body)? as u64,
        None if until_end => reader.read_to_end(&mut body)? as u64,
        None => 0,
    };
    if length.is_some_and(|length| length != read) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(body)
}

fn write_response(mut stream: &TcpStream, response: &Response, head_only: bool) -> io::Result<()> {
    let Response {
        status,
        content_type,
        body,
    } = response;
    // The reason phrase is for people; clients read the number.
    let mut bytes = format!(
        "HTTP/1.1 {status} Stand-in\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    if !head_only {
        bytes.extend_from_slice(body);
    }
    stream.write_all(&bytes)
}

fn write_endless(mut stream: &TcpStream, bytes: u64) -> io::Result<()> {
    let start = br#"{"access_token":""#;
    let length = bytes.max(start.len() as u64);
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )?;
    stream.write_all(start)?;
    io::copy(
        &mut io::repeat(b'a').take(length - start.len() as u64),
        &mut stream,
    )?;
    Ok(())
}

/// Sends one request to a loopback server and reads the answer. `url` is `http://host:port/path`.
///
/// # Errors
/// When the server cannot be reached, stays silent for `patience`, or answers no HTTP.
pub fn send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    patience: Duration,
) -> io::Result<Response> {
    let invalid = || {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("not a plain http address: {url}"),
        )
    };
    let rest = url.strip_prefix("http://").ok_or_else(invalid)?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_nodelay(true)?;
    let path = if path.is_empty() { "/" } else { path };
    let mut bytes = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n",
        body.len()
    );
    for (name, value) in headers {
        bytes.extend([name, ": ", value, "\r\n"]);
    }
    bytes.push_str("\r\n");
    let mut bytes = bytes.into_bytes();
    bytes.extend_from_slice(body);
    stream.write_all(&bytes)?;
    read_response(&stream)
}

fn read_response(stream: &TcpStream) -> io::Result<Response> {
    let mut reader = BufReader::new(stream);
    let first = read_line(&mut reader)?;
    let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status =
        status.ok_or_else(|| io::Error::other("the connection closed without an answer"))?;
    let headers = read_headers(&mut reader)?;
    let content_type = headers
        .iter()
        .find(|(name, _)| name == "content-type")
        .map(|(_, value)| value.clone());
    let body = read_body(&mut reader, &headers, true)?;
    Ok(Response {
        status,
        content_type: content_type.unwrap_or_default(),
        body,
    })
}
