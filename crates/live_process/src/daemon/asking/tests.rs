use std::fs;
use std::path::Path;

use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::local::{MessageReader, MessageWriter};

const LIMIT: Duration = Duration::from_secs(60);

fn line(argument: &str) -> CommandLine {
    CommandLine {
        name: "npm".to_owned(),
        arguments: vec![Bytes::copy_from_slice(argument.as_bytes())],
        directory: "/home/dev/project".into(),
    }
}

async fn answer(asking: &Asking, argument: &str) -> bool {
    timeout(LIMIT, asking.ask(line(argument))).await.unwrap()
}

fn asked(asking: &Asking, argument: &str) -> JoinHandle<bool> {
    tokio::spawn(asking.ask(line(argument)))
}

/// Waits until so many questions wait.
async fn waiting(asking: &Asking, count: usize) -> Vec<Question> {
    let mut changed = asking.shared.changed.subscribe();
    let wait = async {
        loop {
            let questions = asking.shared.questions();
            if questions.len() == count {
                return questions;
            }
            changed.changed().await.unwrap();
        }
    };
    timeout(LIMIT, wait).await.unwrap()
}

/// A desktop whose program for dialogs is `script`.
fn desktop(directory: &Path, name: &str, script: &str) -> Option<Desktop> {
    // By another process: one that this process starts meanwhile would have it open, and what is written is not executed.
    let write = r#"printf '#!/bin/sh\n%s\n' "$1" > "$2" && chmod 755 "$2""#;
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", write, "sh", script]);
    assert!(shell.arg(directory.join(name)).status().unwrap().success());
    Desktop::find(&environment(directory), &[])
}

fn environment(directory: &Path) -> Vec<(OsString, OsString)> {
    let pair = |name: &str, value: &OsString| (name.into(), value.clone());
    vec![
        pair("PATH", &directory.as_os_str().to_owned()),
        pair("DISPLAY", &":77".into()),
    ]
}

#[tokio::test]
async fn nobody_is_a_no() {
    let asking = Asking::with(Duration::from_millis(1), None);
    assert!(!answer(&asking, "test").await);
    assert!(asking.shared.questions().is_empty());
}

#[tokio::test]
async fn once_is_for_those_who_ask_now_and_always_for_the_session() {
    let asking = Asking::with(LIMIT, None);
    for (given, expected) in [
        (QuestionAnswer::No, false),
        (QuestionAnswer::Once, true),
        (QuestionAnswer::Always, true),
    ] {
        let both = [asked(&asking, "test"), asked(&asking, "test")];
        tokio::task::yield_now().await;
        let questions = waiting(&asking, 1).await;
        assert_eq!(questions[0].line, "npm test");
        assert_eq!(questions[0].directory, "/home/dev/project");
        let wanted = |waiting: &Waiting| waiting.answer.receiver_count() == 2;
        while !asking.shared.state().waiting.values().all(wanted) {
            tokio::task::yield_now().await;
        }
        asking.shared.settle(questions[0].number, given);
        for one in both {
            assert_eq!(timeout(LIMIT, one).await.unwrap().unwrap(), expected);
        }
    }
    assert!(answer(&asking, "test").await);
    // Another command line is another question.
    let other = asked(&asking, "install");
    let questions = waiting(&asking, 1).await;
    asking
        .shared
        .settle(questions[0].number, QuestionAnswer::No);
    assert!(!timeout(LIMIT, other).await.unwrap().unwrap());
}

#[tokio::test]
async fn no_more_wait_than_somebody_can_look_through() {
    let asking = Asking::with(LIMIT, None);
    let all: Vec<_> = (0..MOST_WAITING)
        .map(|number| asked(&asking, &number.to_string()))
        .collect();
    waiting(&asking, MOST_WAITING).await;
    assert!(!answer(&asking, "one more").await);
    // A question is taken back with the command that it is about.
    for one in &all {
        one.abort();
    }
    waiting(&asking, 0).await;
    assert!(!answer(&asking, &"x".repeat(LONGEST)).await);
}

