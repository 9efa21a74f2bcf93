//! Tokens that are asked for: of service accounts, bound to what else must live, and of hosts, whose
//! agents renew their own.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kinds::KindDef;
use object::{ApiError, FieldErrors, Key, Meta};
use planning::access::User;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Written;
use crate::{
    Api,
    admit::meta,
    resolve::Target,
    tokens::{Bound, Grant},
};

const SECONDS: i64 = 3600;
const SECONDS_MIN: i64 = 600;
const SECONDS_MAX: i64 = 1 << 32;
/// What the token that is mounted into every pod asks for. It may be read once and never again by
/// old clients, so it lives on: what renews it goes by the time that was asked for.
const MOUNTED_SECONDS: i64 = 3607;
const EXTENDED_SECONDS: i64 = 365 * 24 * 3600;
const HOSTS: &str = "hosts.longshore.dev";

const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
const POD_UID: &str = "authentication.kubernetes.io/pod-uid";
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";
const NODE_UID: &str = "authentication.kubernetes.io/node-uid";

/// What `spec` of a TokenRequest says.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    audiences: Option<Vec<String>>,
    expiration_seconds: Option<i64>,
    bound_object_ref: Option<Reference>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Reference {
    api_version: String,
    kind: String,
    name: String,
    uid: String,
}

/// What a token says beside the account that it is of.
#[derive(Default)]
struct Facts {
    bound: Vec<Bound>,
    extra: BTreeMap<String, Vec<String>>,
    /// Parts of the claim `kubernetes.io`.
    claims: Vec<(&'static str, Value)>,
}

impl Api {
    /// A token for the identity that the object is, which ends with the object.
    pub(super) async fn issue_token(
        &self,
        target: &Target,
        mut posted: Value,
    ) -> Result<Written, ApiError> {
        let stored = self.read(&target.key(), false).await?;
        let asked: Asked = serde_json::from_value(posted["spec"].clone())
            .map_err(|error| ApiError::bad_request(format!("spec: {error}")))?;
        let seconds = asked_seconds(target, &asked)?;
        let uid = Meta::read(&stored.body).map(|meta| meta.uid.to_string()).unwrap_or_default();
        let own = bound(&target.def, &target.key(), &uid);
        let audiences = asked.audiences.clone().unwrap_or_default();
        let is_for_us =
            audiences.is_empty() || audiences.iter().all(|one| one == self.tokens.issuer());
        let (namespace, name) = (&target.namespace, &target.name);
        let mut grant = if &*target.def.name == HOSTS {
            let user = User::node(name);
            Grant { audiences, ..Grant::new(user, vec![own], seconds.unsigned_abs()) }
        } else {
            let mut facts = match &asked.bound_object_ref {
                Some(reference) => self.bind(target, reference)?,
                None => Facts::default(),
            };
            facts.bound.insert(0, own);
            let mut claim = json!({
                "namespace": namespace, "serviceaccount": {"name": name, "uid": uid},
            });
            for (word, value) in facts.claims {
                claim[word] = value;
            }
            let user = User { extra: facts.extra, ..User::service_account(namespace, name, &uid) };
            let kubernetes = Some(claim);
            let seconds = seconds.unsigned_abs();
            Grant { audiences, kubernetes, ..Grant::new(user, facts.bound, seconds) }
        };
        let now = Timestamp::now();
        if seconds == MOUNTED_SECONDS
            && is_for_us
            && let Some(claim) = &mut grant.kubernetes
        {
            claim["warnafter"] = (now.as_second() + seconds).into();
            grant.seconds = EXTENDED_SECONDS.unsigned_abs();
        }
        let token = self.tokens.issue(&grant)?;
        let expires = now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(now);
        let expires = Timestamp::from_second(expires.as_second()).unwrap_or(expires);
        posted["metadata"] = json!({"name": name, "namespace": namespace,
            "creationTimestamp": meta::now()});
        posted["status"] = json!({"token": token.text, "expirationTimestamp": Time(expires)});
        if grant.audiences.is_empty() {
            posted["spec"]["audiences"] = json!([self.tokens.issuer()]);
        }
        posted["spec"]["expirationSeconds"] = seconds.into();
        Ok(Written::Answered(posted))
    }

