//! What is said of a command, and which commands are the server's own.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use live::commands::{End, LARGEST_START, News, Order};
use live::programs::{Size, Stream};
use live_session::server::Told;

use super::ends::{MAIN, READ_ONLY, assert_nothing_told, next, typed, with_ends};

const LONG: Duration = Duration::from_secs(600);
const ENDED: News = News::Ended {
    code: Some(3),
    signal: None,
    read: 2,
};
const TOLD_ENDED: Told = Told::News(ENDED);

#[test]
fn a_command_runs_on_the_laptop() {
    with_ends(
        "talk::a_command_runs_on_the_laptop",
        LONG,
        async |mut ends| {
            let commands = &ends.server.commands;
            let running = commands.start(typed(&["npm", "test"], &ends.point.join("sub")));
            // Nothing is said of it before it runs.
            running.signal(2);
            let (command, start) = ends.laptop.asked().await;
            assert_eq!(
                (start.root, start.directory.as_bytes()),
                (MAIN, &b"sub"[..])
            );
            assert_eq!(
                (&start.name[..], &start.arguments[0][..]),
                (&b"npm"[..], &b"test"[..])
            );
            assert_eq!(start.environment, [("CI".into(), "1".into())]);
            assert!(!command.has_terminal && start.umask == 0o022);
            running.input("ab".into());
            ends.assert_quiet().await;
            ends.laptop.say(command, News::Started);
            assert_eq!(next(&running).await, Some(Told::News(News::Started)));
            let mut orders = [ends.laptop.order().await.1, ends.laptop.order().await.1];
            // In two lanes.
            orders.sort_by_key(|order| matches!(order, Order::Input(_)));
            assert_eq!(orders, [Order::Signal(2), Order::Input("ab".into())]);
            let output = |stream, text: &'static str| News::Output {
                stream,
                bytes: text.into(),
            };
            ends.laptop.say(command, output(Stream::Out, "out"));
            let told = next(&running).await.unwrap();
            assert!(
                matches!(told, Told::News(News::Output { stream: Stream::Out, bytes }) if bytes == "out")
            );
            running.seen(3);
            assert_eq!(ends.laptop.order().await, (command, Order::Seen(3)));
            ends.laptop.say(command, News::Taken(2));
            assert_eq!(next(&running).await, Some(Told::News(News::Taken(2))));
            ends.laptop.say(command, News::Stopped(20));
            ends.laptop.say(command, News::Continued);
            assert_eq!(next(&running).await, Some(Told::News(News::Stopped(20))));
            assert_eq!(next(&running).await, Some(Told::News(News::Continued)));
            ends.laptop.say(command, output(Stream::Err, "last"));
            ends.laptop.say(command, ENDED);
            ends.laptop.say(command, News::Settled);
            assert!(matches!(
                next(&running).await,
                Some(Told::News(News::Output { .. }))
            ));
            assert_eq!(next(&running).await, Some(TOLD_ENDED));
            assert_eq!(next(&running).await, None);
            // It has ended: nothing is said of it any more.
            running.signal(15);
            drop(running);
            ends.assert_quiet().await;
        },
    );
}

#[test]
fn it_has_ended_when_what_it_changed_is_known() {
    with_ends(
        "talk::it_has_ended_when_what_it_changed_is_known",
        LONG,
        async |mut ends| {
            for settled_first in [true, false] {
                let running = ends.server.commands.start(typed(&["npm"], &ends.point));
                let (command, _) = ends.laptop.asked().await;
                let last = match settled_first {
                    true => {
                        // Overtakes everything.
                        ends.laptop.say(command, News::Settled);
                        ends.laptop.say(command, News::Started);
                        ENDED
                    }
                    false => {
                        ends.laptop.say(command, News::Started);
                        ends.laptop.say(command, ENDED);
                        News::Settled
                    }
                };
                assert_eq!(next(&running).await, Some(Told::News(News::Started)));
                // Behind all of that.
                let other = ends.server.commands.start(typed(&["npm"], &ends.point));
                let (another, _) = ends.laptop.asked().await;
                ends.laptop.say(another, News::Here);
                assert_eq!(next(&other).await, Some(Told::News(News::Here)));
                assert_nothing_told(&running).await;
                ends.laptop.say(command, last);
                assert_eq!(next(&running).await, Some(TOLD_ENDED));
            }
        },
    );
}

