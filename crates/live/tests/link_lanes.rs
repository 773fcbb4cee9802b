//! What goes first, and that no lane keeps another from being sent, resent or confirmed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{World, data, ends, events, hello_for, meet, received, written};
use live::{Event, LARGEST_MESSAGE, Lane, LinkError};

const NOW: Duration = Duration::from_secs(7);
/// The longest part of a message in one frame, and what stands before it.
const LARGEST_PART: usize = (16 << 10) + 22;
/// What a frame takes in memory beside its part, at most.
const HEAD: usize = 128;
/// Where a written hello has the number of the last frame received in the first lane.
const HELLO_RECEIVED: usize = 45;

#[test]
fn a_keystroke_does_not_wait_behind_files() {
    let mut world = World::connected();
    for _ in 0..5 {
        world.send(0, Lane::Bulk, LARGEST_MESSAGE);
    }
    for already in [1, 100_000, 3_000_000] {
        world.write(0, already);
        let there = world.under_way(0);
        world.send(0, Lane::Terminal, 1);
        world.write(0, there + 1);
        assert!(world.under_way(0) - there < LARGEST_PART);
        assert_eq!(world.ends[0].link.queued(Lane::Terminal), 0, "it has gone");
        assert!(world.ends[0].link.queued(Lane::Bulk) > 0);
    }
    world.exchange();
    world.settle();
}

#[test]
fn a_full_lane_keeps_no_other_from_being_sent() {
    for full in Lane::ALL {
        let mut world = World::connected();
        for _ in 0..=full.window() / LARGEST_MESSAGE {
            world.send(0, full, LARGEST_MESSAGE);
        }
        world.write(0, usize::MAX);
        let waiting = world.ends[0].link.queued(full);
        assert!(waiting > 0, "{full:?} is full");
        for other in Lane::ALL.into_iter().filter(|other| *other != full) {
            world.send(0, other, 10_000);
            let there = world.under_way(0);
            world.write(0, there + 1);
            assert!(world.under_way(0) - there < LARGEST_PART);
            assert_eq!(world.ends[0].link.queued(other), 0, "{other:?} goes");
        }
        assert_eq!(world.ends[0].link.queued(full), waiting);
        // All of them at once are kept within the sum of their windows.
        for other in Lane::ALL.into_iter().filter(|other| *other != full) {
            for _ in 0..=other.window() / LARGEST_MESSAGE {
                world.send(0, other, LARGEST_MESSAGE);
            }
        }
        world.write(0, usize::MAX);
        let link = &world.ends[0].link;
        let queued: usize = Lane::ALL.iter().map(|lane| link.queued(*lane)).sum();
        let windows: usize = Lane::ALL.iter().map(|lane| lane.window()).sum();
        let most = windows + 4 * (LARGEST_PART + HEAD * 20);
        assert!(link.memory() - queued < most);
        world.settle();
    }
}

/// When it was said, where the connection breaks behind 10 MB that nothing has confirmed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Said {
    BeforeTheFiles,
    BehindTheFiles,
    BeforeTheCutButNotWritten,
    WhileThereIsNoConnection,
    AfterTheHello,
}

#[test]
fn after_a_cut_a_keystroke_does_not_wait_behind_files() {
    for said in [
        Said::BeforeTheFiles,
        Said::BehindTheFiles,
        Said::BeforeTheCutButNotWritten,
        Said::WhileThereIsNoConnection,
        Said::AfterTheHello,
    ] {
        let mut world = World::connected();
        let say = |world: &mut World, now: Said| {
            if now == said {
                world.send(0, Lane::Terminal, 1);
            }
        };
        say(&mut world, Said::BeforeTheFiles);
        for _ in 0..5 {
            world.send(0, Lane::Bulk, LARGEST_MESSAGE);
        }
        world.write(0, usize::MAX);
        say(&mut world, Said::BehindTheFiles);
        world.write(0, usize::MAX);
        assert!(world.under_way(0) > 10_000_000);
        say(&mut world, Said::BeforeTheCutButNotWritten);
        world.cut([0.0; 2], [true; 2]);
        say(&mut world, Said::WhileThereIsNoConnection);
        world.greet();
        say(&mut world, Said::AfterTheHello);
        world.write(0, 1);
        assert!(world.under_way(0) < LARGEST_PART, "{said:?}");
        world.bring(0, usize::MAX);
        assert_eq!(world.arrived(1, Lane::Terminal), 1, "{said:?}");
        assert_eq!(world.arrived(1, Lane::Bulk), 0);
        world.exchange();
        world.settle();
    }
}

#[test]
fn lanes_go_by_their_numbers() {
    let mut world = World::connected();
    for lane in Lane::ALL.into_iter().rev() {
        world.send(0, lane, 10);
    }
    for first in Lane::ALL {
        assert_eq!(world.ends[0].link.queued(first), 10);
        let there = world.under_way(0);
        world.write(0, there + 1);
        assert_eq!(world.ends[0].link.queued(first), 0);
    }
    world.settle();
}

