//! A headless Chromium on a host, driven over WebDriver.

use std::{
    fs,
    future::Future,
    path::PathBuf,
    process::{Child, Stdio},
    time::Duration,
};

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

use crate::{TestCluster, cluster::root, eventually};

const PORT: u16 = 9515;

/// Runs `test` with a browser on the first host; its thread moves into that host's network.
pub fn with_browser<F: Future<Output = ()>>(
    cluster: &TestCluster,
    test: impl FnOnce(Browser) -> F,
) {
    cluster.engines[0].enter();
    let mut driver = Driver::start(cluster);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let browser = Browser::open(cluster).await;
        let client = browser.client.clone();
        test(browser).await;
        client.close().await.unwrap();
    });
    driver.stop();
}

struct Driver(Child);

impl Driver {
    fn start(cluster: &TestCluster) -> Self {
        let child = cluster.engines[0]
            .command("chromedriver")
            .arg(format!("--port={PORT}"))
            .env("HOME", &cluster.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed");
        eventually("the driver answers", Duration::from_secs(20), || {
            cluster.curl(&["-f", &format!("http://127.0.0.1:{PORT}/status")]).result().map(drop)
        });
        Self(child)
    }

    fn stop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.stop();
    }
}

pub struct Browser {
    pub client: Client,
    artefacts: PathBuf,
}

impl Browser {
    async fn open(cluster: &TestCluster) -> Self {
        let profile = cluster.folder.join("chromium");
        let arguments = json!([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            format!("--user-data-dir={}", profile.display()),
        ]);
        let capabilities = json!({"goog:chromeOptions": {"args": arguments}});
        let serde_json::Value::Object(capabilities) = capabilities else { unreachable!() };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{PORT}"))
            .await
            .unwrap();
        let artefacts = root().join("tests/artefacts/dashboard");
        fs::create_dir_all(&artefacts).unwrap();
        Self { client, artefacts }
    }

    /// Keeps a picture of the page as an artefact.
    pub async fn picture(&self, name: &str) {
        let png = self.client.screenshot().await.unwrap();
        fs::write(self.artefacts.join(format!("{name}.png")), png).unwrap();
    }

    /// Sets the window to a laptop's or a phone's size.
    pub async fn resize(&self, width: u32, height: u32) {
        self.client.set_window_rect(0, 0, width, height).await.unwrap();
    }
}
