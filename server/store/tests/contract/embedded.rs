//! The launcher of the embedded Postgres.

use std::{fs, process::Command};

use sqlx::{Connection, PgConnection};
use store::embedded::{EmbeddedError, EmbeddedPostgres};

use crate::throwaway::{Folder, Throwaway};

async fn answers(url: &str) -> i32 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar("SELECT 1").fetch_one(&mut connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_serves_one_at_a_time() {
    let postgres = Throwaway::start().await;
    assert_eq!(answers(&postgres.url()).await, 1);
    let folder = postgres.stop().await;
    assert_eq!(folder.pid(), None, "stopped cleanly");
    let first = EmbeddedPostgres::start(folder.path()).await.unwrap();
    let second = EmbeddedPostgres::start(folder.path()).await.err();
    let message = second.map(|error| error.to_string()).unwrap_or_default();
    assert_eq!(
        message,
        format!("the data folder {} is in use by another longshore", folder.path().display())
    );
    assert_eq!(answers(first.url()).await, 1, "and the first goes on");
    first.stop().await;
}

/// What the second run of a killed server finds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orphan_is_replaced() {
    let folder = Folder::new();
    let before = {
        // A runtime that ends without stopping anything, as a killed server does.
        let path = folder.path().to_owned();
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let postgres = runtime.block_on(EmbeddedPostgres::start(&path)).unwrap();
            drop(runtime);
            drop(postgres);
        })
        .join()
        .unwrap();
        folder.pid().unwrap()
    };
    let alive = || fs::read_link(format!("/proc/{before}/cwd")).is_ok();
    assert!(alive(), "it was left running");
    let postgres = EmbeddedPostgres::start(folder.path()).await.unwrap();
    assert!(!alive());
    assert_eq!(answers(postgres.url()).await, 1);
    postgres.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_pid_file_is_no_hindrance() {
    let folder = Throwaway::start().await.stop().await;
    let mut other = Command::new("sleep").arg("600").spawn().unwrap();
    let text = format!("{}\n/x\n1\n5432\n/nowhere\n\n\nready\n", other.id());
    fs::write(folder.path().join("postgres/postmaster.pid"), text).unwrap();
    let postgres = EmbeddedPostgres::start(folder.path()).await.unwrap();
    assert_eq!(answers(postgres.url()).await, 1);
    assert_eq!(other.try_wait().unwrap(), None, "another process is left alone");
    postgres.stop().await;
    other.kill().unwrap();
    other.wait().unwrap();
}

#[tokio::test]
async fn a_half_made_database_is_made_anew() {
    let folder = Folder::new();
    fs::create_dir(folder.path().join("postgres.new")).unwrap();
    fs::write(folder.path().join("postgres.new/half"), "").unwrap();
    let postgres = EmbeddedPostgres::start(folder.path()).await.unwrap();
    assert!(!folder.path().join("postgres/half").exists());
    postgres.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_folder_is_said() {
    let folder = Folder::new();
    fs::write(folder.path().join("file"), "").unwrap();
    let below_a_file = folder.path().join("file/data");
    let error = EmbeddedPostgres::start(&below_a_file).await.err().unwrap();
    assert!(matches!(error, EmbeddedError::Folder { .. }), "{error}");
    fs::create_dir(folder.path().join("postgres")).unwrap();
    fs::write(folder.path().join("postgres/PG_VERSION"), "7\n").unwrap();
    let error = EmbeddedPostgres::start(folder.path()).await.err().unwrap();
    assert!(error.to_string().contains("apt-get install postgresql-7"), "{error}");
}
