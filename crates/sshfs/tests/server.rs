//! The server, asked by `russh-sftp`'s client, with the confined service behind it.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests: they make files that nobody has to recover, and panic if they cannot go on"
)]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Arc;

use common::{World, number, permissions, status};
use live::files::Request;
use russh_sftp::protocol::{FileAttributes, OpenFlags, Packet, StatusCode};

const WRITE: OpenFlags = OpenFlags::WRITE;

#[test]
fn files_are_made_written_read_and_removed() {
    World::run(async |world| {
        let client = world.client().await;
        let making = WRITE | OpenFlags::READ | OpenFlags::CREATE | OpenFlags::EXCLUDE;
        let opened = client.open("/file", making, permissions(0o640)).await;
        let handle = opened.unwrap().handle;
        client.write(&handle, 3, b"hello".to_vec()).await.unwrap();
        assert_eq!(client.read(&handle, 2, 100).await.unwrap().data, b"\0hello");
        let end = client.read(&handle, 8, 100).await;
        assert_eq!(status(end), StatusCode::Eof);
        let attributes = client.fstat(&handle).await.unwrap().attrs;
        assert_eq!(attributes.size, Some(8));
        let truncated = FileAttributes {
            size: Some(4),
            ..FileAttributes::empty()
        };
        client.fsetstat(&handle, truncated).await.unwrap();
        client.fsync(&handle).await.unwrap();
        assert_eq!(fs::read(world.laptop("file")).unwrap(), b"\0\0\0h");
        let mode = fs::metadata(world.laptop("file")).unwrap().permissions();
        assert_eq!(mode.mode() & 0o7777, 0o640);
        client.close(&handle).await.unwrap();
        assert_eq!(
            status(client.read(&handle, 0, 1).await),
            StatusCode::Failure
        );
        let again = client.open("/file", making, permissions(0o600)).await;
        assert_eq!(status(again), StatusCode::Failure);
        client.remove("/file").await.unwrap();
        let gone = client.lstat("/file").await;
        assert_eq!(status(gone), StatusCode::NoSuchFile);
    });
}

#[test]
fn what_is_appended_goes_to_the_end() {
    World::run(async |world| {
        fs::write(world.laptop("log"), "one\n").unwrap();
        let client = world.client().await;
        let opened = client.open("/log", WRITE | OpenFlags::APPEND, permissions(0));
        let handle = opened.await.unwrap().handle;
        client.write(&handle, 0, b"two\n".to_vec()).await.unwrap();
        assert_eq!(fs::read(world.laptop("log")).unwrap(), b"one\ntwo\n");
        let opened = client.open("/log", WRITE | OpenFlags::TRUNCATE, permissions(0));
        opened.await.unwrap();
        assert_eq!(fs::read(world.laptop("log")).unwrap(), b"");
    });
}

#[test]
fn directories_are_made_listed_and_removed() {
    World::run(async |world| {
        let client = world.client().await;
        client.mkdir("/d", permissions(0o751)).await.unwrap();
        let mode = fs::metadata(world.laptop("d")).unwrap().permissions();
        assert_eq!(mode.mode() & 0o7777, 0o751);
        let names: Vec<String> = (0..3000).map(|number| format!("{number:0>120}")).collect();
        for name in &names {
            fs::write(world.laptop("d").join(name), "").unwrap();
        }
        let handle = client.opendir("/d").await.unwrap().handle;
        let mut listed = Vec::new();
        let ended = loop {
            match client.readdir(&handle).await {
                Ok(part) => listed.extend(part.files.into_iter().map(|file| file.filename)),
                Err(error) => break status::<()>(Err(error)),
            }
        };
        assert_eq!(ended, StatusCode::Eof);
        assert_eq!(listed[..2], [".", ".."]);
        listed.drain(..2);
        listed.sort();
        assert_eq!(listed, names);
        client.close(&handle).await.unwrap();
        assert_eq!(status(client.readdir(&handle).await), StatusCode::Failure);
        assert_eq!(status(client.rmdir("/d").await), StatusCode::Failure);
        names
            .iter()
            .for_each(|name| fs::remove_file(world.laptop("d").join(name)).unwrap());
        client.rmdir("/d").await.unwrap();
        assert!(!world.laptop("d").exists());
    });
}

