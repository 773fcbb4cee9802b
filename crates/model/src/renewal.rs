//! When a login is renewed.

use std::time::Duration;

use crate::{LoginState, Timestamp};

/// The client renews by itself with less than this left (measured; CLAUDE_CODE_FACTS).
pub const CLIENT_MARGIN: Duration = Duration::from_secs(5 * 60);

/// The keeper and `launch` renew with less than this left: well before any client would.
pub const RENEWAL_MARGIN: Duration = Duration::from_secs(15 * 60);

/// How far two clocks may differ before we say that one was set back.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// What is known of a login when somebody asks whether to renew it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginFacts {
    /// Whether there is an access token.
    pub has_access_token: bool,
    /// Whether there is a refresh token.
    pub has_refresh_token: bool,
    /// When the access token ends.
    pub expires_at: Option<Timestamp>,
    /// When we got it, by our clock then.
    pub obtained_at: Option<Timestamp>,
    /// How long the access token was to live when it was issued, if that is known.
    pub lifetime: Option<Duration>,
    /// Whether the server has refused it for good.
    pub state: LoginState,
}

/// What to do with a login.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// Use it as it is.
    Fresh,
    /// Renew it; what it is until then depends on the reason.
    Renew(RenewReason),
    /// Near its end or past it, and nothing to renew it with. Usable until then.
    CannotRenew {
        /// Whether the access token is past its end.
        expired: bool,
    },
    /// Only a new sign-in helps. An access token that has not ended can still be used.
    SignInAgain {
        /// Whether the access token is past its end, or missing.
        expired: bool,
    },
    /// Nobody has signed in yet.
    NeverSignedIn,
}

/// Why a login is to be renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenewReason {
    /// Less than the margin is left.
    Expiring,
    /// Nothing is left.
    Expired,
    /// There is a refresh token and no access token.
    NoAccessToken,
    /// The clock stands before the moment at which we got the token: it was set back since, or
    /// was wrong then, and the expiry means nothing.
    ClockSetBack,
}

/// Decides from facts alone. `margin`: renew with less than this left, or with less than a third of
/// the lifetime where tokens live so short that the margin would have each renewed at once.
pub fn decide(facts: &LoginFacts, now: Timestamp, margin: Duration) -> Decision {
    let expired = !facts.has_access_token || facts.expires_at.is_some_and(|at| at <= now);
    if !facts.has_access_token && !facts.has_refresh_token {
        return match facts.state {
            LoginState::Alive => Decision::NeverSignedIn,
            LoginState::SignInAgain { .. } => Decision::SignInAgain { expired },
        };
    }
    let reason = reason_to_renew(facts, now, margin);
    match (reason, &facts.state, facts.has_refresh_token) {
        (None, LoginState::Alive, _) => Decision::Fresh,
        (_, LoginState::SignInAgain { .. }, _) => Decision::SignInAgain { expired },
        (Some(reason), LoginState::Alive, true) => Decision::Renew(reason),
        (Some(_), LoginState::Alive, false) => Decision::CannotRenew { expired },
    }
}

fn reason_to_renew(facts: &LoginFacts, now: Timestamp, margin: Duration) -> Option<RenewReason> {
    if !facts.has_access_token {
        return Some(RenewReason::NoAccessToken);
    }
    if facts
        .obtained_at
        .is_some_and(|at| now.until(at) > CLOCK_TOLERANCE)
    {
        return Some(RenewReason::ClockSetBack);
    }
    let margin = facts
        .lifetime
        .map_or(margin, |lifetime| margin.min(lifetime / 3));
    let left = now.until(facts.expires_at?);
    match left {
        Duration::ZERO => Some(RenewReason::Expired),
        left if left < margin => Some(RenewReason::Expiring),
        _ => None,
    }
}

/// How long to wait after failures: doubling from `first` to `longest`, each time a random part
/// of it, so that many keepers that failed together do not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The wait after the first failure.
    pub first: Duration,
    /// No wait is longer, unless the server asked for it.
    pub longest: Duration,
}

impl RetryPolicy {
    /// What the keeper uses: 5 s, doubling to 5 minutes.
    pub const KEEPER: Self = Self {
        first: Duration::from_secs(5),
        longest: Duration::from_secs(5 * 60),
    };

