//! Everything that is said of commands that run on the laptop.

use bytes::Bytes;
use live::commands::{Command, End, News, Order, Start};
use live::files::Root;
use live::programs::{Size, Stream};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::common::said::path;

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..300).prop_map(Bytes::from)
}

fn size() -> impl Strategy<Value = Size> {
    any::<(u16, u16)>().prop_map(|(rows, columns)| Size { rows, columns })
}

fn end() -> impl Strategy<Value = End> {
    select(vec![End::Terminal, End::Pipe, End::AsOutput, End::Nothing])
}

pub(crate) fn command() -> impl Strategy<Value = Command> {
    any::<(u64, bool)>().prop_map(|(number, has_terminal)| Command {
        number,
        has_terminal,
    })
}

fn start() -> impl Strategy<Value = Order> {
    let words = (bytes(), vec(bytes(), 0..5), vec((bytes(), bytes()), 0..3));
    let place = (any::<u32>(), path());
    let streams = [end(), end(), end()];
    (words, place, streams, of(size()), any::<u32>()).prop_map(
        |((name, arguments, environment), (root, directory), streams, size, umask)| {
            Order::Start(Box::new(Start {
                name,
                arguments,
                root: Root(root),
                directory,
                environment,
                streams,
                size,
                umask,
            }))
        },
    )
}

pub(crate) fn order() -> impl Strategy<Value = Order> {
    prop_oneof![
        start(),
        bytes().prop_map(Order::Input),
        Just(Order::InputEnded),
        size().prop_map(Order::Resize),
        any::<i32>().prop_map(Order::Signal),
        any::<u64>().prop_map(Order::Seen),
        select(vec![Stream::Out, Stream::Err]).prop_map(Order::Unread),
        Just(Order::TakenBack),
        Just(Order::End),
    ]
}

pub(crate) fn news() -> impl Strategy<Value = News> {
    let output = (select(vec![Stream::Out, Stream::Err]), bytes())
        .prop_map(|(stream, bytes)| News::Output { stream, bytes });
    let refused =
        any::<(String, String)>().prop_map(|(message, hint)| News::Refused { message, hint });
    let ended = any::<(Option<i32>, Option<i32>, u64)>()
        .prop_map(|(code, signal, read)| News::Ended { code, signal, read });
    prop_oneof![
        Just(News::Here),
        refused,
        Just(News::Started),
        output,
        any::<u64>().prop_map(News::Taken),
        any::<i32>().prop_map(News::Stopped),
        Just(News::Continued),
        ended,
        Just(News::Settled),
    ]
}
