//! Commands of which nobody will know how they end.

use std::time::Duration;

use live::commands::{Command, News, Order, WINDOW};
use live::programs::Stream;
use live_session::server::{RunningCommand, Told};

use super::ends::{
    Cable, Ends, MAIN, assert_nothing_told, bounded, next, start_laptop, typed, with_ends,
};

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(50);

/// One that runs.
async fn run(ends: &mut Ends) -> (RunningCommand, Command) {
    let running = ends.server.commands.start(typed(&["npm"], &ends.point));
    let (command, _) = ends.laptop.asked().await;
    ends.laptop.say(command, News::Started);
    assert_eq!(next(&running).await, Some(Told::News(News::Started)));
    (running, command)
}

async fn lost(running: &RunningCommand) -> String {
    let Some(Told::Lost(why)) = next(running).await else {
        panic!("it is not lost");
    };
    assert_eq!(next(running).await, None);
    why
}

#[test]
fn a_connection_that_comes_back_loses_nothing() {
    with_ends(
        "lost::a_connection_that_comes_back_loses_nothing",
        LONG,
        async |mut ends| {
            let (running, command) = run(&mut ends).await;
            ends.cable = None;
            running.signal(2);
            let asked = ends.server.commands.start(typed(&["npm"], &ends.point));
            ends.cable = Some(Cable::new(&ends.laptop, &ends.server));
            // In two lanes.
            let orders = [ends.laptop.order().await, ends.laptop.order().await];
            assert!(orders.contains(&(command, Order::Signal(2))));
            let mut started = orders
                .iter()
                .filter(|(_, order)| matches!(order, Order::Start(_)));
            ends.laptop.say(started.next().unwrap().0, News::Here);
            assert_eq!(next(&asked).await, Some(Told::News(News::Here)));
        },
    );
}

#[test]
fn a_laptop_that_was_started_anew_knows_of_none() {
    with_ends(
        "lost::a_laptop_that_was_started_anew_knows_of_none",
        LONG,
        async |mut ends| {
            let (running, command) = run(&mut ends).await;
            let asked = ends.server.commands.start(typed(&["npm"], &ends.point));
            let (waiting, _) = ends.laptop.asked().await;
            let gone = ends.server.commands.start(typed(&["npm"], &ends.point));
            ends.laptop.asked().await;
            drop(gone);
            ends.cable = None;
            ends.laptop = start_laptop(&ends.project);
            ends.cable = Some(Cable::new(&ends.laptop, &ends.server));
            for lost_one in [&running, &asked] {
                assert!(lost(lost_one).await.contains("anew"));
            }
            ends.laptop.mount(MAIN, "project").await;
            drop((running, asked));
            // What is not known is not listened to, but does not stay either.
            ends.laptop.say(command, News::Stopped(20));
            ends.laptop.say(waiting, News::Started);
            assert_eq!(ends.laptop.order().await, (waiting, Order::End));
            let (running, _) = run(&mut ends).await;
            assert_nothing_told(&running).await;
            ends.assert_quiet().await;
        },
    );
}

#[test]
fn without_a_connection_for_too_long_all_are_given_up() {
    with_ends(
        "lost::without_a_connection_for_too_long_all_are_given_up",
        SHORT,
        async |mut ends| {
            let (running, command) = run(&mut ends).await;
            let asked = ends.server.commands.start(typed(&["npm"], &ends.point));
            let (waiting, _) = ends.laptop.asked().await;
            ends.cable = None;
            for lost_one in [&running, &asked] {
                assert!(lost(lost_one).await.contains("no connection"));
            }
            // And what comes then.
            let late = ends.server.commands.start(typed(&["npm"], &ends.point));
            assert!(lost(&late).await.contains("no connection"));
            let own = ends.server.commands.start(typed(&["npm"], &ends.home));
            assert_eq!(next(&own).await, Some(Told::News(News::Here)));
            drop((running, asked, late));
            ends.cable = Some(Cable::new(&ends.laptop, &ends.server));
            // In another lane, which goes after the one of terminals.
            assert_eq!(ends.laptop.order().await, (command, Order::End));
            assert_eq!(ends.laptop.order().await, (waiting, Order::TakenBack));
            ends.laptop.say(waiting, News::Started);
            assert_eq!(ends.laptop.order().await, (waiting, Order::End));
            run(&mut ends).await;
        },
    );
}

#[test]
fn more_output_than_was_asked_for_is_not_kept() {
    with_ends(
        "lost::more_output_than_was_asked_for_is_not_kept",
        LONG,
        async |mut ends| {
            let (running, command) = run(&mut ends).await;
            let piece = 64 << 10;
            let output = || News::Output {
                stream: Stream::Out,
                bytes: vec![b'x'; piece].into(),
            };
            let most = usize::try_from(WINDOW).unwrap() / piece;
            (0..most).for_each(|_| ends.laptop.say(command, output()));
            for _ in 0..most {
                assert!(matches!(
                    next(&running).await,
                    Some(Told::News(News::Output { .. }))
                ));
            }
            let piece = piece as u64;
            running.seen(piece);
            assert_eq!(ends.laptop.order().await, (command, Order::Seen(piece)));
            ends.laptop.say(command, output());
            ends.laptop.say(command, output());
            assert!(matches!(
                next(&running).await,
                Some(Told::News(News::Output { .. }))
            ));
            assert!(lost(&running).await.contains("more"));
            assert_eq!(ends.laptop.order().await, (command, Order::End));
            drop(running);
            ends.assert_quiet().await;
        },
    );
}

#[test]
fn the_sessions_end_is_told() {
    with_ends("lost::the_sessions_end_is_told", LONG, async |mut ends| {
        let (running, _) = run(&mut ends).await;
        ends.server.agent.stop();
        assert_eq!(lost(&running).await, "the session has ended");
        bounded(&mut ends.server.running).await.unwrap();
        let late = ends.server.commands.start(typed(&["npm"], &ends.point));
        // Nothing is mounted any more.
        assert_eq!(next(&late).await, Some(Told::News(News::Here)));
        assert!(!ends.point.exists());
    });
}