/// Of every two lanes the first goes first: what is new of it before what is sent again of the other.
#[test]
fn lanes_go_again_by_their_numbers() {
    let mut world = World::connected();
    for lane in Lane::ALL.into_iter().rev() {
        world.send(0, lane, 40_000);
        world.send(0, lane, 10);
    }
    world.write(0, usize::MAX);
    world.cut([0.0; 2], [true; 2]);
    for lane in Lane::ALL.into_iter().rev() {
        world.send(0, lane, 10);
    }
    world.greet();
    for (place, first) in Lane::ALL.into_iter().enumerate() {
        while world.arrived(1, first) < 3 {
            for later in &Lane::ALL[place + 1..] {
                assert_eq!(world.arrived(1, *later), 0, "{later:?} before {first:?}");
            }
            world.write(0, 1);
            assert!(world.under_way(0) > 0, "the rest of {first:?} is missing");
            world.bring(0, usize::MAX);
        }
    }
    world.settle();
}

/// The hello confirms every lane by itself: only what did not arrive is sent again.
#[test]
fn nothing_is_sent_again_that_has_arrived() {
    let mut world = World::connected();
    for (count, lane) in Lane::ALL.into_iter().enumerate() {
        for _ in 0..=count {
            world.send(0, lane, 100);
        }
    }
    world.write(0, usize::MAX);
    // All but the last frame, and that not whole.
    world.cut([0.99, 0.0], [true; 2]);
    assert_eq!(Lane::ALL.map(|lane| world.arrived(1, lane)), [1, 2, 3, 3]);
    world.greet();
    world.write(0, usize::MAX);
    assert_eq!(world.under_way(0), 122);
    world.bring(0, usize::MAX);
    assert_eq!(world.arrived(1, Lane::Bulk), 4);
    world.settle();
}

/// What one lane has sent or received says nothing of another. Who claims so has confirmed nothing at all.
#[test]
fn numbers_are_those_of_one_lane() {
    let never_sent = LinkError::Broken("it has what was never sent");
    let missing = LinkError::Broken("a frame is missing");
    for (place, lane) in Lane::ALL.into_iter().enumerate() {
        let beyond = (place + 1) % 4;
        let mut numbers = [0; 4];
        numbers[place] = 2;
        numbers[beyond] = 1;
        for (bytes, error) in [
            (received(numbers), &never_sent),
            (data(1, 1, beyond as u8 | 0x80, b"x"), &never_sent),
            (data(1, 3, place as u8 | 0x80, b"x"), &never_sent),
            (
                [data(1, 0, place as u8, b"x"), data(2, 0, beyond as u8, b"")].concat(),
                &missing,
            ),
        ] {
            let (mut link, mut other) = ends();
            meet(&mut link, &mut other, NOW).unwrap();
            link.send(lane, vec![1; 20_000].into()).unwrap();
            assert!(written(&mut link).len() > 20_000, "both frames of it");
            assert_eq!(link.received(&bytes, NOW).as_ref(), Err(error), "{bytes:?}");
            assert!(!link.is_settled());
            // Nor by its hello.
            let mut hello = hello_for(&mut link, &mut other, NOW);
            for (number, place) in numbers.iter().zip((HELLO_RECEIVED..).step_by(8)) {
                hello[place..place + 8].copy_from_slice(&number.to_be_bytes());
            }
            assert_eq!(link.received(&hello, NOW).as_ref(), Err(&never_sent));
            drop([events(&mut link), events(&mut other)]);
            if error == &missing {
                // The frame before it was taken, and the honest end knows nothing of that.
                continue;
            }
            meet(&mut link, &mut other, NOW).unwrap();
            other.received(&written(&mut link), NOW).unwrap();
            let arrived = events(&mut other);
            assert!(
                matches!(&arrived[..], [Event::Connected { resumed: true }, Event::Message(of, message)]
                    if *of == lane && message.len() == 20_000),
                "{arrived:?}"
            );
        }
    }
}

/// A data frame confirms its lane; what came in others is confirmed together, at once when it has become much.
#[test]
fn data_confirms_its_own_lane() {
    let (mut link, mut other) = ends();
    meet(&mut link, &mut other, NOW).unwrap();
    for (lane, number) in [(1, 1), (2, 1), (2, 2)] {
        link.received(&data(number, 0, lane | 0x80, b"x"), NOW)
            .unwrap();
    }
    link.send(Lane::Terminal, Bytes::from_static(b"y")).unwrap();
    assert_eq!(written(&mut link), data(1, 1, 1 | 0x80, b"y"));
    // What came of files' names is not confirmed by that.
    link.tick(NOW);
    assert_eq!(written(&mut link), received([0, 1, 2, 0]));
    link.tick(NOW);
    assert!(written(&mut link).is_empty());
    let part = [0; 20_000];
    for (lane, number) in [(0, 1), (1, 2), (2, 3)] {
        link.received(&data(number, 0, lane | 0x80, &part), NOW)
            .unwrap();
        assert!(written(&mut link).is_empty(), "it is not much yet");
    }
    link.received(&data(1, 0, 3 | 0x80, &part), NOW).unwrap();
    assert_eq!(written(&mut link), received([1, 2, 3, 1]));
}
