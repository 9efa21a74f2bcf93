//! Which upgrades a stream to a container can have.

use http::{HeaderMap, header};
use object::ApiError;

use super::port_forward;

/// The protocols of WebSockets that are served, best first. In the channel protocols each message is
/// a channel (a byte) and its data, in the others messages are bytes.
pub const SUBPROTOCOLS: &[&str] =
    &["v5.channel.k8s.io", "v4.channel.k8s.io", port_forward::SUBPROTOCOL, "binary.k8s.io"];

const CHANNELS: &[&str] = &["v5.channel.k8s.io", "v4.channel.k8s.io"];

/// How a client speaks on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Channels,
    /// SPDY/3.1 in the messages of a WebSocket, for ports alone.
    Spdy,
}

/// Checks that a request for a stream asks for an upgrade that we speak. To be called when all
/// else about the request is in order, before the stream is opened: clients that are refused a
/// WebSocket ask again for SPDY, and show only what they are told then.
///
/// # Errors
/// 400 that says what to do.
pub fn check_upgrade(headers: &HeaderMap, subresource: &str) -> Result<Dialect, ApiError> {
    let upgrade = headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    match upgrade.map(str::to_ascii_lowercase).as_deref() {
        Some("websocket") => choose(headers, subresource),
        Some(other) => Err(ApiError::bad_request(format!(
            "unable to upgrade to {other}: streams to containers are served over WebSocket only; \
             use a client that speaks it, as kubectl since 1.31"
        ))),
        None => Err(ApiError::bad_request("Upgrade request required")),
    }
}

/// A client that names no protocol gets the best one that needs none of its help.
fn choose(headers: &HeaderMap, subresource: &str) -> Result<Dialect, ApiError> {
    let offered: Vec<&str> = headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    if offered.is_empty() || offered.iter().any(|one| CHANNELS.contains(one)) {
        return Ok(Dialect::Channels);
    }
    let forwards = subresource == "portforward";
    if forwards && offered.contains(&port_forward::SUBPROTOCOL) {
        return Ok(Dialect::Spdy);
    }
    let spdy = forwards.then_some(port_forward::SUBPROTOCOL);
    let spoken: Vec<&str> = CHANNELS.iter().copied().chain(spdy).collect();
    Err(ApiError::bad_request(format!(
        "unable to upgrade: the client offers the protocols {}, this server speaks {}",
        offered.join(", "),
        spoken.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(upgrade: &str, protocols: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [(header::UPGRADE, upgrade), (header::SEC_WEBSOCKET_PROTOCOL, protocols)]
        {
            if !value.is_empty() {
                headers.insert(name, value.parse().unwrap());
            }
        }
        headers
    }

    #[test]
    fn speaks_channels_and_spdy_over_websocket_only() {
        const SPDY: &str = "SPDY/3.1+portforward.k8s.io";
        for (upgrade, protocols, subresource, expected) in [
            ("websocket", "v5.channel.k8s.io", "exec", Ok(Dialect::Channels)),
            ("WebSocket", "v9, v4.channel.k8s.io", "exec", Ok(Dialect::Channels)),
            ("websocket", "", "exec", Ok(Dialect::Channels)),
            ("websocket", SPDY, "portforward", Ok(Dialect::Spdy)),
            ("websocket", "v4.channel.k8s.io", "portforward", Ok(Dialect::Channels)),
            ("websocket", SPDY, "exec", Err("offers the protocols SPDY/3.1+portfo")),
            ("SPDY/3.1", "", "portforward", Err("over WebSocket only")),
            ("", "", "exec", Err("Upgrade request required")),
        ] {
            let checked = check_upgrade(&headers(upgrade, protocols), subresource);
            match (checked, expected) {
                (Ok(dialect), Ok(expected)) => assert_eq!(dialect, expected),
                (Err(error), Err(part)) => assert!(error.message.contains(part), "{error}"),
                (checked, _) => panic!("{upgrade} {protocols} {subresource}: {checked:?}"),
            }
        }
    }
}
