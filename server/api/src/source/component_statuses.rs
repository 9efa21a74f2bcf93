//! The components that Kubernetes' clients ask for by name. Here they are parts of each copy of the
//! server: one that reaches the store runs controllers and scheduler, or stands by to.

use std::sync::Arc;

use async_trait::async_trait;
use kinds::component_status::ComponentStatus;
use object::{ApiError, KindName};
use planning::world::kind_name;
use serde_json::{Value, json};
use store::Store;

use super::{Asked, Computed, Source};

const COMPONENTS: [&str; 3] = ["controller-manager", "etcd-0", "scheduler"];

pub(crate) struct ComponentStatuses {
    store: Arc<dyn Store>,
}

impl ComponentStatuses {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    pub(crate) fn kind() -> KindName {
        kind_name::<ComponentStatus>()
    }
}

#[async_trait]
impl Source for ComponentStatuses {
    async fn list(&self, asked: &Asked<'_>) -> Result<Computed, ApiError> {
        let reached = self.store.catch_up().await.map(drop);
        let condition = match reached {
            Ok(()) => json!({"type": "Healthy", "status": "True", "message": "ok"}),
            Err(error) => {
                json!({"type": "Healthy", "status": "False", "message": "", "error": error.to_string()})
            }
        };
        let named = COMPONENTS.iter().filter(|name| asked.name.is_empty() || asked.name == **name);
        let items = named.map(|name| show(name, &condition)).collect();
        Ok(Computed { items, continuation: None })
    }
}

fn show(name: &str, condition: &Value) -> Value {
    json!({
        "kind": "ComponentStatus", "apiVersion": "v1", "metadata": {"name": name},
        "conditions": [condition],
    })
}
