//! The operator as a program, for a pod: it finds the API as clients in a cluster do.

use anyhow::Result;
use kube::{Client, Config};
use rust_clients::{run, site};

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::try_from(Config::incluster()?)?;
    site::define(&client).await?;
    eprintln!("the operator serves sites");
    run(client, std::future::pending()).await;
    Ok(())
}
