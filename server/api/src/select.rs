//! Which objects a list or watch means: the selectors of a request, on stored bytes.

use std::{collections::BTreeMap, sync::Arc};

use kinds::KindDef;
use object::{
    ApiError, Key,
    selector::{FieldSelector, LabelSelector},
};
use serde::Deserialize;

/// Label and field selectors of a request, checked against the kind.
#[derive(Clone)]
pub(crate) struct Filter {
    def: Arc<KindDef>,
    labels: LabelSelector,
    fields: FieldSelector,
    /// Whether a field is named that only the decoded object knows.
    decodes: bool,
}

/// The labels of an object, without the rest.
#[derive(Deserialize)]
struct Labelled {
    #[serde(default)]
    metadata: Labels,
}

#[derive(Default, Deserialize)]
struct Labels {
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

const NAME: &str = "metadata.name";
const NAMESPACE: &str = "metadata.namespace";

/// The refusal of a field; those kinds that declare none are told of otherwise.
fn unknown_field(def: &KindDef, path: &str) -> ApiError {
    ApiError::bad_request(match def.fields.is_empty() && def.custom.is_none() {
        true => format!("{path:?} is not a known field selector: only {NAME:?}, {NAMESPACE:?}"),
        false => format!("field label not supported: {path}"),
    })
}

impl Filter {
    pub(crate) fn new(
        def: &Arc<KindDef>,
        labels: Option<&str>,
        fields: Option<&str>,
    ) -> Result<Self, ApiError> {
        let labels = labels.map_or(Ok(LabelSelector::everything()), LabelSelector::parse)?;
        let fields = fields.map_or(Ok(FieldSelector::everything()), FieldSelector::parse)?;
        let is_meta = |path: &str| path == NAME || (path == NAMESPACE && def.is_namespaced());
        let known = |path: &str| is_meta(path) || def.fields.iter().any(|field| field == path);
        fields.check(known).map_err(|path| unknown_field(def, path))?;
        let decodes = fields.paths().any(|path| !is_meta(path));
        let def = def.clone();
        Ok(Self { def, labels, fields, decodes })
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything()
    }

    /// The one name that can match, if the selector demands one.
    pub(crate) fn name(&self) -> Option<&str> {
        self.fields.exact(NAME)
    }

    pub(crate) fn matches(&self, key: &Key, body: &[u8]) -> bool {
        self.match_fields(key, body) && self.matches_labels(body)
    }

    pub(crate) fn matches_labels(&self, body: &[u8]) -> bool {
        if self.labels.is_everything() {
            return true;
        }
        let labelled = serde_json::from_slice::<Labelled>(body).ok();
        self.labels.matches(&labelled.and_then(|l| l.metadata.labels).unwrap_or_default())
    }

    fn match_fields(&self, key: &Key, body: &[u8]) -> bool {
        if self.fields.is_everything() {
            return true;
        }
        let declared = match self.decodes.then(|| self.def.decode_kept(body)) {
            Some(Ok(object)) => object.fields(),
            _ => Vec::new(),
        };
        self.fields.matches(|path| match path {
            NAME => Some(key.name.to_string()),
            NAMESPACE => Some(key.namespace.to_string()),
            path => declared.iter().find(|(name, _)| *name == path).map(|(_, v)| v.clone()),
        })
    }
}
