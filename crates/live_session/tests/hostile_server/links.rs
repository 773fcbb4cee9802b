//! Links that somebody on the laptop has made, or the server itself, lead nowhere.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use live::files::{ErrorNumber, Handle, Outcome, Reply, Request};
use rustix::io::Errno;

use crate::driver::{HONEST, Laptop, Server, play};
use crate::outside::SECRET;
use crate::requests::{READ, on, place};

/// What links say: absolute, relative, by several, by the kernel's own, to themselves, to nothing.
fn targets(home: &Path) -> Vec<String> {
    let home = home.to_str().unwrap();
    let mut all = vec![
        home.to_owned(),
        format!("{home}/directory"),
        format!("{home}/.ssh/id_ed25519"),
        format!("/proc/self/root{home}"),
        format!("/proc/{}/cwd/../../../../../..{home}", std::process::id()),
        "/".to_owned(),
    ];
    let relative = [
        "..",
        "../directory",
        "../.ssh/id_ed25519",
        "./../file",
        "hop-1",
        "self",
        "../nothing",
    ];
    all.extend(relative.map(str::to_owned));
    all
}

#[test]
fn nothing_is_reached_through_a_link() {
    play(async {
        let laptop = Laptop::new();
        let project = laptop.project();
        for (hop, next) in [
            ("hop-1", "hop-2"),
            ("hop-2", "hop-3"),
            ("hop-3", ".."),
            ("self", "self"),
        ] {
            symlink(next, project.join(hop)).unwrap();
        }
        let mut server = laptop.connect().await;
        for target in targets(laptop.home.path()) {
            for below in [
                "",
                "/file",
                "/.ssh/id_ed25519",
                "/directory",
                "/new",
                "/empty",
                "/file/x",
            ] {
                let path = format!("link{below}");
                for request in on(&place(&path), Handle(1), &place("inside")) {
                    fill(&project, &target);
                    let outcome = server.ask(request.clone()).await;
                    is_no_way(&request, &outcome, below.is_empty());
                    close(&mut server, &outcome).await;
                }
            }
            laptop.outside.check();
        }
        laptop.check().await;
    });
}

/// The link and `inside` are there again, whatever was done to them.
fn fill(project: &Path, target: &str) {
    let (link, inside) = (project.join("link"), project.join("inside"));
    if fs::read_link(&link).is_ok_and(|found| found == Path::new(target))
        && fs::read(&inside).is_ok_and(|found| found == HONEST)
    {
        return;
    }
    for path in [&link, &inside] {
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => fs::remove_dir(path).unwrap(),
            Ok(_) => fs::remove_file(path).unwrap(),
            Err(_) => {}
        }
    }
    symlink(target, link).unwrap();
    fs::write(inside, HONEST).unwrap();
}

/// What is below a link is not there; the link itself can be used as a name, never opened.
fn is_no_way(request: &Request, outcome: &Outcome, is_link: bool) {
    if let Ok(Reply::Tree(listings)) = outcome {
        return assert!(listings.is_empty(), "{request:?}: {outcome:?}");
    }
    if let Ok(Reply::Files(files)) = outcome {
        return assert_eq!(*files, [None], "{request:?}");
    }
    let by_handle = format!("{request:?}").contains("Handle");
    if !is_link && !by_handle {
        let not_there = Err(ErrorNumber(Errno::NOENT.raw_os_error() as u16));
        // Whatever is wrong with the other name, or with the request itself, may be said first.
        let is_wrong = matches!(request, Request::MakeNode { .. } | Request::Rename { .. });
        assert!(
            *outcome == not_there || is_wrong && outcome.is_err(),
            "{request:?}: {outcome:?}"
        );
    }
    let is_opened = matches!(outcome, Ok(Reply::Opened { .. }));
    assert!(!is_opened, "{request:?}: {outcome:?}");
}

async fn close(server: &mut Server, outcome: &Outcome) {
    if let Ok(Reply::Opened { handle, .. }) = outcome {
        server.ask(Request::Close(*handle)).await.unwrap();
    }
}

#[test]
fn links_of_the_server_lead_nowhere_either() {
    play(async {
        let laptop = Laptop::new();
        let mut server = laptop.connect().await;
        for (number, target) in targets(laptop.home.path()).into_iter().enumerate() {
            let link = format!("made-{number}");
            let target = || target.clone().into();
            let made = Request::MakeLink {
                place: place(&link),
                target: target(),
            };
            assert!(matches!(server.ask(made).await, Ok(Reply::Attributes(_))));
            let says = server.ask(Request::ReadLink(place(&link))).await;
            assert_eq!(says, Ok(Reply::Bytes(target())));
            for path in [
                link.clone(),
                format!("{link}/file"),
                format!("{link}/.ssh/id_ed25519"),
            ] {
                server
                    .ask(Request::Open(place(&path), READ))
                    .await
                    .unwrap_err();
                server
                    .ask(Request::OpenDirectory(place(&path)))
                    .await
                    .unwrap_err();
            }
        }
        laptop.check().await;
    });
}

/// A name inside of a file outside is inside: only somebody on the laptop can have made it. The server cannot.
#[test]
fn a_hard_link_of_the_laptop_is_inside() {
    play(async {
        let laptop = Laptop::new();
        // In another home, since its contents are to be had.
        let other = tempfile::TempDir::with_prefix("hostile").unwrap();
        fs::write(other.path().join("file"), b"linked").unwrap();
        if let Err(error) = fs::hard_link(other.path().join("file"), laptop.project().join("name"))
        {
            return testkit::skip(format!("no hard links from here to there: {error}"));
        }
        let mut server = laptop.connect().await;
        let opened = server.ask(Request::Open(place("name"), READ)).await;
        let Ok(Reply::Opened { handle, .. }) = opened else {
            panic!("{opened:?}");
        };
        let (offset, length) = (0, 10);
        let read = server
            .ask(Request::Read {
                handle,
                offset,
                length,
            })
            .await;
        assert_eq!(read, Ok(Reply::Bytes("linked".into())));
        assert_eq!(fs::read(laptop.home.path().join("file")).unwrap(), SECRET);
        laptop.check().await;
    });
}
