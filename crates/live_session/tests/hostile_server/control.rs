//! Answers to wishes that nobody has made, and what nobody asked for.

use bytes::Bytes;
use live::control::{Failure, Reply, Request};
use live::files::Root;
use live::message::{ToLaptop, ToServer};
use live_session::laptop::Mount;

use crate::driver::{Laptop, play};

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