    /// The wait after `failures` failures in a row (1 or more). `random` spreads it evenly
    /// between half of it and all of it. A wait that the server asked for (`Retry-After`) is
    /// kept, up to one hour.
    #[must_use]
    pub fn wait(&self, failures: u32, random: u32, asked: Option<Duration>) -> Duration {
        const LONGEST_ASKED: Duration = Duration::from_secs(3_600);
        let doublings = failures.saturating_sub(1).min(20);
        let full = self.first.saturating_mul(1 << doublings).min(self.longest);
        let jittered = full / 2 + (full / 2).mul_f64(f64::from(random) / f64::from(u32::MAX));
        jittered.max(asked.unwrap_or_default().min(LONGEST_ASKED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
    const HOUR: i64 = 3_600_000;

    fn facts(expires_in: i64) -> LoginFacts {
        LoginFacts {
            has_access_token: true,
            has_refresh_token: true,
            expires_at: Some(Timestamp::from_millis(NOW.as_millis() + expires_in)),
            obtained_at: Some(Timestamp::from_millis(NOW.as_millis() - HOUR)),
            lifetime: None,
            state: LoginState::Alive,
        }
    }

    fn asked(facts: &LoginFacts) -> Decision {
        decide(facts, NOW, RENEWAL_MARGIN)
    }

    #[test]
    fn renews_before_the_client_would() {
        assert!(RENEWAL_MARGIN > CLIENT_MARGIN);
        assert_eq!(asked(&facts(HOUR)), Decision::Fresh);
        assert_eq!(
            asked(&facts(6 * 60_000)),
            Decision::Renew(RenewReason::Expiring)
        );
        assert_eq!(asked(&facts(0)), Decision::Renew(RenewReason::Expired));
        assert_eq!(asked(&facts(-HOUR)), Decision::Renew(RenewReason::Expired));
    }

    #[test]
    fn a_clock_set_back_does_not_make_a_token_live_for_a_year() {
        let mut then = facts(8_760 * HOUR);
        then.obtained_at = Some(Timestamp::from_millis(NOW.as_millis() + 8_752 * HOUR));
        assert_eq!(asked(&then), Decision::Renew(RenewReason::ClockSetBack));
    }

    #[test]
    fn a_token_without_refresh_token_is_used_to_its_end() {
        let long_lived = LoginFacts {
            has_refresh_token: false,
            ..facts(8_760 * HOUR)
        };
        assert_eq!(asked(&long_lived), Decision::Fresh);
        let ending = LoginFacts {
            has_refresh_token: false,
            ..facts(60_000)
        };
        assert_eq!(asked(&ending), Decision::CannotRenew { expired: false });
        let unknown = LoginFacts {
            expires_at: None,
            has_refresh_token: false,
            ..facts(0)
        };
        assert_eq!(asked(&unknown), Decision::Fresh);
    }

    #[test]
    fn a_refused_login_is_never_asked_for_again() {
        let state = LoginState::SignInAgain {
            reason: "invalid_grant".into(),
        };
        let refused = LoginFacts { state, ..facts(-1) };
        assert_eq!(asked(&refused), Decision::SignInAgain { expired: true });
    }

    #[test]
    fn waits_grow_and_end() {
        let policy = RetryPolicy::KEEPER;
        assert_eq!(policy.wait(1, u32::MAX, None), Duration::from_secs(5));
        assert_eq!(policy.wait(1, 0, None), Duration::from_millis(2_500));
        assert_eq!(policy.wait(900, u32::MAX, None), Duration::from_secs(300));
        assert_eq!(
            policy.wait(1, 0, Some(Duration::from_secs(60))),
            Duration::from_secs(60)
        );
        assert_eq!(
            policy.wait(1, 0, Some(Duration::MAX)),
            Duration::from_secs(3_600)
        );
    }

    fn any_facts() -> impl Strategy<Value = LoginFacts> {
        let moment = || prop::option::of(any::<i64>().prop_map(Timestamp::from_millis));
        let lifetime = prop::option::of(any::<u64>().prop_map(Duration::from_millis));
        (
            any::<bool>(),
            any::<bool>(),
            moment(),
            moment(),
            lifetime,
            any::<bool>(),
        )
            .prop_map(
                |(
                    has_access_token,
                    has_refresh_token,
                    expires_at,
                    obtained_at,
                    lifetime,
                    refused,
                )| {
                    LoginFacts {
                        has_access_token,
                        has_refresh_token,
                        expires_at,
                        obtained_at,
                        lifetime,
                        state: match refused {
                            true => LoginState::SignInAgain {
                                reason: String::new(),
                            },
                            false => LoginState::Alive,
                        },
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn no_facts_spend_what_is_not_there(facts in any_facts(), now in any::<i64>(), margin in any::<u32>()) {
            let now = Timestamp::from_millis(now);
            match decide(&facts, now, Duration::from_secs(margin.into())) {
                Decision::Renew(_) => {
                    prop_assert!(facts.has_refresh_token);
                    prop_assert_eq!(facts.state, LoginState::Alive);
                }
                Decision::Fresh => {
                    prop_assert!(facts.has_access_token);
                    prop_assert!(facts.expires_at.is_none_or(|at| at > now));
                }
                Decision::CannotRenew { .. } => prop_assert!(!facts.has_refresh_token),
                Decision::SignInAgain { .. } => prop_assert_ne!(facts.state, LoginState::Alive),
                Decision::NeverSignedIn => prop_assert!(!facts.has_access_token && !facts.has_refresh_token),
            }
        }

        #[test]
        fn a_renewed_login_is_fresh_again(lifetime in 1_u64..31_536_000, now in 0_i64..4_000_000_000_000) {
            let now = Timestamp::from_millis(now);
            let renewed = LoginFacts {
                has_access_token: true,
                has_refresh_token: true,
                expires_at: Some(now.plus(Duration::from_secs(lifetime))),
                obtained_at: Some(now),
                lifetime: Some(Duration::from_secs(lifetime)),
                state: LoginState::Alive,
            };
            prop_assert_eq!(decide(&renewed, now, RENEWAL_MARGIN), Decision::Fresh);
        }

        #[test]
        fn a_wait_is_at_least_half_and_at_most_all(failures in any::<u32>(), random in any::<u32>()) {
            let wait = RetryPolicy::KEEPER.wait(failures, random, None);
            prop_assert!(wait >= RetryPolicy::KEEPER.first / 2 && wait <= RetryPolicy::KEEPER.longest);
        }
    }
}
