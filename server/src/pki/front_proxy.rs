//! The authority of the front proxy: by a certificate of its, aggregated APIs know that the user
//! whom a request names was authenticated here.

use api::streams::Identity;
use serde_json::{Value, json};
use store::Store;

use super::{Authority, PkiError};

/// Whom aggregated APIs take requests from.
const CLIENT: &str = "front-proxy-client";

/// The authority's certificate, and who we are to aggregated APIs.
pub struct FrontProxy {
    ca_pem: String,
    pub identity: Identity,
}

impl FrontProxy {
    /// Loads the authority, or makes it at the cluster's first start, and takes a new certificate.
    ///
    /// # Errors
    /// When the store is away or the secret is damaged.
    pub async fn load(store: &dyn Store) -> Result<Self, PkiError> {
        let authority = Authority::load_named(store, "longshore-front-proxy-ca").await?;
        let identity = authority.client_identity(CLIENT)?;
        Ok(Self { ca_pem: authority.certificate_pem().to_owned(), identity })
    }

    /// What aggregated APIs read to know how to authenticate. `client_ca_pem` signs the
    /// certificates of this API's own clients.
    pub fn config_map(&self, client_ca_pem: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": "extension-apiserver-authentication", "namespace": "kube-system",
            },
            "data": {
                "client-ca-file": client_ca_pem,
                "requestheader-allowed-names": json!([CLIENT]).to_string(),
                "requestheader-client-ca-file": self.ca_pem,
                "requestheader-extra-headers-prefix": r#"["X-Remote-Extra-"]"#,
                "requestheader-group-headers": r#"["X-Remote-Group"]"#,
                "requestheader-uid-headers": r#"["X-Remote-Uid"]"#,
                "requestheader-username-headers": r#"["X-Remote-User"]"#,
            },
        })
    }
}
