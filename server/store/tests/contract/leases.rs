//! What leases and fences promise.

use std::time::Duration;

use store::StoreError;

use crate::fixture::{Copies, fenced, put, within};

const LONG_MS: u64 = 600_000;
const SHORT_MS: u64 = 20;

pub(crate) async fn a_lease_is_taken_over_when_it_expires(copies: &impl Copies) {
    let (one, two) = (copies.copy().await, copies.copy().await);
    assert_eq!(one.acquire("engine", "one", SHORT_MS).await, Ok(Some(1)));
    let taken = within(async {
        let mut every = tokio::time::interval(Duration::from_millis(5));
        loop {
            every.tick().await;
            if let Some(epoch) = two.acquire("engine", "two", LONG_MS).await.unwrap() {
                return epoch;
            }
        }
    })
    .await;
    assert_eq!(taken, 2);
    assert_eq!(one.acquire("engine", "one", LONG_MS).await, Ok(None));
    assert_eq!(two.acquire("engine", "two", LONG_MS).await, Ok(Some(2)), "renewed");
    assert_eq!(one.acquire("other", "one", LONG_MS).await, Ok(Some(1)), "another lease");
}

pub(crate) async fn a_released_lease_is_free_at_once(copies: &impl Copies) {
    let (one, two) = (copies.copy().await, copies.copy().await);
    assert_eq!(one.acquire("engine", "one", LONG_MS).await, Ok(Some(1)));
    two.release("engine", "two").await.unwrap();
    assert_eq!(two.acquire("engine", "two", LONG_MS).await, Ok(None), "not its own to release");
    one.release("engine", "one").await.unwrap();
    assert_eq!(one.acquire("engine", "one", LONG_MS).await, Ok(Some(2)), "a new term");
    one.release("engine", "one").await.unwrap();
    assert_eq!(two.acquire("engine", "two", LONG_MS).await, Ok(Some(3)));
}

pub(crate) async fn the_fence_stops_an_old_holder(copies: &impl Copies) {
    let (one, two) = (copies.copy().await, copies.copy().await);
    let stopped = || Err(StoreError::Fenced("engine".into()));
    let nobody = one.commit(fenced(put("pods/d/a", "0"), "engine", 1)).await;
    assert_eq!(nobody, stopped());
    assert_eq!(one.acquire("engine", "one", LONG_MS).await, Ok(Some(1)));
    assert_eq!(one.commit(fenced(put("pods/d/a", "1"), "engine", 1)).await, Ok(1));
    one.release("engine", "one").await.unwrap();
    assert_eq!(two.acquire("engine", "two", LONG_MS).await, Ok(Some(2)));
    let (old, new, free) = tokio::join!(
        one.commit(fenced(put("pods/d/a", "2"), "engine", 1)),
        two.commit(fenced(put("pods/d/b", "2"), "engine", 2)),
        one.commit(put("pods/d/c", "2")),
    );
    assert_eq!(old, stopped());
    assert!(new.is_ok() && free.is_ok(), "{new:?} {free:?}");
}
