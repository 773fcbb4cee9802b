//! What a password is checked with: Argon2id as a PHC string, or what the Python program left.
//!
//! The parameters come from a database that somebody may have tampered with: what would hang or
//! exhaust the machine is refused.

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::BASE64_NOPAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::password::Password;
use super::{random, werkzeug};
use crate::error::ApiError;

/// Argon2id's parameters (RFC 9106, section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// The second recommendation of RFC 9106, section 4: 64 MiB, 3 passes, 4 lanes.
    pub(crate) const RECOMMENDED: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 4,
    };
    /// More than this is taken for damage.
    const MOST: Self = Self {
        memory_kib: 256 * 1024,
        passes: 16,
        lanes: 16,
    };
    /// So little that tests can make hundreds.
    #[cfg(test)]
    pub(crate) const OF_TESTS: Self = Self {
        memory_kib: 64,
        passes: 1,
        lanes: 1,
    };

    fn params(self, length: usize) -> Option<Params> {
        let is_sane = self.memory_kib <= Self::MOST.memory_kib
            && self.passes <= Self::MOST.passes
            && self.lanes <= Self::MOST.lanes;
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(length));
        params.ok().filter(|_| is_sane)
    }
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Verdict {
    /// Right.
    Right,
    /// Right, and the hash is of a kind that is to be replaced.
    Outdated,
    /// Wrong, or the hash is of no known kind.
    Wrong,
}

/// Makes the PHC string of a new password. Takes a tenth of a second and 64 MiB.
pub(crate) fn make(password: &Password, cost: Cost) -> Result<String, ApiError> {
    let salt: [u8; 16] = random::bytes()?;
    let bytes = stretch::<32>(password, &salt, cost)
        .ok_or_else(|| ApiError::internal("the password cannot be hashed"))?;
    let Cost {
        memory_kib,
        passes,
        lanes,
    } = cost;
    let (salt, hash) = (
        BASE64_NOPAD.encode(&salt),
        BASE64_NOPAD.encode(bytes.as_ref()),
    );
    Ok(format!(
        "$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${hash}"
    ))
}

/// Checks a password. Where nobody has set one, it takes as long, and is wrong.
pub(crate) fn check(password: &Password, stored: Option<&str>, cost: Cost) -> Verdict {
    let Some(stored) = stored else {
        let wasted = stretch::<32>(password, &[0; 16], cost);
        drop(std::hint::black_box(wasted));
        return Verdict::Wrong;
    };
    if stored.starts_with('$') {
        return check_argon2(password, stored);
    }
    match werkzeug::is_right(password, stored) {
        true => Verdict::Outdated,
        false => Verdict::Wrong,
    }
}

fn check_argon2(password: &Password, stored: &str) -> Verdict {
    let Some(Parsed { cost, salt, hash }) = parse(stored) else {
        return Verdict::Wrong;
    };
    let is_right =
        stretch::<32>(password, &salt, cost).is_some_and(|bytes| bytes[..].ct_eq(&hash[..]).into());
    match is_right {
        true => Verdict::Right,
        false => Verdict::Wrong,
    }
}