#[test]
fn what_is_the_servers_own_is_not_asked_for() {
    with_ends(
        "talk::what_is_the_servers_own_is_not_asked_for",
        LONG,
        async |mut ends| {
            let read_only = ends.laptop.mount(READ_ONLY, "read-only").await;
            let script = ends.home.join("tool");
            fs::write(&script, "").unwrap();
            fs::write(ends.project.join("script"), "").unwrap();
            symlink(&ends.home, ends.home.join("link")).unwrap();
            let own: &'static str = script.to_str().unwrap().to_owned().leak();
            let through: &'static str = format!("{}/link/tool", ends.home.display()).leak();
            let theirs: &'static str = format!("{}/script", ends.point.display()).leak();
            for (words, directory) in [
                (&["npm"][..], ends.home.clone()),
                (&["npm"], ends.point.with_file_name("main2")),
                (&["npm"], "sub".into()),
                (&["npm"], ends.point.join("../main")),
                (&["npm"], read_only.clone()),
                (&["cargo"], ends.point.clone()),
                (&["./npm"], ends.point.clone()),
                (&["node", own, "--version"], ends.point.clone()),
                (&["node", "--no-warnings", through], ends.point.clone()),
                (&["make", own], ends.point.clone()),
            ] {
                let running = ends.server.commands.start(typed(words, &directory));
                assert_eq!(
                    next(&running).await,
                    Some(Told::News(News::Here)),
                    "{words:?}"
                );
                assert_eq!(next(&running).await, None);
            }
            for words in [
                &["node", theirs][..],
                &["node", "/nowhere/script"],
                &["node", "script", own],
                &["make", "-C", own],
            ] {
                let running = ends.server.commands.start(typed(words, &ends.point));
                let (command, _) = ends.laptop.asked().await;
                ends.laptop.say(command, News::Here);
                assert_eq!(next(&running).await, Some(Told::News(News::Here)));
            }
            ends.assert_quiet().await;
            // Not any more.
            ends.laptop.proxy(&[]).await;
            let running = ends.server.commands.start(typed(&["npm"], &ends.point));
            assert_eq!(next(&running).await, Some(Told::News(News::Here)));
            let linked = ends.server.linked.lock().unwrap().clone();
            assert_eq!(linked, [vec!["npm", "node", "make"], Vec::new()]);
        },
    );
}

#[test]
fn the_laptop_refuses_in_words_that_can_be_shown() {
    with_ends(
        "talk::the_laptop_refuses_in_words_that_can_be_shown",
        LONG,
        async |mut ends| {
            let running = ends.server.commands.start(typed(&["npm"], &ends.point));
            let (command, _) = ends.laptop.asked().await;
            let refused = News::Refused {
                message: "no\x1b[2J".to_owned(),
                hint: "ask".to_owned(),
            };
            ends.laptop.say(command, refused);
            let Some(Told::News(News::Refused { message, hint })) = next(&running).await else {
                panic!("not refused");
            };
            assert!(!message.contains('\x1b') && hint == "ask");
            let mut long = typed(&["npm"], &ends.point);
            long.arguments = vec![vec![b'x'; LARGEST_START].into()];
            let running = ends.server.commands.start(long);
            assert!(matches!(
                next(&running).await,
                Some(Told::News(News::Refused { .. }))
            ));
            ends.assert_quiet().await;
        },
    );
}

#[test]
fn who_has_gone_is_told_to_the_laptop_when_it_runs() {
    with_ends(
        "talk::who_has_gone_is_told_to_the_laptop_when_it_runs",
        LONG,
        async |mut ends| {
            let mut wanted = typed(&["npm"], &ends.point);
            wanted.streams = [End::Terminal; 3];
            wanted.size = Some(Size {
                rows: 24,
                columns: 80,
            });
            let running = ends.server.commands.start(wanted.clone());
            let (command, _) = ends.laptop.asked().await;
            assert!(command.has_terminal);
            running.resize(Size {
                rows: 25,
                columns: 80,
            });
            drop(running);
            assert_eq!(ends.laptop.order().await, (command, Order::TakenBack));
            ends.assert_quiet().await;
            ends.laptop.say(command, News::Started);
            assert_eq!(ends.laptop.order().await, (command, Order::End));
            // One that runs.
            let running = ends.server.commands.start(wanted.clone());
            let (another, _) = ends.laptop.asked().await;
            assert_ne!(another, command);
            ends.laptop.say(another, News::Started);
            assert_eq!(next(&running).await, Some(Told::News(News::Started)));
            drop(running);
            assert_eq!(ends.laptop.order().await, (another, Order::End));
            ends.laptop.say(another, ENDED);
            ends.laptop.say(another, News::Settled);
            // One that was not for the laptop.
            let running = ends.server.commands.start(wanted);
            let (other, _) = ends.laptop.asked().await;
            drop(running);
            assert_eq!(ends.laptop.order().await, (other, Order::TakenBack));
            ends.laptop.say(other, News::Here);
            ends.assert_quiet().await;
        },
    );
}

#[test]
fn what_a_laptop_may_not_say_is_not_listened_to() {
    with_ends(
        "talk::what_a_laptop_may_not_say_is_not_listened_to",
        LONG,
        async |mut ends| {
            let running = ends.server.commands.start(typed(&["npm"], &ends.point));
            let (command, _) = ends.laptop.asked().await;
            let output = || News::Output {
                stream: Stream::Out,
                bytes: "x".into(),
            };
            let other_ending = News::Ended {
                code: None,
                signal: Some(9),
                read: 0,
            };
            // Nothing but the beginning at the beginning, which is once, as is the end.
            for news in [
                output(),
                ENDED,
                News::Stopped(20),
                News::Started,
                News::Started,
                News::Here,
                output(),
                ENDED,
                output(),
                other_ending,
                News::Settled,
            ] {
                ends.laptop.say(command, news);
            }
            assert_eq!(next(&running).await, Some(Told::News(News::Started)));
            assert!(matches!(
                next(&running).await,
                Some(Told::News(News::Output { .. }))
            ));
            assert_eq!(next(&running).await, Some(TOLD_ENDED));
            assert_eq!(next(&running).await, None);
            ends.assert_quiet().await;
        },
    );
}