#[tokio::test]
async fn a_dialog_is_answered_by_its_buttons_alone() {
    let directory = tempfile::tempdir().unwrap();
    let said = directory.path().join("said");
    let question = Question {
        number: 0,
        directory: "/home/dev/project".to_owned(),
        line: r"npm '<b>a</b>\n'".to_owned(),
    };
    for (script, expected) in [
        ("echo Once", Some(QuestionAnswer::Once)),
        ("echo No; exit 1", Some(QuestionAnswer::No)),
        ("echo Always; exit 1", Some(QuestionAnswer::Always)),
        // It has failed, or its window was closed.
        ("exit 0", None),
        ("exit 1", None),
        ("echo Yes", None),
    ] {
        let script = format!("printf '%s\\n' \"$@\" > {}\n{script}", said.display());
        let desktop = desktop(directory.path(), "zenity", &script).unwrap();
        let answer = timeout(LIMIT, desktop.ask(&question)).await.unwrap();
        assert_eq!(answer, expected, "{script}");
        let said = fs::read_to_string(&said).unwrap();
        assert!(said.contains("--no-markup"), "{said}");
        assert!(said.contains(r"npm '<b>a</b>\\n'"), "{said}");
    }
}

#[tokio::test]
async fn what_another_desktop_would_mark_up_is_plain_text() {
    let directory = tempfile::tempdir().unwrap();
    let said = directory.path().join("said");
    let script = format!("printf '%s\\n' \"$@\" > {}\necho Once", said.display());
    let asking = Asking::with(LIMIT, desktop(directory.path(), "kdialog", &script));
    assert!(answer(&asking, r"<b>\n").await);
    let said = fs::read_to_string(&said).unwrap();
    assert!(said.contains("npm '&lt;b&gt;&#92;n'<br/>"), "{said}");
}

#[tokio::test]
async fn no_dialog_comes_from_where_the_server_writes() {
    let directory = tempfile::tempdir().unwrap();
    assert!(desktop(directory.path(), "zenity", "echo Once").is_some());
    let path = fs::canonicalize(directory.path()).unwrap();
    let own = environment(directory.path());
    assert!(Desktop::find(&own, &[path]).is_none());
    // Nor without a desktop.
    assert!(Desktop::find(&own[..1], &[]).is_none());
}

#[tokio::test]
async fn a_terminal_answers_and_sees_what_others_have_answered() {
    let directory = tempfile::tempdir().unwrap();
    // A dialog that stays open until it is closed.
    let desktop = desktop(directory.path(), "zenity", "exec /bin/sleep 3600");
    let asking = Asking::with(LIMIT, desktop);
    let first = asked(&asking, "first");
    let questions = waiting(&asking, 1).await;
    let (theirs, ours) = UnixStream::pair().unwrap();
    let (reads, writes) = theirs.into_split();
    let begin = async {
        let writer = Writer::begin(writes).await.unwrap();
        (writer, Reader::begin(reads).await.unwrap())
    };
    let (reads, writes) = ours.into_split();
    let begin_here = async {
        let sender = MessageWriter::<_, ToDaemon>::begin(writes).await.unwrap();
        let receiver = MessageReader::<_, FromDaemon>::begin(reads).await.unwrap();
        (sender, receiver)
    };
    let ((writer, reader), (mut sender, mut receiver)) = tokio::join!(begin, begin_here);
    let own = asking.clone();
    let serving = tokio::spawn(async move { own.answer_here(None, reader, writer).await });
    let told = timeout(LIMIT, receiver.next()).await.unwrap().unwrap();
    assert_eq!(told, FromDaemon::Question(questions[0].clone()));
    let answer = ToDaemon::Answer {
        question: questions[0].number,
        answer: QuestionAnswer::Once,
    };
    sender.send(&answer).await.unwrap();
    assert!(timeout(LIMIT, first).await.unwrap().unwrap());
    let told = timeout(LIMIT, receiver.next()).await.unwrap().unwrap();
    assert_eq!(told, FromDaemon::Settled(questions[0].number));
    let second = asked(&asking, "second");
    let questions = waiting(&asking, 1).await;
    let told = timeout(LIMIT, receiver.next()).await.unwrap().unwrap();
    assert_eq!(told, FromDaemon::Question(questions[0].clone()));
    asking
        .shared
        .settle(questions[0].number, QuestionAnswer::No);
    assert!(!timeout(LIMIT, second).await.unwrap().unwrap());
    let told = timeout(LIMIT, receiver.next()).await.unwrap().unwrap();
    assert_eq!(told, FromDaemon::Settled(questions[0].number));
    drop((sender, receiver));
    let served = timeout(LIMIT, serving).await.unwrap().unwrap();
    assert!(matches!(served, Err(LocalError::Closed)), "{served:?}");
}
