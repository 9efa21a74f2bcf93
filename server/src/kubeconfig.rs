//! The kubeconfig that `up` writes and the other sub-commands read.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use anyhow::{Context, anyhow};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

/// One cluster and one user of it.
pub struct Kubeconfig {
    /// `https://127.0.0.1:6443`
    pub server: String,
    pub ca_pem: String,
    pub token: String,
}

impl Kubeconfig {
    /// The file's text.
    pub fn to_yaml(&self) -> anyhow::Result<String> {
        let ca = BASE64_STANDARD.encode(&self.ca_pem);
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "longshore", "preferences": {},
            "clusters": [{"name": "longshore", "cluster": {"server": self.server, "certificate-authority-data": ca}}],
            "users": [{"name": "admin", "user": {"token": self.token}}],
            "contexts": [{"name": "longshore", "context": {"cluster": "longshore", "user": "admin"}}],
        });
        Ok(serde_norway::to_string(&config)?)
    }

    /// Reads what [`Kubeconfig::to_yaml`] wrote.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| {
            format!(
                "no kubeconfig at {}; start `longshore up` first, or give its --data",
                path.display()
            )
        })?;
        let config: Value = serde_norway::from_str(&text)?;
        let text_at = |pointer: &str| {
            let value = config.pointer(pointer).and_then(Value::as_str);
            value.map(str::to_owned).ok_or_else(|| anyhow!("{} lacks {pointer}", path.display()))
        };
        let ca =
            BASE64_STANDARD.decode(text_at("/clusters/0/cluster/certificate-authority-data")?)?;
        Ok(Self {
            server: text_at("/clusters/0/cluster/server")?,
            ca_pem: String::from_utf8(ca)?,
            token: text_at("/users/0/user/token")?,
        })
    }
}

/// Writes a file that only its owner reads.
pub fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let partial = path.with_extension("partial");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let write = || -> std::io::Result<()> {
        options.open(&partial)?.write_all(text.as_bytes())?;
        fs::rename(&partial, path)
    };
    write().with_context(|| format!("cannot write {}; is the folder writable?", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote() {
        let path = std::env::temp_dir().join(format!("kubeconfig-{}", std::process::id()));
        let config =
            Kubeconfig { server: "https://a:1".into(), ca_pem: "pem".into(), token: "t".into() };
        write_private(&path, &config.to_yaml().unwrap()).unwrap();
        let read = Kubeconfig::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(
            (read.server, read.ca_pem, read.token),
            ("https://a:1".into(), "pem".into(), "t".into())
        );
    }
}
