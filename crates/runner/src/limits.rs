//! What a command may use up.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

/// How many processes and threads the user may have when a command in a sandbox starts another: far more than a desktop has,
/// and few enough that the machine still answers when a command does nothing but start itself.
const MOST_PROCESSES: u64 = 16 << 10;

/// What a command may use up. By default, whatever the runner itself may. Sizes of files, memory and time are as the user
/// has them: a build that is ended by another limit than at home is a riddle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// How many files a process may have open unless it allows itself more: the soft limit of `getrlimit(2)`. The daemon
    /// raises its own, and some programs close as many as there may be, or cannot count beyond 1024 (`select(2)`).
    pub open_files: Option<u64>,
}

impl Limits {
    /// Those of this process, before it raises them.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self {
            open_files: getrlimit(Resource::Nofile).current,
        }
    }

    /// Has them hold for this process and all that it starts from now on. What the system does not take stays as it is.
    pub(crate) fn set(self, is_in_sandbox: bool) {
        // What a program had in memory, in the middle of a published directory.
        lower(Resource::Core, |_| (Some(0), Some(0)));
        if let Some(open_files) = self.open_files {
            lower(Resource::Nofile, |own| (Some(open_files), own.maximum));
        }
        if is_in_sandbox {
            let most = Some(MOST_PROCESSES);
            lower(Resource::Nproc, |own| {
                (least(own.current, most), least(own.maximum, most))
            });
        }
    }
}

fn lower(resource: Resource, new: impl FnOnce(Rlimit) -> (Option<u64>, Option<u64>)) {
    let own = getrlimit(resource);
    let maximum = own.maximum;
    let (soft, hard) = new(own);
    let hard = least(hard, maximum);
    let limit = Rlimit {
        current: least(soft, hard),
        maximum: hard,
    };
    setrlimit(resource, limit).ok();
}

/// `None` is without end.
fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}
