//! The processes that touch homes: each has become one user for good before it opens anything of
//! his.
//!
//! ```text
//!  keeper or command (root, holds secrets)
//!     │ starts this program anew, so that nothing of the keeper's memory is in it
//!  zygote (root, holds nothing; one thread)
//!     │ forks for each request
//!  worker (the user, irrevocably) ── talks to the keeper over a socket of its own
//! ```
//!
//! A worker is never started by `exec` after it has become the user, so the system keeps him from
//! tracing it or reading its memory; and it has never held anything that is not his to read. He
//! can stop it or kill it: whoever waits for it waits for a limited time.

mod connection;
mod fork;
mod privileges;
mod zygote;

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
    sendmsg, socketpair,
};
use serde::{Deserialize, Serialize};

use crate::ShareError;
use crate::home::{HomeReport, HomeRequest, Owner, Task};

pub use connection::HomeConnection;
pub use zygote::serve;

/// How long a command waits for one home: disks may be slow, and users hostile.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The same where it is only looked at: what is asked often must not wait long because of one user
/// who stops the processes that work for him. As long as the keeper waits for one.
const PATIENCE_TO_LOOK: Duration = Duration::from_secs(5);

/// The argument with which the program is started anew as a zygote; not for people.
pub const ZYGOTE_ARGUMENT: &str = "home-processes";

/// Who a worker is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) shared_gid: u32,
}

/// A zygote of ours. It ends with this value.
pub struct HomeProcesses {
    control: OwnedFd,
    zygote: Child,
}

impl HomeProcesses {
    /// Starts `program`, which is this program, anew.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(program: &Path) -> Result<Self, ShareError> {
        let start = || -> io::Result<Self> {
            let (control, theirs) = socketpair(
                AddressFamily::UNIX,
                SocketType::SEQPACKET,
                SocketFlags::CLOEXEC,
                None,
            )?;
            let mut command = Command::new(program);
            command
                .arg0("claude-share")
                .arg(ZYGOTE_ARGUMENT)
                .env_clear()
                .current_dir("/");
            command
                .stdin(Stdio::from(theirs))
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let zygote = command.spawn()?;
            Ok(Self { control, zygote })
        };
        start().map_err(ShareError::system("start the process that touches homes"))
    }

    /// Has a worker become `owner` and do what is asked. `changes`: the descriptor to watch with.
    ///
    /// # Errors
    /// If there is no worker to be had.
    pub fn open(
        &self,
        owner: &Owner,
        request: &HomeRequest,
        changes: Option<BorrowedFd<'_>>,
    ) -> io::Result<HomeConnection> {
        let (ours, theirs) = UnixStream::pair()?;
        let identity = Identity {
            uid: owner.uid,
            gid: owner.gid,
            shared_gid: owner.shared_gid,
        };
        let bytes = serde_json::to_vec(&identity).expect("three numbers serialise");
        let mut descriptors = vec![theirs.as_fd()];
        descriptors.extend(changes);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
        let flags = SendFlags::NOSIGNAL;
        rustix::io::retry_on_intr(|| {
            sendmsg(
                &self.control,
                &[IoSlice::new(&bytes)],
                &mut ancillary,
                flags,
            )
        })?;
        let mut connection = HomeConnection::new(ours)?;
        connection.queue(request);
        connection.flush()?;
        Ok(connection)
    }

    /// Asks for many homes, some at a time, and hands over each report as it comes, by its place.
    pub fn ask_all(
        &self,
        requests: &[(Owner, HomeRequest)],
        mut answered: impl FnMut(usize, Result<HomeReport, ShareError>),
    ) {
        let mut waiting: Vec<Waiting> = Vec::new();
        let mut next = 0;
        while next < requests.len() || !waiting.is_empty() {
            while next < requests.len() && waiting.len() < AT_ONCE {
                let (owner, request) = &requests[next];
                match self.open(owner, request, None) {
                    Ok(connection) => waiting.push(Waiting {
                        place: next,
                        connection,
                        deadline: Instant::now() + patience(request),
                        patience: patience(request),
                    }),
                    Err(error) => answered(next, Err(home_error(owner, &error.to_string()))),
                }
                next += 1;
            }
            wait_for_any(&waiting);
            waiting.retain_mut(|one| match one.result() {
                None => true,
                Some(result) => {
                    let owner = &requests[one.place].0;
                    answered(one.place, result.map_err(|why| home_error(owner, &why)));
                    false
                }
            });
        }
    }

    /// Asks for one home.
    ///
    /// # Errors
    /// If it does not answer in time, or the home cannot be worked on.
    pub fn ask(&self, owner: &Owner, request: &HomeRequest) -> Result<HomeReport, ShareError> {
        let mut report = Err(home_error(owner, "nobody answered"));
        let requests = [(owner.clone(), request.clone())];
        self.ask_all(&requests, |_, answer| report = answer);
        report
    }
}

/// How many homes are worked on at once: two for each of a small server's processors.
const AT_ONCE: usize = 8;

struct Waiting {
    place: usize,
    connection: HomeConnection,
    deadline: Instant,
    patience: Duration,
}

fn patience(request: &HomeRequest) -> Duration {
    match request.task {
        Task::Look => PATIENCE_TO_LOOK,
        Task::Mend { .. } | Task::TakeBack { .. } | Task::AuthorizeKey { .. } => PATIENCE,
    }
}

impl Waiting {
    /// What came of it; `None` if it has not ended yet.
    fn result(&mut self) -> Option<Result<HomeReport, String>> {
        let sent = self.connection.flush();
        match sent.and_then(|_| self.connection.receive::<HomeReport>()) {
            Ok(Some(report)) => Some(match &report.problem {
                Some(problem) => Err(problem.clone()),
                None => Ok(report),
            }),
            Ok(None) if Instant::now() < self.deadline => None,
            Ok(None) => Some(Err(format!(
                "it did not answer within {} seconds",
                self.patience.as_secs()
            ))),
            Err(error) => Some(Err(format!("the process for it has ended: {error}"))),
        }
    }
}

fn wait_for_any(waiting: &[Waiting]) {
    let flags = |one: &Waiting| match one.connection.has_more_to_send() {
        true => PollFlags::IN | PollFlags::OUT,
        false => PollFlags::IN,
    };
    let mut descriptors: Vec<PollFd<'_>> = waiting
        .iter()
        .map(|one| PollFd::from_borrowed_fd(one.connection.as_fd(), flags(one)))
        .collect();
    let nearest = waiting.iter().map(|one| one.deadline).min();
    let left = nearest.map_or(Duration::ZERO, |at| {
        at.saturating_duration_since(Instant::now())
    });
    let limit = Timespec::try_from(left).expect("seconds");
    // An interruption is a reason to look too.
    poll(&mut descriptors, Some(&limit)).unwrap_or_default();
}

fn home_error(owner: &Owner, problem: &str) -> ShareError {
    ShareError::Home {
        user: owner.name.clone(),
        problem: problem.to_owned(),
    }
}

impl Drop for HomeProcesses {
    fn drop(&mut self) {
        // It would end by itself when the socket closes; its workers end with it.
        drop(self.zygote.kill());
        drop(self.zygote.wait());
    }
}
