//! For the tests: both ends of live sessions as one program, without the command lines.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a program for tests: prints, reads the environment, and panics where it cannot go on"
)]

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use live::programs::{Directory, Input, Output, Size, Stream, What};
use live::{Bytes, RelativePath, files::Root};
use live_process::agent::{self, AgentOptions};
use live_process::client::{LocalConnection, Server, Sessions, StartDirectory, StartSession};
use live_process::daemon::{self, DaemonOptions};
use live_process::local::{FromDaemon, LocalPath, Run, ToDaemon};
use live_process::{Places, SessionName, session_id};

type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["agent", "inside", "--bin", directory, "--", ..] => {
            let environment: Vec<_> = std::env::vars_os().collect();
            let words: Vec<_> = std::env::args_os().skip(6).collect();
            let error = agent::become_inside(Path::new(directory), &words, &environment);
            eprintln!("{error}");
            return ExitCode::from(error.exit_code());
        }
        ["agent", verb, rest @ ..] => server(verb, rest),
        ["daemon"] => DaemonOptions::read(std::io::stdin())
            .and_then(daemon::run)
            .map(|()| ExitCode::SUCCESS)
            .map_err(Into::into),
        [verb, rest @ ..] => laptop(verb, rest),
        [] => Ok(ExitCode::from(2)),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

fn places() -> Places {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap());
    let runtime = std::env::var_os("XDG_RUNTIME_DIR");
    Places::new(home, runtime.as_deref().map(Path::new))
}

fn server(verb: &str, rest: &[&str]) -> Outcome {
    let option = |name: &str| {
        let at = rest.iter().position(|word| *word == name)?;
        rest.get(at + 1).copied()
    };
    let places = places();
    if verb == "list" {
        for living in agent::list(&places)? {
            println!("{}", serde_json::to_string(&living)?);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let session = SessionName::new(option("--session").unwrap())?;
    if verb == "clean" {
        agent::clean(&places, &session)?;
        return Ok(ExitCode::SUCCESS);
    }
    let grace = option("--grace").map_or(agent::GRACE, |seconds| {
        Duration::from_secs(seconds.parse().unwrap())
    });
    let options = AgentOptions {
        session,
        id: session_id(option("--id").unwrap())?,
        places,
        program: std::env::current_exe()?,
        grace,
        patience: agent::PATIENCE,
        environment: std::env::vars_os().collect(),
    };
    match verb {
        "connect" => agent::connect(&options)?,
        _ => agent::serve(&options)?,
    }
    Ok(ExitCode::SUCCESS)
}

#[tokio::main]
async fn laptop(verb: &str, rest: &[&str]) -> Outcome {
    let sessions = Sessions::new(places(), std::env::vars_os().collect());
    match (verb, rest) {
        ("start", [destination, identity, directories @ ..]) => {
            let started = sessions.start(&StartSession {
                program: std::env::current_exe()?,
                arguments: vec!["daemon".into()],
                server: Server {
                    destination: (*destination).to_owned(),
                    port: None,
                    identity: Some(identity.into()),
                    remote_program: "/opt/ends".to_owned(),
                    ssh_program: "ssh".into(),
                },
                directories: directories.iter().map(directory).collect(),
                adapter: live::control::Adapter::Native,
                when_asked: false,
                account: None,
                commands: None,
                name: None,
                local_time: jiff::civil::date(2026, 1, 2).at(3, 4, 5, 0),
            })?;
            println!("{}", started.name());
        }
        ("list", []) => {
            for session in sessions.list()? {
                println!("{} {}", session.name(), session.is_running());
            }
        }
        ("clean", [name]) => println!("{:?}", sessions.clean(&SessionName::new(name)?).await?.note),
        (verb, [name, rest @ ..]) => {
            let connection = sessions.find(&SessionName::new(name)?)?.connect().await?;
            return talk(connection, verb, rest).await;
        }
        _ => return Ok(ExitCode::from(2)),
    }
    Ok(ExitCode::SUCCESS)
}

fn directory(path: &&str) -> StartDirectory {
    StartDirectory {
        path: path.into(),
        read_only: false,
    }
}

async fn talk(mut connection: LocalConnection, verb: &str, rest: &[&str]) -> Outcome {
    let path = || LocalPath::new(Path::new(rest.first().copied().unwrap_or_default()));
    let request = match verb {
        "status" => ToDaemon::Status,
        "add" => ToDaemon::Add {
            directory: path(),
            read_only: rest.get(1).is_some(),
        },
        "remove" => ToDaemon::Remove { directory: path() },
        "stop" => ToDaemon::Stop {
            limit_ms: rest.first().map_or(20_000, |limit| limit.parse().unwrap()),
        },
        "wake" => ToDaemon::Wake,
        "programs" => ToDaemon::Programs,
        "run" => ToDaemon::Run(run(rest, None)),
        "main" => ToDaemon::Run(run(
            rest,
            Some(Size {
                rows: 24,
                columns: 80,
            }),
        )),
        "attach" => ToDaemon::Attach {
            program: None,
            size: None,
            read_only: false,
        },
        _ => return Ok(ExitCode::from(2)),
    };
    match connection.ask(&request).await? {
        FromDaemon::Attached(_) => watch(connection, verb == "main").await,
        FromDaemon::Status(status) => {
            println!("{}", serde_json::to_string(&status)?);
            Ok(ExitCode::SUCCESS)
        }
        FromDaemon::Mounted(place) => {
            println!("{}", place.to_path().display());
            Ok(ExitCode::SUCCESS)
        }
        FromDaemon::Refused(failure) => {
            println!("refused: {}; {}", failure.message, failure.hint);
            Ok(ExitCode::FAILURE)
        }
        other => {
            println!("{other:?}");
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn run(words: &[&str], size: Option<Size>) -> Run {
    let words = words
        .iter()
        .map(|word| Bytes::copy_from_slice(word.as_bytes()));
    Run {
        what: What::Words(words.collect()),
        directory: Directory::Mount(Root(0), RelativePath::root()),
        environment: Vec::new(),
        size,
        is_main: size.is_some(),
    }
}

/// Shows what a program says, to its end; of the main one but the beginning.
async fn watch(connection: LocalConnection, only_begin: bool) -> Outcome {
    let (mut sender, mut receiver) = connection.split();
    let typed = tokio::task::spawn_blocking(|| {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    });
    sender
        .send(&ToDaemon::Input(Input::Typed(typed.await??.into())))
        .await?;
    sender.send(&ToDaemon::Input(Input::InputEnded)).await?;
    loop {
        let (bytes, after) = match receiver.next().await? {
            FromDaemon::Output(Output::Bytes {
                bytes,
                after,
                stream: Stream::Out,
            }) => (bytes, after),
            FromDaemon::Output(Output::Picture { text, after }) => (text, after),
            FromDaemon::Output(Output::Ended { code, signal }) => {
                eprintln!("ended: {code:?} {signal:?}");
                let code = code.and_then(|code| u8::try_from(code).ok());
                return Ok(code.map_or(ExitCode::FAILURE, ExitCode::from));
            }
            _ => continue,
        };
        std::io::stdout().write_all(&bytes)?;
        sender.send(&ToDaemon::Input(Input::Seen(after))).await?;
        if only_begin && !bytes.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}
