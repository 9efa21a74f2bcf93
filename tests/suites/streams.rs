//! Streams into containers and to pods with real clients: forwarded ports, proxies, commands,
//! copies, logs, debugging.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use tests::{TestCluster, eventually, run};

/// A pod that serves HTTP on 8080, echoes on 7, and counts in its log.
const WEB: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: httpd
      image: busybox:1
      command: [sh, -c, "mkdir -p /www/sub; echo front > /www/index.html; echo below > /www/sub/index.html; exec httpd -f -p 8080 -h /www"]
      ports: [{containerPort: 8080}]
    - name: echo
      image: busybox:1
      command: [nc, -ll, -p, "7007", -e, cat]
    - name: counter
      image: busybox:1
      command: [sh, -c, "i=0; while true; do i=$((i+1)); echo line $i; echo error $i >&2; sleep 0.5; done"]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: nobody}
spec:
  selector: {app: nobody}
  ports: [{port: 80}]
"#;

/// Conformance: Kubectl logs logs should be able to retrieve and filter logs
#[test]
fn streams_reach_pods_of_a_real_engine() {
    let cluster = TestCluster::start("streams");
    cluster.engines[0].enter();
    cluster.kubectl_with("apply -f -", WEB).ok();
    cluster.kubectl("wait --for=condition=Ready pod/web --timeout=60s").ok();
    forward_ports(&cluster);
    pass_requests_on(&cluster);
    execute(&cluster);
    copy(&cluster);
    read_logs(&cluster);
    run_and_attach(&cluster);
    debug(&cluster);
}

fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

/// A `kubectl port-forward` that stands.
struct Forward {
    child: Child,
    port: u16,
}

impl Forward {
    fn start(cluster: &TestCluster, target: &str, remote: u16) -> Self {
        let mut child = cluster
            .tool("kubectl")
            .args(["port-forward", target, &format!(":{remote}")])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let port = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next());
        let port = port.and_then(|port| port.parse().ok());
        let Some(port) = port else {
            let mut error = String::new();
            child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
            panic!("kubectl says {line:?} and {error:?}");
        };
        // Read on, so that kubectl never waits for its output to be taken.
        thread::spawn(move || lines.lines().count());
        Self { child, port }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// The next line that it says of errors.
    fn complaint(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        line
    }

    fn stop(mut self) {
        self.child.kill().ok();
        self.child.wait().unwrap();
    }
}

