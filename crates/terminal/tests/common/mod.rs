//! What the tests of this crate share.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses its own part of this"
)]

pub mod screen;

use std::time::Duration;

use terminal::{Ended, Event, Size, Start, Terminal, Viewer};
use testkit::TestHome;
use tokio::time::timeout;

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A shell that runs `script`, with 1 MiB kept.
pub fn shell(home: &TestHome, script: &str) -> Start {
    start(home, "/bin/sh", &["-c", script])
}

/// A program with arguments, with 1 MiB kept.
pub fn start(home: &TestHome, program: &str, arguments: &[&str]) -> Start {
    Start {
        program: program.into(),
        name: program.into(),
        arguments: arguments.iter().map(Into::into).collect(),
        environment: vec![
            ("PATH".into(), "/usr/bin:/bin".into()),
            ("TERM".into(), "xterm-256color".into()),
        ],
        directory: home.home(),
        size: Size::DEFAULT,
        descriptor: None,
        kept: 1 << 20,
        recording: None,
    }
}

/// A viewer that acknowledges at once, and what it was told.
pub struct Watching {
    pub viewer: Viewer,
    pub bytes: Vec<u8>,
    pub events: Vec<Event>,
    pub after: u64,
}

impl Watching {
    /// From the first byte.
    pub fn from_start(terminal: &Terminal) -> Watching {
        Watching::attached(terminal, Some(0))
    }

    pub fn attached(terminal: &Terminal, after: Option<u64>) -> Watching {
        Watching {
            viewer: terminal.attach(after),
            bytes: Vec::new(),
            events: Vec::new(),
            after: after.unwrap_or(0),
        }
    }

    /// The next event, acknowledged.
    pub async fn next(&mut self) -> Option<Event> {
        let event = timeout(PATIENCE, self.viewer.next())
            .await
            .expect("an event");
        match &event {
            Some(Event::Output { bytes, after }) => {
                assert_eq!(self.after + bytes.len() as u64, *after, "contiguous");
                self.bytes.extend_from_slice(bytes);
                self.after = *after;
            }
            Some(Event::Picture { text, after }) => {
                self.bytes.clear();
                self.bytes.extend_from_slice(text);
                self.after = *after;
            }
            _ => {}
        }
        self.viewer.acknowledge(self.after);
        self.events.extend(event.clone());
        event
    }

    /// Until what was output contains `text`.
    pub async fn until(&mut self, text: &str) {
        while !self.text().contains(text) {
            assert!(
                self.next().await.is_some(),
                "no {text:?} in {:?}",
                self.text()
            );
        }
    }

    pub async fn until_the_end(&mut self) -> Ended {
        loop {
            match self.next().await {
                Some(Event::Ended(ended)) => return ended,
                Some(_) => {}
                None => panic!("ended twice"),
            }
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}
