use axum::http::{Method, Request};

use super::*;
use crate::testing::loopback;

/// A request from `peer` with these headers.
fn parts(peer: &str, headers: &[(&str, &str)]) -> Parts {
    let connection = Connection {
        peer: format!("{peer}:50000").parse().unwrap(),
        local: "127.0.0.1:5111".parse().unwrap(),
        tls: false,
    };
    let mut request = Request::builder().method(Method::POST).uri("/api/accounts");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
        .extension(connection)
        .body(())
        .unwrap()
        .into_parts()
        .0
}

fn read(peer: &str, headers: &[(&str, &str)], network: &Network) -> Result<Visitor, ApiError> {
    Visitor::read(&parts(peer, headers), network)
}

fn remote() -> Network {
    Network {
        remote: true,
        ..loopback()
    }
}

fn behind(proxy: &str) -> Network {
    Network {
        proxies: vec![proxy.parse().unwrap()],
        ..loopback()
    }
}

#[test]
fn only_names_of_this_machine_are_answered() {
    for host in [
        "localhost",
        "LOCALHOST:1",
        "127.0.0.1:5111",
        "[::1]:5111",
        "localhost:80",
    ] {
        assert!(
            read("127.0.0.1", &[("host", host)], &loopback()).is_ok(),
            "{host}"
        );
    }
    for host in [
        "evil.example",
        "localhost.evil.example:5111",
        "evil.example:5111",
        "localhost.:5111",
        "127.0.0.1.evil.example",
        "192.0.2.9:5111",
        "0.0.0.0:5111",
        "[::]:5111",
        "foo.localhost",
    ] {
        let error = read("127.0.0.1", &[("host", host)], &loopback()).unwrap_err();
        assert_eq!(
            (error.status.as_u16(), error.code),
            (403, Some("wrong_origin")),
            "{host}"
        );
        assert!(
            read("127.0.0.1", &[("host", host)], &remote()).is_ok(),
            "{host}"
        );
    }
    let listening = Network {
        addresses: vec!["192.0.2.9:5111".parse().unwrap()],
        ..loopback()
    };
    assert!(read("127.0.0.1", &[("host", "192.0.2.9:5111")], &listening).is_ok());
}

/// Against DNS rebinding where every name is answered: a page of another name, in the user's own
/// browser, is not the user.
#[test]
fn only_who_asks_for_this_machine_may_be_its_user() {
    for network in [remote(), behind("127.0.0.0/8"), behind("10.0.0.0/8")] {
        for (host, may) in [
            ("localhost:5111", true),
            ("127.0.0.1:5111", true),
            ("[::1]:5111", true),
            ("evil.example:5111", false),
        ] {
            let visitor = read("127.0.0.1", &[("host", host)], &network);
            let is_direct = visitor.is_ok_and(|visitor| visitor.direct.is_some());
            assert_eq!(is_direct, may, "{host}");
        }
    }
}

#[test]
fn a_request_has_one_host_that_is_a_host() {
    for headers in [
        &[][..],
        &[("host", "")],
        &[("host", "localhost"), ("host", "localhost")],
        &[("host", "a b")],
        &[("host", "localhost/path")],
        &[("host", "user@localhost")],
    ] {
        let error = read("127.0.0.1", headers, &remote()).unwrap_err();
        assert_eq!(error.status.as_u16(), 400, "{headers:?}");
    }
}

#[test]
fn an_origin_is_ours_only_to_the_letter() {
    let check = |headers: &[(&str, &str)]| {
        let parts = parts("127.0.0.1", headers);
        Visitor::read(&parts, &remote())
            .unwrap()
            .check_origin(&parts.headers)
            .is_ok()
    };
    let host = ("host", "dash.example:5111");
    assert!(check(&[host, ("origin", "http://dash.example:5111")]));
    assert!(check(&[
        ("host", "Dash.Example:80"),
        ("origin", "http://dash.example")
    ]));
    for origin in [
        "null",
        "",
        "http://dash.example",
        "http://dash.example:5112",
        "https://dash.example:5111",
        "http://evil.dash.example:5111",
        "http://dash.example.evil:5111",
        "http://dash.example.:5111",
        "HTTP://DASH.EXAMPLE:5111",
        "http://dash.example:5111/",
        "http://dash.example:5111 http://evil.example",
        "http://user@dash.example:5111",
    ] {
        assert!(!check(&[host, ("origin", origin)]), "{origin}");
    }
    let twice = ("origin", "http://dash.example:5111");
    assert!(!check(&[host, twice, twice]));
    assert!(check(&[host]));
    for (site, allowed) in [
        ("same-origin", true),
        ("none", true),
        ("same-site", false),
        ("cross-site", false),
    ] {
        assert_eq!(check(&[host, ("sec-fetch-site", site)]), allowed, "{site}");
    }
}

#[test]
fn forwarded_headers_of_strangers_are_ignored() {
    let headers = [
        ("host", "localhost:5111"),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example"),
    ];
    for network in [loopback(), behind("10.0.0.0/8")] {
        let visitor = read("127.0.0.1", &headers, &network).unwrap();
        assert_eq!(visitor.address.to_string(), "127.0.0.1");
        assert_eq!(visitor.origin(), "http://localhost:5111");
        // But whoever sends them is not taken for the user of this machine either.
        assert!(visitor.direct.is_none());
    }
}

#[test]
fn a_proxy_that_is_believed_tells_client_scheme_and_host() {
    let network = behind("10.0.0.0/8");
    let visitor = |headers: &[(&str, &str)]| read("10.0.0.1", headers, &network).unwrap();
    let told = visitor(&[
        ("host", "10.0.0.5:5111"),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "Dash.example:443"),
    ]);
    assert_eq!(told.address.to_string(), "203.0.113.7");
    assert_eq!(told.origin(), "https://dash.example");
    assert!(told.is_encrypted);
    for (list, expected) in [
        ("1.1.1.1, 203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("10.0.0.3,10.0.0.2", "10.0.0.3"),
        ("203.0.113.7, rubbish, 10.0.0.2", "10.0.0.2"),
        ("203.0.113.7:1234", "203.0.113.7"),
        ("[2001:db8::1]:1234", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unknown", "10.0.0.1"),
        ("", "10.0.0.1"),
    ] {
        let told = visitor(&[("host", "dash.example"), ("x-forwarded-for", list)]);
        assert_eq!(told.address.to_string(), expected, "{list}");
    }
    let told = visitor(&[
        ("host", "dash.example"),
        ("x-forwarded-for", "1.1.1.1"),
        ("x-forwarded-for", "203.0.113.7"),
    ]);
    assert_eq!(told.address.to_string(), "203.0.113.7");
}

#[test]
fn hosts_and_agents() {
    let network = remote();
    for (host, expected) in [
        ("localhost:5111", "localhost"),
        ("[::1]:5111", "[::1]"),
        ("[::1]", "[::1]"),
        ("a", "a"),
    ] {
        let visitor = read("127.0.0.1", &[("host", host)], &network).unwrap();
        assert_eq!(visitor.host(), expected);
    }
    let long = "x".repeat(1000);
    let visitor = read(
        "127.0.0.1",
        &[("host", "a"), ("user-agent", &long)],
        &network,
    )
    .unwrap();
    assert_eq!(visitor.agent.len(), LONGEST_AGENT);
}
