//! Whether the other end is there, and how far away.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::time::Duration;

use common::{World, ends, events, frame, hello_for, meet};
use live::{Event, PING_INTERVAL, SILENCE};

const NOW: Duration = Duration::from_secs(7);

#[test]
fn pings_tell_how_far_away_the_other_end_is() {
    let mut world = World::connected();
    let trip = Duration::from_millis(80);
    world.tick(PING_INTERVAL - Duration::from_millis(1));
    world.write(0, usize::MAX);
    assert_eq!(world.under_way(0), 0, "it is not time yet");
    world.tick(Duration::from_millis(1));
    world.write(0, usize::MAX);
    world.now += trip;
    world.bring(0, usize::MAX);
    world.write(1, usize::MAX);
    world.bring(1, usize::MAX);
    assert_eq!(world.ends[0].round_trips, [trip]);

    // Nothing moves for three pings; the one answer is as late as the first of them.
    for _ in 0..3 {
        world.tick(PING_INTERVAL);
        world.write(0, usize::MAX);
    }
    world.exchange();
    assert_eq!(world.ends[0].round_trips, [trip, 2 * PING_INTERVAL]);
    world.tick(PING_INTERVAL);
    world.exchange();
    assert_eq!(world.ends[0].round_trips.last(), Some(&Duration::ZERO));
}

#[test]
fn an_answer_to_nothing_tells_nothing() {
    let (mut link, mut other) = ends();
    meet(&mut link, &mut other, NOW).unwrap();
    drop(events(&mut link));
    let later = NOW + PING_INTERVAL;
    for number in [0, 1, u64::MAX] {
        link.received(&frame(5, &u64::to_be_bytes(number)), NOW)
            .unwrap();
    }
    link.tick(later);
    for number in [0, 2, u64::MAX] {
        link.received(&frame(5, &u64::to_be_bytes(number)), later)
            .unwrap();
    }
    assert_eq!(events(&mut link), []);
    // Nor does one on a later connection.
    meet(&mut link, &mut other, later).unwrap();
    link.received(&frame(5, &u64::to_be_bytes(1)), later)
        .unwrap();
    assert_eq!(events(&mut link), [Event::Connected { resumed: true }]);
}

#[test]
fn silence_is_told_on_a_connection_only() {
    let (mut link, mut other) = ends();
    assert!(!link.is_silent(NOW + SILENCE));
    let hello = hello_for(&mut link, &mut other, NOW);
    assert!(!link.is_silent(NOW + SILENCE - Duration::from_millis(1)));
    assert!(link.is_silent(NOW + SILENCE), "the hello never came");
    let heard = NOW + Duration::from_secs(3);
    link.received(&hello[..5], heard).unwrap();
    assert!(!link.is_silent(NOW + SILENCE));
    assert!(link.is_silent(heard + SILENCE));
    link.received(&hello[5..], heard).unwrap();
    assert!(!link.is_silent(Duration::ZERO), "a clock that goes back");
    assert!(link.is_silent(heard + SILENCE));
    link.disconnected();
    assert!(!link.is_silent(heard + SILENCE));
}