struct Parsed {
    cost: Cost,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

/// `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, with 32 bytes of hash.
fn parse(stored: &str) -> Option<Parsed> {
    let parts: Vec<&str> = stored.split('$').collect();
    let ["", "argon2id", "v=19", cost, salt, hash] = parts[..] else {
        return None;
    };
    let numbers: Vec<&str> = cost.split(',').collect();
    let [memory, passes, lanes] = numbers[..] else {
        return None;
    };
    let number = |text: &str, name: &str| text.strip_prefix(name)?.parse().ok();
    let parsed = Parsed {
        cost: Cost {
            memory_kib: number(memory, "m=")?,
            passes: number(passes, "t=")?,
            lanes: number(lanes, "p=")?,
        },
        salt: BASE64_NOPAD.decode(salt.as_bytes()).ok()?,
        hash: BASE64_NOPAD.decode(hash.as_bytes()).ok()?,
    };
    let fits = (8..=64).contains(&parsed.salt.len()) && parsed.hash.len() == 32;
    fits.then_some(parsed)
}

#[cfg(test)]
thread_local! {
    /// At what cost this thread has stretched passwords, and to how many bytes: what takes the time.
    static STRETCHED: std::cell::RefCell<Vec<(Cost, usize)>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// `None` for parameters that are out of bounds.
fn stretch<const N: usize>(
    password: &Password,
    salt: &[u8],
    cost: Cost,
) -> Option<Zeroizing<[u8; N]>> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.params(N)?);
    #[cfg(test)]
    STRETCHED.with_borrow_mut(|all| all.push((cost, N)));
    let mut bytes = Zeroizing::new([0; N]);
    let password = password.expose().as_bytes();
    let stretched = argon2.hash_password_into(password, salt, bytes.as_mut());
    stretched.ok().map(|()| bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Secret;

    fn password(text: &str) -> Password {
        Password::new(Secret::new(text))
    }

    #[test]
    fn the_right_password_and_no_other() {
        let hash = make(&password("FAKE pass phrase"), Cost::OF_TESTS).unwrap();
        let verdict = |text| check(&password(text), Some(&hash), Cost::OF_TESTS);
        assert_eq!(verdict("FAKE pass phrase"), Verdict::Right);
        assert_eq!(verdict("FAKE pass phrasf"), Verdict::Wrong);
        assert_eq!(verdict(""), Verdict::Wrong);
        assert_eq!(check(&password("x"), None, Cost::OF_TESTS), Verdict::Wrong);
        assert_ne!(
            make(&password("FAKE pass phrase"), Cost::OF_TESTS).unwrap(),
            hash
        );
    }

    #[test]
    fn a_wrong_password_costs_as_much_where_none_is_set() {
        let hash = make(&password("FAKE pass phrase"), Cost::OF_TESTS).unwrap();
        let cost_of = |text: &str, stored: Option<&str>| {
            STRETCHED.take();
            let verdict = check(&password(text), stored, Cost::OF_TESTS);
            (verdict, STRETCHED.take())
        };
        let once = vec![(Cost::OF_TESTS, 32)];
        let wrong = (Verdict::Wrong, once.clone());
        assert_eq!(cost_of("FAKE wrong", Some(&hash)), wrong);
        assert_eq!(cost_of("FAKE wrong", None), wrong);
        let right = (Verdict::Right, once);
        assert_eq!(cost_of("FAKE pass phrase", Some(&hash)), right);
    }

    /// From the reference implementation's `test.c`: 64 MiB, 2 passes, salt "somesalt".
    #[test]
    fn a_string_that_the_reference_implementation_made() {
        let stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let verdict = |text| check(&password(text), Some(stored), Cost::OF_TESTS);
        assert_eq!(verdict("password"), Verdict::Right);
        assert_eq!(verdict("differentpassword"), Verdict::Wrong);
    }

    #[test]
    fn the_cost_is_the_recommended_one() {
        let hash = make(&password("FAKE pass phrase"), Cost::RECOMMENDED).unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=65536,t=3,p=4$"),
            "{hash}"
        );
        assert_eq!(
            check(&password("FAKE pass phrase"), Some(&hash), Cost::OF_TESTS),
            Verdict::Right
        );
    }

    #[test]
    fn what_would_exhaust_the_machine_is_not_even_begun() {
        let fits = |cost: Cost| cost.params(32).is_some();
        let most = Cost::MOST;
        assert!(fits(most));
        let (memory_kib, passes, lanes) = (most.memory_kib + 1, most.passes + 1, most.lanes + 1);
        assert!(!fits(Cost { memory_kib, ..most }));
        assert!(!fits(Cost { passes, ..most }));
        assert!(!fits(Cost { lanes, ..most }));
    }

    #[test]
    fn rubbish_and_giants_are_wrong_at_once() {
        let salt = BASE64_NOPAD.encode(&[1; 16]);
        let hash = BASE64_NOPAD.encode(&[1; 32]);
        for stored in [
            "$".to_owned(),
            "$argon2id$v=19$m=64,t=1,p=1$$".to_owned(),
            format!("$argon2i$v=19$m=64,t=1,p=1${salt}${hash}"),
            format!("$argon2id$v=19$m=4294967295,t=1,p=1${salt}${hash}"),
            format!("$argon2id$v=19$m=64,t=4294967295,p=1${salt}${hash}"),
            format!("$argon2id$v=19$m=64,t=0,p=1${salt}${hash}"),
            format!("$argon2id$v=19$m=64,t=1,p=1${salt}$"),
            format!("$argon2id$v=19$m=64,t=1${salt}${hash}"),
            "plain".to_owned(),
            String::new(),
        ] {
            assert_eq!(
                check(&password("x"), Some(&stored), Cost::OF_TESTS),
                Verdict::Wrong,
                "{stored}"
            );
        }
    }
}
