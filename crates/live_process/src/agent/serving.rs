//! The agent itself.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use connection::relay::Socket;
use connection::{Connection, State};
use live::message::{ToLaptop, ToServer};
use live_session::server::{self, Agent, Proxying};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::timeout_at;

use super::control::Control;
use super::links::Links;
use super::{
    AgentError, AgentOptions, LivingAgent, commands_name, control_name, environment_file, links,
    lock_name, log_name, shims, socket_name,
};
use crate::detached;
use crate::lock::{self, Lock};

/// How long one lives that no laptop has ever connected to: whoever had it started is gone.
const UNWANTED: Duration = Duration::from_secs(60);

/// Is the agent: tells whoever waits on its standard output that it listens, or why it cannot, and returns when the session
/// has ended, it is told to by SIGTERM, or there was no connection for too long. By then its programs have ended, and what
/// it has mounted is gone. The standard error is its log. For a process that does nothing else.
///
/// The umask stays what the login has: the programs that it starts make files with it.
///
/// # Errors
/// If it cannot begin.
pub fn serve(options: &AgentOptions) -> Result<(), AgentError> {
    detached::detach();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let served = match runtime {
        Ok(runtime) => {
            let served = runtime.block_on(async { Serving::begin(options)?.run().await });
            runtime.shutdown_background();
            served
        }
        Err(error) => Err(error.into()),
    };
    served.inspect_err(|error| {
        detached::log(&error.to_string());
        detached::tell_failure(error);
    })
}

struct Serving<'a> {
    options: &'a AgentOptions,
    directory: PathBuf,
    /// Held to the end.
    lock: Lock,
    socket: Socket,
    /// For programs of this server.
    control: Socket,
    /// For shims.
    commands: Socket,
    agent: Arc<Agent>,
    connection: Connection<ToLaptop>,
    receiver: connection::Receiver<ToServer>,
}

impl<'a> Serving<'a> {
    fn begin(options: &'a AgentOptions) -> Result<Self, AgentError> {
        let (places, session) = (&options.places, &options.session);
        let make = || places.make_agents();
        let (directory, lock) = lock::in_directory(make, &lock_name(session), Lock::take)?;
        let mut lock = lock.ok_or(AgentError::Running)?;
        lock.say(&itself(options)?)?;
        let (main, extras) = (places.main_mount(session), places.extra_mounts(session));
        // Of one that was killed. What cannot be taken away is told when something is to be mounted there.
        if let Err(failure) = server::clean(&main, &extras) {
            detached::log(&failure.message);
        }
        links::remove(places, session);
        environment_file::remove(places, session);
        let account = places.accounts(session).to_vec();
        server::remove_account(&account);
        places.make_mounts(session)?;
        let (connection, receiver) = Connection::new(options.id)?;
        let agent = server::AgentOptions {
            main,
            mounts: extras,
            account,
            patience: options.patience,
            environment: options.environment.clone(),
        };
        Ok(Self {
            agent: Arc::new(Agent::with_proxying(
                connection.clone(),
                agent,
                Some(proxying(options)),
            )?),
            socket: Socket::bind(&directory, &socket_name(session))?,
            control: Socket::bind(&directory, &control_name(session))?,
            commands: Socket::bind(&directory, &commands_name(session))?,
            options,
            directory,
            lock,
            connection,
            receiver,
        })
    }

    async fn run(self) -> Result<(), AgentError> {
        let mut terminated = signal(SignalKind::terminate())?;
        // Taken, and means nothing: the login that it was started from has ended.
        let _hang_up = signal(SignalKind::hangup())?;
        detached::survive_large_files()?;
        detached::tell_ready()?;
        detached::log(&format!("began: {}", self.options.session));
        let stop = async {
            let why = tokio::select! {
                _ = terminated.recv() => "it was told to end",
                () = is_lonely(self.connection.state(), self.options.grace) => {
                    "there was no connection for too long"
                }
            };
            detached::log(why);
            self.agent.stop();
            std::future::pending::<()>().await;
        };
        let carry = async {
            // Nothing comes after that; why is in what `run` gives.
            drop(self.socket.serve(&self.connection).await);
            std::future::pending::<()>().await;
        };
        let (places, session) = (&self.options.places, &self.options.session);
        let agent = Arc::clone(&self.agent);
        let control = Control::new(agent, &self.connection, places.clone(), session.clone());
        let control = Arc::new(control);
        let reason = tokio::select! {
            reason = self.agent.run(self.receiver) => reason,
            () = stop => None,
            () = carry => None,
            () = Arc::clone(&control).serve(self.control) => None,
            () = shims::serve(self.agent.commands(), self.commands) => None,
        };
        detached::log(&format!("ended: {}", reason.unwrap_or_default()));
        control.is_idle().await;
        links::remove(places, session);
        environment_file::remove(places, session);
        drop((control, self.agent));
        server::remove_account(&places.accounts(session));
        if let Err(failure) =
            server::clean(&places.main_mount(session), &places.extra_mounts(session))
        {
            detached::log(&failure.message);
        }
        drop(self.socket);
        fs::remove_file(self.directory.join(log_name(session))).ok();
        drop(self.lock);
        places.remove_unused();
        Ok(())
    }
}

/// How programs find the commands that run on the laptop.
fn proxying(options: &AgentOptions) -> Proxying {
    let (places, session) = (options.places.clone(), options.session.clone());
    let directory = places.programs(&session);
    let shell_file = places.path_file(&session);
    let links = Links::new(places, session, options.program.clone());
    Proxying {
        session: options.session.to_string(),
        directory,
        program: options.program.clone(),
        shell_file,
        link: Arc::new(move |names| links.set(names)),
    }
}

/// Waits until there has been no connection for `grace`.
async fn is_lonely(mut state: watch::Receiver<State>, grace: Duration) {
    let mut patience = grace.min(UNWANTED);
    loop {
        let now = *state.borrow_and_update();
        let changed = match now {
            State::Up { .. } => {
                patience = grace;
                state.changed().await
            }
            State::Down { since } => match timeout_at(since + patience, state.changed()).await {
                Ok(changed) => changed,
                Err(_) => return,
            },
        };
        if changed.is_err() {
            // The session has ended.
            std::future::pending::<()>().await;
        }
    }
}

/// What it says of itself to who looks.
fn itself(options: &AgentOptions) -> io::Result<String> {
    let living = LivingAgent {
        session: options.session.to_string(),
        pid: std::process::id(),
        started_at: jiff::Timestamp::now().as_second(),
    };
    Ok(serde_json::to_string(&living)?)
}
