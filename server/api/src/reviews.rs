//! Kinds that are answered and not stored: who am I, may I, whose token is this, log me in.

use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kinds::{Answered, schema::Body};
use object::{ApiError, Key, Reason};
use planning::{
    access::{self, User},
    accounts,
};
use serde_json::{Value, json};

use crate::{
    Api, admit,
    admit::meta,
    resolve::Target,
    tokens::{Bound, Grant},
    verbs::Writer,
};

impl Api {
    /// Answers what was posted to a kind that is not stored.
    pub(crate) async fn answer(
        &self,
        writer: &mut Writer<'_>,
        target: &Target,
        answered: Answered,
        body: Body,
    ) -> Result<Value, ApiError> {
        // The password that a session is created with is not shown by its type.
        let document = body.value.clone();
        let validation = writer.options.validation;
        let mut sent = admit::read(&target.def, body, validation, &mut writer.warnings)?;
        meta::place(sent.object.metadata_mut(), target)?;
        admit::validate_own(&target.def, &sent)?;
        let mut object = sent.object;
        object.prepare_create();
        object.metadata_mut().creation_timestamp = Some(meta::now());
        let status = match answered {
            Answered::Token => self.review_token(&object.to_value()["spec"]).await?,
            Answered::Session => self.log_in(&document["spec"]).await?,
            _ => {
                check_namespace(target, &document)?;
                let revision = self.catch_up().await?;
                let access = self.feed.at(revision).await?.access;
                access::review(answered, &*object, writer.user, &access).unwrap_or_default()
            }
        };
        let mut value = object.to_value();
        value["status"] = status;
        Ok(value)
    }

    /// Whose token it is, if one of the audiences that are asked for takes it.
    async fn review_token(&self, spec: &Value) -> Result<Value, ApiError> {
        let token = spec["token"].as_str().unwrap_or_default();
        let Some(bearer) = self.bearer(token).await? else {
            return Ok(json!({"error": "invalid bearer token"}));
        };
        let own = [Value::from(self.tokens.issuer())];
        let asked = spec["audiences"].as_array().filter(|list| !list.is_empty());
        let wanted = asked.map_or(own.as_slice(), Vec::as_slice);
        let taken: Vec<&str> = bearer
            .audiences
            .iter()
            .map(String::as_str)
            .filter(|audience| wanted.iter().any(|wanted| wanted == audience))
            .collect();
        if taken.is_empty() {
            let why = format!(
                "token audiences {:?} is invalid for the target audiences {}",
                bearer.audiences,
                Value::from(wanted)
            );
            return Ok(json!({"error": why}));
        }
        Ok(json!({
            "authenticated": true, "audiences": taken,
            "user": describe(&bearer.user.clone().authenticated()),
        }))
    }

    /// A token for a user who knows the password. What was wrong is not told.
    async fn log_in(&self, spec: &Value) -> Result<Value, ApiError> {
        let text = |field: &str| spec[field].as_str().unwrap_or_default().to_owned();
        let (name, password) = (text("user"), text("password"));
        self.catch_up().await?;
        let key = Key::new(accounts::kind(), "", &name);
        let account = self.store.get(&key).and_then(|stored| accounts::read(&stored.body));
        let hash = account.as_ref().map(|account| account.password_hash.clone());
        // Hashing takes long on purpose; an unknown user takes as long as a wrong password.
        let permit = self.log_ins.acquire().await;
        let verified = tokio::task::spawn_blocking(move || verify(hash.as_deref(), &password));
        let verified = verified.await.unwrap_or(false);
        drop(permit);
        let Some(account) = account.filter(|account| verified && !account.is_disabled) else {
            return Err(ApiError::new(Reason::Unauthorized, "the user or the password is wrong"));
        };
        let bound = Bound {
            kind: accounts::kind().to_string(),
            namespace: String::new(),
            name,
            uid: account.user.uid.clone(),
        };
        let seal = account.seal();
        let grant = Grant::new(account.user, vec![bound], self.settings.session_seconds);
        let grant = Grant { seal, ..grant };
        let token = self.tokens.issue(&grant)?;
        Ok(json!({"token": token.text, "expirationTimestamp": Time(token.expires)}))
    }
}

/// Whether a password has this hash. Without a hash the work is done all the same.
fn verify(hash: Option<&str>, password: &str) -> bool {
    match hash.map(PasswordHash::new) {
        Some(Ok(hash)) => Argon2::default().verify_password(password.as_bytes(), &hash).is_ok(),
        _ => {
            drop(Argon2::default().hash_password(password.as_bytes()));
            false
        }
    }
}

/// The hash of a password as `users` keep it.
///
/// # Errors
/// When there is no randomness to salt it with.
pub fn hash_password(password: &str) -> Result<String, ApiError> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string())
        .map_err(|error| ApiError::internal(format!("hashing a password failed: {error}")))
}

/// `UserInfo` as reviews show it.
fn describe(user: &User) -> Value {
    let mut info = json!({"username": user.name, "groups": user.groups});
    if !user.uid.is_empty() {
        info["uid"] = user.uid.as_str().into();
    }
    if !user.extra.is_empty() {
        info["extra"] = json!(user.extra);
    }
    info
}

/// A review within a namespace asks about that namespace.
fn check_namespace(target: &Target, document: &Value) -> Result<(), ApiError> {
    let asked = document["spec"]["resourceAttributes"]["namespace"].as_str().unwrap_or_default();
    if target.def.is_namespaced() && asked != target.namespace {
        return Err(ApiError::bad_request(format!(
            "spec.resourceAttributes.namespace must match namespace: {}",
            target.namespace
        )));
    }
    Ok(())
}
