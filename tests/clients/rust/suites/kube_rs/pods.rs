//! A pod that runs: its log, commands in it, its ports, a container beside it.

use anyhow::{Context, Result};
use futures::{AsyncBufReadExt, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{EphemeralContainer, Pod};
use kube::{
    Api,
    api::{
        AttachParams, DeleteParams, EvictParams, LogParams, Patch, PatchParams, PostParams,
        TerminalSize,
    },
    runtime::wait::{await_condition, conditions},
};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use crate::bench::{Bench, refusal};

const SPACE: &str = "pods";

fn container(name: &str, script: &str) -> Value {
    json!({"name": name, "image": "busybox:1", "command": ["sh", "-c", script], "stdin": true})
}

async fn run_pod(pods: &Api<Pod>, name: &str, containers: Value) -> Result<()> {
    let pod = json!({
        "metadata": {"name": name},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": containers},
    });
    pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
    await_condition(pods.clone(), name, conditions::is_pod_running()).await?;
    Ok(())
}

/// The pod that all but one theme look at.
pub(crate) fn start(bench: &Bench) {
    bench.run(SPACE, async |space| {
        let containers = json!([
            container("main", "for i in 1 2 3; do echo line $i; done; exec sleep 3600"),
            container("echo", "exec nc -ll -p 7007 -e cat"),
            container("cat", "exec cat"),
        ]);
        run_pod(&space.api(), "web", containers).await
    });
}

async fn all_of(stream: Option<impl AsyncRead + Unpin>) -> Result<String> {
    let mut text = String::new();
    stream.context("a stream")?.read_to_string(&mut text).await?;
    Ok(text)
}

fn within(container: &str) -> AttachParams {
    AttachParams::default().container(container)
}

pub(crate) fn reads_logs(bench: &Bench) {
    bench.run(SPACE, async |space| {
        let pods = space.api::<Pod>();
        let main = LogParams { container: Some("main".to_owned()), ..LogParams::default() };
        let following = LogParams { follow: true, ..main.clone() };
        let lines = pods.log_stream("web", &following).await?.lines();
        let lines: Vec<String> = lines.take(3).try_collect().await?;
        assert_eq!(lines, ["line 1", "line 2", "line 3"]);
        assert_eq!(pods.logs("web", &main).await?, "line 1\nline 2\nline 3\n");
        let last = LogParams { tail_lines: Some(1), ..main };
        assert_eq!(pods.logs("web", &last).await?, "line 3\n");
        let undecided = refusal(pods.logs("web", &LogParams::default()).await);
        assert!(undecided.message.contains("a container name must be specified"), "{undecided:?}");
        Ok(())
    });
}

pub(crate) fn executes(bench: &Bench) {
    bench.run(SPACE, async |space| {
        let pods = space.api::<Pod>();
        let script = ["sh", "-c", "for i in 1 2 3; do echo $i; done; echo bad >&2"];
        let mut done = pods.exec("web", script, &within("main")).await?;
        let (out, err) = (done.stdout(), done.stderr());
        let (out, err) = futures::try_join!(all_of(out), all_of(err))?;
        assert_eq!((out.as_str(), err.as_str()), ("1\n2\n3\n", "bad\n"));
        let status = done.take_status().context("a status")?.await.context("it is told")?;
        assert_eq!(status.status.as_deref(), Some("Success"));

        let mut shell = pods.exec("web", ["sh"], &within("main").stdin(true).stderr(false)).await?;
        let mut input = shell.stdin().context("its input")?;
        let mut output = shell.stdout().context("its output")?;
        input.write_all(b"echo test string 1\n").await?;
        let mut line = [0; 14];
        output.read_exact(&mut line).await?;
        assert_eq!(&line, b"test string 1\n");
        input.write_all(b"exit 7\n").await?;
        let status = shell.take_status().context("a status")?.await.context("it is told")?;
        assert_eq!(status.reason.as_deref(), Some("NonZeroExitCode"));
        let causes = status.details.and_then(|details| details.causes).unwrap_or_default();
        assert_eq!(causes[0].message.as_deref(), Some("7"));

        // The end of the input is told, and what comes after it is still read.
        let script = ["sh", "-c", "wc -c; echo after"];
        let mut counting = pods.exec("web", script, &within("main").stdin(true)).await?;
        let mut input = counting.stdin().context("its input")?;
        let output = counting.stdout();
        input.write_all(&[b'x'; 100_000]).await?;
        input.shutdown().await?;
        assert_eq!(all_of(output).await?, "100000\nafter\n");

        let wide = within("main").stdin(true).tty(true).stderr(false);
        let mut terminal = pods.exec("web", ["sh", "-c", "sleep 1; stty size"], &wide).await?;
        let mut size = terminal.terminal_size().context("a terminal")?;
        let output = terminal.stdout();
        futures::SinkExt::send(&mut size, TerminalSize { height: 33, width: 99 }).await?;
        assert_eq!(all_of(output).await?.trim(), "33 99");
        Ok(())
    });
}

pub(crate) fn attaches(bench: &Bench) {
    bench.run(SPACE, async |space| {
        let pods = space.api::<Pod>();
        let mut attached = pods.attach("web", &within("cat").stdin(true)).await?;
        let mut input = attached.stdin().context("its input")?;
        let mut output = attached.stdout().context("its output")?;
        input.write_all(b"is anybody there\n").await?;
        let mut line = [0; 17];
        output.read_exact(&mut line).await?;
        assert_eq!(&line, b"is anybody there\n");
        attached.abort();
        Ok(())
    });
}

pub(crate) fn forwards_ports(bench: &Bench) {
    bench.run(SPACE, async |space| {
        let pods = space.api::<Pod>();
        let mut forwarder = pods.portforward("web", &[7007, 9]).await?;
        let mut stream = forwarder.take_stream(7007).context("the port")?;
        for text in ["hello", "again"] {
            stream.write_all(text.as_bytes()).await?;
            let mut echoed = vec![0; text.len()];
            stream.read_exact(&mut echoed).await?;
            assert_eq!(echoed, text.as_bytes());
        }
        let refused = forwarder.take_error(9).context("its error")?.await;
        assert!(refused.is_some_and(|why| why.contains("refused")));
        drop(stream);
        drop(forwarder.take_stream(9));
        Ok(())
    });
}

pub(crate) fn debugs(bench: &Bench) {
    bench.run(SPACE, async |space| {
        let pods = space.api::<Pod>();
        let before = pods.get_ephemeral_containers("web").await?.spec.context("a spec")?;
        assert_eq!(before.ephemeral_containers, None);
        let looking = |name: &str| -> EphemeralContainer {
            serde_json::from_value(json!({
                "name": name, "image": "busybox:1", "command": ["sleep", "3600"]}))
            .expect("a container")
        };
        let one: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web"}, "spec": {"ephemeralContainers": [looking("one")]}}))?;
        let params = PostParams::default();
        let replaced = pods.replace_ephemeral_containers("web", &params, &one).await?;
        let now = replaced.spec.and_then(|spec| spec.ephemeral_containers).context("containers")?;
        assert_eq!((now.len(), now[0].name.as_str()), (1, "one"));
        let two = Patch::Strategic(json!({"spec": {"ephemeralContainers": [looking("two")]}}));
        let plain = PatchParams::default();
        let patched = pods.patch_ephemeral_containers("web", &plain, &two).await?;
        let both = patched.spec.and_then(|spec| spec.ephemeral_containers).context("containers")?;
        assert_eq!(both.len(), 2);
        let is_running = |pod: Option<&Pod>| {
            let statuses =
                pod.and_then(|pod| pod.status.as_ref()?.ephemeral_container_statuses.as_ref());
            statuses.is_some_and(|all| {
                all.len() == 2
                    && all
                        .iter()
                        .all(|one| one.state.as_ref().is_some_and(|state| state.running.is_some()))
            })
        };
        await_condition(pods.clone(), "web", is_running).await?;
        let mut done = pods.exec("web", ["echo", "inside"], &within("two")).await?;
        let output = done.stdout();
        assert_eq!(all_of(output).await?, "inside\n");
        Ok(())
    });
}

pub(crate) fn evicts(bench: &Bench) {
    bench.run(SPACE, async |space| {
        let pods = space.api::<Pod>();
        run_pod(&pods, "brief", json!([container("main", "exec sleep 3600")])).await?;
        let uid = pods.get("brief").await?.metadata.uid.context("a uid")?;
        let evicted = pods.evict("brief", &EvictParams::default()).await?;
        assert!(evicted.is_success() && evicted.code == 201, "{evicted:?}");
        await_condition(pods.clone(), "brief", conditions::is_deleted(&uid)).await?;
        pods.delete("web", &DeleteParams::default().grace_period(0)).await?;
        Ok(())
    });
}
