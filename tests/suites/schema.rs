//! schemathesis asks the server whatever its own OpenAPI documents allow, and what they do not: no
//! answer is an error of the server. `SCHEMATHESIS_EXAMPLES=n` asks more of each operation.

use std::{env, process::Command};

use tests::{ControlPlane, cluster::root, run};

/// Groups whose every operation is asked. Not ours: one that deletes the administrator is answered.
const DOCUMENTS: &[&str] = &["api/v1", "apis/apps/v1", "apis/rbac.authorization.k8s.io/v1"];

#[test]
fn documented_requests_get_no_server_error() {
    let plane = ControlPlane::start("schema");
    let kubectl = |arguments: &str| plane.kubectl(arguments).ok();
    let token = kubectl("config view --raw -o jsonpath={.users[0].user.token}");
    let examples = env::var("SCHEMATHESIS_EXAMPLES").unwrap_or_else(|_| "2".to_owned());
    for document in DOCUMENTS {
        let file = plane.folder.join("openapi.json");
        std::fs::write(&file, kubectl(&format!("get --raw /openapi/v3/{document}"))).unwrap();
        let mut schemathesis = Command::new(root().join("target/tools/venv/bin/schemathesis"));
        schemathesis
            .arg("run")
            .arg(&file)
            .args(["--url", &format!("https://{}", plane.address), "--tls-verify", "false"])
            .args(["--header", &format!("Authorization: Bearer {token}")])
            .args(["--checks", "not_a_server_error", "--phases", "fuzzing", "--mode", "all"])
            .args(["--max-examples", &examples, "--seed", "7", "--generation-deterministic"])
            .args(["--suppress-health-check", "all"])
            .args([
                "--request-timeout",
                "20",
                "--exclude-path-regex",
                "/(proxy|exec|attach|portforward|log)",
            ])
            .args(["--no-color", "--workers", "2"])
            .env("SCHEMATHESIS_HOOKS", "hooks")
            .env("PYTHONPATH", root().join("tests/clients/python"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .current_dir(&plane.folder);
        let output = run(&mut schemathesis, "");
        assert!(output.code == 0, "{document}: {}{}", output.stdout, output.stderr);
        plane.kubectl("get --raw /livez").ok();
    }
}
