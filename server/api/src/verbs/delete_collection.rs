//! DELETE of a collection: everything that the selectors mean, one by one.

use object::ApiError;

use super::{Writer, delete::DeleteRequest, list::Page};
use crate::{Api, query::ListOptions, resolve::Target};

impl Api {
    /// Deletes what is there now and answers the list of it.
    pub(crate) async fn delete_collection(
        &self,
        writer: &Writer<'_>,
        target: &Target,
        options: &ListOptions,
        request: &DeleteRequest,
    ) -> Result<Page, ApiError> {
        let page = self.list(target, options).await?;
        for item in &page.items {
            let one = Target {
                namespace: item.key.namespace.to_string(),
                name: item.key.name.to_string(),
                ..target.clone()
            };
            match self.delete(writer, &one, request).await {
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
        Ok(page)
    }
}
