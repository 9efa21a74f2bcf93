//! `kubectl proxy`: the API on a port or a socket of the person's own machine.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tests::{ControlPlane, Desk, contains, eventually, run};

pub(super) fn all(plane: &ControlPlane) {
    let desk = Desk::new(plane, "proxy");
    on_a_port(&desk);
    on_a_socket(&desk);
}

struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn proxy(desk: &Desk<'_>, line: &str) -> (Proxy, String) {
    let mut child = desk.command(line).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
    (Proxy(child), said)
}

fn curl(arguments: &[&str]) -> Result<String, String> {
    run(Command::new("curl").args(["-sSf", "--max-time", "5"]).args(arguments), "").result()
}

/// Conformance: [sig-cli] Kubectl client Proxy server should support proxy with --port 0 [Conformance]
fn on_a_port(desk: &Desk<'_>) {
    let (_proxy, said) = proxy(desk, "proxy --port=0 --disable-filter");
    let address = said.trim().rsplit(' ').next().unwrap();
    contains("the proxy", &curl(&[&format!("http://{address}/api/")]).unwrap(), &["APIVersions"]);
    let maps = format!("http://{address}/api/v1/namespaces/proxy/configmaps");
    contains("the proxy", &curl(&[&maps]).unwrap(), &["ConfigMapList"]);
}

/// Conformance: [sig-cli] Kubectl client Proxy server should support --unix-socket=/path [Conformance]
fn on_a_socket(desk: &Desk<'_>) {
    let socket = desk.plane.folder.join("proxy.sock");
    let path = socket.to_str().unwrap();
    let (_proxy, _) = proxy(desk, &format!("proxy --unix-socket={path}"));
    let answer = eventually("the proxy answers", Duration::from_secs(10), || {
        curl(&["--unix-socket", path, "http://localhost/api/"])
    });
    contains("the proxy", &answer, &["APIVersions"]);
}
