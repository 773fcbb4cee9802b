//! Other file systems below a published directory, and this product's own, which nobody may wait for.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test's files are recovered by nobody, and its helpers may panic"
)]

mod common;

use std::ffi::CString;
use std::fs;
use std::os::fd::AsRawFd as _;
use std::path::Path;

use common::*;
use live::files::{Renaming, Request, Root};
use publish::PublishError;
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use testkit::{Isolation, isolated};

/// A mount that answers nothing, unmounted when dropped: its device is closed then, which ends every wait.
struct Silent {
    directory: std::path::PathBuf,
    _device: fs::File,
}

impl Silent {
    fn new(directory: &Path, kind: &str) -> Option<Self> {
        let device = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/fuse");
        let device = device
            .map_err(|error| testkit::skip(format!("no /dev/fuse: {error}")))
            .ok()?;
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0",
            device.as_raw_fd()
        );
        let options = CString::new(options).unwrap();
        let mounted = mount(
            "claude-share:test",
            directory,
            kind,
            MountFlags::empty(),
            options.as_c_str(),
        );
        mounted
            .map_err(|error| testkit::skip(format!("no FUSE mount: {error}")))
            .ok()?;
        Some(Self {
            directory: directory.to_owned(),
            _device: device,
        })
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        unmount(&self.directory, UnmountFlags::DETACH).ok();
    }
}

struct Tmpfs(std::path::PathBuf);

impl Tmpfs {
    fn new(directory: &Path) -> Self {
        mount("none", directory, "tmpfs", MountFlags::empty(), c"size=1m").unwrap();
        Self(directory.to_owned())
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        unmount(&self.0, UnmountFlags::DETACH).ok();
    }
}

#[test]
fn another_file_system_below_is_reached() {
    isolated(
        "another_file_system_below_is_reached",
        Isolation::MOUNTS,
        || {
            for confinement in BOTH {
                let home = Home::new(confinement);
                fs::create_dir_all(home.at("a/mount")).unwrap();
                home.file("file", b"");
                let _tmpfs = Tmpfs::new(&home.at("a/mount"));
                fs::create_dir_all(home.at("a/mount/below")).unwrap();
                home.file("a/mount/below/file", b"contents");
                std::os::unix::fs::symlink("..", home.at("a/mount/up")).unwrap();
                assert_eq!(home.agrees("a/mount/below/file").size, 8);
                assert_ne!(
                    home.agrees("a/mount").identity.device,
                    home.agrees("a").identity.device
                );
                assert_eq!(
                    home.list("a"),
                    vec![live::files::Entry {
                        name: "mount".into(),
                        attributes: home.agrees("a/mount"),
                    }]
                );
                assert_eq!(home.list("a/mount").len(), 2);
                let handle = home.open("a/mount/below/file", READ);
                assert_eq!(&home.read(handle, 0, 10)[..], b"contents");
                home.refused(
                    Request::Attributes(target("a/mount/up/mount")),
                    Errno::NOENT,
                );
                home.refused(Request::OpenDirectory(place("a/mount/up")), Errno::NOENT);
                let rename = Request::Rename {
                    from: place("file"),
                    to: place("a/mount/below/moved"),
                    how: Renaming::Replace,
                };
                home.refused(rename, Errno::XDEV);
                home.refused(Request::RemoveDirectory(place("a/mount")), Errno::BUSY);
            }
        },
    );
}

#[test]
fn a_mount_of_this_product_is_not_there() {
    isolated(
        "a_mount_of_this_product_is_not_there",
        Isolation::MOUNTS,
        || {
            for confinement in BOTH {
                let home = Home::new(confinement);
                fs::create_dir_all(home.at("a/own")).unwrap();
                fs::create_dir_all(home.at("a/beside")).unwrap();
                home.file("a/file", b"");
                // Looked at before it was mounted: what is known of mounts has to be read again.
                home.agrees("a/own");
                assert_eq!(home.list("a").len(), 3);
                let Some(_silent) = Silent::new(&home.at("a/own"), "fuse.claude-share") else {
                    return;
                };
                for request in [
                    Request::Attributes(target("a/own")),
                    Request::Attributes(target("a/own/below")),
                    Request::OpenDirectory(place("a/own")),
                    Request::OpenDirectory(place("a/own/below/it")),
                    Request::Open(place("a/own/file"), READ),
                    Request::MakeDirectory {
                        place: place("a/own/new"),
                        permissions: 0o700,
                    },
                    Request::Remove(place("a/own/file")),
                    Request::Space(place("a/own")),
                    Request::ExtendedAttributes(target("a/own")),
                ] {
                    home.refused(request, Errno::NOENT);
                }
                home.refused(Request::RemoveDirectory(place("a/own")), Errno::BUSY);
                let (handle, _) = home.opened(Request::OpenDirectory(place("a")));
                let mut names: Vec<_> = home
                    .part(handle, false)
                    .0
                    .into_iter()
                    .map(|entry| entry.name)
                    .collect();
                names.sort();
                assert_eq!(names, ["beside", "file"]);
                let publish = home.service.publish(Root(2), &home.at("a/own"), false);
                assert!(
                    matches!(publish, Err(PublishError::OwnMount)),
                    "{publish:?}"
                );
            }
        },
    );
}
