//! A server that does not keep to the protocol.

use connection::{Connection, Happening};
use live::Bytes;
use live::control::{Failure, Reply, Request};
use live::message::{ToLaptop, ToServer};
use live::programs::{Directory, Output, Start, Stream, Viewer};
use live_session::laptop::{Programs, Publisher};
use publish::Limits;
use tokio::io::duplex;

use crate::ends::{SESSION, bounded, hear_all, words};

/// A laptop, with a server that answers each start by `act`.
fn laptop(act: impl Fn(&Connection<ToLaptop>, &Start) + Send + 'static) -> Programs {
    let (near, far) = duplex(64 << 10);
    let (laptop, receiver) = Connection::new(SESSION).unwrap();
    let publisher = Publisher::new(laptop.clone(), Limits::default()).unwrap();
    let programs = publisher.programs();
    tokio::spawn(async move { publisher.run(receiver).await });
    tokio::spawn(async move { drop(laptop.run(near).await) });
    let (server, mut receiver) = Connection::<ToLaptop>::new::<ToServer>(SESSION).unwrap();
    let carries = server.clone();
    tokio::spawn(async move { drop(carries.run(far).await) });
    tokio::spawn(async move {
        while let Some(happening) = receiver.next().await {
            let Happening::Message(ToServer::Control(wish, request)) = happening else {
                continue;
            };
            let reply = match request {
                Request::Start(start) => {
                    act(&server, &start);
                    Ok(Reply::Done)
                }
                Request::Programs => Ok(Reply::Mounted(Bytes::new())),
                _ => Err(Failure {
                    message: "\u{1b}[31mno".to_owned(),
                    hint: String::new(),
                }),
            };
            server.send(&ToLaptop::Control(wish, reply)).unwrap();
        }
    });
    programs
}

async fn start(programs: &Programs) -> live_session::laptop::Viewing {
    let started = programs.start(words(&["x"]), Directory::Home, Vec::new(), None);
    bounded(started).await.unwrap().1.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_costs_its_viewer_and_nobody_else() {
    let programs = laptop(|server, start| {
        let bytes = Bytes::from(vec![b'x'; 1 << 20]);
        for viewer in [Viewer(start.viewer.0 ^ 1), start.viewer] {
            for after in 0..40 {
                let output = Output::Bytes {
                    stream: Stream::Out,
                    bytes: bytes.clone(),
                    after,
                };
                server.send(&ToLaptop::Program(viewer, output)).unwrap();
            }
            server.send(&ToLaptop::Taken(viewer, u64::MAX)).unwrap();
        }
    });
    let mut viewing = start(&programs).await;
    // All of it has come when this is answered: with nonsense.
    bounded(programs.list()).await.unwrap_err();
    let gone = async {
        let typed = live::programs::Input::Typed("x".into());
        while viewing.input.send(typed.clone()).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    bounded(gone).await;
    let heard = hear_all(&mut viewing).await;
    assert_eq!((heard.out.len(), heard.ended), (0, Some((None, None))));
    start(&programs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_survived() {
    let programs = laptop(|server, start| {
        let ended = || Output::Ended {
            code: Some(1),
            signal: Some(2),
        };
        server
            .send(&ToLaptop::Program(start.viewer, ended()))
            .unwrap();
        server
            .send(&ToLaptop::Program(start.viewer, ended()))
            .unwrap();
        server.send(&ToLaptop::Taken(start.viewer, 7)).unwrap();
        server
            .send(&ToLaptop::Control(start.viewer.0, Ok(Reply::Done)))
            .unwrap();
    });
    let mut viewing = start(&programs).await;
    assert_eq!(hear_all(&mut viewing).await.ended, Some((Some(1), Some(2))));
    viewing.output.seen(u64::MAX);
    drop(viewing);
    bounded(programs.list()).await.unwrap_err();
    bounded(programs.end(live::programs::Program(1)))
        .await
        .unwrap_err();
}
