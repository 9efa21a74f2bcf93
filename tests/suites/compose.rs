//! `docker-compose.yml`: the server with a Postgres service, from images made here.

use std::{fs, path::Path, process::Command, time::Duration};

use tests::{
    Engine, Network, Output,
    cluster::{binary, root},
    eventually, run,
};

struct Compose {
    engine: Engine,
    _network: Network,
    folder: std::path::PathBuf,
}

impl Compose {
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("docker-compose");
        command
            .env("DOCKER_HOST", format!("unix://{}", self.engine.socket.display()))
            .env("DOCKER_SOCKET", &self.engine.socket)
            .env("LONGSHORE_DATABASE_PASSWORD", "s3cret")
            .env("COMPOSE_PROJECT_NAME", "longshore")
            .arg("-f")
            .arg(root().join("docker-compose.yml"))
            .args(arguments);
        run(&mut command, "")
    }

    /// Runs the executable inside the server's container.
    fn inside(&self, arguments: &[&str]) -> Output {
        self.run(&[&["exec", "-T", "longshore", "/longshore"], arguments].concat())
    }
}

impl Drop for Compose {
    fn drop(&mut self) {
        let artefacts = root().join("tests/artefacts/compose");
        fs::create_dir_all(&artefacts).ok();
        fs::write(artefacts.join("log"), self.run(&["logs", "--no-color"]).stdout).ok();
        self.run(&["down", "-v", "-t", "5"]);
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// What the official image does with its variables, as far as the compose file uses them.
const ENTRY: &str = r#"#!/bin/sh
set -e
data=/var/lib/postgresql/data
chown postgres:postgres $data && chmod 700 $data
as() { su -s /bin/sh postgres -c "$*"; }
if [ ! -f $data/PG_VERSION ]; then
  echo "$POSTGRES_PASSWORD" > /tmp/password && chown postgres /tmp/password
  as initdb -D $data -U "$POSTGRES_USER" --pwfile=/tmp/password -A scram-sha-256 >/dev/null
  echo "CREATE DATABASE $POSTGRES_DB" | as postgres --single -D $data postgres >/dev/null 2>&1 || true
fi
exec su -s /bin/sh postgres -c "exec $* -D $data -k /tmp"
"#;

/// An image named as the compose file names it, of this machine's own Postgres.
fn postgres_archive(folder: &Path) -> std::path::PathBuf {
    let home = fs::read_dir("/usr/lib/postgresql").unwrap().flatten().next().unwrap().path();
    let version = home.file_name().unwrap().to_string_lossy().into_owned();
    let image = folder.join("postgres");
    let busybox = folder.join("busybox.tar");
    fs::create_dir_all(image.join("var/lib/postgresql/data")).unwrap();
    run(Command::new("tar").arg("-C").arg(&image).arg("-xf").arg(&busybox), "").ok();
    let listed = run(
        Command::new("sh").arg("-c").arg(format!(
            "ldd {0}/bin/postgres {0}/bin/initdb {0}/lib/plpgsql.so | grep -o '/[^ ]*[.]so[^ ]*' | sort -u",
            home.display()
        )),
        "",
    );
    let share = format!("/usr/share/postgresql/{version}");
    let home = home.display().to_string();
    let files = listed.ok();
    let paths = files.lines().chain([home.as_str(), share.as_str(), "/usr/share/zoneinfo"]);
    let copied = folder.join("files.tar");
    run(
        Command::new("tar").arg("-chf").arg(&copied).args(["--ignore-failed-read"]).args(paths),
        "",
    );
    run(Command::new("tar").arg("-C").arg(&image).arg("-xf").arg(&copied), "").ok();
    for (file, text) in [
        ("etc/passwd", "root:x:0:0::/:/bin/sh\npostgres:x:999:999::/:/bin/sh\n"),
        ("etc/group", "root:x:0:\npostgres:x:999:\n"),
        ("entry", ENTRY),
    ] {
        fs::write(image.join(file), text).unwrap();
    }
    run(Command::new("chmod").arg("755").arg(image.join("entry")), "").ok();
    run(Command::new("chmod").arg("1777").arg(image.join("tmp")), "").ok();
    let archive = folder.join("postgres.tar");
    run(Command::new("tar").arg("-C").arg(&image).arg("-cf").arg(&archive).arg("."), "").ok();
    archive
}

#[test]
fn the_compose_file_brings_up_a_platform() {
    let folder = std::env::temp_dir().join(format!("longshore-compose-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let network = Network::new(&format!("cmp{}", std::process::id() % 1000));
    let engine = Engine::start(&network, &folder, 1);
    let bin = fs::read_dir("/usr/lib/postgresql").unwrap().flatten().next().unwrap().path();
    let path = format!("ENV PATH={}/bin:/bin", bin.display());
    engine.import_with(
        &postgres_archive(&folder),
        "postgres:15",
        &["ENTRYPOINT [\"/entry\"]", &path],
    );
    let server = folder.join("server");
    fs::create_dir_all(server.join("tmp")).unwrap();
    fs::copy(binary(), server.join("longshore")).unwrap();
    let archive = folder.join("server.tar");
    run(Command::new("tar").arg("-C").arg(&server).arg("-cf").arg(&archive).arg("."), "").ok();
    engine.import_with(&archive, "longshore/longshore:0.1", &["ENTRYPOINT [\"/longshore\"]"]);

    let compose = Compose { engine, _network: network, folder };
    compose.run(&["up", "-d"]).ok();
    let config = eventually("the server writes its kubeconfig", Duration::from_secs(90), || {
        compose.inside(&["kubeconfig", "--data", "/data"]).result()
    });
    let path = compose.folder.join("kubeconfig");
    fs::write(&path, config).unwrap();
    eventually("the machine is a ready node", Duration::from_secs(60), || {
        let kubectl = root().join("target/tools/kubectl");
        let mut command = compose.engine.command(kubectl.to_str().expect("a path in UTF-8"));
        command.env("KUBECONFIG", &path).env("HOME", &compose.folder).args(["get", "nodes"]);
        let nodes = run(&mut command, "").result()?;
        if nodes.contains(" Ready ") { Ok(()) } else { Err(nodes) }
    });
}
