//! `/etc/claude-share/config`: what people wrote stays, what we write is read back.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use share::Settings;
use share::config::ConfigFile;

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("/etc/claude-share/config");
    let Ok(mut file) = ConfigFile::parse(path, bytes) else {
        return;
    };
    let Ok(config) = file.config(&Settings::default()) else {
        return;
    };
    let users = config.managed_users.clone().unwrap_or_default();
    if file.apply(&config.settings, &users).is_err() {
        return;
    }
    let again = ConfigFile::parse(path, &file.to_bytes()).expect("what we wrote");
    let read = again.config(&Settings::default()).expect("what we wrote");
    assert_eq!(read.settings, config.settings);
    assert_eq!(read.managed_users.unwrap_or_default(), users);
});
