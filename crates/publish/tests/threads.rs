//! Many threads ask at random: nothing breaks, and nothing stays open. Alone in its file: descriptors are counted.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test's files are recovered by nobody, and its helpers may panic"
)]

mod common;

use std::fs;
use std::sync::Mutex;
use std::thread;

use common::*;
use live::files::{
    Allocation, Handle, Kind, Lock, LockKind, NewAttributes, NewTime, Opening, Place, Renaming,
    Reply, Request, Root, Seeking, Setting, Target, Time,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use publish::{Confinement, Limits};

const THREADS: u8 = 8;
const REQUESTS: usize = 2_000;

#[test]
fn many_threads_at_random() {
    for confinement in BOTH {
        let before = descriptors();
        ask_at_random(confinement);
        assert_eq!(descriptors(), before, "left open");
    }
}

fn ask_at_random(confinement: Confinement) {
    let home = Home::with(confinement, false, Limits { open: 100 });
    let outside = {
        put(&home.outside().join("file"), b"outside");
        snapshot(&home.outside())
    };
    let handles = Mutex::new(Vec::new());
    let done: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let (home, handles) = (&home, &handles);
                scope.spawn(move || ask(home, handles, number))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    let asked = usize::from(THREADS) * REQUESTS;
    assert!(done > asked / 20, "{done} of {asked} were done");
    assert_eq!(snapshot(&home.outside()), outside);
    // Everything still works.
    home.service.withdraw(ROOT);
    home.service.publish(ROOT, &home.root(), false).unwrap();
    home.opened(Request::OpenDirectory(place("")));
}

fn ask(home: &Home, handles: &Mutex<Vec<Handle>>, number: u8) -> usize {
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[number; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let requests = request();
    let mut done = 0;
    for _ in 0..REQUESTS {
        let (mut request, picks) = requests.new_tree(&mut runner).unwrap().current();
        let pick = |pick: u16| {
            let handles = handles.lock().unwrap();
            let index = usize::from(pick) % handles.len().max(1);
            handles.get(index).copied().unwrap_or(Handle(0))
        };
        fill(&mut request, pick(picks.0), pick(picks.1));
        let closed = if let Request::Close(handle) = request {
            Some(handle)
        } else {
            None
        };
        let outcome = plain(home.service.execute(request));
        done += usize::from(outcome.is_ok());
        let mut handles = handles.lock().unwrap();
        match outcome {
            Ok(Reply::Opened { handle, .. }) => handles.push(handle),
            _ => handles.retain(|handle| Some(*handle) != closed),
        }
        if number == 0 && done % 500 == 499 {
            home.service.withdraw(Root(2));
            home.service
                .publish(Root(2), &home.root(), done % 2 == 0)
                .unwrap();
        }
    }
    done
}

/// Handles are only known when they are asked with.
fn fill(request: &mut Request, one: Handle, other: Handle) {
    match request {
        Request::Attributes(Target::Handle(handle))
        | Request::SetAttributes(Target::Handle(handle), _)
        | Request::ReadDirectory { handle, .. }
        | Request::Read { handle, .. }
        | Request::Write { handle, .. }
        | Request::WriteAndSet { handle, .. }
        | Request::Sync { handle, .. }
        | Request::Close(handle)
        | Request::Allocate { handle, .. }
        | Request::Seek { handle, .. }
        | Request::TestLock(handle, _)
        | Request::SetLock(handle, _) => *handle = one,
        Request::Copy { from, to, .. } => (*from, *to) = (one, other),
        _ => {}
    }
}

fn any_place() -> impl Strategy<Value = Place> + Clone {
    let name = prop_oneof![Just("a"), Just("b"), Just("c"), Just("link")];
    let root = prop_oneof![9 => Just(ROOT), 1 => Just(Root(2))];
    (root, prop::collection::vec(name, 0..4))
        .prop_map(|(root, names)| place_in(root, names.join("/")))
}

fn number() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![0..20_000_u64, Just(0), Just(i64::MAX as u64), any::<u64>()]
}

fn small() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![0..100_000_u64, Just(0)]
}

fn any_opening() -> impl Strategy<Value = Opening> + Clone {
    let access = prop_oneof![Just(READ), Just(WRITE), Just(READ_WRITE)];
    (access, any::<bool>(), any::<bool>()).prop_map(|(opening, truncate, append)| Opening {
        truncate,
        append,
        ..opening
    })
}

fn request() -> impl Strategy<Value = (Request, (u16, u16))> {
    (
        prop_oneof![by_name(), by_name(), opens(), by_handle(), by_handle()],
        any::<(u16, u16)>(),
    )
}

fn opens() -> BoxedStrategy<Request> {
    let handle = Handle(0);
    prop_oneof![
        (any_place(), any_opening()).prop_map(|(place, opening)| Request::Open(place, opening)),
        (any_place(), 0o600..0o777_u16, any_opening(), any::<bool>()).prop_map(
            |(place, permissions, opening, exclusive)| Request::Create {
                place,
                permissions,
                opening,
                exclusive
            }
        ),
        any_place().prop_map(Request::OpenDirectory),
        Just(Request::Close(handle)),
    ]
    .boxed()
}

