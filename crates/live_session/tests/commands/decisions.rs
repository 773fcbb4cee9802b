//! Which commands run.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Arc;

use live::RelativePath;
use live::commands::{LARGEST_START, News, Order, Start};
use live::files::Root;
use live_session::laptop::{Approval, Approved, CommandLine, Outcome};
use proxy::Names;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::ends::{LIMIT, Laptop, MOUNT, bytes, name, script, start};

fn in_directory(path: &str) -> Start {
    Start {
        directory: RelativePath::new(path.as_bytes()).unwrap(),
        ..script(":")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_for_the_laptop_is_left_to_the_server() {
    let (laptop, mut server) = Laptop::both().await;
    symlink(laptop.home.path(), laptop.project().join("link")).unwrap();
    fs::write(laptop.project().join("file"), "").unwrap();
    let read_only = tempfile::tempdir().unwrap();
    let published = laptop
        .publisher
        .publish(Root(8), read_only.path(), "other", true);
    drop(published.unwrap());
    let of_root = |root| Start {
        root: Root(root),
        ..script(":")
    };
    for (number, start) in [
        start("sh", &[]),
        start("/bin/sh", &[]),
        start("../bin/run", &[]),
        start("run\0", &[]),
        start("", &[]),
        start("missing", &[]),
        in_directory("nowhere"),
        in_directory("link"),
        in_directory("link/project"),
        in_directory("file"),
        of_root(8),
        of_root(9),
    ]
    .into_iter()
    .enumerate()
    {
        let command = server.ask(start);
        assert_eq!(server.next_of(command).await, News::Here, "{number}");
    }
    laptop.publisher.set_names(Names::default());
    while server.names.as_ref().is_none_or(|names| !names.is_empty()) {
        // Until the new names have come: commands are what is heard.
        let command = server.ask(script(":"));
        assert_eq!(server.next_of(command).await, News::Here);
    }
    let one = Names::new(&[name("run")], &Default::default(), &[]);
    laptop.publisher.set_names(one);
    assert_eq!(server.run(script("exit 2")).await.code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_of_the_project_is_not_found() {
    let laptop = Laptop::with(|options| {
        let path = options.environment[0].1.clone().into_string().unwrap();
        let home = path.split("/bin:").next().unwrap();
        options.environment[0].1 = format!("{home}/project:{home}/project/bin:{path}").into();
    });
    for place in ["project/missing", "project/run"] {
        let file = laptop.home.path().join(place);
        fs::write(&file, "#!/bin/sh\nexit 99\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut server = laptop.connect().await;
    let command = server.ask(start("missing", &[]));
    assert_eq!(server.next_of(command).await, News::Here);
    assert_eq!(server.run(script("exit 2")).await.code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_start_is_refused_and_why() {
    let (laptop, mut server) = Laptop::both().await;
    let file = laptop.home.path().join("bin/missing");
    fs::write(&file, "#!/nowhere/interpreter\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    // The system takes no single word of that length.
    let long = "x".repeat(LARGEST_START / 2);
    for start in [
        start("missing", &[]),
        start("run", &["a\0b"]),
        start("run", &[&long]),
        start("run", &[&long, &long]),
    ] {
        let command = server.ask(start);
        let News::Refused { message, hint } = server.next_of(command).await else {
            panic!("refused");
        };
        assert!(!message.is_empty() && !hint.is_empty(), "{message}");
    }
    let log = laptop.log.0.lock().unwrap();
    let refused = log
        .iter()
        .filter(|record| matches!(record.outcome, Outcome::Refused(_)));
    assert_eq!(refused.count(), 4);
    drop(log);
    assert_eq!(laptop.publisher.running_commands(), 0);
}

/// Asks the test.
struct Asking(mpsc::UnboundedSender<(CommandLine, oneshot::Sender<bool>)>);

impl Approval for Asking {
    fn ask(&self, line: CommandLine) -> Approved {
        let (answer, answered) = oneshot::channel();
        self.0.send((line, answer)).unwrap();
        Box::pin(async move { answered.await.unwrap_or(false) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_to_be_asked_decides() {
    let (asking, mut asked) = mpsc::unbounded_channel::<(CommandLine, oneshot::Sender<bool>)>();
    let allowing = tokio::spawn(async move {
        let mut lines = Vec::new();
        while let Some((line, answer)) = asked.recv().await {
            let is_allowed = line.arguments.last() != Some(&bytes("exit 1"));
            lines.push(line);
            answer.send(is_allowed).unwrap();
        }
        lines
    });
    let laptop = Laptop::with(|options| options.approval = Some(Arc::new(Asking(asking))));
    let mut server = laptop.connect().await;
    let mut allowed = script("exit 3");
    allowed.arguments.push(bytes(&format!("{MOUNT}/x")));
    assert_eq!(server.run(allowed).await.code, Some(3));
    let command = server.ask(script("exit 1"));
    let answer = server.next_of(command).await;
    assert!(matches!(answer, News::Refused { .. }), "{answer:?}");
    let project = laptop.project();
    drop(server);
    drop(laptop.connection);
    laptop.answering.abort();
    drop(laptop.answering.await);
    drop(laptop.publisher);
    let lines = allowing.await.unwrap();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1].directory, project);
    let path = format!("{}/x", project.display());
    assert_eq!(lines[1].arguments, ["-c", "exit 3", &path]);
}

/// Allows the command that is asked for next.
async fn allow(asked: &mut mpsc::UnboundedReceiver<(CommandLine, oneshot::Sender<bool>)>) {
    let (_, answer) = asked.recv().await.unwrap();
    answer.send(true).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_back_while_somebody_is_asked_does_not_run() {
    let (asking, mut asked) = mpsc::unbounded_channel::<(CommandLine, oneshot::Sender<bool>)>();
    let laptop = Laptop::with(|options| options.approval = Some(Arc::new(Asking(asking))));
    let (mut server, ()) = tokio::join!(laptop.connect(), allow(&mut asked));
    let made = laptop.project().join("made");
    let command = server.ask(script("echo > made"));
    let (_, mut answer) = timeout(LIMIT, asked.recv()).await.unwrap().unwrap();
    server.say(command, Order::TakenBack);
    // The question is taken back, too.
    timeout(LIMIT, answer.closed()).await.unwrap();
    assert!(answer.send(true).is_err());
    let news = server.next_of(command).await;
    assert!(matches!(news, News::Refused { .. }), "{news:?}");
    // Both at once, as after a cut.
    let command = server.ask(script("echo > made"));
    server.say(command, Order::TakenBack);
    let news = server.next_of(command).await;
    assert!(matches!(news, News::Refused { .. }), "{news:?}");
    assert!(!made.exists());
    assert_eq!(laptop.publisher.running_commands(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_finds_no_place_is_told_and_noted() {
    // Nobody answers, so all of them wait, with more words than there is room for.
    let (asking, mut asked) = mpsc::unbounded_channel();
    let laptop = Laptop::with(|options| options.approval = Some(Arc::new(Asking(asking))));
    let (mut server, ()) = tokio::join!(laptop.connect(), allow(&mut asked));
    let words = "x".repeat(LARGEST_START - 10_000);
    for _ in 0..16 {
        server.ask(start("run", &["-c", ":", &words]));
    }
    let last = server.ask(start("run", &["-c", &words]));
    let message = "too many commands wait for the laptop".to_owned();
    match server.next_of(last).await {
        News::Refused { message: told, .. } => assert_eq!(told, message),
        news => panic!("{news:?}"),
    }
    let log = laptop.log.0.lock().unwrap();
    let outcomes: Vec<_> = log.iter().map(|record| &record.outcome).collect();
    // The one before it was that of whoever came.
    assert_eq!(outcomes.last(), Some(&&Outcome::Refused(message)));
}
