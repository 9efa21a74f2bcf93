//! How an engine is reached.

use std::{
    env,
    path::{Path, PathBuf},
};

use bollard::{API_DEFAULT_VERSION, ClientVersion, Docker as Connection};

use super::failed;
use crate::runtime::{ENGINE_TIMEOUT, Result, RuntimeError};

/// Docker 20.10: the oldest whose API has all that the agent uses.
const API_MIN: &ClientVersion = &ClientVersion { major_version: 1, minor_version: 41 };

/// Docker's own variables for engines that are reached by TLS.
const TLS: &str = "DOCKER_TLS_VERIFY";
const CERTIFICATES: &str = "DOCKER_CERT_PATH";

/// Connects and agrees on an API version.
pub(super) async fn connect(url: &str) -> Result<Connection> {
    let timeout = ENGINE_TIMEOUT.as_secs();
    let connection = match url.split_once("://") {
        Some(("unix", path)) => {
            if !Path::new(path).exists() {
                return Err(RuntimeError::Unreachable(format!(
                    "there is no Docker socket at {path}: start Docker, or name the right one \
                     with --docker unix:///path/of/docker.sock"
                )));
            }
            Connection::connect_with_unix(path, timeout, API_DEFAULT_VERSION)
        }
        Some(("tcp" | "https", _)) if env::var_os(TLS).is_some_and(|value| !value.is_empty()) => {
            let folder = PathBuf::from(env::var_os(CERTIFICATES).ok_or_else(|| {
                RuntimeError::Refused(format!(
                    "{TLS} asks for TLS to {url}: name the folder of ca.pem, cert.pem and key.pem \
                     in {CERTIFICATES}"
                ))
            })?);
            let at = |name: &str| folder.join(name);
            let (key, certificate, authority) = (at("key.pem"), at("cert.pem"), at("ca.pem"));
            let version = API_DEFAULT_VERSION;
            Connection::connect_with_ssl(url, &key, &certificate, &authority, timeout, version)
        }
        Some(("tcp" | "http", _)) => {
            Connection::connect_with_http(url, timeout, API_DEFAULT_VERSION)
        }
        _ => {
            return Err(RuntimeError::Refused(format!(
                "{url} is no Docker endpoint that is supported: use unix:///var/run/docker.sock \
                 or tcp://HOST:2375"
            )));
        }
    };
    let connection = connection.map_err(failed)?;
    let connection = connection.negotiate_version().await.map_err(|error| {
        RuntimeError::Unreachable(format!(
            "no Docker engine answers at {url} ({}): is it running, and may this user reach it?",
            innermost(&error)
        ))
    })?;
    if connection.client_version() < *API_MIN {
        return Err(RuntimeError::Refused(format!(
            "the Docker engine at {url} is too old (API {}): Docker 20.10 (API {API_MIN}) or \
             newer is needed",
            connection.client_version()
        )));
    }
    Ok(connection)
}

/// The cause that says something: the libraries wrap "connection refused" thrice.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
