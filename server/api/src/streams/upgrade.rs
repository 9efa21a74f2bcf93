//! Which upgrades a stream to a container can have.

use http::{HeaderMap, header};
use object::ApiError;

/// The protocols of streams, best first. Each message is a channel (a byte) and its data.
pub const SUBPROTOCOLS: &[&str] = &["v5.channel.k8s.io", "v4.channel.k8s.io"];

/// Checks that a request for a stream asks for an upgrade that we speak. To be called when all
/// else about the request is in order, before the stream is opened: clients that are refused a
/// WebSocket ask again for SPDY, and show only what they are told then.
///
/// # Errors
/// 400 that says what to do.
pub fn check_upgrade(headers: &HeaderMap) -> Result<(), ApiError> {
    let upgrade = headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    match upgrade.map(str::to_ascii_lowercase).as_deref() {
        Some("websocket") => check_subprotocol(headers),
        Some(other) => Err(ApiError::bad_request(format!(
            "unable to upgrade to {other}: streams to containers are served over WebSocket only; \
             use a client that speaks it, as kubectl since 1.31"
        ))),
        None => Err(ApiError::bad_request("Upgrade request required")),
    }
}

/// A client that names no protocol gets the best one that needs none of its help.
fn check_subprotocol(headers: &HeaderMap) -> Result<(), ApiError> {
    let offered: Vec<&str> = headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    if offered.is_empty() || offered.iter().any(|one| SUBPROTOCOLS.contains(one)) {
        return Ok(());
    }
    Err(ApiError::bad_request(format!(
        "unable to upgrade: the client offers the protocols {}, this server speaks {}",
        offered.join(", "),
        SUBPROTOCOLS.join(", ")
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
    fn speaks_websocket_with_channels_only() {
        for (upgrade, protocols, refusal) in [
            ("websocket", "v5.channel.k8s.io", ""),
            ("WebSocket", "v9, v4.channel.k8s.io", ""),
            ("websocket", "", ""),
            ("websocket", "SPDY/3.1+portforward.k8s.io", "offers the protocols SPDY/3.1+portfo"),
            ("SPDY/3.1", "", "over WebSocket only"),
            ("", "", "Upgrade request required"),
        ] {
            let checked = check_upgrade(&headers(upgrade, protocols));
            let message = checked.err().map(|error| error.message).unwrap_or_default();
            assert!(message.contains(refusal), "{upgrade} {protocols}: {message}");
            assert_eq!(message.is_empty(), refusal.is_empty(), "{upgrade} {protocols}");
        }
    }
}
