//! Fills the Secrets that people make for a service account's token, and removes those whose
//! account is gone. The token ends with the Secret and with the account.

use k8s_openapi::ByteString;
use kinds::{config_map::ConfigMap, secret::Secret};
use object::Key;
use serde_json::{Map, Value, json};

use crate::{Action, Change, Controller, Entry, Plan, Round, World};

pub const CONTROLLER: Controller = Controller {
    name: "tokens-controller",
    watches: &[SECRETS, ACCOUNTS, CONFIG_MAPS],
    keys_for,
    plan,
};

const SECRETS: &str = "secrets";
const ACCOUNTS: &str = "serviceaccounts";
const CONFIG_MAPS: &str = "configmaps";
const ROOT_CA: &str = "kube-root-ca.crt";
const TYPE: &str = "kubernetes.io/service-account-token";
const ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";
const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";

fn keys_for(change: &Change, world: &World) -> Vec<Key> {
    let namespace = &*change.key.namespace;
    match &*change.key.kind {
        SECRETS => vec![change.key.clone()],
        CONFIG_MAPS if &*change.key.name != ROOT_CA => Vec::new(),
        kind => world
            .in_namespace(SECRETS, namespace)
            .filter(|secret| match secret.meta.annotations.get(ACCOUNT_NAME) {
                Some(account) => kind == CONFIG_MAPS || **account == *change.key.name,
                None => false,
            })
            .map(|secret| secret.key.clone())
            .collect(),
    }
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    let name = entry.meta.annotations.get(ACCOUNT_NAME).map(String::as_str).unwrap_or_default();
    let Some(secret) = entry.decode::<Secret>() else { return Plan::default() };
    if secret.type_.as_deref() != Some(TYPE) || name.is_empty() || entry.meta.is_deleting() {
        return Plan::default();
    }
    let account = Key::new(ACCOUNTS, &entry.key.namespace, name);
    let noted = entry.meta.annotations.get(ACCOUNT_UID).map(String::as_str).unwrap_or_default();
    let present = round.world.entry(&account);
    let actions = match present {
        Some(present) if noted.is_empty() || noted == &*present.meta.uid => {
            let root_ca = Key::new(CONFIG_MAPS, &entry.key.namespace, ROOT_CA);
            let root_ca = round.world.entry(&root_ca).and_then(|map| certificate(map));
            fill(entry, &secret.data.unwrap_or_default(), &account, present, root_ca)
        }
        // It may have come a moment ago.
        None if noted.is_empty() => vec![Action::Absent { key: account, uid: None }, remove(entry)],
        _ => vec![Action::Absent { key: account, uid: Some(noted.into()) }, remove(entry)],
    };
    Plan { actions, ..Plan::default() }
}

/// What the Secret lacks.
fn fill(
    entry: &Entry,
    data: &std::collections::BTreeMap<String, ByteString>,
    account: &Key,
    present: &Entry,
    root_ca: Option<String>,
) -> Vec<Action> {
    let mut wanted = Map::new();
    let mut want = |key: &str, value: &str| {
        if data.get(key).is_none_or(|held| held.0 != value.as_bytes()) {
            wanted.insert(key.to_owned(), json!(ByteString(value.into())));
        }
    };
    want("namespace", &entry.key.namespace);
    if let Some(root_ca) = root_ca {
        want("ca.crt", &root_ca);
    }
    let has_token = data.get("token").is_some_and(|token| !token.0.is_empty());
    let is_noted = entry.meta.annotations.contains_key(ACCOUNT_UID);
    if has_token && wanted.is_empty() && is_noted {
        return Vec::new();
    }
    let patch = json!({
        "metadata": {"uid": entry.meta.uid, "resourceVersion": entry.revision.to_string(),
            "annotations": {ACCOUNT_UID: present.meta.uid}},
        "data": Value::Object(wanted),
    });
    let (account, secret) = (account.clone(), entry.key.clone());
    vec![if has_token {
        Action::Patch { key: secret, subresource: "", patch }
    } else {
        Action::IssueToken { account, secret, patch }
    }]
}

fn remove(entry: &Entry) -> Action {
    Action::Delete {
        key: entry.key.clone(),
        uid: entry.meta.uid.clone(),
        propagation: None,
        grace_seconds: None,
    }
}

fn certificate(map: &Entry) -> Option<String> {
    map.decode::<ConfigMap>()?.data?.remove("ca.crt")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Lab;

    fn object(kind: &str, name: &str) -> Value {
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "d"}})
    }

    fn secret() -> Value {
        let mut secret = object("Secret", "bot-token");
        secret["metadata"]["annotations"][ACCOUNT_NAME] = "bot".into();
        secret["type"] = TYPE.into();
        secret
    }

    #[test]
    fn secrets_for_tokens_are_filled() {
        let mut map = object("ConfigMap", ROOT_CA);
        map["data"] = json!({"ca.crt": "pem"});
        let mut lab = Lab::with([object("ServiceAccount", "bot"), map]);
        let key = lab.put(secret());
        assert_eq!(
            lab.plan(&CONTROLLER, &key).to_string(),
            "issue token of serviceaccounts/d/bot into secrets/d/bot-token\n"
        );
        lab.settle(&[CONTROLLER]);
        let data = lab.value(&key)["data"].clone();
        assert_eq!(data["namespace"], json!(ByteString("d".into())));
        assert_eq!(data["ca.crt"], json!(ByteString("pem".into())));
        assert!(data["token"].is_string());
        let account = Key::new(ACCOUNTS, "d", "bot");
        assert_eq!(
            lab.value(&key)["metadata"]["annotations"][ACCOUNT_UID],
            lab.value(&account)["metadata"]["uid"]
        );
        let change = lab.remove(&account).unwrap();
        assert_eq!(keys_for(&change, &lab.world), std::slice::from_ref(&key));
        lab.settle(&[CONTROLLER]);
        assert!(lab.world.entry(&key).is_none(), "it goes with its account");
    }

    #[test]
    fn another_account_of_that_name_does_not_count() {
        let mut lab = Lab::with([object("ServiceAccount", "bot")]);
        let mut body = secret();
        body["metadata"]["annotations"][ACCOUNT_UID] = "before".into();
        let key = lab.put(body);
        let other = lab.put(object("Secret", "other"));
        lab.settle(&[CONTROLLER]);
        assert!(lab.world.entry(&key).is_none() && lab.world.entry(&other).is_some());
    }
}
