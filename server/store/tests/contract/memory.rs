//! The memory store under the contract. All its copies are one.

use std::sync::Arc;

use store::{Limits, Memory, Store};

use crate::fixture::Copies;

struct One(Arc<Memory>);

impl Copies for One {
    async fn copy(&self) -> Arc<dyn Store> {
        self.0.clone()
    }

    async fn compact(&self) {}
}

fn one() -> One {
    One(Arc::new(Memory::new(crate::fixture::LIMITS)))
}

crate::contract!(one());

#[tokio::test]
async fn works_with_the_usual_limits() {
    let store = Memory::new(Limits::default());
    assert_eq!(store.commit(crate::fixture::put("pods/d/a", "1")).await, Ok(1));
}