    /// The other object with which a token ends, as `boundObjectRef` names it, and what the token
    /// says of it.
    fn bind(&self, target: &Target, reference: &Reference) -> Result<Facts, ApiError> {
        let Reference { api_version, kind, name, uid: asked } = reference;
        let (plural, namespace) = match (api_version.as_str(), kind.as_str()) {
            ("v1", "Pod") => ("pods", target.namespace.as_str()),
            ("v1", "Secret") => ("secrets", target.namespace.as_str()),
            ("v1", "Node") => ("nodes", ""),
            _ => {
                return Err(ApiError::bad_request(format!(
                    "cannot bind token for serviceaccount {:?} to object of type {api_version}, Kind={kind}",
                    target.name
                )));
            }
        };
        let key = Key::new(plural, namespace, name);
        let stored = self.store.get(&key).ok_or_else(|| ApiError::not_found(plural, name))?;
        let uid = Meta::read(&stored.body).map(|meta| meta.uid.to_string()).unwrap_or_default();
        if !asked.is_empty() && *asked != uid {
            let why = format!(
                "the UID in the bound object reference ({asked}) does not match the UID in record. The object might have been deleted and then recreated"
            );
            return Err(ApiError::conflict(kind, name, why));
        }
        let bound = Bound {
            kind: plural.to_owned(),
            namespace: namespace.to_owned(),
            name: name.clone(),
            uid: uid.clone(),
        };
        let mut facts = Facts { bound: vec![bound], ..Facts::default() };
        let reference = json!({"name": name, "uid": uid});
        match plural {
            "pods" => {
                facts.claims.push(("pod", reference));
                facts.note(POD_NAME, name);
                facts.note(POD_UID, &uid);
                self.note_node_of(target, &stored.body, &mut facts)?;
            }
            "nodes" => {
                facts.claims.push(("node", reference));
                facts.note(NODE_NAME, name);
                facts.note(NODE_UID, &uid);
            }
            _ => facts.claims.push(("secret", reference)),
        }
        Ok(facts)
    }

    /// Where the pod runs, which must run as the account.
    fn note_node_of(&self, target: &Target, pod: &[u8], facts: &mut Facts) -> Result<(), ApiError> {
        let pod: Value = serde_json::from_slice(pod).unwrap_or_default();
        let text = |field: &str| pod["spec"][field].as_str().unwrap_or_default();
        let account = text("serviceAccountName");
        if account != target.name {
            return Err(ApiError::bad_request(format!(
                "cannot bind token for serviceaccount {:?} to pod running with serviceaccount {account:?}",
                target.name
            )));
        }
        let node = text("nodeName");
        if node.is_empty() {
            return Ok(());
        }
        facts.note(NODE_NAME, node);
        let mut claim = json!({"name": node});
        if let Some(stored) = self.store.get(&Key::new("nodes", "", node))
            && let Ok(meta) = Meta::read(&stored.body)
        {
            facts.note(NODE_UID, &meta.uid);
            claim["uid"] = (*meta.uid).into();
        }
        facts.claims.push(("node", claim));
        Ok(())
    }
}

impl Facts {
    fn note(&mut self, key: &str, value: &str) {
        self.extra.insert(key.to_owned(), vec![value.to_owned()]);
    }
}

fn bound(def: &KindDef, key: &Key, uid: &str) -> Bound {
    Bound {
        kind: def.name.to_string(),
        namespace: key.namespace.to_string(),
        name: key.name.to_string(),
        uid: uid.to_owned(),
    }
}

fn asked_seconds(target: &Target, asked: &Asked) -> Result<i64, ApiError> {
    let seconds = asked.expiration_seconds.unwrap_or(SECONDS);
    let mut errors = FieldErrors::default();
    if seconds < SECONDS_MIN {
        let detail = "may not specify a duration less than 10 minutes";
        errors.invalid("spec.expirationSeconds", seconds, detail);
    } else if seconds > SECONDS_MAX {
        let detail = "may not specify a duration larger than 2^32 seconds";
        errors.invalid("spec.expirationSeconds", seconds, detail);
    }
    if errors.is_empty() {
        return Ok(seconds);
    }
    Err(ApiError::invalid("TokenRequest.authentication.k8s.io", &target.name, &errors))
}
