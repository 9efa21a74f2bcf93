//! POST to a part of an object: what the kind declares that it does.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kinds::{PostDef, SubresourceDef, schema::Body};
use object::{ApiError, FieldErrors, Key};
use planning::access::User;
use serde_json::{Value, json};

use super::{Writer, Written, delete::DeleteRequest, update::Draft};
use crate::{
    Api, admit,
    body::expect_kind,
    query::Query,
    resolve::{Target, nowhere},
    tokens::{Bound, Grant},
};

const TOKEN_SECONDS: u64 = 3600;
const TOKEN_SECONDS_MIN: u64 = 600;
const TOKEN_SECONDS_MAX: u64 = 1 << 32;

impl Api {
    pub(crate) async fn post(
        &self,
        writer: &mut Writer<'_>,
        target: &Target,
        sub: &SubresourceDef,
        mut body: Body,
    ) -> Result<Written, ApiError> {
        if let Some((group, version, kind)) = sub.response_kind {
            let api_version =
                if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
            expect_kind(&mut body.value, group, &api_version, kind)?;
        }
        if sub.post.is_some() {
            self.admit_post(writer, target, sub, &mut body.value).await?;
        }
        match sub.post {
            Some(PostDef::Change) => self.post_change(writer, target, body.value).await,
            Some(PostDef::Evict) => self.evict(writer, target, body.value).await,
            Some(PostDef::Token) => {
                self.check_post(writer.user, target, &body.value).await?;
                self.issue_token(target, body.value).await
            }
            None => Err(nowhere()),
        }
    }

    /// Posts what was sent to a collection to the object of another kind that it names.
    pub(crate) async fn post_to(
        &self,
        writer: &mut Writer<'_>,
        target: &Target,
        kind: &str,
        subresource: &str,
        body: Body,
    ) -> Result<Written, ApiError> {
        let name = body.value["metadata"]["name"].as_str().unwrap_or_default();
        if name.is_empty() {
            return Err(ApiError::bad_request("metadata.name is required"));
        }
        let key = Key::new(kind, &target.namespace, name);
        let target = Target::of_key(&self.registry(), &key, subresource)?;
        let sub = target.sub().ok_or_else(nowhere)?;
        self.post(writer, &target, sub, body).await
    }

    async fn post_change(
        &self,
        writer: &mut Writer<'_>,
        target: &Target,
        posted: Value,
    ) -> Result<Written, ApiError> {
        self.change(writer, target, |_, old| {
            let mut object = old.clone_box();
            object.post(&target.subresource, &posted)?;
            Ok(Draft::own(object))
        })
        .await?;
        Ok(Written::Answered(success()))
    }

    /// Deletes the object as the eviction says.
    async fn evict(
        &self,
        writer: &Writer<'_>,
        target: &Target,
        mut posted: Value,
    ) -> Result<Written, ApiError> {
        let options = Some(posted["deleteOptions"].take()).filter(Value::is_object);
        let mut request = DeleteRequest::read(options, &Query::default())?;
        request.write.dry_run |= writer.options.dry_run;
        request.write.fence.clone_from(&writer.options.fence);
        request.write.trail.clone_from(&writer.options.trail);
        self.delete(writer, target, &request).await?;
        Ok(Written::Answered(success()))
    }

    /// A token for the identity that the object is, which ends with the object.
    async fn issue_token(&self, target: &Target, mut posted: Value) -> Result<Written, ApiError> {
        let stored = self.read(&target.key(), false).await?;
        let object = admit::decode_stored(&target.def, &stored.body)?;
        let uid = object.metadata().uid.clone().unwrap_or_default();
        let spec = posted["spec"].clone();
        let (namespace, name) = (&target.namespace, &target.name);
        let mut bound = vec![Bound {
            kind: target.def.name.to_string(),
            namespace: namespace.clone(),
            name: name.clone(),
            uid: uid.clone(),
        }];
        let mut claim = json!({
            "namespace": namespace, "serviceaccount": {"name": name, "uid": uid},
        });
        if let Some(reference) = spec.get("boundObjectRef").filter(|value| !value.is_null()) {
            let other = self.bind(target, reference)?;
            let word = reference["kind"].as_str().unwrap_or_default().to_lowercase();
            claim[word] = json!({"name": other.name, "uid": other.uid});
            bound.push(other);
        }
        let audiences = spec["audiences"].as_array().into_iter().flatten();
        let grant = Grant {
            user: User::service_account(namespace, name, &uid),
            bound,
            audiences: audiences.filter_map(Value::as_str).map(str::to_owned).collect(),
            seconds: token_seconds(target, &spec)?,
            kubernetes: Some(claim),
        };
        let token = self.tokens.issue(&grant)?;
        posted["metadata"] = json!({"name": name, "namespace": namespace});
        posted["status"] = json!({"token": token.text, "expirationTimestamp": Time(token.expires)});
        if grant.audiences.is_empty() {
            posted["spec"]["audiences"] = json!([self.tokens.issuer()]);
        }
        posted["spec"]["expirationSeconds"] = grant.seconds.into();
        Ok(Written::Answered(posted))
    }

    /// The other object with which a token ends, as `boundObjectRef` names it.
    fn bind(&self, target: &Target, reference: &Value) -> Result<Bound, ApiError> {
        let text = |field: &str| reference[field].as_str().unwrap_or_default();
        let registry = self.registry();
        let def = registry.find_kind(text("apiVersion"), text("kind")).ok_or_else(|| {
            ApiError::bad_request(format!(
                "cannot bind token for serviceaccount to object of type {} {}",
                text("apiVersion"),
                text("kind")
            ))
        })?;
        let namespace = if def.is_namespaced() { target.namespace.as_str() } else { "" };
        let key = Key::new(def.name.clone(), namespace, text("name"));
        let stored =
            self.store.get(&key).ok_or_else(|| ApiError::not_found(&key.kind, &key.name))?;
        let object = admit::decode_stored(def, &stored.body)?;
        let uid = object.metadata().uid.clone().unwrap_or_default();
        let asked = text("uid");
        if !asked.is_empty() && asked != uid {
            let why = format!(
                "the UID in the bound object reference ({asked}) does not match the UID in record. The object might have been deleted and then recreated"
            );
            return Err(ApiError::conflict(&key.kind, &key.name, why));
        }
        let Key { namespace, name, .. } = key;
        let kind = def.name.to_string();
        Ok(Bound { kind, namespace: namespace.to_string(), name: name.to_string(), uid })
    }
}

fn token_seconds(target: &Target, spec: &Value) -> Result<u64, ApiError> {
    let Some(seconds) = spec["expirationSeconds"].as_u64() else { return Ok(TOKEN_SECONDS) };
    let mut errors = FieldErrors::default();
    if seconds < TOKEN_SECONDS_MIN {
        let detail = "may not specify a duration less than 10 minutes";
        errors.invalid("spec.expirationSeconds", seconds, detail);
    } else if seconds > TOKEN_SECONDS_MAX {
        let detail = "may not specify a duration larger than 2^32 seconds";
        errors.invalid("spec.expirationSeconds", seconds, detail);
    }
    if errors.is_empty() {
        return Ok(seconds);
    }
    Err(ApiError::invalid("TokenRequest.authentication.k8s.io", &target.name, &errors))
}

/// `Status` of what went well.
pub(crate) fn success() -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})
}
