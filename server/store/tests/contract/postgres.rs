//! The Postgres store under the contract, and what only it can show: restarts, crashes, seals.

use std::sync::Arc;

use futures::{StreamExt, future::join_all};
use object::Key;
use sqlx::{Connection, PgConnection};
use store::{
    Expected::Absent, Limits, OpenError, Postgres, PostgresOptions, Store, StoreError, WatchEvent,
};
use tokio::sync::Mutex;

use crate::{
    fixture::{Copies, LIMITS, all_of, delete, end, key, next, put, range, show, within, write},
    throwaway::Throwaway,
};

/// Independent stores over one database, as servers of a cluster are.
struct Real {
    stores: Mutex<Vec<Arc<Postgres>>>,
    postgres: Throwaway,
}

impl Real {
    async fn start() -> Self {
        Self { stores: Mutex::default(), postgres: Throwaway::start().await }
    }

    async fn open(&self) -> Arc<Postgres> {
        Arc::new(open(&self.postgres.url(), 1).await.unwrap())
    }

    async fn run(&self, sql: &'static str) {
        let mut connection = PgConnection::connect(&self.postgres.url()).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    }
}

impl Copies for Real {
    async fn copy(&self) -> Arc<dyn Store> {
        let store = self.open().await;
        self.stores.lock().await.push(store.clone());
        store
    }

    async fn compact(&self) {
        for store in &*self.stores.lock().await {
            store.compact().await.unwrap();
        }
    }
}

async fn open(url: &str, key: u8) -> Result<Postgres, OpenError> {
    let options = PostgresOptions {
        url: url.to_owned(),
        limits: LIMITS,
        key: [key; 32],
        is_secret: |kind| &**kind == "secrets",
    };
    Postgres::open(options).await
}

crate::contract!(Real::start().await);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_finds_everything() {
    let real = Real::start().await;
    let (one, two) = tokio::join!(real.open(), real.open());
    assert_eq!((one.revision(), two.revision()), (0, 0), "both made the tables, or one did");
    for transaction in
        [put("pods/d/a", "1"), put("secrets/d/s", "x"), put("pods/d/a", "2"), delete("pods/d/a")]
    {
        one.commit(transaction).await.unwrap();
    }
    one.commit(put("nodes//n", "3")).await.unwrap();
    assert_eq!(one.acquire("engine", "one", 600_000).await, Ok(Some(1)));
    let wanted = show(&one.snapshot(&store::Range::default()));
    drop((one, two));

    let folder = real.postgres.stop().await;
    let postgres = store::embedded::EmbeddedPostgres::start(folder.path()).await.unwrap();
    let again = open(postgres.url(), 1).await.unwrap();
    assert_eq!(show(&again.snapshot(&store::Range::default())), wanted);
    assert_eq!(again.revision(), 5);
    assert_eq!(again.acquire("engine", "two", 1).await, Ok(None));
    let mut watch = again.watch(range("pods"), 1).unwrap();
    assert_eq!(next(&mut watch, 2).await, ["3 pods/d/a: 1@1 -> 2", "4 pods/d/a: 2@3 -> -"]);
    let mut watch = again.watch(range("secrets"), 0).unwrap();
    assert_eq!(next(&mut watch, 1).await, ["2 secrets/d/s: - -> x"], "opened again");
    assert_eq!(again.commit(put("pods/d/b", "4")).await, Ok(6));
    postgres.stop().await;
}

/// What one writer was told about its own key, whose values it counts up.
struct Told {
    accepted: u64,
    tried: u64,
    unknown: u64,
    revisions: Vec<u64>,
}

