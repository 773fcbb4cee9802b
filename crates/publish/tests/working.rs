//! Directories to work in.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "files that nobody has to recover"
)]

mod common;

use std::fs;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::symlink;
use std::process::Command;

use common::{BOTH, Home, ROOT, errno, path};
use live::files::Root;
use publish::{Confinement, Limits};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{Errno, FdFlags, fcntl_getfd};

#[test]
fn a_program_works_in_a_published_directory() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        fs::create_dir_all(home.at("a/b")).unwrap();
        let opened = home.service.open_directory(ROOT, &path("a/b")).unwrap();
        assert!(fcntl_getfd(&opened).unwrap().contains(FdFlags::CLOEXEC));
        assert!(!fcntl_getfl(&opened).unwrap().contains(OFlags::PATH));
        // Whatever it is called by then.
        fs::rename(home.at("a"), home.at("c")).unwrap();
        let place = format!("/proc/self/fd/{}", opened.as_raw_fd());
        let made = Command::new("/bin/sh")
            .args(["-c", "echo made > file"])
            .current_dir(place)
            .env_clear()
            .status();
        assert!(made.unwrap().success());
        assert_eq!(fs::read(home.at("c/b/file")).unwrap(), b"made\n");
        assert!(home.service.open_directory(ROOT, &path("")).is_ok());
    }
}

#[test]
fn nothing_else_is_opened() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        home.file("file", b"");
        fs::create_dir(home.at("a")).unwrap();
        symlink("a", home.at("link")).unwrap();
        symlink(home.outside(), home.at("away")).unwrap();
        fs::create_dir(home.outside().join("b")).unwrap();
        let refused = |place: &str, with| {
            let opened = home.service.open_directory(ROOT, &path(place));
            assert_eq!(opened.map(drop), Err(errno(with)), "{place}");
        };
        refused("file", Errno::NOTDIR);
        refused("none", Errno::NOENT);
        refused("link", Errno::NOENT);
        refused("away", Errno::NOENT);
        refused("away/b", Errno::NOENT);
        let other = home.service.open_directory(Root(9), &path(""));
        assert_eq!(other.map(drop), Err(errno(Errno::NODEV)));
    }
    let home = Home::with(Confinement::Kernel, true, Limits::default());
    let opened = home.service.open_directory(ROOT, &path(""));
    assert_eq!(opened.map(drop), Err(errno(Errno::ROFS)));
}
