//! Name lookups of a program that is linked with glibc statically.
//!
//! glibc looks names up with modules of the machine that `/etc/nsswitch.conf` names, and each brings the machine's own C
//! library into the process, beside the one that is linked in. That is defined only while both are one version, which on
//! another distribution they are not. What is linked in suffices: the hosts file and DNS.
//!
//! Lost with it are names that only such a module knows, as `.local` ones of mDNS.

use std::ffi::{CStr, c_char, c_int};

/// The database of host names, as `nsswitch.conf` calls it.
const HOSTS: &CStr = c"hosts";
/// What is looked at for it: both are linked in since glibc 2.34.
const LINKED_IN: &CStr = c"files dns";

#[expect(unsafe_code, reason = "glibc has it in C alone")]
unsafe extern "C" {
    /// In `nss.h`: overrides the line of a database; 0 if it could be read.
    fn __nss_configure_lookup(database: *const c_char, line: *const c_char) -> c_int;
}

/// Has this process load no module to look up a host. To be called before the first lookup.
pub(crate) fn look_up_hosts_without_modules() {
    #[expect(unsafe_code, reason = "glibc has it in C alone")]
    // SAFETY: both end with a NUL, live as long as the program, and are only read.
    let refused = unsafe { __nss_configure_lookup(HOSTS.as_ptr(), LINKED_IN.as_ptr()) };
    // The line is one that glibc documents.
    debug_assert_eq!(refused, 0, "glibc refuses {LINKED_IN:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::ToSocketAddrs as _;

    #[test]
    fn hosts_are_still_found() {
        look_up_hosts_without_modules();
        let found: Vec<_> = ("localhost", 80).to_socket_addrs().unwrap().collect();
        assert!(found.iter().all(|address| address.ip().is_loopback()));
        assert!(!found.is_empty());
    }
}