fn forward_ports(cluster: &TestCluster) {
    let forward = Forward::start(cluster, "pod/web", 7007);
    let sent: Vec<u8> = (0..8_000_000_u32).map(|n| (n / 7).to_le_bytes()[n as usize % 3]).collect();
    let stream = forward.connect();
    let (mut reader, mut writer) = (stream.try_clone().unwrap(), stream);
    let expected = sent.clone();
    let writing = thread::spawn(move || {
        writer.write_all(&sent).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut got = vec![0; expected.len()];
    reader.read_exact(&mut got).unwrap();
    assert!(got == expected, "eight megabytes come back as they were sent");
    writing.join().unwrap();
    // Many connections at once over one session.
    let many: Vec<TcpStream> = (0..50).map(|_| forward.connect()).collect();
    for (number, mut stream) in many.into_iter().enumerate() {
        let text = format!("connection {number}");
        stream.write_all(text.as_bytes()).unwrap();
        let mut echoed = vec![0; text.len()];
        stream.read_exact(&mut echoed).unwrap();
        assert_eq!(echoed, text.as_bytes());
    }
    forward.stop();

    let service = Forward::start(cluster, "service/web", 80);
    let mut stream = service.connect();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    contains(&page, &["200 OK", "front"]);
    service.stop();

    let mut closed = Forward::start(cluster, "pod/web", 9);
    let mut nothing = Vec::new();
    closed.connect().read_to_end(&mut nothing).ok();
    assert!(nothing.is_empty());
    contains(
        &closed.complaint(),
        &["error occurred forwarding", "error forwarding port 9 to pod", "connection refused"],
    );
    closed.stop();
}

fn pass_requests_on(cluster: &TestCluster) {
    let raw = |path: &str| cluster.kubectl(&format!("get --raw {path}"));
    let base = "/api/v1/namespaces/default";
    for path in [
        "pods/web/proxy/",
        "pods/web:8080/proxy/",
        "services/web:http/proxy/",
        "services/web:80/proxy/",
    ] {
        assert_eq!(raw(&format!("{base}/{path}")).ok(), "front\n", "{path}");
    }
    assert_eq!(raw(&format!("{base}/services/http:web:80/proxy/sub/")).ok(), "below\n");
    contains(
        &raw(&format!("{base}/services/nobody:80/proxy/")).fails(),
        &["no endpoints available for service \"nobody\""],
    );
    contains(
        &raw(&format!("{base}/pods/web:9/proxy/")).fails(),
        &["error trying to reach service: dial tcp", "connection refused"],
    );
    let node = cluster.kubectl("get nodes -o name").ok().trim().replace("node/", "");
    assert_eq!(raw(&format!("/api/v1/nodes/{node}/proxy/healthz")).ok(), "ok");
    contains(&raw(&format!("/api/v1/nodes/{node}/proxy/pods")).ok(), &["\"PodList\"", "\"web\""]);
}

fn execute(cluster: &TestCluster) {
    let exec = |arguments: &str, input: &str| {
        let mut command = cluster.tool("kubectl");
        command.args(["exec", "web", "-c", "httpd"]).args(arguments.split_whitespace());
        run(&mut command, input)
    };
    assert_eq!(exec("-- echo hello", "").ok(), "hello\n");
    assert_eq!(exec("-i -- wc -c", &"x".repeat(300_000)).ok().trim(), "300000");
    let mut failing = cluster.tool("kubectl");
    failing.args(["exec", "web", "-c", "httpd", "--", "sh", "-c", "exit 7"]);
    assert_eq!(failing.output().unwrap().status.code(), Some(7));
    // The engine says it in place of the command.
    let missing = exec("-- nothing-like-it", "");
    contains(&missing.stdout, &["nothing-like-it", "executable file not found"]);
    contains(&missing.fails(), &["command terminated with exit code 126"]);
}

fn copy(cluster: &TestCluster) {
    let (from, back) = (cluster.folder.join("large"), cluster.folder.join("large-back"));
    let bytes: Vec<u8> =
        (0..20_000_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    fs::write(&from, &bytes).unwrap();
    let copy = |from: &str, to: &str| cluster.kubectl(&format!("cp -c httpd {from} {to}")).ok();
    copy(&from.display().to_string(), "web:/tmp/large");
    copy("web:/tmp/large", &back.display().to_string());
    assert!(fs::read(&back).unwrap() == bytes, "twenty megabytes come back as they were");
}

fn read_logs(cluster: &TestCluster) {
    let logs = |options: &str| cluster.kubectl(&format!("logs web -c counter {options}"));
    contains(&logs("").ok(), &["line 1\n", "error 1\n"]);
    assert_eq!(logs("--tail=2").ok().lines().count(), 2);
    // Which of its two outputs came first is chance.
    assert_eq!(logs("--limit-bytes=6").ok().len(), 6);
    let stamped = logs("--tail=1 --timestamps").ok();
    assert!(stamped.starts_with("20") && stamped.contains("Z "), "{stamped}");
    assert_eq!(logs("--since=1h --tail=1").ok().lines().count(), 1);
    assert_eq!(logs("--since-time=2100-01-01T00:00:00Z").ok(), "");
    contains(&logs("--previous").fails(), &["previous terminated container", "not found"]);
    let mut following = cluster
        .tool("kubectl")
        .args(["logs", "-f", "--tail=1", "web", "-c", "counter"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(following.stdout.take().unwrap()).lines();
    assert_eq!(lines.take(6).count(), 6, "lines come as they are written");
    following.kill().unwrap();
    following.wait().unwrap();
}

fn run_and_attach(cluster: &TestCluster) {
    let mut once = cluster.tool("kubectl");
    once.args(["run", "once", "--rm", "-i", "--restart=Never", "--image=busybox:1", "--"]);
    once.args(["sh", "-c", "read line; echo got $line"]);
    contains(&run(&mut once, "something\n").ok(), &["got something"]);
    // A terminal, by the program that makes one.
    let kubectl = cluster.tool("kubectl");
    let words: Vec<String> = std::iter::once(kubectl.get_program())
        .chain(kubectl.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    // The size follows the start, as with a kubelet; before, there is none, and no error.
    let look = "test -t 0 && until stty size | grep 99; do sleep 0.1; done";
    let line = format!("{} exec -it web -c httpd -- sh -c '{look}'", words.join(" "));
    let mut script = Command::new("script");
    script.args(["-qec", &format!("stty rows 33 cols 99; {line}"), "/dev/null"]);
    for (name, value) in kubectl.get_envs() {
        script.env(name, value.unwrap_or_default());
    }
    let mut running =
        script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // It takes the end of its own input for the end of the session: that is held open.
    let held = running.stdin.take();
    let said = running.wait_with_output().unwrap();
    drop(held);
    contains(&String::from_utf8_lossy(&said.stdout), &["33 99"]);
}

fn debug(cluster: &TestCluster) {
    let line = "debug web --image=busybox:1 --target=httpd --profile=baseline -c look -- \
                sh -c";
    let mut command = cluster.tool("kubectl");
    command.args(line.split_whitespace()).arg("ps; echo seen; sleep 3600");
    run(&mut command, "").ok();
    eventually("the ephemeral container looks at its target", Duration::from_secs(30), || {
        let said = cluster.kubectl("logs web -c look").result()?;
        if said.contains("httpd -f") && said.contains("seen") { Ok(()) } else { Err(said) }
    });
    assert_eq!(cluster.kubectl("exec web -c look -- echo inside").ok(), "inside\n");
    contains(&cluster.kubectl("describe pod web").ok(), &["Ephemeral Containers:", "look:"]);
}
