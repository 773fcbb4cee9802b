//! What becomes of whoever says something to an agent.

use std::sync::Arc;
use std::time::Duration;

use connection::Connection;
use live::SessionId;
use live::message::ToServer;
use live_session::server::{Agent, AgentOptions};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::timeout;

use super::{AgentConnection, Control, ControlError, FromAgent, Refusal, ToAgent};
use crate::agent::control_name;
use crate::local::{LARGEST, LocalError, MessageReader, MessageWriter, VERSION};
use crate::{Places, SessionName};
use connection::relay::Socket;

const LIMIT: Duration = Duration::from_secs(60);

/// What answers, for a session whose laptop is not there.
struct Fixture {
    control: Arc<Control>,
    places: Places,
    _home: TempDir,
    /// The session ends with it.
    _receiver: connection::Receiver<ToServer>,
}

fn session() -> SessionName {
    SessionName::new("project-1").unwrap()
}

fn fixture() -> Fixture {
    let home = tempfile::tempdir().unwrap();
    let places = Places::told(home.path().to_owned(), home.path().join("run"));
    let (connection, receiver) = Connection::new(SessionId(*b"a session's name")).unwrap();
    let options = AgentOptions {
        main: places.main_mount(&session()),
        mounts: places.extra_mounts(&session()),
        account: Vec::new(),
        patience: LIMIT,
        environment: Vec::new(),
    };
    let agent = Arc::new(Agent::new(connection.clone(), options).unwrap());
    let control = Control::new(agent, &connection, places.clone(), session());
    Fixture {
        control: Arc::new(control),
        places,
        _home: home,
        _receiver: receiver,
    }
}

/// Heads and bytes of messages.
fn framed(messages: &[&[u8]]) -> Vec<u8> {
    let framed = messages.iter().map(|message| {
        let head = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&head[..], message].concat()
    });
    framed.collect::<Vec<_>>().concat()
}

/// How the talk with one ends who says `bytes`, and what he has heard.
async fn talk(control: &Control, bytes: &[u8]) -> (Result<(), LocalError>, Vec<u8>) {
    let (mut here, there) = duplex(64 << 10);
    let saying = async {
        here.write_all(bytes).await.ok();
        here.shutdown().await.ok();
        let mut heard = Vec::new();
        here.read_to_end(&mut heard).await.unwrap();
        heard
    };
    let both = async { tokio::join!(control.talk(there), saying) };
    timeout(LIMIT, both).await.unwrap()
}

async fn ask(control: &Control, message: &ToAgent) -> FromAgent {
    let (here, there) = duplex(64 << 10);
    let asking = async {
        let (reads, writes) = tokio::io::split(here);
        let mut writer = MessageWriter::begin(writes).await.unwrap();
        let mut reader = MessageReader::<_, FromAgent>::begin(reads).await.unwrap();
        writer.send(message).await.unwrap();
        reader.next().await.unwrap()
    };
    let both = async { tokio::join!(control.talk(there), asking).1 };
    timeout(LIMIT, both).await.unwrap()
}

#[tokio::test]
async fn whatever_is_no_message_is_hung_up_on() {
    let fixture = fixture();
    let version = postcard::to_stdvec(&ToAgent::Version(VERSION)).unwrap();
    let too_long = u32::try_from(LARGEST + 1).unwrap().to_be_bytes();
    for bytes in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        [framed(&[&version]), too_long.to_vec()].concat(),
        framed(&[&version, b""]),
        framed(&[&version, b"\xff\xff\xff\xff\xff"]),
        framed(&[&version, b"\x03more"]),
        // The first has to be the version.
        framed(&[b"\x03"]),
        framed(&[&postcard::to_stdvec(&ToAgent::Version(VERSION + 1)).unwrap()]),
        framed(&[&version]),
        vec![0, 0, 0],
        Vec::new(),
    ] {
        let (ended, heard) = talk(&fixture.control, &bytes).await;
        assert!(ended.is_err(), "{bytes:?}");
        // Its own version, and nothing more.
        let greeting = postcard::to_stdvec(&FromAgent::Version(VERSION)).unwrap();
        assert_eq!(heard, framed(&[&greeting]), "{bytes:?}");
    }
    let answer = ask(&fixture.control, &ToAgent::Version(VERSION)).await;
    assert!(matches!(answer, FromAgent::Refused(Refusal::Failed { .. })));
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_or_hears_nothing_is_hung_up_on() {
    let fixture = fixture();
    let (here, there) = duplex(64 << 10);
    let silent: Result<(), LocalError> = fixture.control.talk(there).await;
    assert!(matches!(silent, Err(LocalError::Closed)));
    drop(here);
    // Not even the greeting is taken.
    let (here, there) = duplex(1);
    let deaf: Result<(), LocalError> = fixture.control.talk(there).await;
    assert!(matches!(deaf, Err(LocalError::Closed)));
    drop::<DuplexStream>(here);
}

#[tokio::test]
async fn a_session_without_its_laptop_says_so() {
    let fixture = fixture();
    let FromAgent::Status(status) = ask(&fixture.control, &ToAgent::Status).await else {
        panic!("no status");
    };
    assert_eq!(status.session, "project-1");
    assert!(!status.is_connected && status.directories.is_empty() && status.programs == 0);
    assert_eq!(
        (status.agent, status.environment),
        (std::process::id(), None)
    );
    let limit_ms = 1;
    for request in [ToAgent::Mount { limit_ms }, ToAgent::Unmount { limit_ms }] {
        let answer = ask(&fixture.control, &request).await;
        let FromAgent::Refused(Refusal::NotConnected { .. }) = answer else {
            panic!("{answer:?}");
        };
    }
    assert!(!fixture.places.remote(&session()).exists());
}

#[tokio::test]
async fn who_asks_finds_it_by_its_name() {
    let fixture = fixture();
    let agents = fixture.places.make_agents().unwrap();
    let socket = Socket::bind(&agents, &control_name(&session())).unwrap();
    let serving = tokio::spawn(Arc::clone(&fixture.control).serve(socket));
    // More than may be connected at once, one after the other.
    for _ in 0..40 {
        let mut connection = AgentConnection::connect(&fixture.places, &session())
            .await
            .unwrap();
        let answer = connection.ask(&ToAgent::Status).await.unwrap();
        assert!(matches!(answer, FromAgent::Status(_)));
    }
    let other = SessionName::new("other-1").unwrap();
    let missing = AgentConnection::connect(&fixture.places, &other).await;
    assert!(matches!(
        missing,
        Err(ControlError::NoSuchSession { session, .. }) if session == "other-1"
    ));
    serving.abort();
    drop(serving.await);
    fixture.control.is_idle().await;
    let gone = AgentConnection::connect(&fixture.places, &session()).await;
    assert!(matches!(gone, Err(ControlError::NoSuchSession { .. })));
    fixture.places.remove_unused();
    assert!(!agents.exists());
}