async fn count_up(store: Arc<Postgres>, name: String, until: Arc<Mutex<bool>>) -> Told {
    let mut told = Told { accepted: 0, tried: 0, unknown: 0, revisions: Vec::new() };
    while !*until.lock().await {
        told.tried += 1;
        match store.commit(put(&format!("pods/d/{name}"), &told.tried.to_string())).await {
            Ok(revision) => {
                told.accepted = told.tried;
                told.revisions.push(revision);
            }
            Err(StoreError::Unavailable { maybe_written: true, .. }) => told.unknown += 1,
            Err(StoreError::Unavailable { maybe_written: false, .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    told
}

/// Follows a range from the beginning, as a client does: it resumes when it is cut off.
async fn follow(store: Arc<Postgres>, until: u64) -> Vec<u64> {
    let mut seen: Vec<u64> = Vec::new();
    loop {
        let after = seen.last().copied().unwrap_or(0);
        let mut watch = store.watch(range("pods"), after).unwrap();
        while let Some(Ok(event)) = within(watch.next()).await {
            if let WatchEvent::Change(change) = event {
                seen.push(change.revision);
                if change.key.name.starts_with("last") && change.revision >= until {
                    return seen;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_under_load_loses_nothing_accepted() {
    let real = Real::start().await;
    let generous = Limits { log_count_max: 1_000_000, ..LIMITS };
    let options = PostgresOptions {
        url: real.postgres.url(),
        limits: generous,
        key: [1; 32],
        is_secret: |_| false,
    };
    let store = Arc::new(Postgres::open(options).await.unwrap());
    let watcher = tokio::spawn(follow(store.clone(), 1));
    let stop = Arc::new(Mutex::new(false));
    let writers: Vec<_> = (0..16)
        .map(|i| tokio::spawn(count_up(store.clone(), format!("w{i}"), stop.clone())))
        .collect();
    for crash in 1..=3 {
        let goal = store.revision() + 300;
        within(async {
            while store.revision() < goal {
                tokio::task::yield_now().await;
            }
        })
        .await;
        real.postgres.kill();
        // The crash is noticed when a commit after it succeeds.
        within(async { while store.commit(put("nodes//n", "x")).await.is_err() {} }).await;
        assert!(store.revision() >= goal, "crash {crash}");
    }
    *stop.lock().await = true;
    let told = join_all(writers).await.into_iter().map(Result::unwrap);
    let told: Vec<Told> = told.collect();
    within(async { while store.commit(put("pods/d/last", "x")).await.is_err() {} }).await;
    let seen = within(watcher).await.unwrap();

    let fresh = real.open().await;
    assert_eq!(show(&fresh.snapshot(&range("pods"))), show(&store.snapshot(&range("pods"))));
    for (i, told) in told.iter().enumerate() {
        let stored = fresh.get(&key(&format!("pods/d/w{i}"))).unwrap();
        let value: u64 = std::str::from_utf8(&stored.body).unwrap().parse().unwrap();
        assert!((told.accepted..=told.tried).contains(&value), "{value} of writer {i}");
        if told.unknown == 0 {
            assert_eq!(value, told.accepted, "writer {i} knows what it wrote");
        }
        for revision in &told.revisions {
            assert!(seen.binary_search(revision).is_ok(), "{revision} was not seen");
        }
    }
    assert!(seen.is_sorted_by(|a, b| a < b), "each once, in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_is_away_commits_say_so_and_watches_go_on() {
    let real = Real::start().await;
    let url = real.postgres.url();
    let store = real.open().await;
    store.commit(put("pods/d/a", "1")).await.unwrap();
    let mut watch = store.watch(range("pods"), 0).unwrap();
    assert_eq!(next(&mut watch, 1).await.len(), 1);
    let folder = real.postgres.stop().await;
    let answer = store.commit(put("pods/d/a", "2")).await;
    assert!(
        matches!(answer, Err(StoreError::Unavailable { maybe_written: false, .. })),
        "nothing can have been written: {answer:?}"
    );
    assert!(matches!(store.catch_up().await, Err(StoreError::Unavailable { .. })));
    assert_eq!(store.get(&key("pods/d/a")).unwrap().body, "1", "memory still answers");

    let postgres = store::embedded::EmbeddedPostgres::start(folder.path()).await.unwrap();
    assert_eq!(postgres.url(), url, "the same process number makes the same socket");
    within(async { while store.commit(put("pods/d/a", "3")).await.is_err() {} }).await;
    assert_eq!(next(&mut watch, 1).await, ["2 pods/d/a: 1@1 -> 3"], "2 was not written");
    let other = open(postgres.url(), 1).await.unwrap();
    other.commit(put("pods/d/b", "4")).await.unwrap();
    assert_eq!(next(&mut watch, 1).await, ["3 pods/d/b: - -> 4"], "the listener is back too");
    postgres.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_sealed_and_the_rest_can_be_queried() {
    let real = Real::start().await;
    let store = real.open().await;
    store.commit(put("secrets/d/s", r#"{"data":"hidden"}"#)).await.unwrap();
    store.commit(put("secrets/d/s", r#"{"data":"hidden too"}"#)).await.unwrap();
    store.commit(put("pods/d/p", r#"{"spec":{"nodeName":"one"}}"#)).await.unwrap();
    store.commit(put("pods/d/odd", r#"{"spec":"\u0000"}"#)).await.unwrap();
    let mut connection = PgConnection::connect(&real.postgres.url()).await.unwrap();
    let hidden: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT body FROM longshore.objects
                               UNION ALL SELECT body FROM longshore.log) AS bodies
         WHERE position('hidden'::bytea IN body) > 0",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(hidden, 0);
    let shown: Vec<(String, Option<String>)> = sqlx::query_as(
        "SELECT name, object -> 'spec' ->> 'nodeName' FROM longshore.cluster ORDER BY revision",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let line = |name: &str, node: Option<&str>| (name.to_owned(), node.map(ToOwned::to_owned));
    assert_eq!(shown, [line("s", None), line("p", Some("one")), line("odd", None)]);
    let history: i64 = sqlx::query_scalar("SELECT count(*) FROM longshore.history")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(history, 4);
    let write = sqlx::query("DELETE FROM longshore.cluster").execute(&mut connection).await;
    assert!(write.is_err(), "the views are read-only");
    let other = open(&real.postgres.url(), 2).await.err();
    assert!(matches!(other, Some(OpenError::OtherKey)), "{other:?}");
    let url = real.postgres.url().replace("/postgres?", "/nothing?");
    let other = open(&url, 1).await.err();
    assert!(matches!(other, Some(OpenError::Denied(_))), "{other:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_postgres_can_not_store_fails_alone() {
    let real = Real::start().await;
    let store = real.open().await;
    real.run("ALTER TABLE longshore.objects ADD CHECK (name <> 'poison')").await;
    let commits = (0..40).map(|i| {
        let name = if i == 17 { "poison".to_owned() } else { format!("p{i}") };
        store.commit(all_of([write(&format!("pods/d/{name}"), Absent, Some("x"))]))
    });
    for (i, answer) in within(join_all(commits)).await.into_iter().enumerate() {
        assert_eq!(answer.is_ok(), i != 17, "{i}: {answer:?}");
        if i == 17 {
            assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
        }
    }
    assert_eq!(store.snapshot(&range("pods")).items.len(), 39);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_database_is_read_anew() {
    let real = Real::start().await;
    let store = real.open().await;
    for i in 0..20 {
        store.commit(put("pods/d/a", &i.to_string())).await.unwrap();
    }
    let watch = store.watch(range("pods"), 20);
    // A backup of revision 10 is put back and its counter raised.
    real.run(
        "DELETE FROM longshore.objects; DELETE FROM longshore.log;
         INSERT INTO longshore.objects VALUES ('pods', 'd', 'b', 10, 'back');
         UPDATE longshore.counter SET revision = 1000000010, compacted = 1000000010",
    )
    .await;
    assert_eq!(store.catch_up().await, Ok(1_000_000_010));
    assert_eq!(show(&store.snapshot(&range("pods"))), ["pods/d/b@10=back"]);
    assert!(matches!(end(watch).await, StoreError::Compacted { asked: 20, .. }));
    // And one that was put back without: this copy's memory goes with it.
    real.run(
        "UPDATE longshore.counter SET revision = 9, compacted = 9; DELETE FROM longshore.objects",
    )
    .await;
    assert_eq!(store.catch_up().await, Ok(9));
    assert!(store.get(&Key::new("pods", "d", "b")).is_none());
    assert_eq!(store.commit(put("pods/d/c", "1")).await, Ok(10));
}