#[test]
fn names_are_moved_linked_and_told() {
    World::run(async |world| {
        let client = world.client().await;
        fs::write(world.laptop("a"), "a").unwrap();
        fs::write(world.laptop("b"), "b").unwrap();
        assert_eq!(status(client.rename("/a", "/b").await), StatusCode::Failure);
        let pair = [text(b"/a"), text(b"/b")].concat();
        let renamed = client.extended("posix-rename@openssh.com", pair).await;
        assert!(
            matches!(renamed, Ok(Packet::Status(status)) if status.status_code == StatusCode::Ok)
        );
        assert_eq!(fs::read(world.laptop("b")).unwrap(), b"a");
        client.rename("/b", "/c").await.unwrap();
        client.hardlink("/c", "/d").await.unwrap();
        assert_eq!(fs::read(world.laptop("d")).unwrap(), b"a");
        // The other way round than that client has it, which is as every client of OpenSSH's servers does.
        client.symlink("../above", "/link").await.unwrap();
        let said = client.readlink("/link").await.unwrap().files;
        assert_eq!(said[0].filename, "../above");
        assert_eq!(client.realpath(".").await.unwrap().files[0].filename, "/");
        assert_eq!(
            client.realpath("/x/y").await.unwrap().files[0].filename,
            "/x/y"
        );
        let space = client.statvfs("/").await.unwrap();
        assert!(space.block_size > 0 && space.blocks > 0 && space.name_max == 255);
        let unknown = client.extended("limits@openssh.com", Vec::new()).await;
        assert!(
            matches!(unknown, Ok(Packet::Status(status)) if status.status_code == StatusCode::OpUnsupported)
        );
    });
}

#[test]
fn attributes_are_set_and_owners_mapped() {
    World::run(async |world| {
        let client = world.client().await;
        fs::write(world.laptop("file"), "12345").unwrap();
        let shown = client.lstat("/file").await.unwrap().attrs;
        let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
        assert_eq!(
            (shown.uid, shown.gid),
            (Some(user.as_raw()), Some(group.as_raw()))
        );
        let set = FileAttributes {
            permissions: Some(0o100_600),
            atime: Some(5),
            mtime: Some(1_000_000_000),
            uid: shown.uid,
            gid: Some(u32::MAX),
            size: Some(2),
            ..FileAttributes::empty()
        };
        client.setstat("/file", set).await.unwrap();
        let shown = client.stat("/file").await.unwrap().attrs;
        assert_eq!(shown.permissions, Some(0o100_600));
        assert_eq!((shown.mtime, shown.size), (Some(1_000_000_000), Some(2)));
        let foreign = FileAttributes {
            uid: Some(user.as_raw() + 1),
            ..FileAttributes::empty()
        };
        assert_eq!(
            status(client.setstat("/file", foreign).await),
            StatusCode::Failure
        );
    });
}

#[test]
fn nothing_outside_is_reached() {
    World::run(async |world| {
        fs::write(world.beside("secret"), "secret").unwrap();
        symlink("../secret", world.laptop("up")).unwrap();
        symlink(world.beside("secret"), world.laptop("absolute")).unwrap();
        symlink("..", world.laptop("above")).unwrap();
        let client = world.client().await;
        for path in [
            "../secret",
            "/../secret",
            "/./../secret",
            "//secret",
            "secret",
            "/x/../../secret",
            "/etc\0/passwd",
            "/up",
            "/absolute",
            "/above/secret",
            "/proc/self/root/etc/passwd",
        ] {
            let opened = client.open(path, OpenFlags::READ, permissions(0)).await;
            assert!(opened.is_err(), "{path:?}");
            let made = client.open(
                path,
                WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE,
                permissions(0o600),
            );
            assert!(made.await.is_err(), "{path:?}");
            let attributes = client.stat(path).await;
            let is_link = attributes
                .is_ok_and(|found| found.attrs.permissions.unwrap() & 0o170_000 == 0o120_000);
            assert_eq!(is_link, ["/up", "/absolute"].contains(&path), "{path:?}");
            assert!(client.opendir(path).await.is_err(), "{path:?}");
            assert!(client.rename("/up", path).await.is_err(), "{path:?}");
        }
        assert_eq!(fs::read(world.beside("secret")).unwrap(), b"secret");
        assert_eq!(fs::read_dir(world.beside("")).unwrap().count(), 2);
    });
}

#[test]
fn names_that_are_not_utf_8_are_those_names() {
    World::run(async |world| {
        use std::os::unix::ffi::OsStrExt as _;
        let named = |bytes: &[u8]| world.laptop("").join(std::ffi::OsStr::from_bytes(bytes));
        fs::write(named(b"\xff"), "the one").unwrap();
        fs::write(named("\u{fffd}".as_bytes()), "the other").unwrap();
        let mut stream = world.stream();
        common::hello(&mut stream);
        let remove = [&[13, 0, 0, 0, 1][..], &text(b"/\xff")].concat();
        let answer = common::exchange(&mut stream, &remove);
        assert_eq!((answer[0], number(&answer[5..])), (101, 0));
        assert!(!named(b"\xff").exists() && named("\u{fffd}".as_bytes()).exists());
    });
}

