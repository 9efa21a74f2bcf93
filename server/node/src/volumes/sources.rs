//! Where the content of volumes comes from.

use std::collections::{BTreeMap, BTreeSet};

use client::WriteOptions;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{
    authentication::v1::TokenRequest,
    core::v1::{
        ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Secret, ServiceAccountTokenProjection,
        Volume, VolumeProjection,
    },
};
use object::{ApiError, Key};
use serde_json::json;

use super::{
    Problem,
    atomic::{File, Payload},
    content,
};
use crate::context::Context;

const TOKEN_LIFE_S: i64 = 3600;

/// The tokens of a pod, by volume and path, and until when each is used.
#[derive(Default)]
pub(crate) struct Tokens {
    known: BTreeMap<(String, String), Token>,
}

#[derive(Clone)]
struct Token {
    text: String,
    renew_at: Timestamp,
}

/// One thing that a volume shows.
enum Part<'a> {
    ConfigMap { name: &'a str, items: Option<&'a [KeyToPath]>, optional: bool },
    Secret { name: &'a str, items: Option<&'a [KeyToPath]>, optional: bool },
    Fields(&'a [DownwardAPIVolumeFile]),
    Token(&'a ServiceAccountTokenProjection),
    Unsupported,
}

/// What a volume shows, with its default mode.
fn parts(volume: &Volume) -> (Vec<Part<'_>>, Option<i32>) {
    if let Some(source) = &volume.config_map {
        let part = Part::ConfigMap {
            name: &source.name,
            items: source.items.as_deref(),
            optional: source.optional == Some(true),
        };
        (vec![part], source.default_mode)
    } else if let Some(source) = &volume.secret {
        let part = Part::Secret {
            name: source.secret_name.as_deref().unwrap_or_default(),
            items: source.items.as_deref(),
            optional: source.optional == Some(true),
        };
        (vec![part], source.default_mode)
    } else if let Some(source) = &volume.downward_api {
        let items = source.items.as_deref().unwrap_or_default();
        (vec![Part::Fields(items)], source.default_mode)
    } else if let Some(source) = &volume.projected {
        let projections = source.sources.iter().flatten();
        (projections.map(projected).collect(), source.default_mode)
    } else {
        (Vec::new(), None)
    }
}

fn projected(projection: &VolumeProjection) -> Part<'_> {
    if let Some(source) = &projection.config_map {
        Part::ConfigMap {
            name: &source.name,
            items: source.items.as_deref(),
            optional: source.optional == Some(true),
        }
    } else if let Some(source) = &projection.secret {
        Part::Secret {
            name: &source.name,
            items: source.items.as_deref(),
            optional: source.optional == Some(true),
        }
    } else if let Some(source) = &projection.downward_api {
        Part::Fields(source.items.as_deref().unwrap_or_default())
    } else if let Some(source) = &projection.service_account_token {
        Part::Token(source)
    } else {
        Part::Unsupported
    }
}

/// The objects that a volume shows.
pub(super) fn keys(volume: &Volume, namespace: &str) -> BTreeSet<Key> {
    let (parts, _) = parts(volume);
    let key = |part: &Part<'_>| match part {
        Part::ConfigMap { name, .. } => Some(Key::new("configmaps", namespace, name)),
        Part::Secret { name, .. } => Some(Key::new("secrets", namespace, name)),
        Part::Fields(_) | Part::Token(_) | Part::Unsupported => None,
    };
    parts.iter().filter_map(key).collect()
}

/// The files of a volume, and when they have to be made anew.
pub(super) async fn payload(
    context: &Context,
    pod: &Pod,
    volume: &Volume,
    tokens: &mut Tokens,
) -> Result<(Payload, Option<Timestamp>), Problem> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let (parts, mode) = parts(volume);
    let mut payload = Payload::new();
    let mut again = None;
    for part in parts {
        let files = match part {
            Part::ConfigMap { name, items, optional } => {
                let key = Key::new("configmaps", namespace, name);
                let found: Option<ConfigMap> = context.objects.get(&key).await?;
                let data = found.map(content::of_config_map);
                let data = present(data, optional, "configmap", name)?;
                content::files(data, items, mode, optional, "configmap")?
            }
            Part::Secret { name, items, optional } => {
                let key = Key::new("secrets", namespace, name);
                let found: Option<Secret> = context.objects.get(&key).await?;
                let data = present(found.map(content::of_secret), optional, "secret", name)?;
                content::files(data, items, mode, optional, "secret")?
            }
            Part::Fields(items) => content::fields(pod, items, mode, &context.fields(pod))?,
            Part::Token(source) => {
                let token = token(context, pod, &volume.name, source, tokens).await?;
                again = again.into_iter().chain([token.renew_at]).min();
                let file =
                    File { content: token.text.into_bytes(), mode: content::mode(None, mode) };
                [(content::inside(&source.path)?, file)].into()
            }
            Part::Unsupported => {
                return Err(Problem::Other("this projection is not supported".to_owned()));
            }
        };
        payload.extend(files);
    }
    Ok((payload, again))
}

fn present(
    data: Option<BTreeMap<String, Vec<u8>>>,
    optional: bool,
    what: &str,
    name: &str,
) -> Result<BTreeMap<String, Vec<u8>>, Problem> {
    match data {
        Some(data) => Ok(data),
        None if optional => Ok(BTreeMap::new()),
        None => Err(Problem::Other(format!("{what} \"{name}\" not found"))),
    }
}

/// A token of the pod's service account, bound to the pod; renewed after four fifths of its life.
async fn token(
    context: &Context,
    pod: &Pod,
    volume: &str,
    source: &ServiceAccountTokenProjection,
    tokens: &mut Tokens,
) -> Result<Token, ApiError> {
    let now = Timestamp::now();
    let slot = (volume.to_owned(), source.path.clone());
    if let Some(known) = tokens.known.get(&slot).filter(|known| known.renew_at > now) {
        return Ok(known.clone());
    }
    let spec = pod.spec.as_ref();
    let account = spec.and_then(|spec| spec.service_account_name.as_deref()).unwrap_or("default");
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let life_s = source.expiration_seconds.unwrap_or(TOKEN_LIFE_S);
    let audiences: Vec<&String> = source.audience.iter().filter(|name| !name.is_empty()).collect();
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {
            "audiences": audiences,
            "expirationSeconds": life_s,
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod",
                "name": pod.metadata.name, "uid": pod.metadata.uid},
        },
    });
    let key = Key::new("serviceaccounts", namespace, account);
    let options = WriteOptions::default();
    let answer = context.client.create(&key, "token", request.to_string().into(), &options).await?;
    let answer: TokenRequest = answer.decode()?;
    let status = answer.status.unwrap_or_default();
    let (text, until) = status
        .token
        .zip(status.expiration_timestamp)
        .ok_or_else(|| ApiError::internal("the API answered no token"))?;
    let left = until.0.duration_since(now);
    let renew_at = now + SignedDuration::from_secs((left.as_secs() * 4 / 5).max(30));
    let token = Token { text, renew_at };
    tokens.known.insert(slot, token.clone());
    Ok(token)
}
