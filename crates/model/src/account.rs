//! What tells accounts apart.

use std::fmt;

/// The permanent name of a record: `accounts.id` in the database. Never shown to people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(String);

impl AccountId {
    /// An identifier that stands in a database.
    #[must_use]
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A new one from 16 random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        use std::fmt::Write as _;
        let mut text = String::from("acc_");
        for byte in bytes {
            write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        }
        Self(text)
    }

    /// The identifier as text. It may hold anything if another program made it, so it is not a
    /// file name: see [`AccountId::file_name`].
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A file name for what belongs to this account: ours as they are, others with every byte
    /// but letters, digits, `_` and `-` written as `%XX`. One that would be too long for a file
    /// system is cut off and told apart by a hash.
    #[must_use]
    pub fn file_name(&self) -> String {
        use std::fmt::Write as _;
        const LONGEST: usize = 128;
        let mut name = String::with_capacity(self.0.len());
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') {
                name.push(char::from(byte));
            } else {
                write!(name, "%{byte:02X}").expect("writing to a String cannot fail");
            }
        }
        if name.len() > LONGEST {
            name.truncate(LONGEST);
            write!(name, "-{:016x}", fnv1a(self.0.as_bytes()))
                .expect("writing to a String cannot fail");
        }
        name
    }
}

/// 64-bit FNV-1a (draft-eastlake-fnv). Two identifiers that met in it would only wait for each
/// other's lock.
fn fnv1a(bytes: &[u8]) -> u64 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.iter().fold(OFFSET_BASIS, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}

impl fmt::Display for AccountId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// How an account proves who it is: `accounts.auth_type` in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthType {
    /// A key from the vendor's console, sent as `x-api-key`.
    ApiKey,
    /// A sign-in with the vendor: access token, refresh token, expiry.
    OAuth,
}

impl AuthType {
    /// As stored and as printed for programs: `api_key` or `oauth`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::OAuth => "oauth",
        }
    }

    /// The reverse of [`AuthType::as_str`].
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        match text {
            "api_key" => Some(Self::ApiKey),
            "oauth" => Some(Self::OAuth),
            _ => None,
        }
    }
}

impl fmt::Display for AuthType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Whether a login can still be renewed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LoginState {
    /// As far as we know.
    #[default]
    Alive,
    /// The token server refused its refresh token for good: only a new sign-in helps.
    SignInAgain {
        /// For people; holds no secret.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_identifier_cannot_leave_its_directory() {
        let id = AccountId::from_stored("acc_../../x y_1f");
        assert_eq!(id.file_name(), "acc_%2E%2E%2F%2E%2E%2Fx%20y_1f");
        assert_eq!(
            AccountId::from_stored("acc_work_1f2e").file_name(),
            "acc_work_1f2e"
        );
    }

    #[test]
    fn the_longest_foreign_identifier_makes_a_file_name() {
        let name =
            |last: char| AccountId::from_stored(format!("{}{last}", "é".repeat(300))).file_name();
        assert!(name('a').len() < 200);
        assert_ne!(name('a'), name('b'));
    }

    #[test]
    fn new_identifiers_are_their_own_file_names() {
        let id = AccountId::from_random([0xab; 16]);
        assert_eq!(id.as_str(), format!("acc_{}", "ab".repeat(16)));
        assert_eq!(id.file_name(), id.as_str());
    }
}