#[test]
fn many_requests_are_under_way_at_once() {
    World::run(async |world| {
        fs::write(world.laptop("file"), vec![7; 1 << 20]).unwrap();
        let client = world.client().await;
        let opened = client.open("/file", OpenFlags::READ, permissions(0)).await;
        let handle = opened.unwrap().handle;
        world
            .files
            .hold(|request| matches!(request, Request::Read { .. }));
        let reads = (0..32_u64).map(|part| {
            let (client, handle) = (Arc::clone(&client), handle.clone());
            tokio::spawn(async move { client.read(&handle, part << 15, 1 << 15).await })
        });
        let reads: Vec<_> = reads.collect();
        world
            .until("all are asked", |files| files.held() == 32)
            .await;
        // What has nothing to do with them is answered.
        client.lstat("/file").await.unwrap();
        world.files.let_go();
        for read in reads {
            assert_eq!(read.await.unwrap().unwrap().data, vec![7; 1 << 15]);
        }
    });
}

#[test]
fn what_depends_on_a_write_waits_for_it() {
    World::run(async |world| {
        let mut stream = world.stream();
        common::hello(&mut stream);
        let open = [&[3, 0, 0, 0, 1][..], &text(b"/file"), &word(0x0a), &word(0)].concat();
        let answer = common::exchange(&mut stream, &open);
        assert_eq!((answer[0], &answer[9..]), (102, &b"1"[..]));
        world
            .files
            .hold(|request| matches!(request, Request::Write { .. }));
        let write = [
            &[6, 0, 0, 0, 2][..],
            &text(b"1"),
            &[0; 8],
            &text(b"0123456789"),
        ]
        .concat();
        common::say_packet(&mut stream, &write);
        world.until("it is asked", |files| files.held() == 1).await;
        common::say_packet(
            &mut stream,
            &[&[7, 0, 0, 0, 3][..], &text(b"/file")].concat(),
        );
        common::say_packet(&mut stream, &[&[4, 0, 0, 0, 4][..], &text(b"1")].concat());
        // What comes behind them and has nothing to do with files has been answered: so they have been taken.
        let answer = common::exchange(&mut stream, &[&[16, 0, 0, 0, 5][..], &text(b".")].concat());
        assert_eq!((answer[0], number(&answer[1..])), (104, 5));
        assert_eq!(
            (world.files.count("Attributes"), world.files.count("Close")),
            (0, 0)
        );
        world.files.let_go();
        let written = common::hear(&mut stream);
        assert_eq!(
            (written[0], number(&written[1..]), number(&written[5..])),
            (101, 2, 0)
        );
        let mut others = [common::hear(&mut stream), common::hear(&mut stream)];
        others.sort_by_key(|answer| number(&answer[1..]));
        assert_eq!(
            (others[0][0], &others[0][9..17]),
            (105, &10_u64.to_be_bytes()[..])
        );
        assert_eq!((others[1][0], number(&others[1][5..])), (101, 0));
    });
}

fn word(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

/// With its length.
fn text(bytes: &[u8]) -> Vec<u8> {
    [&word(u32::try_from(bytes.len()).unwrap())[..], bytes].concat()
}

#[test]
fn lengths_that_no_packet_has_end_the_stream() {
    World::run(async |world| {
        for length in [0, (256 << 10) + 1, u32::MAX] {
            let mut stream = world.stream();
            common::hello(&mut stream);
            common::say(&mut stream, &length.to_be_bytes());
            assert!(common::is_over(&mut stream), "{length}");
        }
        let mut stream = world.stream();
        common::hello(&mut stream);
        // A read of everything there is of nothing.
        let read = [&[5, 0, 0, 0, 9][..], &text(b"1"), &[0xff; 12]].concat();
        let answer = common::exchange(&mut stream, &read);
        assert_eq!((answer[0], number(&answer[5..])), (101, 4));
        let answer = common::exchange(&mut stream, &[250, 0, 0, 0, 3]);
        assert_eq!((answer[0], number(&answer[5..])), (101, 5));
    });
}

#[test]
fn what_was_left_open_is_closed() {
    World::run(async |world| {
        fs::write(world.laptop("file"), "").unwrap();
        let client = world.client().await;
        for _ in 0..3 {
            let opened = client.open("/file", OpenFlags::READ, permissions(0)).await;
            opened.unwrap();
        }
        client.opendir("/").await.unwrap();
        world.end_servers();
        world
            .until("everything is closed", |files| files.count("Close") == 4)
            .await;
    });
}
