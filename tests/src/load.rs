//! A loop of requests that counts what failed.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Stdio},
};

use crate::TestCluster;

/// Requests at a fixed rate until it is finished; each on a connection of its own, as busybox'
/// httpd closes after every answer.
pub struct Load {
    curl: Child,
    answers: PathBuf,
}

/// What a load saw.
#[derive(Debug)]
pub struct Seen {
    pub answered: usize,
    pub failed: Vec<String>,
}

impl Load {
    /// 100 requests a second to `url` from the first host, 60,000 at most.
    pub fn start(cluster: &TestCluster, url: &str) -> Self {
        let answers = cluster.folder.join(format!("load-{}", url.replace(['/', ':'], "-")));
        let curl = cluster.engines[0]
            .command("curl")
            .args(["-s", "--max-time", "5", "--rate", "100/s", "-o", "/dev/null"])
            .args(["-w", "%{http_code} %{errormsg}\\n"])
            .arg(format!("{url}?[1-60000]"))
            .stdin(Stdio::null())
            .stdout(File::create(&answers).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { curl, answers }
    }

    /// How many requests were answered so far.
    pub fn answered(&self) -> usize {
        fs::read_to_string(&self.answers).unwrap().lines().count()
    }

    pub fn finish(mut self) -> Seen {
        self.curl.kill().unwrap();
        self.curl.wait().unwrap();
        let text = fs::read_to_string(&self.answers).unwrap();
        // The last line may be cut off by the kill.
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        let failed =
            complete.lines().filter(|line| !line.starts_with("200")).map(str::to_owned).collect();
        Seen { answered: complete.lines().count(), failed }
    }
}
