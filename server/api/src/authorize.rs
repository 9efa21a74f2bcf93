//! May this user do that? The only place that refuses with 403 for want of rights.

use object::{ApiError, selector::FieldSelector};
use planning::access::{Attributes, User, Verdict, refusal};

use crate::{Api, resolve::Target};

/// What a verb on a target wants.
pub(crate) fn wanted(verb: &str, target: &Target) -> Attributes {
    Attributes {
        verb: verb.to_owned(),
        group: target.def.group.to_string(),
        resource: target.def.plural.to_string(),
        subresource: target.subresource.clone(),
        namespace: target.namespace.clone(),
        name: target.name.clone(),
        ..Attributes::default()
    }
}

/// What a verb on the objects that a field selector picks wants: one that picks a name wants that
/// object.
pub(crate) fn wanted_of_many(verb: &str, target: &Target, fields: &str) -> Attributes {
    let selector = FieldSelector::parse(fields).ok();
    let name = selector.as_ref().and_then(|selector| selector.exact("metadata.name"));
    Attributes {
        name: name.unwrap_or_default().to_owned(),
        fields: fields.to_owned(),
        ..wanted(verb, target)
    }
}

impl Api {
    /// # Errors
    /// 403 with Kubernetes' wording.
    pub(crate) async fn authorize(&self, user: &User, wanted: &Attributes) -> Result<(), ApiError> {
        let known = self.feed.at(self.store.revision()).await?;
        if known.access.authorize(user, wanted) == Verdict::Allowed {
            return Ok(());
        }
        // A refusal is looked at twice: this copy may lag behind the others.
        let revision = self.catch_up().await?;
        match self.feed.at(revision).await?.access.authorize(user, wanted) {
            Verdict::Allowed => Ok(()),
            Verdict::Denied(why) => Err(refusal(user, wanted, &why)),
        }
    }
}
