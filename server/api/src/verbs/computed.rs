//! GET of objects that are computed.

use std::sync::Arc;

use object::{ApiError, Key, selector::FieldSelector};
use serde_json::Value;
use store::Stored;

use super::list::Page;
use crate::{
    Api, admit,
    query::ListOptions,
    render::ListMeta,
    resolve::Target,
    select::Filter,
    source::{Asked, Computed},
};

impl Api {
    /// The objects of a computed kind that a list asks for.
    pub(crate) async fn compute_page(
        &self,
        target: &Target,
        options: &ListOptions,
    ) -> Result<Page, ApiError> {
        let fields = options.fields.as_deref();
        let filter = Filter::new(&target.def, options.labels.as_deref(), fields)?;
        let fields = fields.map_or(Ok(FieldSelector::everything()), FieldSelector::parse)?;
        let (limit, continuation) = (options.limit, options.continuation.as_deref());
        let namespace = target.namespace.as_str();
        let asked = Asked { namespace, name: "", fields: &fields, limit, continuation };
        let Computed { items, continuation } = self.compute(target, &asked).await?;
        let revision = self.store.revision();
        let stored = items.into_iter().map(|item| Arc::new(as_stored(target, item, revision)));
        let items = stored.filter(|item| filter.matches_labels(&item.body)).collect();
        Ok(Page { meta: ListMeta { revision, continuation, remaining: None }, items })
    }

    /// One object of a computed kind.
    pub(crate) async fn compute_one(&self, target: &Target) -> Result<Stored, ApiError> {
        let fields = FieldSelector::everything();
        let Target { namespace, name, .. } = target;
        let asked = Asked { namespace, name, fields: &fields, limit: Some(1), continuation: None };
        let found = self.compute(target, &asked).await?.items.into_iter().next();
        let item = found.ok_or_else(|| ApiError::not_found(&target.def.name, name))?;
        Ok(as_stored(target, item, self.store.revision()))
    }

    async fn compute(&self, target: &Target, asked: &Asked<'_>) -> Result<Computed, ApiError> {
        let kind = &target.def.name;
        let source = self.source(kind).ok_or_else(|| {
            ApiError::unavailable(format!("nothing computes {kind} on this server"))
        })?;
        source.list(asked).await
    }
}

/// A computed object in the form of stored ones, which the rest of the way knows.
fn as_stored(target: &Target, item: Value, revision: u64) -> Stored {
    let text = |field: &str| item["metadata"][field].as_str().unwrap_or_default();
    let key = Key::new(target.def.name.clone(), text("namespace"), text("name"));
    Stored { key, revision, body: admit::encode(item) }
}
