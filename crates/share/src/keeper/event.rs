//! What a keeper does, for its log.

use std::fmt;

/// What a keeper does. No variant holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeeperEvent {
    /// It has begun.
    Started {
        /// Its process number.
        pid: u32,
        /// How many users it keeps.
        users: usize,
    },
    /// It has read anew what is set up.
    Reloaded {
        /// How many users it keeps.
        users: usize,
    },
    /// An account has another credential than before, which goes into its users' homes.
    NewCredential {
        /// The account's name.
        account: String,
    },
    /// It has renewed a login.
    Renewed {
        /// The account's name.
        account: String,
    },
    /// It could not renew a login.
    RenewalFailed {
        /// The account's name.
        account: String,
        /// Why.
        reason: String,
    },
    /// It has put something in a home right.
    Mended {
        /// Whose.
        user: String,
        /// What, below the home.
        item: &'static str,
        /// How it was found.
        found: String,
        /// Where what was replaced is kept.
        backup: Option<String>,
    },
    /// It cannot do for a user what it should.
    Trouble {
        /// Whose.
        user: String,
        /// Why not.
        problem: String,
    },
    /// What it could not do for a user, it can again.
    Recovered {
        /// Whose.
        user: String,
    },
    /// A user changes his files too often to follow; he is looked at now and then.
    Noisy {
        /// Whose.
        user: String,
    },
    /// A user has a login of his own, which stays.
    OwnLogin {
        /// Whose.
        user: String,
    },
    /// A user had a newer generation of his account's login; the vault has it now.
    Adopted {
        /// Whose.
        user: String,
        /// The account's name.
        account: String,
    },
    /// Such a login turned out to be of no use; the vault has the one before again.
    Rejected {
        /// Whose.
        user: String,
        /// The account's name.
        account: String,
    },
    /// Something else failed.
    Problem {
        /// What, and why.
        what: String,
    },
    /// It has left.
    Left,
}

impl fmt::Display for KeeperEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { pid, users } => {
                write!(formatter, "keeper {pid} keeps {users} users")
            }
            Self::Reloaded { users } => write!(formatter, "read what is set up: {users} users"),
            Self::NewCredential { account } => {
                write!(formatter, "{account}: a new credential, for all its users")
            }
            Self::Renewed { account } => write!(formatter, "{account}: renewed"),
            Self::RenewalFailed { account, reason } => {
                write!(formatter, "{account}: not renewed: {reason}")
            }
            Self::Mended {
                user,
                item,
                found,
                backup,
            } => {
                write!(formatter, "{user}: {item} {found}; put right")?;
                match backup {
                    Some(backup) => write!(formatter, ", what was there is kept as {backup}"),
                    None => Ok(()),
                }
            }
            Self::Trouble { user, problem } => write!(formatter, "{user}: {problem}"),
            Self::Recovered { user } => write!(formatter, "{user}: all right again"),
            Self::Noisy { user } => write!(
                formatter,
                "{user}: changes too often; looked at now and then"
            ),
            Self::OwnLogin { user } => {
                write!(formatter, "{user}: has a login of his own, which stays")
            }
            Self::Adopted { user, account } => {
                write!(
                    formatter,
                    "{user}: had a newer login of {account}; taken over"
                )
            }
            Self::Rejected { user, account } => write!(
                formatter,
                "{user}: the login taken over for {account} is of no use; the one before is back"
            ),
            Self::Problem { what } => formatter.write_str(what),
            Self::Left => formatter.write_str("left"),
        }
    }
}
