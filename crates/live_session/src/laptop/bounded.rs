//! What a server answers, cut to what anybody needs of it: it is kept, and told to programs on the laptop.

use live::control::{Failure, Reply};

use crate::failure;

/// How much of a server's words is kept, in characters.
const LONGEST_WORDS: usize = 1000;
/// How long a path is at most, in bytes: `PATH_MAX` of Linux.
const LONGEST_PATH: usize = 4096;
/// Of how many programs is told at most: an agent has fewer.
const MOST_REPORTS: usize = 256;

/// `reply`, no longer than a server that keeps to the protocol makes it.
pub(super) fn bounded(reply: Result<Reply, Failure>) -> Result<Reply, Failure> {
    match reply {
        Ok(Reply::Mounted(path)) if path.len() > LONGEST_PATH => Err(failure(
            "the agent on the server names a place that is longer than any path",
            "",
        )),
        Ok(Reply::Programs(reports)) => {
            let reports = reports.into_iter().take(MOST_REPORTS);
            let titled = reports.map(|mut report| {
                report.what = report.what.title();
                report
            });
            Ok(Reply::Programs(titled.collect()))
        }
        Err(Failure { message, hint }) => Err(Failure {
            message: cut(&message),
            hint: cut(&hint),
        }),
        other => other,
    }
}

fn cut(words: &str) -> String {
    words.chars().take(LONGEST_WORDS).collect()
}
