//! What a request says of itself: from where, to which host, from which page.

use std::net::{IpAddr, SocketAddr};

use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use ipnet::IpNet;

use crate::error::ApiError;
use crate::listener::Connection;
use crate::options::Network;

/// Longest user agent that is kept, in bytes.
const LONGEST_AGENT: usize = 200;
/// Headers that a proxy adds.
const PROXY_HEADERS: [&str; 6] = [
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

/// Whoever sent a request, before any credential is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    /// Of the client, also behind a proxy that is believed.
    pub(crate) address: IpAddr,
    /// Whether the client's own connection is encrypted.
    pub(crate) is_encrypted: bool,
    /// The host and port that the client asked for, in lower case.
    pub(crate) authority: String,
    /// What the client calls itself, cut to 200 bytes.
    pub(crate) agent: String,
    /// The connection's own ends, unless a proxy stands between or another name was asked for.
    direct: Option<(SocketAddr, SocketAddr)>,
}

impl Visitor {
    /// # Errors
    /// 400 for a request without a usable host, 403 for a host that is not ours.
    pub(super) fn read(parts: &Parts, network: &Network) -> Result<Self, ApiError> {
        let Some(connection) = parts.extensions.get::<Connection>() else {
            return Err(ApiError::internal(
                "the request came over no known connection",
            ));
        };
        let peer = connection.peer.ip().to_canonical();
        let proxies = Some(&network.proxies[..]).filter(|proxies| contains(proxies, peer));
        let headers = &parts.headers;
        let forwarded = |name| proxies.and_then(|_| last_of(headers, name));
        let authority = match forwarded("x-forwarded-host") {
            Some(host) => host.to_ascii_lowercase(),
            None => authority(parts)?,
        };
        let is_encrypted = match forwarded("x-forwarded-proto") {
            Some(scheme) => scheme.eq_ignore_ascii_case("https"),
            None => connection.tls,
        };
        let has_proxy_header = PROXY_HEADERS.iter().any(|name| headers.contains_key(*name));
        let mut visitor = Self {
            address: proxies.map_or(peer, |proxies| client_behind(peer, headers, proxies)),
            is_encrypted,
            authority: without_default_port(&authority, is_encrypted).to_owned(),
            agent: agent(headers),
            direct: (!has_proxy_header).then_some((connection.peer, connection.local)),
        };
        if !visitor.asks_for_us(connection, network) {
            if !network.remote && proxies.is_none() {
                return Err(forbidden("this host name is not the dashboard's")
                    .hinted("Use http://localhost, or start it with --remote."));
            }
            // The user's own browser may come with a page of whoever had that name a moment ago.
            visitor.direct = None;
        }
        Ok(visitor)
    }

    /// `scheme://host[:port]`, as a browser writes it into `Origin`.
    pub(crate) fn origin(&self) -> String {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }

    /// The host without its port; IPv6 addresses in brackets.
    pub(crate) fn host(&self) -> &str {
        let end = match self.authority.rfind(']') {
            Some(bracket) => bracket + 1,
            None => self.authority.rfind(':').unwrap_or(self.authority.len()),
        };
        &self.authority[..end]
    }

    /// Whether it is a process of our own user on this machine, with no proxy between. May block.
    pub(crate) fn is_same_user(&self) -> bool {
        self.direct
            .is_some_and(|(peer, local)| super::local_peer::is_same_user(peer, local))
    }

    /// Only pages of this very origin may change something. Programs send neither of the headers.
    pub(super) fn check_origin(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let is_ours = match (origins.next(), origins.next()) {
            (None, _) => {
                let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
                !matches!(site, Some(b"cross-site" | b"same-site"))
            }
            (Some(origin), None) => origin.as_bytes() == self.origin().as_bytes(),
            (Some(_), Some(_)) => false,
        };
        match is_ours {
            true => Ok(()),
            false => Err(forbidden("another site's page may not do this")
                .hinted("Open the dashboard at the address that it prints.")),
        }
    }

    /// Against DNS rebinding: a name that somebody else's server points at this machine is not ours.
    fn asks_for_us(&self, connection: &Connection, network: &Network) -> bool {
        let host = self.host();
        if host == "localhost" {
            return true;
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let Ok(ip) = bare.parse::<IpAddr>() else {
            return false;
        };
        let ip = ip.to_canonical();
        let mut ours = network.addresses.iter().map(SocketAddr::ip);
        ["127.0.0.1", "::1"].contains(&bare)
            || ip == connection.local.ip().to_canonical()
            || ours.any(|own| own.to_canonical() == ip && !own.is_unspecified())
    }
}

fn forbidden(message: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, message).coded("wrong_origin")
}

/// The host of the request itself: of its target where that names one, else its only `Host`.
fn authority(parts: &Parts) -> Result<String, ApiError> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        (None, _) => None,
        (Some(_), Some(_)) => return Err(ApiError::bad_request("a request has one host")),
    };
    let authority = parts.uri.authority().map(Authority::as_str).or(host);
    match authority.filter(|text| is_authority(text)) {
        Some(authority) => Ok(authority.to_ascii_lowercase()),
        None => Err(ApiError::bad_request("the request names no host")),
    }
}

/// Letters, digits and what else a host and port have: nothing that could end a header or a URL.
fn is_authority(text: &str) -> bool {
    let is_one_of = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !text.is_empty() && text.len() <= 300 && text.bytes().all(is_one_of)
}

fn without_default_port(authority: &str, is_encrypted: bool) -> &str {
    let default = if is_encrypted { ":443" } else { ":80" };
    // `[::80]` ends in a bracket, and a bare IPv6 address is no authority.
    authority.strip_suffix(default).unwrap_or(authority)
}

fn agent(headers: &HeaderMap) -> String {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok());
    // Visible ASCII only: no character is cut.
    agent
        .unwrap_or_default()
        .chars()
        .take(LONGEST_AGENT)
        .collect()
}

/// The rightmost address in `X-Forwarded-For` that is no proxy's: what stands left of it, the
/// client may have written.
fn client_behind(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let hops = lines.flat_map(|line| line.to_str().unwrap_or("?").rsplit(',').map(str::trim));
    let mut client = peer;
    for hop in hops {
        let Some(address) = hop_address(hop) else {
            break;
        };
        client = address;
        if !contains(proxies, client) {
            break;
        }
    }
    client
}

/// `192.0.2.1`, `2001:db8::1`, and with a port, as some proxies write it.
fn hop_address(text: &str) -> Option<IpAddr> {
    let plain = text.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    plain
        .or_else(with_port)
        .or_else(bracketed)
        .map(|ip: IpAddr| ip.to_canonical())
}

fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// The last element of a header that may be a list: what the proxy next to us wrote.
fn last_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let line = headers.get_all(name).iter().next_back()?;
    let text = line.to_str().ok()?.rsplit(',').next()?.trim();
    is_authority(text).then_some(text)
}

#[cfg(test)]
mod tests;
