//! Whether an account can be launched, decided from what is known of it.
//!
//! Pure: no clock, no vault. `claude-accounts list` and `status` say it, and the dashboard.

use model::{Decision, LoginFacts, LoginState, RENEWAL_MARGIN, Timestamp, decide};
use vault::{Credential, Unsealed};

/// Whether an account can be launched, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It can.
    Ok,
    /// Its access token has ended. It is renewed by the launch, where that can be done.
    Expired,
    /// The server has refused its login for good.
    SignInAgain,
    /// It has neither key nor login.
    NoCredential,
    /// Its record cannot be opened with the vault's key.
    Damaged,
}

impl State {
    /// For programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Expired => "expired",
            Self::SignInAgain => "sign_in_again",
            Self::NoCredential => "no_credential",
            Self::Damaged => "damaged",
        }
    }

    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Expired => "expired",
            Self::SignInAgain => "sign in again",
            Self::NoCredential => "no credential",
            Self::Damaged => "damaged",
        }
    }
}

/// What opening the secrets of an account has shown of its credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Nothing is there.
    Nothing,
    /// A key.
    ApiKey,
    /// A login.
    Login,
    /// This part of it cannot be opened.
    Damaged(&'static str),
}

impl Held {
    /// What was found in an account that could be opened.
    #[must_use]
    pub fn of(unsealed: &Unsealed) -> Self {
        match unsealed.credential {
            Credential::None => Self::Nothing,
            Credential::ApiKey(_) => Self::ApiKey,
            Credential::Login(_) => Self::Login,
        }
    }
}

/// A state, and why an account is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Readiness {
    /// The state.
    pub state: State,
    /// For people; empty for [`State::Ok`]. Holds no secret.
    pub reason: String,
}

/// Whether an account that holds `held`, and of whose login `facts` is known, can be launched now.
pub fn judge(held: Held, facts: &LoginFacts, now: Timestamp) -> Readiness {
    match held {
        Held::ApiKey => ready(),
        Held::Login => judge_login(facts, now),
        Held::Nothing => judge_missing(facts),
        Held::Damaged(part) => because(
            State::Damaged,
            format!("its {part} cannot be opened with the vault's key"),
        ),
    }
}

/// When the keeper would renew a login, with the token's end and lifetime alone; `None` where it
/// never would.
#[must_use]
pub fn renews_at(facts: &LoginFacts) -> Option<Timestamp> {
    let renewable = facts.has_refresh_token && facts.state == LoginState::Alive;
    let ends_at = facts.expires_at.filter(|_| renewable)?;
    let margin = facts
        .lifetime
        .map_or(RENEWAL_MARGIN, |lifetime| RENEWAL_MARGIN.min(lifetime / 3));
    let margin = i64::try_from(margin.as_millis()).unwrap_or(i64::MAX);
    Some(Timestamp::from_millis(
        ends_at.as_millis().saturating_sub(margin),
    ))
}

fn ready() -> Readiness {
    because(State::Ok, String::new())
}

fn because(state: State, reason: impl Into<String>) -> Readiness {
    Readiness {
        state,
        reason: reason.into(),
    }
}

fn judge_missing(facts: &LoginFacts) -> Readiness {
    match &facts.state {
        LoginState::SignInAgain { reason } => because(State::SignInAgain, reason.as_str()),
        LoginState::Alive => because(State::NoCredential, "nobody has signed in yet"),
    }
}

fn judge_login(facts: &LoginFacts, now: Timestamp) -> Readiness {
    let expired = !facts.has_access_token || facts.expires_at.is_some_and(|at| at <= now);
    match decide(facts, now, RENEWAL_MARGIN) {
        Decision::SignInAgain { .. } | Decision::NeverSignedIn => judge_missing(facts),
        Decision::Renew(_) if expired => {
            because(State::Expired, "it is renewed when it is launched")
        }
        Decision::CannotRenew { expired: true } => {
            because(State::Expired, "there is no refresh token to renew it with")
        }
        Decision::Fresh | Decision::Renew(_) | Decision::CannotRenew { .. } => ready(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn facts(left: Duration) -> LoginFacts {
        LoginFacts {
            has_access_token: true,
            has_refresh_token: true,
            expires_at: Some(NOW.plus(left)),
            obtained_at: None,
            lifetime: None,
            state: LoginState::Alive,
        }
    }

    fn dead() -> LoginState {
        LoginState::SignInAgain {
            reason: "refused".to_owned(),
        }
    }

    fn state(held: Held, facts: &LoginFacts) -> State {
        judge(held, facts, NOW).state
    }

    #[test]
    fn each_kind_of_account_has_its_state() {
        let hour = facts(Duration::from_secs(3600));
        let ended = facts(Duration::ZERO);
        assert_eq!(state(Held::ApiKey, &ended), State::Ok);
        assert_eq!(state(Held::Login, &hour), State::Ok);
        assert_eq!(state(Held::Login, &ended), State::Expired);
        assert_eq!(state(Held::Nothing, &ended), State::NoCredential);
        let refused = LoginFacts {
            state: dead(),
            ..hour.clone()
        };
        assert_eq!(state(Held::Login, &refused), State::SignInAgain);
        assert_eq!(judge(Held::Nothing, &refused, NOW).reason, "refused");
        let damaged = judge(Held::Damaged("API key"), &hour, NOW);
        assert_eq!(damaged.state, State::Damaged);
        assert!(damaged.reason.contains("API key"));
    }

    #[test]
    fn a_token_without_refresh_token_is_good_until_it_ends() {
        let bare = |left| LoginFacts {
            has_refresh_token: false,
            ..facts(left)
        };
        assert_eq!(state(Held::Login, &bare(Duration::from_secs(1))), State::Ok);
        let ended = judge(Held::Login, &bare(Duration::ZERO), NOW);
        assert_eq!(ended.state, State::Expired);
        assert!(ended.reason.contains("no refresh token"));
    }

    #[test]
    fn a_renewal_comes_well_before_the_end_if_it_comes() {
        let hour = facts(Duration::from_secs(3600));
        let at = renews_at(&hour).unwrap();
        assert_eq!(at.plus(RENEWAL_MARGIN), hour.expires_at.unwrap());
        let short = LoginFacts {
            lifetime: Some(Duration::from_secs(60)),
            ..facts(Duration::from_secs(60))
        };
        assert_eq!(renews_at(&short), Some(NOW.plus(Duration::from_secs(40))));
        for never in [
            LoginFacts {
                has_refresh_token: false,
                ..hour.clone()
            },
            LoginFacts {
                expires_at: None,
                ..hour.clone()
            },
            LoginFacts {
                state: dead(),
                ..hour
            },
        ] {
            assert_eq!(renews_at(&never), None);
        }
    }
}
