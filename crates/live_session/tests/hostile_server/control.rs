//! Answers to wishes that nobody has made, and what nobody asked for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use live::control::{Failure, Reply, Request};
use live::files::{Reply as Answer, Request as Question, Root, Target};
use live::message::{ToLaptop, ToServer};
use live_session::laptop::Mount;

use crate::driver::{Laptop, ROOT, Server, play};
use crate::requests::{READ, place};

/// How long a server that does not answer is waited for.
const PATIENCE: Duration = Duration::from_millis(100);

fn failure(length: usize) -> Failure {
    Failure {
        message: "\x1b]0;x\x07".repeat(length / 6),
        hint: String::new(),
    }
}

#[test]
fn answers_to_no_wish_are_ignored() {
    play(async {
        let laptop = Laptop::new();
        let second = tempfile::tempdir().unwrap();
        let mut server = laptop.connect().await;
        // After that: what was asked before is asked anew of every new process.
        server.is_answered().await;
        let publisher = &laptop.publisher;
        let told = publisher
            .publish(Root(8), second.path(), "second", false)
            .unwrap();
        let mut wish = None;
        while wish.is_none() {
            if let Some(ToServer::Control(number, Request::Mount(wanted))) = server.next().await {
                wish = Some(number).filter(|_| wanted.root == Root(8));
            }
        }
        let wish = wish.unwrap();
        for number in [
            0,
            1,
            wish.wrapping_add(1),
            wish.wrapping_add(1000),
            u64::MAX,
        ] {
            for reply in [
                Ok(Reply::Done),
                Ok(Reply::Mounted(Bytes::from(vec![b'/'; 1 << 20]))),
                Err(failure(1 << 20)),
            ] {
                server.say(&ToLaptop::Control(number, reply));
            }
        }
        server.is_answered().await;
        assert_eq!(*told.borrow(), Mount::Asked);
        // That of its own wish can only say where the server has it, as often as it likes.
        for reply in [
            Err(failure(1 << 20)),
            Ok(Reply::Done),
            Ok(Reply::Mounted("/x\x1b[2J".into())),
        ] {
            server.say(&ToLaptop::Control(wish, reply));
        }
        server.is_answered().await;
        let at = |mount: &Mount| *mount == Mount::At("/x\x1b[2J".into());
        while !at(&told.borrow()) {
            server.is_answered().await;
        }
        laptop.publisher.withdraw(Root(8));
        server.say(&ToLaptop::Control(wish, Ok(Reply::Mounted("/etc".into()))));
        server.is_answered().await;
        laptop.check().await;
    });
}

#[test]
fn a_server_that_begins_anew_again_and_again_gets_the_same() {
    play(async {
        let laptop = Laptop::new();
        for _ in 0..100 {
            let mut server = laptop.connect().await;
            server.is_answered().await;
        }
        laptop.check().await;
    });
}

#[test]
fn a_server_that_does_not_say_that_it_has_unmounted_loses_it_all_the_same() {
    play(async {
        let laptop = Laptop::new();
        let mut server = laptop.connect().await;
        let opened = server.ask(Question::Open(place("honest"), READ)).await;
        let Ok(Answer::Opened { handle, .. }) = opened else {
            panic!("{opened:?}");
        };
        let publisher = Arc::clone(&laptop.publisher);
        let taking = tokio::spawn(async move { publisher.unmount(ROOT, PATIENCE).await });
        let wish = loop {
            if let Some(ToServer::Control(wish, Request::Unmount(ROOT))) = server.next().await {
                break wish;
            }
        };
        // Whatever it says but that.
        for reply in [Reply::Mounted("/x".into()), Reply::Offered] {
            server.say(&ToLaptop::Control(wish, Ok(reply)));
        }
        while !taking.is_finished() {
            drop(server.ask(Question::Open(place("honest"), READ)).await);
        }
        assert!(!taking.await.unwrap(), "it has said nothing");
        let (offset, length) = (0, 1);
        let read = Question::Read {
            handle,
            offset,
            length,
        };
        assert!(server.ask(read).await.is_err());
        has_nothing(&laptop, &mut server).await;
    });
}

#[test]
fn a_server_that_says_that_it_cannot_unmount_loses_it_at_once() {
    play(async {
        let laptop = Laptop::new();
        let mut server = laptop.connect().await;
        // An agent that begins only now has nothing mounted.
        server.is_answered().await;
        let publisher = Arc::clone(&laptop.publisher);
        let taking = tokio::spawn(async move { publisher.unmount(ROOT, Duration::MAX).await });
        let wish = loop {
            if let Some(ToServer::Control(wish, Request::Unmount(ROOT))) = server.next().await {
                break wish;
            }
        };
        server.say(&ToLaptop::Control(wish, Err(failure(6))));
        while !taking.is_finished() {
            drop(server.ask(Question::Open(place("honest"), READ)).await);
        }
        assert!(!taking.await.unwrap());
        has_nothing(&laptop, &mut server).await;
    });
}

#[test]
fn what_is_taken_back_while_nobody_is_there_is_not_there_for_who_comes() {
    play(async {
        let laptop = Laptop::new();
        assert!(!laptop.publisher.unmount(ROOT, PATIENCE).await);
        let mut server = laptop.connect().await;
        has_nothing(&laptop, &mut server).await;
    });
}

/// Of what was published.
async fn has_nothing(laptop: &Laptop, server: &mut Server) {
    for request in [
        Question::Attributes(Target::Place(place("honest"))),
        Question::OpenDirectory(place("")),
        Question::Open(place("honest"), READ),
    ] {
        let outcome = server.ask(request).await;
        assert!(outcome.is_err(), "{outcome:?}");
    }
    laptop.outside.check();
}
