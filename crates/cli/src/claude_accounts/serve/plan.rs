//! Where the dashboard listens and how, decided from the command line alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use dashboard::{Network, TlsFiles};
use ipnet::IpNet;

use super::ServeArgs;
use crate::error::{CliError, Kind};

/// What follows from the command line.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Where to listen, unless sockets are handed over.
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) encryption: Encryption,
    remote: bool,
    proxies: Vec<IpNet>,
    /// For people.
    pub(super) warnings: Vec<&'static str>,
}

/// Whether connections are encrypted.
#[derive(Clone, Debug)]
pub(super) enum Encryption {
    None,
    /// With the user's own certificate.
    Given(TlsFiles),
    /// With one that is made here.
    SelfSigned,
}

impl Plan {
    /// As the dashboard is told.
    pub(super) fn network(&self) -> Network {
        Network {
            addresses: self.addresses.clone(),
            remote: self.remote,
            tls: self.is_encrypted(),
            proxies: self.proxies.clone(),
        }
    }

    fn is_encrypted(&self) -> bool {
        !matches!(self.encryption, Encryption::None)
    }
}

/// # Errors
/// If a socket that was handed over lets other machines come without --remote.
pub(super) fn plan(
    args: &ServeArgs,
    handed_over: &[(TcpListener, SocketAddr)],
) -> Result<Plan, CliError> {
    let handed_over: Vec<SocketAddr> = handed_over.iter().map(|(_, address)| *address).collect();
    let is_reachable = |address: &SocketAddr| !address.ip().to_canonical().is_loopback();
    if !args.remote && handed_over.iter().any(is_reachable) {
        return Err(CliError::new(
            Kind::Usage,
            "a socket that was handed over lets other machines come",
            "Give --remote, or have it listen on 127.0.0.1 only.",
        ));
    }
    let encryption = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Encryption::Given(TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
            self_signed: false,
        }),
        _ if args.remote && !args.insecure_http && args.behind_proxy.is_empty() => {
            Encryption::SelfSigned
        }
        _ => Encryption::None,
    };
    let own = match args.remote {
        true => [
            IpAddr::from(Ipv4Addr::UNSPECIFIED),
            Ipv6Addr::UNSPECIFIED.into(),
        ],
        false => [
            IpAddr::from(Ipv4Addr::LOCALHOST),
            Ipv6Addr::LOCALHOST.into(),
        ],
    };
    let own = own.map(|address| SocketAddr::new(address, args.port));
    Ok(Plan {
        addresses: if handed_over.is_empty() {
            own.to_vec()
        } else {
            handed_over
        },
        encryption,
        remote: args.remote,
        proxies: args.behind_proxy.clone(),
        warnings: warnings(args),
    })
}

fn warnings(args: &ServeArgs) -> Vec<&'static str> {
    let mut warnings = Vec::new();
    if args.insecure_http && args.remote {
        warnings.push(
            "nothing is encrypted: everybody on the way can read passwords and what is in terminals",
        );
    }
    let is_local = |network: &IpNet| {
        network.contains(&IpAddr::from(Ipv4Addr::LOCALHOST))
            || network.contains(&IpAddr::from(Ipv6Addr::LOCALHOST))
    };
    if !args.behind_proxy.is_empty() && !args.remote && !args.behind_proxy.iter().any(is_local) {
        warnings.push("only this machine can come: a proxy on another one needs --remote");
    }
    warnings
}

/// The address for a browser on this machine.
pub(super) fn local_url(plan: &Plan, addresses: &[SocketAddr]) -> String {
    let is_ours =
        |address: &&SocketAddr| address.ip().is_loopback() || address.ip().is_unspecified();
    match addresses.iter().find(is_ours).or(addresses.first()) {
        Some(address) if is_ours(&address) => url(plan, "localhost", address.port()),
        Some(address) => url(plan, &host(address.ip()), address.port()),
        None => url(plan, "localhost", 0),
    }
}

/// The addresses for browsers: on this machine, then on others.
pub(super) fn urls(plan: &Plan, addresses: &[SocketAddr]) -> Vec<String> {
    let mut urls = vec![local_url(plan, addresses)];
    if plan.remote {
        let port = addresses.first().map_or(0, SocketAddr::port);
        urls.extend(elsewhere().iter().map(|host| url(plan, host, port)));
    }
    urls.dedup();
    urls
}

fn url(plan: &Plan, host: &str, port: u16) -> String {
    let scheme = if plan.is_encrypted() { "https" } else { "http" };
    format!("{scheme}://{host}:{port}/")
}

/// As it stands in an address.
fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// What other machines call this one.
fn elsewhere() -> Vec<String> {
    let name = host_name();
    let addresses = own_addresses().into_iter().map(host);
    name.into_iter().chain(addresses).collect()
}

/// What a certificate is made for.
pub(super) fn own_names() -> Vec<String> {
    let local = ["localhost", "127.0.0.1", "::1"].map(ToOwned::to_owned);
    let addresses = own_addresses()
        .into_iter()
        .map(|address| address.to_string());
    local
        .into_iter()
        .chain(host_name())
        .chain(addresses)
        .collect()
}

