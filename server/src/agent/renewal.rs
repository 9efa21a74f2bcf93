//! An agent renews its own token, long before it ends, and keeps it for its next start.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use client::{Client, WriteOptions, http::HttpClient};
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::TokenRequest;
use node::AgentConfig;
use object::{ApiError, Key};
use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;

const LIFE_SECONDS: i64 = 365 * 24 * 3600;
/// After a renewal that failed.
const RETRY: Duration = Duration::from_secs(600);
/// What is waited for at once: a machine that slept has not waited.
const STEP: Duration = Duration::from_secs(3600);

#[derive(Deserialize)]
struct Life {
    iat: i64,
    exp: i64,
}

/// Renews the token as long as the agent runs. `path` is the configuration that it starts with.
pub(super) async fn keep(http: HttpClient, mut config: AgentConfig, path: PathBuf) {
    loop {
        let due = due(&config.token).unwrap_or(Timestamp::MIN);
        let left = due.duration_since(Timestamp::now());
        if left.is_positive() {
            sleep(STEP.min(Duration::from_secs(left.as_secs().unsigned_abs() + 1))).await;
            continue;
        }
        match renew(&http, &mut config, &path).await {
            Ok(()) => tracing::info!("the agent's token is renewed"),
            Err(error) => {
                tracing::warn!(%error, "the agent's token is not renewed yet");
                sleep(RETRY).await;
            }
        }
    }
}

/// When four fifths of a token's life are over.
fn due(token: &str) -> Option<Timestamp> {
    let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let life: Life = serde_json::from_slice(&payload).ok()?;
    Timestamp::from_second(life.iat + (life.exp - life.iat) / 5 * 4).ok()
}

async fn renew(http: &HttpClient, config: &mut AgentConfig, path: &Path) -> Result<(), ApiError> {
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"audiences": [], "expirationSeconds": LIFE_SECONDS}});
    let key = Key::new("hosts.longshore.dev", "", &config.node);
    let options = WriteOptions::default();
    let answer = http.create(&key, "token", request.to_string().into(), &options).await?;
    let answer: TokenRequest = answer.decode()?;
    let token = answer.status.map(|status| status.token.unwrap_or_default()).unwrap_or_default();
    if due(&token).is_none() {
        return Err(ApiError::internal("the API answered no token"));
    }
    http.set_token(&token)?;
    config.token = token;
    // The old one is good for a while: the next renewal tries again to keep the new one.
    if let Err(error) = config.write(path) {
        tracing::warn!(%error, "the agent's new token can not be kept for its next start");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_after_four_fifths_of_its_life() {
        let payload = BASE64_URL_SAFE_NO_PAD.encode(r#"{"iat": 1000, "exp": 2000}"#);
        assert_eq!(due(&format!("h.{payload}.s")), Timestamp::from_second(1800).ok());
        assert_eq!(due("nonsense"), None);
    }
}
