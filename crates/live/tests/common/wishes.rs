//! Everything that is said of the session.

use bytes::Bytes;
use live::RelativePath;
use live::control::{Account, Adapter, Failure, Reply, Request, Wanted};
use live::files::Root;
use live::programs::{
    Directory, Ended, Input, Output, Program, Report, Size, Start, Stream, Viewer, What,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

pub(crate) fn wish() -> impl Strategy<Value = Request> {
    let wanted = any::<(u32, String, [bool; 4], u32, u32)>().prop_map(
        |(root, name, [is_main, read_only, is_sshfs, when_asked], user, group)| Wanted {
            root: Root(root),
            name,
            is_main,
            read_only,
            adapter: if is_sshfs {
                Adapter::Sshfs
            } else {
                Adapter::Native
            },
            when_asked,
            user,
            group,
        },
    );
    let pair = (bytes(), bytes());
    let account = (vec(pair, 0..3), of(bytes())).prop_map(|(environment, document)| {
        Request::Account(Account {
            environment,
            document,
        })
    });
    let unmount = any::<u32>().prop_map(|root| Request::Unmount(Root(root)));
    let attach =
        (any::<(u32, u64, bool)>(), of(size())).prop_map(|((program, viewer, read_only), size)| {
            Request::Attach {
                program: Program(program),
                viewer: Viewer(viewer),
                size,
                read_only,
            }
        });
    let detach = any::<u64>().prop_map(|viewer| Request::Detach(Viewer(viewer)));
    let end = any::<u32>().prop_map(|program| Request::End(Program(program)));
    prop_oneof![
        wanted.prop_map(Request::Mount),
        unmount,
        account,
        start().prop_map(Request::Start),
        attach,
        detach,
        end,
        Just(Request::Programs),
        vec(any::<String>(), 0..4).prop_map(Request::Proxy),
    ]
}

fn start() -> impl Strategy<Value = Start> {
    let home = Just(Directory::Home);
    let mount = any::<u32>()
        .prop_map(|root| Directory::Mount(Root(root), RelativePath::new(b"a/b").unwrap()));
    let environment = vec((bytes(), bytes()), 0..3);
    let numbers = any::<(u32, u64)>();
    (
        numbers,
        what(),
        prop_oneof![home, mount],
        environment,
        of(size()),
    )
        .prop_map(
            |((program, viewer), what, directory, environment, size)| Start {
                program: Program(program),
                viewer: Viewer(viewer),
                what,
                directory,
                environment,
                size,
            },
        )
}

fn what() -> impl Strategy<Value = What> {
    let words = vec(bytes(), 0..4).prop_map(What::Words);
    prop_oneof![Just(What::Shell), words]
}

fn bytes() -> impl Strategy<Value = Bytes> {
    any::<Vec<u8>>().prop_map(Bytes::from)
}

fn size() -> impl Strategy<Value = Size> {
    any::<(u16, u16)>().prop_map(|(rows, columns)| Size { rows, columns })
}

fn report() -> impl Strategy<Value = Report> {
    let ended = any::<(Option<i32>, Option<i32>, u64)>().prop_map(|(code, signal, at)| Ended {
        code,
        signal,
        at,
    });
    (any::<(u32, u64, u32)>(), what(), of(size()), of(ended)).prop_map(
        |((program, since, viewers), what, size, ended)| Report {
            program: Program(program),
            what: what.title(),
            since,
            size,
            viewers,
            ended,
        },
    )
}

/// What a viewer says.
pub(crate) fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        bytes().prop_map(Input::Typed),
        Just(Input::InputEnded),
        size().prop_map(Input::Resize),
        any::<i32>().prop_map(Input::Signal),
        any::<u64>().prop_map(Input::Seen),
    ]
}

/// What a program says.
pub(crate) fn output() -> impl Strategy<Value = Output> {
    let picture = (bytes(), any::<u64>()).prop_map(|(text, after)| Output::Picture { text, after });
    let stream = prop_oneof![Just(Stream::Out), Just(Stream::Err)];
    let more = (stream, bytes(), any::<u64>()).prop_map(|(stream, bytes, after)| Output::Bytes {
        stream,
        bytes,
        after,
    });
    let ended = any::<(Option<i32>, Option<i32>)>()
        .prop_map(|(code, signal)| Output::Ended { code, signal });
    prop_oneof![picture, more, size().prop_map(Output::Resized), ended]
}

pub(crate) fn reply_to_wish() -> impl Strategy<Value = Result<Reply, Failure>> {
    let mounted = any::<Vec<u8>>().prop_map(|path| Ok(Reply::Mounted(Bytes::from(path))));
    let failure =
        any::<(String, String)>().prop_map(|(message, hint)| Err(Failure { message, hint }));
    let programs = vec(report(), 0..4).prop_map(|reports| Ok(Reply::Programs(reports)));
    prop_oneof![
        Just(Ok(Reply::Done)),
        Just(Ok(Reply::Offered)),
        Just(Ok(Reply::SignedIn)),
        mounted,
        programs,
        failure
    ]
}