fn by_name() -> BoxedStrategy<Request> {
    let place = any_place;
    let on = || place().prop_map(Target::Place);
    let how = prop_oneof![
        Just(Renaming::Replace),
        Just(Renaming::NoReplace),
        Just(Renaming::Exchange)
    ];
    let kind = prop_oneof![
        Just(Kind::File),
        Just(Kind::Pipe),
        Just(Kind::Socket),
        Just(Kind::BlockDevice)
    ];
    let says = prop_oneof![
        Just("../outside"),
        Just("a"),
        Just("/"),
        Just("."),
        Just("link")
    ];
    prop_oneof![
        on().prop_map(Request::Attributes),
        (on(), new_attributes()).prop_map(|(target, new)| Request::SetAttributes(target, new)),
        place().prop_map(Request::ReadLink),
        (place(), 0o700..0o777_u16)
            .prop_map(|(place, permissions)| Request::MakeDirectory { place, permissions }),
        (place(), kind, any::<u16>()).prop_map(|(place, kind, permissions)| Request::MakeNode {
            place,
            kind,
            permissions
        }),
        (place(), says).prop_map(|(place, target)| Request::MakeLink {
            place,
            target: target.into()
        }),
        (place(), place()).prop_map(|(of, place)| Request::AddName { of, place }),
        (place(), place(), how).prop_map(|(from, to, how)| Request::Rename { from, to, how }),
        place().prop_map(Request::Remove),
        place().prop_map(Request::RemoveDirectory),
        place().prop_map(Request::Space),
        on().prop_map(Request::ExtendedAttributes),
        on().prop_map(|target| Request::ExtendedAttribute {
            target,
            name: "user.a".into()
        }),
        on().prop_map(|target| Request::RemoveExtendedAttribute {
            target,
            name: "user.a".into()
        }),
        on().prop_map(|target| {
            let (name, value) = ("user.a".into(), "x".into());
            Request::SetExtendedAttribute {
                target,
                name,
                value,
                how: Setting::CreateOrReplace,
            }
        }),
    ]
    .boxed()
}

fn new_attributes() -> impl Strategy<Value = NewAttributes> {
    // What its owner may not enter would end the test for whoever is not root.
    let permissions = any::<u16>().prop_map(|permissions| permissions | 0o700);
    let time = (any::<i64>(), any::<u32>()).prop_map(|(seconds, nanoseconds)| {
        NewTime::At(Time {
            seconds,
            nanoseconds,
        })
    });
    let time = prop_oneof![Just(NewTime::Now), time];
    (
        prop::option::of(permissions),
        prop::option::of(small()),
        prop::option::of(time),
    )
        .prop_map(|(permissions, size, modified)| NewAttributes {
            permissions,
            size,
            modified,
            ..NewAttributes::default()
        })
}

fn by_handle() -> BoxedStrategy<Request> {
    let handle = Handle(0);
    let on = Target::Handle(handle);
    let how = prop_oneof![
        Just(Allocation::Allocate),
        Just(Allocation::KeepSize),
        Just(Allocation::PunchHole),
        Just(Allocation::Zero { keep_size: false })
    ];
    let kind = prop_oneof![
        Just(LockKind::Read),
        Just(LockKind::Write),
        Just(LockKind::Unlock)
    ];
    let lock = (0..4_u64, kind, number(), number());
    let lock = lock.prop_map(|(owner, kind, start, end)| Lock {
        owner,
        kind,
        start,
        end,
    });
    prop_oneof![
        Just(Request::Attributes(on.clone())),
        new_attributes().prop_map(move |new| Request::SetAttributes(on.clone(), new)),
        any::<bool>().prop_map(move |restart| Request::ReadDirectory { handle, restart }),
        (number(), any::<u32>()).prop_map(move |(offset, length)| Request::Read {
            handle,
            offset,
            length
        }),
        (small(), prop::collection::vec(any::<u8>(), 0..50)).prop_map(move |(offset, bytes)| {
            Request::Write {
                handle,
                offset,
                bytes: bytes.into(),
            }
        }),
        (
            small(),
            prop::collection::vec(any::<u8>(), 0..50),
            new_attributes()
        )
            .prop_map(move |(offset, bytes, new)| Request::WriteAndSet {
                handle,
                offset,
                bytes: bytes.into(),
                new,
            }),
        (small(), small(), how).prop_map(move |(offset, length, how)| Request::Allocate {
            handle,
            offset,
            length,
            how
        }),
        number().prop_map(move |offset| Request::Seek {
            handle,
            offset,
            what: Seeking::Data
        }),
        (number(), small(), small()).prop_map(move |(from_offset, to_offset, length)| {
            Request::Copy {
                from: handle,
                from_offset,
                to: handle,
                to_offset,
                length,
            }
        }),
        lock.clone()
            .prop_map(move |lock| Request::TestLock(handle, lock)),
        lock.prop_map(move |lock| Request::SetLock(handle, lock)),
    ]
    .boxed()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}
