//! Whom the claims of a verified token name.

use planning::access::User;
use serde_json::{Map, Value};

use super::Issuer;

/// What the cluster calls its own.
const OWN_PREFIX: &str = "system:";

/// The user, or why there is none.
pub(super) fn user(issuer: &Issuer, claims: &Map<String, Value>) -> Result<User, String> {
    for (claim, wanted) in &issuer.required {
        if claims.get(claim).and_then(Value::as_str) != Some(wanted) {
            return Err(format!("the claim {claim} is not {wanted:?}"));
        }
    }
    let claim = issuer.username.claim.as_str();
    let name = claims.get(claim).and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| format!("there is no claim {claim}"))?;
    // Whoever may choose an address could be anybody.
    if claim == "email" && claims.get("email_verified").is_some_and(|one| one != &Value::Bool(true))
    {
        return Err("the email address is not verified".to_owned());
    }
    let name = format!("{}{name}", issuer.username.prefix);
    if name.starts_with(OWN_PREFIX) {
        return Err(format!("{name} would be one of the cluster's own"));
    }
    let groups = match &issuer.groups {
        None => Vec::new(),
        Some(mapping) => {
            let named = match claims.get(&mapping.claim) {
                None | Some(Value::Null) => Vec::new(),
                Some(Value::String(one)) => vec![one.as_str()],
                Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
                Some(_) => return Err(format!("the claim {} is no list", mapping.claim)),
            };
            let prefixed = named.iter().map(|group| format!("{}{group}", mapping.prefix));
            // A provider does not say who the cluster's masters are.
            prefixed.filter(|group| !group.starts_with(OWN_PREFIX)).collect()
        }
    };
    Ok(User { name, groups, ..User::default() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oidc::Mapping;

    fn issuer(claim: &str, prefix: &str) -> Issuer {
        let mapping =
            |claim: &str, prefix: &str| Mapping { claim: claim.into(), prefix: prefix.into() };
        Issuer {
            username: mapping(claim, prefix),
            groups: Some(mapping("groups", "oidc:")),
            required: [("hd".to_owned(), "example.com".to_owned())].into(),
            ..Issuer::default()
        }
    }

    fn read(issuer: &Issuer, claims: Value) -> Result<User, String> {
        let mut claims = claims.as_object().unwrap().clone();
        claims.entry("hd").or_insert_with(|| "example.com".into());
        user(issuer, &claims)
    }

    #[test]
    fn claims_become_users() {
        let user =
            read(&issuer("sub", "oidc:"), json!({"sub": "jane", "groups": ["a", "b"]})).unwrap();
        assert_eq!(
            (user.name.as_str(), user.groups.as_slice()),
            ("oidc:jane", &["oidc:a".to_owned(), "oidc:b".to_owned()][..])
        );
        let user = read(
            &issuer("email", ""),
            json!({"email": "j@x", "email_verified": true, "groups": "a"}),
        )
        .unwrap();
        assert_eq!((user.name.as_str(), user.groups.len()), ("j@x", 1));
        for (claim, prefix, claims) in [
            ("sub", "", json!({})),
            ("sub", "", json!({"sub": ""})),
            ("sub", "", json!({"sub": "system:admin"})),
            ("sub", "", json!({"sub": "jane", "hd": "other.com"})),
            ("sub", "", json!({"sub": "jane", "groups": {"a": 1}})),
            ("email", "", json!({"email": "j@x", "email_verified": false})),
        ] {
            assert!(read(&issuer(claim, prefix), claims.clone()).is_err(), "{claims}");
        }
        let mut open = issuer("sub", "");
        open.groups = Some(Mapping { claim: "groups".into(), prefix: String::new() });
        let user =
            read(&open, json!({"sub": "jane", "groups": ["system:masters", "dev"]})).unwrap();
        assert_eq!(user.groups, ["dev"], "a provider makes nobody a master");
    }
}
