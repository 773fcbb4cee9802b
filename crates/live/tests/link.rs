//! Two links with a connection between them that breaks.

mod common;

use std::time::Duration;

use common::World;
use live::{LARGEST_MESSAGE, Lane, WINDOW};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// The longest part of a message in one frame, and what stands before it.
const LARGEST_PART: usize = (16 << 10) + 22;
/// What a frame takes in memory beside its part, at most.
const HEAD: usize = 128;

#[derive(Clone, Debug)]
enum Step {
    Send(usize, Lane, usize),
    Write(usize, usize),
    Bring(usize, usize),
    Cut([f64; 2], [bool; 2]),
    Reconnect,
    Tick(u64),
    Restart(usize),
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![3 => 0..100_usize, 2 => 0..40_000_usize, 1 => 0..=102_400_usize]
}

fn step(restarts: u32) -> impl Strategy<Value = Step> {
    let lane = || select(&Lane::ALL[..]);
    let amount = || prop_oneof![1..200_usize, 1..200_000_usize];
    let share = || prop_oneof![Just(0.0), Just(1.0), 0.0..1.0_f64];
    prop_oneof![
        12 => (0..2_usize, lane(), length()).prop_map(|(end, lane, length)| Step::Send(end, lane, length)),
        12 => (0..2_usize, amount()).prop_map(|(end, most)| Step::Write(end, most)),
        12 => (0..2_usize, amount()).prop_map(|(end, most)| Step::Bring(end, most)),
        3 => ([share(), share()], any::<[bool; 2]>()).prop_map(|(arrives, notices)| Step::Cut(arrives, notices)),
        4 => Just(Step::Reconnect),
        4 => (0..5_000_u64).prop_map(Step::Tick),
        restarts => (0..2_usize).prop_map(Step::Restart),
    ]
}

fn take(world: &mut World, step: &Step) {
    match *step {
        Step::Send(end, lane, length) => world.send(end, lane, length),
        Step::Write(end, most) => world.write(end, most),
        Step::Bring(end, most) => world.bring(end, most),
        Step::Cut(arrives, notices) => world.cut(arrives, notices),
        Step::Reconnect => world.reconnect(),
        Step::Tick(time) => world.tick(Duration::from_millis(time)),
        Step::Restart(end) => world.restart(end),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_message_arrives_once_and_in_order(steps in vec(step(0), 1..150)) {
        let mut world = World::new();
        for step in &steps {
            take(&mut world, step);
        }
        world.settle();
        for end in &world.ends {
            prop_assert_eq!(end.meetings(), 1, "nothing was ever given up");
        }
    }

    #[test]
    fn an_end_that_was_started_anew_hears_nothing_of_what_was_before(steps in vec(step(3), 1..150)) {
        let mut world = World::new();
        for step in &steps {
            take(&mut world, step);
        }
        world.settle();
    }
}

#[test]
fn what_is_not_confirmed_stays_within_the_window() {
    assert_eq!(Lane::Bulk.window(), WINDOW);
    for lane in Lane::ALL {
        let window = lane.window();
        let mut world = World::connected();
        for _ in 0..20 {
            world.send(0, lane, LARGEST_MESSAGE);
        }
        let waiting = world.ends[0].link.queued(lane);
        assert_eq!(waiting, 20 * LARGEST_MESSAGE);
        world.write(0, usize::MAX);
        let link = &world.ends[0].link;
        let written = waiting - link.queued(lane);
        assert!(
            (window - window / 50..window + LARGEST_PART).contains(&written),
            "{lane:?}: {written}"
        );
        let kept = link.memory() - link.queued(lane);
        assert!(kept < window + LARGEST_PART + 20 * HEAD, "{lane:?}: {kept}");
        let under_way = world.under_way(0);
        world.write(0, usize::MAX);
        assert_eq!(world.under_way(0), under_way, "nothing more goes");
        // Not even after a reconnect, but all of it again.
        world.cut([0.0; 2], [true; 2]);
        world.greet();
        world.write(0, usize::MAX);
        assert_eq!(world.under_way(0), under_way, "the same goes again");
        world.exchange();
        world.settle();
        assert_eq!(world.ends[1].meetings(), 1);
    }
}

/// They take memory too, and so have a window.
#[test]
fn messages_without_content_are_confirmed_and_counted() {
    let mut world = World::connected();
    world.send(0, Lane::Control, 0);
    world.exchange();
    assert!(!world.ends[0].link.is_settled());
    world.tick(Duration::from_millis(1));
    world.exchange();
    assert!(world.ends[0].link.is_settled());
    for lane in Lane::ALL {
        let count = lane.window() / 40;
        for _ in 0..count {
            world.send(0, lane, 0);
        }
        let before = world.ends[0].link.memory();
        world.write(0, usize::MAX);
        assert!(world.under_way(0) < 22 * count, "some of {lane:?} wait");
        assert!(world.ends[0].link.memory() < before + lane.window() + HEAD);
        world.exchange();
        assert_eq!(world.arrived(1, lane), world.sent(0, lane));
    }
    world.settle();
}

/// Its hello arrives, the one of the other is lost: they know different things of each other.
#[test]
fn nothing_is_lost_where_only_one_end_heard_the_other() {
    for lost in [0, 1] {
        let mut world = World::new();
        world.reconnect();
        for end in [0, 1] {
            world.send(end, Lane::Bulk, 50_000);
            world.write(end, usize::MAX);
        }
        world.bring(lost, usize::MAX);
        world.write(1 - lost, usize::MAX);
        world.cut([0.0; 2], [true; 2]);
        world.send(1 - lost, Lane::Metadata, 100);
        world.settle();
        assert_eq!(world.ends.each_ref().map(common::End::meetings), [1, 1]);

        // And where one of them was started anew before.
        world.restart(lost);
        world.reconnect();
        for end in [0, 1] {
            world.send(end, Lane::Bulk, 50_000);
            world.write(end, usize::MAX);
        }
        world.bring(1 - lost, usize::MAX);
        world.write(lost, usize::MAX);
        world.cut([0.0; 2], [false; 2]);
        world.settle();
        assert_eq!(world.ends[lost].meetings(), 1);
        assert_eq!(world.ends[1 - lost].meetings(), 2);
    }
}

#[test]
fn the_rest_of_a_message_is_no_message() {
    for restarted in [0, 1] {
        let mut world = World::connected();
        world.send(0, Lane::Bulk, 100 << 10);
        world.write(0, 40_000);
        world.bring(0, 40_000);
        world.send(0, Lane::Bulk, 100);
        world.restart(restarted);
        world.reconnect();
        world.exchange();
        world.send(0, Lane::Bulk, 30_000);
        world.send(1, Lane::Bulk, 30_000);
        world.settle();
    }
}

/// What is confirmed counts for the end that said it, not for the one that has its place.
#[test]
fn a_new_end_is_told_nothing_of_what_the_old_one_sent() {
    let mut world = World::connected();
    world.send(0, Lane::Bulk, 1 << 20);
    while world.ends[0].link.queued(Lane::Bulk) > 0 || world.under_way(0) > 0 {
        world.write(0, 64 << 10);
        world.bring(0, usize::MAX);
    }
    world.restart(0);
    world.settle();
    assert!(world.ends.iter().all(|end| end.link.is_up()));
}
