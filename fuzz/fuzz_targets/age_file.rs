//! An encrypted export. Files that a passphrase opens are only looked at: to try one is made slow
//! on purpose.
#![no_main]

use std::sync::LazyLock;

use age::secrecy::ExposeSecret as _;
use libfuzzer_sys::fuzz_target;
use model::Secret;
use vault::{AgeLock, AgeUnlock, is_age_file, needs_passphrase, open_age_file, seal_age_file};

struct Owner {
    identities: Secret,
    recipients: [String; 1],
}

static OWNER: LazyLock<Owner> = LazyLock::new(|| {
    let identity = age::x25519::Identity::generate();
    Owner {
        identities: Secret::new(identity.to_string().expose_secret()),
        recipients: [identity.to_public().to_string()],
    }
});

fuzz_target!(|bytes: &[u8]| {
    let unlock = AgeUnlock::Identities(&OWNER.identities);
    if matches!(needs_passphrase(bytes), Ok(false)) || !is_age_file(bytes) {
        drop(open_age_file(bytes, &unlock));
    }
    // As identities and as recipients.
    if let Ok(text) = std::str::from_utf8(bytes) {
        let sealed = seal_age_file(b"x", &AgeLock::Recipients(&OWNER.recipients)).expect("sealed");
        drop(open_age_file(&sealed, &AgeUnlock::Identities(&Secret::new(text))));
        let recipients: Vec<String> = text.lines().map(str::to_owned).collect();
        drop(seal_age_file(b"x", &AgeLock::Recipients(&recipients)));
    }
    // Whatever is sealed is opened, and a changed byte is noticed.
    let mut sealed = seal_age_file(bytes, &AgeLock::Recipients(&OWNER.recipients)).expect("sealed");
    assert!(is_age_file(&sealed));
    let plain = open_age_file(&sealed, &unlock).expect("opened");
    assert_eq!(plain.as_slice(), bytes);
    let place = bytes.first().map_or(0, |&byte| usize::from(byte)) % sealed.len();
    sealed[place] ^= 1;
    if let Ok(plain) = open_age_file(&sealed, &unlock) {
        assert_eq!(plain.as_slice(), bytes);
    }
});
