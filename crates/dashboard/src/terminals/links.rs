//! Read-only links to sessions: whoever has one may watch until it expires.

use std::sync::Mutex;

use vault::VaultError;

use super::lock;
use crate::clock;
use crate::error::ApiError;
use crate::store::Digest;

/// How many there are at most; the one that would expire first makes room.
const LIMIT: usize = 256;

/// All that count. In memory alone: they end with the server.
#[derive(Default)]
pub(crate) struct Links {
    known: Mutex<Vec<Known>>,
}

struct Known {
    digest: Digest,
    link: Link,
}

/// What a link is good for.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) session: String,
    /// Epoch milliseconds.
    pub(crate) expires_at: i64,
}

impl Links {
    /// A new one: its token, which is kept nowhere, and when it expires in epoch milliseconds.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub(crate) fn make(&self, session: &str, minutes: u32) -> Result<(String, i64), ApiError> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|_| ApiError::from(VaultError::Random))?;
        let token = data_encoding::BASE64URL_NOPAD.encode(&bytes);
        let expires_at = clock::now() + i64::from(minutes) * 60_000;
        let mut known = lock(&self.known);
        known.retain(|known| known.link.expires_at > clock::now());
        if known.len() >= LIMIT {
            let first = known
                .iter()
                .enumerate()
                .min_by_key(|(_, known)| known.link.expires_at);
            if let Some(index) = first.map(|(index, _)| index) {
                known.swap_remove(index);
            }
        }
        let link = Link {
            session: session.to_owned(),
            expires_at,
        };
        known.push(Known {
            digest: Digest::of(token.as_bytes()),
            link,
        });
        Ok((token, expires_at))
    }

    /// What `token` is good for, if it still is.
    pub(crate) fn find(&self, token: &str) -> Option<Link> {
        let digest = Digest::of(token.as_bytes());
        let known = lock(&self.known);
        let found = known.iter().find(|known| known.digest.is_same(&digest))?;
        (found.link.expires_at > clock::now()).then(|| found.link.clone())
    }

    /// Ends all, and tells to which sessions there were any.
    pub(super) fn forget_all(&self) -> Vec<String> {
        let known = std::mem::take(&mut *lock(&self.known));
        known.into_iter().map(|known| known.link.session).collect()
    }

    /// Ends those to `session`.
    pub(super) fn forget(&self, session: &str) {
        lock(&self.known).retain(|known| known.link.session != session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_counts_until_it_expires_or_its_session_is_forgotten() {
        let links = Links::default();
        let (one, expires_at) = links.make("one", 60).unwrap();
        let (two, _) = links.make("two", 60).unwrap();
        assert!(expires_at > clock::now() + 59 * 60_000);
        assert_eq!(links.find(&one).unwrap().session, "one");
        assert!(links.find("").is_none() && links.find(&one[1..]).is_none());
        links.forget("one");
        assert!(links.find(&one).is_none() && links.find(&two).is_some());
        let (over, _) = links.make("three", 0).unwrap();
        assert!(links.find(&over).is_none());
    }

    #[test]
    fn all_end_at_once() {
        let links = Links::default();
        let (one, _) = links.make("one", 60).unwrap();
        assert_eq!(links.forget_all(), ["one"]);
        assert!(links.find(&one).is_none());
        assert!(links.forget_all().is_empty());
    }

    #[test]
    fn they_are_bounded() {
        let links = Links::default();
        let (first, _) = links.make("session", 1).unwrap();
        for _ in 0..LIMIT {
            links.make("session", 10).unwrap();
        }
        assert!(links.find(&first).is_none());
        assert_eq!(lock(&links.known).len(), LIMIT);
    }
}