fn host_name() -> Option<String> {
    let name = rustix::system::uname();
    let name = name.nodename().to_str().ok()?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    let usable = !name.is_empty() && name.bytes().all(is_name) && name != "localhost";
    usable.then(|| name.to_ascii_lowercase())
}

/// The addresses that this machine would send from. Nothing is sent: connecting a datagram socket
/// is a look at the routes. The far ends are addresses that belong to nobody (RFC 5737, RFC 3849).
fn own_addresses() -> Vec<IpAddr> {
    let from = |local: &str, far: &str| {
        let socket = UdpSocket::bind(local).ok()?;
        socket.connect(far).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    let found = [
        from("0.0.0.0:0", "192.0.2.1:9"),
        from("[::]:0", "[2001:db8::1]:9"),
    ];
    let found = found.into_iter().flatten();
    found
        .filter(|address| !address.is_loopback() && !address.is_unspecified())
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ServeArgs,
    }

    fn planned(line: &str) -> Plan {
        let words = std::iter::once("serve").chain(line.split_whitespace());
        plan(&Line::try_parse_from(words).unwrap().args, &[]).unwrap()
    }

    fn is_refused(line: &str) -> bool {
        let words = std::iter::once("serve").chain(line.split_whitespace());
        Line::try_parse_from(words).is_err()
    }

    #[test]
    fn only_this_machine_may_come_until_told_otherwise() {
        for line in [
            "",
            "--insecure-http",
            "--behind-proxy 127.0.0.1",
            "--port 1",
        ] {
            let plan = planned(line);
            assert!(
                plan.addresses
                    .iter()
                    .all(|address| address.ip().is_loopback()),
                "{line}"
            );
            assert!(!plan.network().remote && !plan.network().tls, "{line}");
        }
        assert_eq!(planned("").addresses[0].port(), 5111);
    }

    #[test]
    fn other_machines_come_encrypted_unless_that_is_refused_by_name() {
        for (line, encrypted) in [
            ("--remote", true),
            ("--remote --tls-cert c --tls-key k", true),
            (
                "--remote --tls-cert c --tls-key k --behind-proxy 10.0.0.0/8",
                true,
            ),
            ("--remote --behind-proxy 10.0.0.0/8", false),
            ("--remote --insecure-http", false),
        ] {
            let plan = planned(line);
            assert_eq!(plan.network().tls, encrypted, "{line}");
            assert!(plan.network().remote, "{line}");
            assert!(
                plan.addresses
                    .iter()
                    .all(|address| address.ip().is_unspecified()),
                "{line}"
            );
        }
        assert!(matches!(
            planned("--remote").encryption,
            Encryption::SelfSigned
        ));
        assert!(planned("--tls-cert c --tls-key k").network().tls);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for line in [
            "--tls-cert c",
            "--tls-key k",
            "--insecure-http --tls-cert c --tls-key k",
            "--insecure-http --behind-proxy 10.0.0.0/8",
            "--behind-proxy everywhere",
            "--port 65536",
        ] {
            assert!(is_refused(line), "{line}");
        }
    }

    #[test]
    fn what_may_surprise_is_said() {
        assert!(planned("--remote").warnings.is_empty());
        assert!(planned("--behind-proxy 127.0.0.0/8").warnings.is_empty());
        assert_eq!(planned("--remote --insecure-http").warnings.len(), 1);
        assert_eq!(planned("--behind-proxy 10.0.0.1").warnings.len(), 1);
    }

    #[test]
    fn a_socket_that_is_handed_over_needs_leave_for_other_machines() {
        let socket = || TcpListener::bind("127.0.0.1:0").unwrap();
        let at = |address: &str| vec![(socket(), address.parse().unwrap())];
        let args = |line: &str| {
            Line::try_parse_from(std::iter::once("serve").chain(line.split_whitespace()))
                .unwrap()
                .args
        };
        assert!(plan(&args(""), &at("127.0.0.1:80")).is_ok());
        assert!(plan(&args(""), &at("[::ffff:127.0.0.1]:80")).is_ok());
        assert!(plan(&args(""), &at("0.0.0.0:80")).is_err());
        let encrypted = plan(&args("--remote"), &at("0.0.0.0:80")).unwrap();
        assert_eq!(encrypted.addresses, ["0.0.0.0:80".parse().unwrap()]);
        assert!(encrypted.network().tls);
    }

    #[test]
    fn a_browser_here_is_sent_to_this_machine() {
        let plan = planned("--port 0");
        let url = |addresses: &[&str]| {
            let addresses: Vec<SocketAddr> = addresses
                .iter()
                .map(|address| address.parse().unwrap())
                .collect();
            local_url(&plan, &addresses)
        };
        assert_eq!(
            url(&["127.0.0.1:5111", "[::1]:5111"]),
            "http://localhost:5111/"
        );
        assert_eq!(url(&["0.0.0.0:7"]), "http://localhost:7/");
        assert_eq!(url(&["[2001:db8::1]:7"]), "http://[2001:db8::1]:7/");
    }

    #[test]
    fn names_for_a_certificate_are_usable() {
        let names = own_names();
        assert!(names.contains(&"localhost".to_owned()) && names.contains(&"::1".to_owned()));
    }
}
