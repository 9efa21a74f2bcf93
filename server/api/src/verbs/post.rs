//! POST to a part of an object: what the kind declares that it does.

use kinds::{
    PostDef, SubresourceDef,
    schema::{Body, check_posted},
};
use object::{ApiError, Key};
use serde_json::{Value, json};

use super::{Writer, Written, delete::DeleteRequest, update::Draft};
use crate::{
    Api,
    body::expect_kind,
    query::Query,
    resolve::{Target, nowhere},
};

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
            let (value, warnings) =
                check_posted((group, version, kind), body, writer.options.validation)?;
            writer.warnings.extend(warnings);
            body = Body { value, duplicates: Vec::new() };
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
        let target = self.target(&key, subresource).await?;
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
        Ok(Written::Answered(created()))
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
        request.evicts = true;
        // Those who evict at once would all see the others' budget as changed.
        let _turn = self.turns.take(&target.namespace).await;
        self.delete(writer, target, &request).await?;
        Ok(Written::Answered(created()))
    }
}

/// The same for what was posted, which alone names its code.
fn created() -> Value {
    let mut status = success();
    status["code"] = 201.into();
    status
}

/// `Status` of what went well.
pub(crate) fn success() -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})
}
