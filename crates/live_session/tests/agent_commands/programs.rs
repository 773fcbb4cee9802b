//! How programs of the session find the commands.

use std::fs;
use std::time::Duration;

use live::Bytes;
use live::control::{Reply, Request};
use live::message::ToServer;
use live::programs::{Directory, Input, Output, Program, Start, Stream, Viewer, What};

use super::ends::{Ends, bounded, with_ends};

const LONG: Duration = Duration::from_secs(600);

/// What a program outputs that is told `input`.
async fn printed(ends: &mut Ends, number: u32, what: What, input: &'static str) -> String {
    let viewer = Viewer(number.into());
    let start = Start {
        program: Program(number),
        viewer,
        what,
        directory: Directory::Home,
        environment: Vec::new(),
        size: None,
    };
    assert_eq!(ends.laptop.wish(Request::Start(start)).await, Reply::Done);
    ends.laptop
        .tell(&ToServer::Program(viewer, Input::Typed(input.into())));
    ends.laptop
        .tell(&ToServer::Program(viewer, Input::InputEnded));
    let mut printed = Vec::new();
    loop {
        match bounded(ends.laptop.outputs.recv()).await.unwrap().1 {
            Output::Bytes {
                stream: Stream::Out,
                bytes,
                ..
            } => printed.extend_from_slice(&bytes),
            Output::Ended { .. } => return String::from_utf8(printed).unwrap(),
            _ => {}
        }
    }
}

#[test]
fn the_commands_are_first_whatever_a_login_shell_reads() {
    with_ends(
        "programs::the_commands_are_first_whatever_a_login_shell_reads",
        LONG,
        async |mut ends| {
            for profile in [".profile", ".zprofile"] {
                let text = "PATH=/of/the/profile:/usr/bin:/bin\nexport PATH\n";
                fs::write(ends.home.join(profile), text).unwrap();
            }
            let script =
                "printf '%s|' \"$PATH\" \"$CLAUDE_SHARE_SESSION\" \"$CLAUDE_SHARE_WORKSPACE\"\n";
            let words = || {
                let words = ["sh", "-c", script].map(Bytes::from);
                What::Words(words.to_vec())
            };
            let home = ends.home.display().to_string();
            let path = "/of/the/profile:/usr/bin:/bin";
            let inside = format!("{home}/bin:{path}|project-1|{home}/main|");
            assert_eq!(printed(&mut ends, 1, words(), "").await, inside);
            assert_eq!(printed(&mut ends, 2, What::Shell, script).await, inside);
            ends.laptop.proxy(&[]).await;
            let outside = format!("{path}|||");
            assert_eq!(printed(&mut ends, 3, words(), "").await, outside);
            assert_eq!(printed(&mut ends, 4, What::Shell, script).await, outside);
        },
    );
}
