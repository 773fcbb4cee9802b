//! Whatever requests of files a server makes of a laptop: nothing outside of the published directory is told or changed, and
//! no panic.
#![no_main]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use libfuzzer_sys::fuzz_target;
use live::files::{Handle, Place, Reply, Request, Root, Target};
use live::message::{ToLaptop, ToServer};
use live::{Message as _, RelativePath};
use publish::{Confinement, Limits, Service};
use tempfile::TempDir;

const SECRET: &[u8] = b"SECRET-of-the-laptop";
const ROOT: Root = Root(1);
const READ_ONLY: Root = Root(2);
/// Names that lead somewhere, so that bytes need not find them.
const NAMES: [&str; 8] = [
    "file", "directory", "directory/file", "link", "link/secret", "up/outside/secret", "proc/root", "new",
];
/// So much is written and allocated at most: a disk is not to be filled, nor a long time taken.
const LARGEST: u64 = 1 << 20;

/// A home in which a directory is published, and how what is outside was.
struct Home {
    directory: TempDir,
    were: Vec<(PathBuf, [i64; 8])>,
}

fn stat(path: &Path) -> [i64; 8] {
    let found = fs::symlink_metadata(path).expect("what is outside stays");
    [
        found.ino() as i64,
        found.mode().into(),
        found.nlink() as i64,
        found.size() as i64,
        found.mtime(),
        found.mtime_nsec(),
        found.ctime(),
        found.ctime_nsec(),
    ]
}

impl Home {
    fn new() -> Self {
        let directory = TempDir::with_prefix("live_files").expect("a directory");
        let [outside, published] = ["outside", "published"].map(|name| directory.path().join(name));
        fs::create_dir(&outside).expect("a directory");
        fs::write(outside.join("secret"), SECRET).expect("a file");
        fs::create_dir_all(published.join("directory")).expect("a directory");
        for name in ["file", "directory/file"] {
            fs::write(published.join(name), b"inside").expect("a file");
        }
        for (name, target) in [("link", outside.as_path()), ("up", Path::new("..")), ("proc", Path::new("/proc/self"))] {
            symlink(target, published.join(name)).expect("a link");
        }
        let paths = [outside.clone(), outside.join("secret")];
        let were = paths.map(|path| (path.clone(), stat(&path))).to_vec();
        Self { directory, were }
    }

    fn check(&self) {
        for (path, was) in &self.were {
            assert_eq!(stat(path), *was, "{}", path.display());
        }
        let outside = self.directory.path().join("outside");
        assert_eq!(fs::read(outside.join("secret")).expect("it is there"), SECRET);
        assert_eq!(fs::read_dir(outside).expect("it is there").count(), 1);
    }
}

/// Where there is something, more often than bytes would have it.
fn lead(place: &mut Place, hint: u8) {
    place.root = if hint & 0x40 == 0 { ROOT } else { READ_ONLY };
    if hint & 0x80 == 0 {
        let name = NAMES[usize::from(hint) % NAMES.len()];
        place.path = RelativePath::new(name.as_bytes()).expect("a path");
        place.identity = None;
    }
}

/// Files that are open are named by numbers that no bytes find; sizes stay in bounds.
fn aim(request: &mut Request, hint: u8, last: Handle) {
    use Request as R;
    match request {
        R::Attributes(target)
        | R::ExtendedAttribute { target, .. }
        | R::ExtendedAttributes(target)
        | R::RemoveExtendedAttribute { target, .. }
        | R::SetExtendedAttribute { target, .. } => aim_target(target, hint, last),
        R::SetAttributes(target, new) => {
            aim_target(target, hint, last);
            new.size = new.size.map(|size| size % LARGEST);
        }
        R::ReadLink(place)
        | R::MakeDirectory { place, .. }
        | R::MakeNode { place, .. }
        | R::MakeLink { place, .. }
        | R::Remove(place)
        | R::RemoveDirectory(place)
        | R::Open(place, _)
        | R::Create { place, .. }
        | R::OpenDirectory(place)
        | R::Space(place) => lead(place, hint),
        R::AddName { of: one, place: other } | R::Rename { from: one, to: other, .. } => {
            lead(one, hint);
            lead(other, hint.rotate_left(3));
        }
        R::ReadTree(places) | R::ReadFiles(places) => places.iter_mut().for_each(|place| lead(place, hint)),
        R::Write { handle, offset, .. } => {
            *handle = last;
            *offset %= LARGEST;
        }
        R::WriteAndSet { handle, offset, new, .. } => {
            *handle = last;
            *offset %= LARGEST;
            new.size = new.size.map(|size| size % LARGEST);
        }
        R::Allocate { handle, offset, length, .. } => {
            *handle = last;
            *offset %= LARGEST;
            *length %= LARGEST;
        }
        R::Copy { from, to, .. } => (*from, *to) = (last, last),
        R::ReadDirectory { handle, .. }
        | R::Read { handle, .. }
        | R::Sync { handle, .. }
        | R::Close(handle)
        | R::Seek { handle, .. }
        | R::TestLock(handle, _)
        | R::SetLock(handle, _) => *handle = last,
    }
}

fn aim_target(target: &mut Target, hint: u8, last: Handle) {
    match target {
        Target::Place(place) => lead(place, hint),
        Target::Handle(handle) => *handle = last,
    }
}

fuzz_target!(|input: (bool, Vec<(u8, &[u8])>)| {
    let (by_steps, requests) = input;
    let home = Home::new();
    let published = home.directory.path().join("published");
    let service = Service::new(Limits { open: 16 });
    let confinement = if by_steps { Confinement::Steps } else { Confinement::Kernel };
    for (root, read_only) in [(ROOT, false), (READ_ONLY, true)] {
        let done = service.publish_with(root, &published, read_only, confinement);
        done.expect("it can be published");
    }
    let mut last = Handle(0);
    for (hint, bytes) in requests {
        // The bytes are a request as it comes over the wire, behind what every request begins with.
        let message = [&[0, 1][..], bytes].concat();
        let Ok(ToLaptop::File(number, mut request)) = ToLaptop::decode(&message) else {
            continue;
        };
        aim(&mut request, hint, last);
        let outcome = service.execute(request);
        if let Ok(Reply::Opened { handle, .. } | Reply::Created { handle, .. }) = outcome {
            last = handle;
        }
        let told = ToServer::File(number, outcome).encode();
        assert!(!told.windows(SECRET.len()).any(|part| part == SECRET));
    }
    drop(service);
    home.check();
});
