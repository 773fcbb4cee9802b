//! Locks, between the server's programs and the laptop's.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "files of tests need not survive anything"
)]

mod common;

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use common::system::lock;
use common::{LIMIT, Wish, eventually, in_mount, write};
use libc::{F_RDLCK, F_UNLCK, F_WRLCK};
use rustix::fs::{FlockOperation, fcntl_lock, flock};
use rustix::process::Signal;
use testkit::Process;

fn open(path: &Path) -> File {
    File::options().read(true).write(true).open(path).unwrap()
}

fn is_refused(result: io::Result<()>) -> bool {
    matches!(
        result.map_err(|error| error.raw_os_error()),
        Err(Some(libc::EAGAIN))
    )
}

#[test]
fn both_sides_heed_each_others_locks() {
    in_mount(
        "both_sides_heed_each_others_locks",
        Wish::default(),
        |world| {
            write(world.laptop("a"), "0123456789");
            let (laptop, server, other) = (
                open(&world.laptop("a")),
                open(&world.server("a")),
                open(&world.server("a")),
            );
            lock(&laptop, F_WRLCK, 0, 5, false).unwrap();
            assert!(is_refused(lock(&server, F_WRLCK, 4, 2, false)));
            lock(&server, F_WRLCK, 5, 5, false).unwrap();
            assert!(is_refused(lock(&laptop, F_RDLCK, 9, 1, false)));
            assert!(
                is_refused(lock(&other, F_RDLCK, 9, 1, false)),
                "between two of the server's"
            );
            lock(&server, F_UNLCK, 5, 2, false).unwrap();
            lock(&laptop, F_WRLCK, 5, 2, false).unwrap();
            // Closing gives back.
            drop(server);
            eventually("the lock is given back", || {
                lock(&laptop, F_WRLCK, 7, 3, false).is_ok()
            });
        },
    );
}

#[test]
fn a_lock_is_waited_for() {
    in_mount("a_lock_is_waited_for", Wish::default(), |world| {
        write(world.laptop("a"), "");
        let (laptop, server) = (open(&world.laptop("a")), open(&world.server("a")));
        lock(&laptop, F_WRLCK, 0, 0, false).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| lock(&server, F_WRLCK, 0, 0, true));
            eventually("it was asked for more than once", || {
                world.files.count("SetLock") > 2
            });
            assert!(!waiting.is_finished());
            lock(&laptop, F_UNLCK, 0, 0, false).unwrap();
            waiting.join().unwrap().unwrap();
        });
        assert!(is_refused(lock(&laptop, F_RDLCK, 0, 0, false)));
    });
}

#[test]
fn a_process_gives_all_its_locks_back_when_it_closes_anything_of_the_file() {
    in_mount(
        "a_process_gives_all_its_locks_back_when_it_closes_anything_of_the_file",
        Wish::default(),
        |world| {
            write(world.laptop("a"), "");
            let (laptop, first, second) = (
                open(&world.laptop("a")),
                open(&world.server("a")),
                open(&world.server("a")),
            );
            fcntl_lock(&first, FlockOperation::NonBlockingLockExclusive).unwrap();
            fcntl_lock(&second, FlockOperation::NonBlockingLockExclusive)
                .expect("it is the same process's");
            assert!(is_refused(lock(&laptop, F_RDLCK, 0, 0, false)));
            drop(second);
            lock(&laptop, F_WRLCK, 0, 0, false).expect("POSIX has it so");
        },
    );
}

#[test]
fn who_waits_for_a_lock_can_be_interrupted() {
    in_mount(
        "who_waits_for_a_lock_can_be_interrupted",
        Wish::default(),
        |world| {
            write(world.laptop("a"), "");
            let laptop = open(&world.laptop("a"));
            lock(&laptop, F_WRLCK, 0, 0, false).unwrap();
            if Command::new("perl")
                .arg("-v")
                .stdout(Stdio::null())
                .status()
                .is_err()
            {
                return testkit::skip("needs perl, to lock in another process");
            }
            let mut command = Command::new("perl");
            let script = "use Fcntl; open(F, '+<', $ARGV[0]); my $l = pack('s s x4 q q l', F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLKW, $l) or exit 3;";
            command.args(["-e", script]).arg(world.server("a"));
            let mut process = Process::spawn(command);
            eventually("it was asked for more than once", || {
                world.files.count("SetLock") > 2
            });
            process.signal(Signal::TERM);
            assert!(!process.wait(LIMIT).success());
        },
    );
}

#[test]
fn whole_files_are_locked_among_the_servers_programs() {
    in_mount(
        "whole_files_are_locked_among_the_servers_programs",
        Wish::default(),
        |world| {
            write(world.laptop("a"), "");
            let (first, second) = (open(&world.server("a")), open(&world.server("a")));
            flock(&first, FlockOperation::NonBlockingLockExclusive).unwrap();
            assert_eq!(
                flock(&second, FlockOperation::NonBlockingLockExclusive),
                Err(rustix::io::Errno::AGAIN)
            );
            drop(first);
            flock(&second, FlockOperation::NonBlockingLockExclusive).unwrap();
        },
    );
}
