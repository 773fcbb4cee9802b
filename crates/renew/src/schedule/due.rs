//! When a login is to be looked at.

use std::time::Duration;

use model::{Decision, LoginFacts, RENEWAL_MARGIN, Timestamp, decide};

use super::LONGEST_WAIT;

/// How long until a renewal is due, or until the next look at a login for which none can be.
pub(super) fn time_until_due(facts: &LoginFacts, now: Timestamp) -> Duration {
    match decide(facts, now, RENEWAL_MARGIN) {
        Decision::Renew(_) => Duration::ZERO,
        Decision::Fresh => {
            let margin = facts
                .lifetime
                .map_or(RENEWAL_MARGIN, |lifetime| RENEWAL_MARGIN.min(lifetime / 3));
            let left = facts
                .expires_at
                .map_or(LONGEST_WAIT, |at| now.until(at).saturating_sub(margin));
            left.clamp(Duration::from_millis(50), LONGEST_WAIT)
        }
        // Nothing to do until somebody signs in.
        Decision::CannotRenew { .. } | Decision::SignInAgain { .. } | Decision::NeverSignedIn => {
            LONGEST_WAIT
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::LoginState;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn facts(left: Duration) -> LoginFacts {
        LoginFacts {
            has_access_token: true,
            has_refresh_token: true,
            expires_at: Some(NOW.plus(left)),
            obtained_at: Some(NOW),
            lifetime: None,
            state: LoginState::Alive,
        }
    }

    #[test]
    fn a_login_is_looked_at_when_it_is_due() {
        let due = |left: Duration| time_until_due(&facts(left), NOW);
        assert_eq!(due(Duration::from_secs(8 * 3600)), LONGEST_WAIT);
        let second = Duration::from_secs(1);
        assert_eq!(due(RENEWAL_MARGIN + second), second);
        assert!(due(RENEWAL_MARGIN) > Duration::ZERO);
        assert_eq!(due(RENEWAL_MARGIN - second), Duration::ZERO);
        assert_eq!(due(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn what_cannot_be_renewed_is_not_looked_at_all_the_time() {
        for left in [Duration::ZERO, Duration::from_secs(60)] {
            let dead = LoginFacts {
                state: LoginState::SignInAgain {
                    reason: String::new(),
                },
                ..facts(left)
            };
            let bare = LoginFacts {
                has_refresh_token: false,
                ..facts(left)
            };
            let none = LoginFacts {
                has_access_token: false,
                ..bare.clone()
            };
            for facts in [dead, bare, none] {
                assert_eq!(time_until_due(&facts, NOW), LONGEST_WAIT, "{facts:?}");
            }
        }
    }
}
